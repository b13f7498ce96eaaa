/** `vmmbench trace convert`: a trace in the form that is read fastest. */
import type { CommandModule } from "yargs";
import { wholeNumber } from "./text-table.ts";

interface ConvertArguments {
  file: string;
  out: string;
}

export const convertCommand: CommandModule<object, ConvertArguments> = {
  command: "convert <file> <out>",
  describe: "Convert a trace to binary form, which every command reads faster than text",
  builder: (yargs) =>
    yargs
      .positional("file", { type: "string", demandOption: true, describe: "Reference trace (lackey text or binary)" })
      .positional("out", {
        type: "string",
        demandOption: true,
        describe: "File to write; compressed if its name ends in .gz",
      })
      .example("$0 trace convert workloads/data/sort.lackey.gz sort.trace", "parse once, then use sort.trace"),
  handler: async ({ file, out }) => {
    const { convertTrace } = await import("../experiment/convert-trace.ts");
    const { references, bytes } = await convertTrace(file, out);
    process.stdout.write(`${out}: ${wholeNumber(references)} references in ${wholeNumber(bytes)} bytes\n`);
  },
};
