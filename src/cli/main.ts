/**
 * The command line. Exit codes: 0 done, 1 a finding (a gate failed, cells failed), 2 bad usage or bad input, 70 a bug of
 * vmmbench itself, 130 interrupted.
 */
import { hideBin } from "yargs/helpers";
import { InputError } from "../core/input-error.ts";
import { packageVersion } from "../experiment/version.ts";
import { commandLine, UsageError } from "./command-line.ts";

const BAD_INPUT = 2;
const BUG = 70;

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

/** Whoever reads our output may have seen enough (`vmmbench list | head`). */
function leaveQuietly(error: NodeJS.ErrnoException): void {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
}

await main();
