/** How much freedom the models have: the numbers of the machine profiles that are not taken as such from a source. */
import type { LoadedMachine } from "../../experiment/documents/load.ts";
import type { SourcedNumber } from "../../experiment/documents/machine-document.ts";
import { groupBy } from "../results.ts";

/** With this many free parameters for each prediction, or more, agreement shows little. */
export const MOST_PER_PREDICTION = 0.25;

/** Path lengths of the guest kernel, primitive costs by the first part of their name (a VMM, `hardware`), or the rest. */
export interface ParameterGroup {
  readonly name: string;
  readonly calibrated: number;
  readonly assumed: number;
}

export interface FreeParameters {
  readonly machines: readonly string[];
  readonly groups: readonly ParameterGroup[];
  readonly total: number;
  /** Numbers of the same profiles that are taken from a source. */
  readonly published: number;
  /** {@link total} by the number of prediction rows; null if there are none. */
  readonly perPrediction: number | null;
}

export function freeParameters(machines: readonly LoadedMachine[], predictions: number): FreeParameters {
  // What a machine takes over from another is a number of that one.
  const numbers = machines.flatMap((machine) => machine.numbers.filter(({ base }) => base === undefined));
  const free = numbers.filter(({ kind }) => kind !== "published");
  return {
    machines: machines.map(({ profile }) => profile.name).sort(),
    groups: [...groupBy(free, groupName)]
      .map(([name, of]) => ({ name, calibrated: countOf(of, "calibrated"), assumed: countOf(of, "assumed") }))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
    total: free.length,
    published: numbers.length - free.length,
    perPrediction: predictions === 0 ? null : free.length / predictions,
  };
}

function groupName({ name }: SourcedNumber): string {
  const [section, group] = name.split(".");
  if (section === "kernel-paths") return "native path lengths of the kernel";
  return section === "costs" ? `primitive costs: ${group}` : "CPU, TLB, disk, network";
}

function countOf(numbers: readonly SourcedNumber[], kind: SourcedNumber["kind"]): number {
  return numbers.filter((number) => number.kind === kind).length;
}
