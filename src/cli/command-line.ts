/** The words of the command line: all commands, their help and their completion. */
import yargs, { type Argv } from "yargs";
import { catalogue } from "../experiment/catalogue.ts";
import { packageVersion } from "../experiment/version.ts";
import { CHART_NAMES, chartCommand } from "./chart.ts";
import { checkCommand } from "./check.ts";
import { explainCommand } from "./explain.ts";
import { listCommand } from "./list.ts";
import { memoryCommand } from "./memory.ts";
import { operationsCommand } from "./operations.ts";
import { overcommitCommand } from "./overcommit.ts";
import { reportCommand } from "./report.ts";
import { runCommand } from "./run.ts";
import { traceCommand } from "./trace.ts";
import { type AskedFor, usageSentence } from "./usage-sentence.ts";
import { validateCommand } from "./validate.ts";

const MAX_WIDTH = 110;
const COMPLETION = "completion";

/** The command line itself is wrong: no such command, no such option. */
export class UsageError extends Error {}

/** The parser with all commands; it throws what goes wrong and ends nothing by itself. */
export function commandLine(words: readonly string[]): Argv {
  const parser = yargs([...words]).scriptName("vmmbench");
  return parser
    .usage("$0 <command>\n\nThe same guests, doing the same work, on different virtual machine monitors.")
    .command(runCommand)
    .command(overcommitCommand)
    .command(operationsCommand)
    .command(explainCommand)
    .command(reportCommand)
    .command(chartCommand)
    .command(listCommand)
    .command(checkCommand)
    .command(memoryCommand)
    .command(traceCommand)
    .command(validateCommand)
    .completion(COMPLETION, "Print a completion script for bash or zsh", complete)
    .example("$0 run", "run the default matrix and write results/ and reports/")
    .example("$0 list workloads", "what can be simulated")
    .example("source <($0 completion)", "completion in this shell; put it into ~/.bashrc or ~/.zshrc")
    .epilogue("Exit codes: 0 done, 1 a finding, 2 bad usage or bad input, 70 a bug of vmmbench, 130 interrupted.")
    .middleware(() => requireSwitchValues(words, parser), true)
    .middleware(() => requireValues(words, parser), true)
    .middleware((args) => requireOneValueEach(args, parser))
    .demandCommand(1, "expected a command")
    .strict()
    .recommendCommands()
    .version(packageVersion())
    .help()
    .alias("help", "h")
    .wrap(Math.min(MAX_WIDTH, parser.terminalWidth()))
    .fail((message, error, usage) => {
      const isOwn = error instanceof Error && error.name !== "YError";
      if (isOwn) throw error;
      throw new UsageError(usageSentence(message ?? error.message, asked(words, parser, usage as unknown as Usage)));
    });
}

/** What yargs knows of the command that it has recognized; its types leave that out. */
interface Usage {
  /** `$0 explain <operation>`, and what it is for. */
  getUsage(): readonly (readonly string[])[];
  /** Commands below it, as they are called. */
  getCommands(): readonly (readonly [string, ...unknown[]])[];
}

function asked(words: readonly string[], parser: Argv, usage: Usage): AskedFor {
  const [[line = ""] = []] = usage.getUsage();
  return {
    words,
    usage: line.split("\n")[0].replace("$0", "vmmbench"),
    commands: usage.getCommands().map(([command]) => command.replace(/ *[<[].*$/, "").replace(/^.* /, "")),
    options: Object.keys(knownOptions(parser).key),
    switches: knownOptions(parser).boolean,
  };
}

interface KnownOptions {
  readonly key: Readonly<Record<string, unknown>>;
  readonly boolean: readonly string[];
  readonly string: readonly string[];
  readonly array: readonly string[];
}

/** All options known so far: those of the command too, once it has been recognized. */
function knownOptions(parser: Argv): KnownOptions {
  return (parser as unknown as { getOptions(): KnownOptions }).getOptions();
}

/** A switch is on or off; yargs takes any other value for off. */
function requireSwitchValues(words: readonly string[], parser: Argv): void {
  const end = words.indexOf("--");
  for (const word of end === -1 ? words : words.slice(0, end)) {
    const [, name, value] = /^--([^=]+)=(.*)$/s.exec(word) ?? [];
    if (name === undefined || value === "true" || value === "false") continue;
    const option = name.replace(/^no-/, "");
    if (!knownOptions(parser).boolean.includes(option)) continue;
    throw new UsageError(`"${value}" is no value for the switch --${name}; expected --${option} or --no-${option}`);
  }
}

/** A list without a value would be its default, and an empty name is none. */
function requireValues(words: readonly string[], parser: Argv): void {
  const { array, string } = knownOptions(parser);
  words.forEach((word, i) => {
    const [, name, attached] = /^--([^=]+)(?:=(.*))?$/s.exec(word) ?? [];
    if (name === undefined) return;
    const value = attached ?? words[i + 1] ?? "";
    const isMissing = array.includes(name) ? /^(?:-.*)?$/.test(value) : string.includes(name) && value === "";
    if (isMissing) throw new UsageError(`--${name} has no value`);
  });
}

/** An option that is no list has one value; yargs makes a list of several. */
function requireOneValueEach(args: Readonly<Record<string, unknown>>, parser: Argv): void {
  const { string, array } = knownOptions(parser);
  for (const name of string) {
    const value = args[name];
    if (array.includes(name) || !Array.isArray(value)) continue;
    throw new UsageError(`--${name} is given ${value.length} times; expected once`);
  }
}

/** Commands and options as yargs knows them, and after `run` the names of the matrices, after `chart` those of the charts. */
function complete(
  current: string,
  { _: words }: { _: readonly (string | number)[] },
  defaults: (onDone: (error: Error | null, found: string[] | undefined) => void) => void,
  done: (found: string[]) => void,
): void {
  const names = current.startsWith("-") ? [] : namesAfter(words);
  defaults((_, found = []) => done([...found, ...names]));
}

function namesAfter(words: readonly (string | number)[]): readonly string[] {
  if (words.includes("run")) return catalogue("experiments");
  return words.includes("chart") ? [...CHART_NAMES, "all"] : [];
}
