/** What the commands that hold VMMs side by side on a machine have in common: their options. */
import type { Argv } from "yargs";
import { InputError } from "../core/input-error.ts";

export interface ComparisonArguments {
  machine: string;
  vmm: string | string[];
  json: boolean;
}

export function comparisonOptions<T>(yargs: Argv<T>): Argv<T & ComparisonArguments> {
  return yargs
    .option("machine", {
      type: "string",
      requiresArg: true,
      default: "xeon-2.4-sosp03",
      describe: "Machine profile, by name or path",
    })
    .option("vmm", {
      type: "string",
      array: true,
      nargs: 1,
      default: "native,xen-pv,esx",
      describe: "VMMs, by name or path, separated by commas",
    })
    .option("json", { type: "boolean", default: false, describe: "Print one JSON object" }) as Argv<
    T & ComparisonArguments
  >;
}

/** The names in `--vmm`. Throws an {@link InputError} when one is empty. */
export function vmmsIn(option: string | string[]): string[] {
  return namesIn("--vmm", "native,esx", option);
}

/**
 * `a,b` of an option, or the option several times, as a list without repetitions. Throws an {@link InputError} that shows
 * `example` when a name is empty.
 */
export function namesIn(option: string, example: string, values: string | readonly string[]): string[] {
  const names = [values].flat().flatMap((text) => {
    const own = text.split(",").map((name) => name.trim());
    if (!own.includes("")) return own;
    throw new InputError(`${option}: a name is empty in "${text}"; expected names like ${option} ${example}`);
  });
  return [...new Set(names)];
}
