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

/** The names in `--vmm`. Throws an {@link InputError} when there is none. */
export function vmmsIn(option: string | string[]): string[] {
  const names = namesIn(option);
  if (names.length === 0) throw new InputError("no VMM is named; expected one or more, like --vmm native,esx");
  return names;
}

/** `a,b` or several options as a list without repetitions. */
export function namesIn(option: string | string[]): string[] {
  const names = [option]
    .flat()
    .flatMap((text) => text.split(","))
    .map((name) => name.trim());
  return [...new Set(names.filter((name) => name !== ""))];
}
