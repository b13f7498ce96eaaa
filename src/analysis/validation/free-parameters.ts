/**
 * How much freedom the models have: the numbers of the machine profiles, and of machines without one, that are not taken as such
 * from a source, and the parameters of parts that are calibrated.
 */
import type { LoadedMachine } from "../../experiment/documents/load-machine.ts";
import type { SourcedNumber } from "../../experiment/documents/machine-numbers.ts";
import { partsIn } from "../../vmm/compose.ts";
import { SLOTS, type Vmm } from "../../vmm/contract.ts";
import { groupBy } from "../results.ts";
import { partParameters } from "./part-parameters.ts";
import type { MonitoredMachine } from "./simulated-bench.ts";

/** With this many free parameters for each prediction, or more, agreement shows little. */
export const MOST_PER_PREDICTION = 0.25;
/** Primitive costs of a VMM on one machine, and parameters of its parts, that may be calibrated. */
export const MOST_CALIBRATED = 6;
/** Name of the group of the parameters of parts. */
export const PART_GROUP = "parameters of parts";

/** Path lengths of the guest kernel, primitive costs by the first part of their name (a VMM, `hardware`), parameters of parts, or the rest. */
export interface ParameterGroup {
  readonly name: string;
  readonly calibrated: number;
  readonly assumed: number;
  /** Settled by a figure of the bare machine, which says nothing about a VMM: not among the two others. */
  readonly native: number;
}

/**
 * Primitive costs that a VMM needs and that the profile of a machine calibrates itself, those of the bare machine left out, and
 * calibrated parameters of its parts, which it has on every machine.
 */
export interface CalibratedCosts {
  readonly machine: string;
  readonly vmm: string;
  readonly costs: readonly string[];
}

export interface FreeParameters {
  readonly machines: readonly string[];
  readonly groups: readonly ParameterGroup[];
  readonly calibratedCosts: readonly CalibratedCosts[];
  /** Calibrated and assumed ones. */
  readonly total: number;
  /** Numbers that a native column gives, as such or by calibration: counted apart. */
  readonly native: number;
  /** Numbers of the same profiles that are taken from a source. */
  readonly published: number;
  /** Numbers that follow from another one by a rule. */
  readonly derived: number;
  /** {@link total} by the number of prediction rows; null if there are none. */
  readonly perPrediction: number | null;
  /** The same with those that a native column gives. */
  readonly perPredictionWithNative: number | null;
  /** Parameters of parts that no source gives either; they are no numbers of a profile, and not in {@link total}. */
  readonly assumedPartParameters: number;
}

export function freeParameters(
  machines: readonly LoadedMachine[],
  monitored: readonly MonitoredMachine[],
  predictions: number,
  times: readonly SourcedNumber[] = [],
): FreeParameters {
  const numbers = [...distinctNumbers(machines), ...times];
  const native = numbers.filter(isNative);
  const free = numbers.filter((number) => isFree(number) && !isNative(number));
  const parts = partParameters(monitored.map(({ vmm }) => vmm));
  const total = free.length + parts.calibrated.size;
  return {
    machines: machines.map(({ profile }) => profile.name).sort(),
    groups: [
      ...[...groupBy([...free, ...native], groupName)].map(([name, of]) => groupOf(name, of)),
      ...partGroup(parts.calibrated.size),
    ].sort((a, b) => (a.name < b.name ? -1 : 1)),
    calibratedCosts: calibratedCosts(machines, monitored),
    total,
    native: native.length,
    published: countOf(numbers, "published"),
    derived: countOf(numbers, "derived"),
    perPrediction: predictions === 0 ? null : total / predictions,
    perPredictionWithNative: predictions === 0 ? null : (total + native.length) / predictions,
    assumedPartParameters: parts.assumed.size,
  };
}

/** What a machine takes over from another is a number of that one, and counts once. */
function distinctNumbers(machines: readonly LoadedMachine[]): readonly SourcedNumber[] {
  const distinct = new Map<string, SourcedNumber>();
  for (const { profile, numbers } of machines) {
    for (const number of numbers) distinct.set(`${number.base ?? profile.name} ${number.name}`, number);
  }
  return [...distinct.values()];
}

function isFree({ kind }: SourcedNumber): boolean {
  return kind === "calibrated" || kind === "assumed";
}

/** The kernel's own paths are calibrated on native columns only, also where the figure is a rate. */
function isNative({ name, kind }: SourcedNumber): boolean {
  return kind === "native" || (kind === "calibrated" && name.startsWith("kernel-paths."));
}

function groupOf(name: string, of: readonly SourcedNumber[]): ParameterGroup {
  const native = of.filter(isNative).length;
  const others = of.filter((number) => !isNative(number));
  return { name, calibrated: countOf(others, "calibrated"), assumed: countOf(others, "assumed"), native };
}

function partGroup(calibrated: number): ParameterGroup[] {
  return calibrated === 0 ? [] : [{ name: PART_GROUP, calibrated, assumed: 0, native: 0 }];
}

/** A VMM that is simulated with different parts on a machine counts with all the costs that any of them needs. */
function calibratedCosts(
  machines: readonly LoadedMachine[],
  monitored: readonly MonitoredMachine[],
): readonly CalibratedCosts[] {
  return machines.flatMap((machine) => {
    const own = machine.numbers.filter(({ base, kind }) => base === undefined && kind === "calibrated");
    const names = own.map(({ name }) => name.replace(/^costs\./, ""));
    const here = monitored.filter((each) => each.machine === machine.profile.name);
    return [...groupBy(here, ({ vmm }) => nameOf(vmm))].flatMap(([vmm, variants]) => {
      const needs = new Set(variants.flatMap((variant) => needsOf(variant.vmm)));
      const ofProfile = names.filter((name) => needs.has(name) && !/^(hardware|page)\./.test(name));
      const costs = [...ofProfile, ...partParameters(variants.map((variant) => variant.vmm)).calibrated];
      return costs.length === 0 ? [] : [{ machine: machine.profile.name, vmm, costs }];
    });
  });
}

/** With hardware assistance a VMM is another one: the source compares the two. */
function nameOf(vmm: Vmm): string {
  return `${vmm.name} (${vmm.cpu.definition.name})`;
}

function needsOf(vmm: Vmm): readonly string[] {
  return SLOTS.flatMap((slot) => partsIn(vmm, slot)).flatMap((part) => part.definition.needs ?? []);
}

function groupName({ name }: SourcedNumber): string {
  const [section, group] = name.split(".");
  if (section === "times") return `times: ${group}`;
  if (section === "kernel-paths") return "path lengths of the kernel";
  return section === "costs" ? `primitive costs: ${group}` : "scale, CPU, TLB, disk, network";
}

function countOf(numbers: readonly SourcedNumber[], kind: SourcedNumber["kind"]): number {
  return numbers.filter((number) => number.kind === kind).length;
}
