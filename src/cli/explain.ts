/** `vmmbench explain`: what happens in one operation, step by step, on several VMMs side by side. */
import type { CommandModule } from "yargs";
import { InputError } from "../core/input-error.ts";
import { type ComparisonArguments, comparisonOptions, vmmsIn } from "./comparison-options.ts";

interface ExplainArguments extends ComparisonArguments {
  operation: string;
  all: boolean;
  out: string | undefined;
}

export const explainCommand: CommandModule<object, ExplainArguments> = {
  command: "explain <operation>",
  describe: "Show one operation step by step: who runs, what traps, which page-table entry is written, what it costs",
  builder: (yargs) =>
    comparisonOptions(yargs)
      .positional("operation", {
        type: "string",
        demandOption: true,
        describe: "fork-proc, page-fault, null-call, ...; vmmbench list operations names and describes them all",
      })
      .option("all", {
        type: "boolean",
        default: false,
        describe: "Show every step, also repetitions and steps that cost nothing",
      })
      .option("out", {
        type: "string",
        requiresArg: true,
        describe:
          "File to write instead of printing: the diagram (.svg, .png, .vl.json), or everything as a page (.html)",
      })
      .example("$0 explain page-fault", "what happens in a page fault on bare metal, Xen and ESX")
      .example(
        "$0 explain fork-proc --vmm native,esx --out fork.svg",
        "why a fork is expensive under shadow paging, as a picture",
      )
      .example("$0 explain 2p/0K --vmm xen-pv --json", "the steps of two context switches, as JSON"),
  handler: async ({ operation, machine, vmm, all, json, out }) => {
    if (out !== undefined) requireNoPrinting(out, { all, json });
    const { explainOperation } = await import("../experiment/explain-operation.ts");
    const explanation = await explainOperation(operation, machine, vmmsIn(vmm));
    if (out !== undefined) {
      const { writeExplanation } = await import("../report/write-explanation.ts");
      process.stdout.write(`${await writeExplanation(explanation, out)}\n`);
      return;
    }
    const { explanationJson, explanationText } = await import("./explanation-text.ts");
    process.stdout.write(json ? explanationJson(explanation, all) : explanationText(explanation, all));
  },
};

/** What changes only the printed steps has no place in a file; leaving it out without a word would be a surprise. */
function requireNoPrinting(out: string, switches: Readonly<Record<string, boolean>>): void {
  const given = Object.keys(switches).filter((name) => switches[name]);
  if (given.length === 0) return;
  const options = given.map((name) => `--${name}`).join(" and ");
  throw new InputError(
    `${options}: only for what is printed, and --out ${out} writes a file; expected one or the other`,
  );
}
