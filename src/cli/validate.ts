/** `vmmbench validate`: published figures held against simulated ones. */
import type { CommandModule } from "yargs";
import { counted } from "../core/counted.ts";
import { InputError } from "../core/input-error.ts";
import { suggestion } from "../core/nearest-name.ts";
import type { ValidationSet } from "../analysis/validation/validation-set.ts";
import { namesIn } from "./comparison-options.ts";
import { EXIT } from "./exit-codes.ts";

interface ValidateArguments {
  source: string | string[] | undefined;
  json: boolean;
}

export const validateCommand: CommandModule<object, ValidateArguments> = {
  command: "validate",
  describe: "Compare simulated figures with published ones: errors, orders of systems, free parameters",
  builder: (yargs) =>
    yargs
      .option("source", {
        type: "string",
        array: true,
        nargs: 1,
        describe: "Sources, separated by commas, such as xen03 [default: all]",
      })
      .option("json", { type: "boolean", default: false, describe: "Print one JSON object" })
      .example("$0 validate", "every figure; misses are red")
      .example("$0 validate --source xen03 --json", "Barham et al. 2003 alone, for scripts"),
  handler: async ({ source, json }) => {
    const { VALIDATION_SETS } = await import("../analysis/validation/registry.ts");
    const { loadPublishedFigures } = await import("../analysis/validation/published-figures.ts");
    const { validate } = await import("../analysis/validation/validation.ts");
    const { validationText } = await import("./validation-text.ts");
    const sets = setsOf(namesIn("--source", "xen03,iso07", source ?? []), VALIDATION_SETS);
    const validation = validate(sets, loadPublishedFigures(), progressOver(sets));
    process.stdout.write(
      json ? `${JSON.stringify(validation, undefined, 2)}\n` : validationText(validation, inColour()),
    );
    if (validation.rows.some(({ simulated }) => simulated === null)) process.exitCode = EXIT.finding;
  },
};

/** The sets of these sources, all if none is named. Throws an {@link InputError} with the nearest name for each that there is not. */
function setsOf(sources: readonly string[], all: readonly ValidationSet[]): readonly ValidationSet[] {
  const names = [...new Set(all.map(({ name }) => name))];
  const unknown = sources.filter((source) => !names.includes(source));
  if (unknown.length > 0) {
    throw new InputError(unknown.map((source) => `there is no source "${source}"; ${suggestion(source, names)}`));
  }
  return sources.length === 0 ? all : all.filter(({ name }) => sources.includes(name));
}

/** Says a source when the first of its sets is begun: several of them may have figures of one. */
function progressOver(sets: readonly ValidationSet[]): (set: ValidationSet) => void {
  const said = new Set<string>();
  return ({ name, source }) => {
    if (said.has(source)) return;
    said.add(source);
    const figures = sets.reduce((sum, { source: of, rows }) => sum + (of === source ? rows.length : 0), 0);
    console.error(`${name}: ${counted(figures, "figure")} of ${source}`);
  };
}

/** Only on a terminal, and not where the user has asked for none (no-color.org). */
function inColour(): boolean {
  return process.stdout.isTTY && (process.env.NO_COLOR ?? "") === "";
}
