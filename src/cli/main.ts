/**
 * The command line. Exit codes: 0 done, 1 a finding (a gate failed, cells failed), 2 bad usage or bad input, 70 a bug of
 * vmmbench itself, 130 interrupted.
 */
import yargs, { type Argv } from "yargs";
import { hideBin } from "yargs/helpers";
import { InputError } from "../core/input-error.ts";
import { nearestName } from "../core/nearest-name.ts";
import { catalogue } from "../experiment/catalogue.ts";
import { packageVersion } from "../experiment/version.ts";
import { chartCommand } from "./chart.ts";
import { checkCommand } from "./check.ts";
import { listCommand } from "./list.ts";
import { memoryCommand } from "./memory.ts";
import { overcommitCommand } from "./overcommit.ts";
import { reportCommand } from "./report.ts";
import { runCommand } from "./run.ts";
import { traceCommand } from "./trace.ts";

const BAD_INPUT = 2;
const BUG = 70;
const MAX_WIDTH = 110;

class UsageError extends Error {}

/** The parser with all commands; it throws what goes wrong and ends nothing by itself. */
export function commandLine(words: readonly string[]): Argv {
  const parser = yargs([...words]).scriptName("vmmbench");
  return parser
    .usage("$0 <command>\n\nThe same guests, doing the same work, on different virtual machine monitors.")
    .command(runCommand)
    .command(overcommitCommand)
    .command(reportCommand)
    .command(chartCommand)
    .command(listCommand)
    .command(checkCommand)
    .command(memoryCommand)
    .command(traceCommand)
    .completion("completion", "Print a completion script for bash or zsh", complete)
    .example("$0 run", "run the default matrix and write results/ and reports/")
    .example("$0 list workloads", "what can be simulated")
    .example("source <($0 completion)", "completion in this shell; put it into ~/.bashrc or ~/.zshrc")
    .epilogue("Exit codes: 0 done, 1 a finding, 2 bad usage or bad input.")
    .demandCommand(1, "expected a command")
    .strict()
    .recommendCommands()
    .version(packageVersion())
    .help()
    .alias("help", "h")
    .wrap(Math.min(MAX_WIDTH, parser.terminalWidth()))
    .fail((message, error, failed) => {
      throw error instanceof Error ? error : new UsageError(usageSentence(message, failed));
    });
}

/** Parse, run, and turn what goes wrong into a message and an exit code. */
async function main(): Promise<void> {
  process.stdout.on("error", leaveQuietly);
  process.stderr.on("error", leaveQuietly);
  try {
    await commandLine(hideBin(process.argv)).parseAsync();
  } catch (error) {
    process.exitCode = explain(error);
  }
}

function explain(error: unknown): number {
  if (error instanceof InputError) {
    for (const problem of error.problems) console.error(problem);
    return BAD_INPUT;
  }
  if (error instanceof UsageError || (error instanceof Error && error.name === "YError")) {
    console.error(`${error.message}; see vmmbench --help`);
    return BAD_INPUT;
  }
  const reason = error instanceof Error ? error : new Error(String(error));
  console.error(`vmmbench ${packageVersion()}: this is a bug of vmmbench, not of your input: ${reason.message}`);
  console.error(
    process.env.VMMBENCH_DEBUG === undefined ? "Set VMMBENCH_DEBUG=1 to see where it happened." : reason.stack,
  );
  return BUG;
}

/** One line; the nearest option where one was misspelt. */
function usageSentence(message: string, failed: Argv): string {
  const line = message
    .split("\n")
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .join("; ");
  const [, unknown] = /^Unknown arguments?: ([^,\s]+)/.exec(line) ?? [];
  const { key } = (failed as unknown as { getOptions(): { key: Record<string, unknown> } }).getOptions();
  const nearest = unknown === undefined ? undefined : nearestName(unknown, Object.keys(key));
  return nearest === undefined ? line : `${line}; did you mean --${nearest}?`;
}

/** Commands and options as yargs knows them, and after `run` the names of the matrices. */
function complete(
  current: string,
  { _: words }: { _: readonly (string | number)[] },
  defaults: (onDone: (error: Error | null, found: string[] | undefined) => void) => void,
  done: (found: string[]) => void,
): void {
  const matrices = words.includes("run") && !current.startsWith("-") ? catalogue("experiments") : [];
  defaults((_, found = []) => done([...found, ...matrices]));
}

/** Whoever reads our output may have seen enough (`vmmbench list | head`). */
function leaveQuietly(error: NodeJS.ErrnoException): void {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
}

if (process.env.VITEST === undefined) await main();
