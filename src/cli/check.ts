/** `vmmbench check`: are these files what they claim to be? All problems of all files at once. */
import type { CommandModule } from "yargs";
import { InputError } from "../core/input-error.ts";

interface CheckArguments {
  files: string[];
}

export const checkCommand: CommandModule<object, CheckArguments> = {
  command: "check <files..>",
  describe: "Check workloads, machines, matrices, fingerprint files, traces and results folders",
  builder: (yargs) =>
    yargs
      .positional("files", {
        type: "string",
        array: true,
        demandOption: true,
        describe: "Files of any of these kinds, or results folders",
      })
      .example("$0 check experiments/smoke.yaml", "a matrix and everything that it names")
      .example("$0 check workloads/*.yaml machines/*.yaml", "all problems at once, with line and column"),
  handler: async ({ files }) => {
    const { checkFile } = await import("../experiment/check-file.ts");
    const problems: string[] = [];
    for (const file of files) {
      try {
        console.log(`${file}: ${await checkFile(file)}`);
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
        problems.push(...error.problems);
      }
    }
    if (problems.length > 0) throw new InputError([...new Set(problems)]);
  },
};
