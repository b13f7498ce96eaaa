/** The command line: parse, run, and turn what goes wrong into a message and an exit code. */
import { hideBin } from "yargs/helpers";
import { InputError } from "../core/input-error.ts";
import { thrownText } from "../core/thrown-text.ts";
import { loadedModules, moduleError } from "../experiment/module-errors.ts";
import { packageVersion } from "../experiment/version.ts";
import { BrokenContract } from "../vmm/allocation/wrong-answer.ts";
import { commandLine, UsageError } from "./command-line.ts";
import { EXIT } from "./exit-codes.ts";

async function main(): Promise<void> {
  process.stdout.on("error", leaveQuietly);
  process.stderr.on("error", leaveQuietly);
  // What a module of the user's leaves behind it: a timer that throws, a promise that nobody waits for.
  process.on("uncaughtException", (error) => process.exit(explain(error)));
  try {
    await commandLine(hideBin(process.argv)).parseAsync();
  } catch (error) {
    process.exitCode = explain(error);
  }
  // What it leaves running does not keep the command from ending, once all has been written.
  if (loadedModules().length > 0) process.stdout.write("", () => process.stderr.write("", () => process.exit()));
}

function explain(error: unknown): number {
  if (error instanceof InputError) {
    const modules = BrokenContract.isOne(error) ? loadedModules() : [];
    const where = modules.length > 0 ? `${modules.join(", ")}: ` : "";
    for (const problem of error.problems) console.error(`${where}${problem}`);
    return EXIT.badInput;
  }
  if (error instanceof UsageError || (error instanceof Error && error.name === "YError")) {
    console.error(`${error.message}; see vmmbench --help`);
    return EXIT.badInput;
  }
  const ofModule = moduleError(error, process.cwd());
  if (ofModule !== undefined) {
    console.error(ofModule);
    return EXIT.badInput;
  }
  const reason = error instanceof Error ? error : new Error(thrownText(error));
  const modules = loadedModules();
  const whose =
    modules.length > 0
      ? `${modules.join(", ")}: a part does not keep its contract (src/vmm/contract.ts), or this is a bug of vmmbench`
      : `vmmbench ${packageVersion()}: this is a bug of vmmbench, not of your input`;
  console.error(`${whose}: ${reason.message}`);
  console.error(
    process.env.VMMBENCH_DEBUG === undefined ? "Set VMMBENCH_DEBUG=1 to see where it happened." : reason.stack,
  );
  return modules.length > 0 ? EXIT.badInput : EXIT.bug;
}

/** Whoever reads our output may have seen enough (`vmmbench list | head`). */
function leaveQuietly(error: NodeJS.ErrnoException): void {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
}

await main();
