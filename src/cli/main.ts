/** The command line: parse, run, and turn what goes wrong into a message and an exit code. */
import { hideBin } from "yargs/helpers";
import { InputError } from "../core/input-error.ts";
import { packageVersion } from "../experiment/version.ts";
import { commandLine, UsageError } from "./command-line.ts";
import { EXIT } from "./exit-codes.ts";

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
    return EXIT.badInput;
  }
  if (error instanceof UsageError || (error instanceof Error && error.name === "YError")) {
    console.error(`${error.message}; see vmmbench --help`);
    return EXIT.badInput;
  }
  const reason = error instanceof Error ? error : new Error(String(error));
  console.error(`vmmbench ${packageVersion()}: this is a bug of vmmbench, not of your input: ${reason.message}`);
  console.error(
    process.env.VMMBENCH_DEBUG === undefined ? "Set VMMBENCH_DEBUG=1 to see where it happened." : reason.stack,
  );
  return EXIT.bug;
}

/** Whoever reads our output may have seen enough (`vmmbench list | head`). */
function leaveQuietly(error: NodeJS.ErrnoException): void {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
}

await main();
