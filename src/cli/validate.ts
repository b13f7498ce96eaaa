/** `vmmbench validate`: published figures held against simulated ones. */
import type { CommandModule } from "yargs";
import { InputError } from "../core/input-error.ts";
import { suggestion } from "../core/nearest-name.ts";
import type { ValidationSet } from "../analysis/validation/validation-set.ts";

interface ValidateArguments {
  source: string | undefined;
  json: boolean;
}

const FINDING = 1;

export const validateCommand: CommandModule<object, ValidateArguments> = {
  command: "validate",
  describe: "Hold simulated figures against published ones: errors, orders of systems, free parameters",
  builder: (yargs) =>
    yargs
      .option("source", { type: "string", requiresArg: true, describe: "Only one source, such as xen03; default: all" })
      .option("json", { type: "boolean", default: false, describe: "Print one JSON object" })
      .example("$0 validate", "every figure; misses are red")
      .example("$0 validate --source xen03 --json", "Barham et al. 2003 alone, for scripts"),
  handler: async ({ source, json }) => {
    const { VALIDATION_SETS } = await import("../analysis/validation/registry.ts");
    const { loadPublishedFigures } = await import("../analysis/validation/published-figures.ts");
    const { validate } = await import("../analysis/validation/validation.ts");
    const { validationText } = await import("./validation-text.ts");
    const sets = source === undefined ? VALIDATION_SETS : setsOf(source, VALIDATION_SETS);
    const validation = validate(sets, loadPublishedFigures(), sayProgress);
    process.stdout.write(
      json ? `${JSON.stringify(validation, undefined, 2)}\n` : validationText(validation, inColour()),
    );
    if (validation.rows.some(({ simulated }) => simulated === null)) process.exitCode = FINDING;
  },
};

/** Throws an {@link InputError} with the nearest name when there is no such source. */
export function setsOf(source: string, all: readonly ValidationSet[]): readonly ValidationSet[] {
  const sets = all.filter(({ name }) => name === source);
  if (sets.length > 0) return sets;
  const names = [...new Set(all.map(({ name }) => name))];
  throw new InputError(`there is no source "${source}"; ${suggestion(source, names)}`);
}

function sayProgress({ name, source, rows }: ValidationSet): void {
  console.error(`${name}: ${rows.length} figures of ${source}`);
}

/** Only on a terminal, and not where the user has asked for none (no-color.org). */
function inColour(): boolean {
  return process.stdout.isTTY && (process.env.NO_COLOR ?? "") === "";
}
