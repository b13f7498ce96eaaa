/** The numbers of a machine profile, for people: each with its unit, where it comes from and how far to trust it. */
import type { DiskProfile, MachineProfile } from "../../machine/profile.ts";
import type { CostElsewhere, CostEntry, CostSection } from "./machine-costs.ts";
import type { MachineDocument } from "./machine-schema.ts";
import type { SourceKind } from "./sources.ts";

/** native: what is left of a figure of the bare machine; derived: follows from another number by a rule. */
export type NumberKind = SourceKind | "native" | "derived";

/** One number of a machine, for people. */
export interface SourcedNumber {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly source: string;
  readonly kind: NumberKind;
  /** The machine that gives it, where it was taken over. */
  readonly base?: string;
}

/** The numbers of other machines, each with the machine that gives it, by the file of the machine and then their own name. */
export type NumbersElsewhere = ReadonlyMap<string, ReadonlyMap<string, SourcedNumber>>;

/**
 * Every number that a machine gives itself with its source, in the order of the file; one that is `elsewhere` has the source that it
 * has there. `profile`: what it comes to.
 */
export function machineNumbers(
  document: MachineDocument,
  profile: MachineProfile,
  elsewhere: NumbersElsewhere,
): readonly SourcedNumber[] {
  const { cpu, tlb, cache, "instruction-tlb": instructionTlb, "base-scale": scale } = document;
  return [
    sourced("cpu.frequency", cpu.frequency, "MHz", cpu),
    sourced("cpu.cores", cpu.cores, "CPUs", cpu),
    ...tlbNumbers("tlb", tlb),
    ...(instructionTlb ? tlbNumbers("instruction-tlb", instructionTlb) : []),
    ...(scale === undefined ? [] : [sourced("base-scale", scale.value, scale.unit ?? "1", scale)]),
    ...(cache ? cacheNumbers(cache) : []),
    ...(["page-walk-cache", "nested-tlb"] as const).flatMap((key) => {
      const table = document[key];
      return table === undefined ? [] : [sourced(`${key}.entries`, table.entries, "entries", table)];
    }),
    ...deviceNumbers(document, profile),
    ...costNumbers("costs", document.costs, profile.costs, document.unit, elsewhere),
    ...costNumbers("kernel-paths", document["kernel-paths"], profile.kernelPaths, document.unit, elsewhere),
  ];
}

function tlbNumbers(name: "tlb" | "instruction-tlb", tlb: MachineDocument["tlb"]): readonly SourcedNumber[] {
  return [sourced(`${name}.entries`, tlb.entries, "entries", tlb), sourced(`${name}.ways`, tlb.ways, "ways", tlb)];
}

function deviceNumbers(
  { disk, network, "network-interrupts": interrupts, "interrupt-throttle": throttle }: MachineDocument,
  profile: MachineProfile,
): readonly SourcedNumber[] {
  return [
    ...(disk === undefined
      ? []
      : [
          sourced("disk.positioning", disk.positioning, "us", disk),
          sourced("disk.rate", profile.disk.megabytesPerSecond, "MB/s", disk),
          ...strokeNumbers(disk["full-stroke"]),
          ...writeCacheNumbers(disk["write-cache"], profile.disk.writeCache),
        ]),
    ...(network === undefined ? [] : [sourced("network.rate", profile.network.megabitsPerSecond, "Mb/s", network)]),
    ...(network === undefined || network.interfaces === 1
      ? []
      : [sourced("network.interfaces", network.interfaces, "interfaces", network)]),
    ...(interrupts?.packets === undefined
      ? []
      : [sourced("network-interrupts.packets", interrupts.packets, "packets", interrupts)]),
    ...(interrupts?.held === undefined ? [] : [sourced("network-interrupts.held", interrupts.held, "us", interrupts)]),
    ...(interrupts?.delay === undefined
      ? []
      : [sourced("network-interrupts.delay", interrupts.delay, "us", interrupts)]),
    ...(throttle === undefined
      ? []
      : [
          sourced("interrupt-throttle.interval", throttle.interval, "us", throttle),
          sourced("interrupt-throttle.sent-delay", throttle["sent-delay"], "us", throttle),
        ]),
  ];
}

function strokeNumbers(stroke: NonNullable<MachineDocument["disk"]>["full-stroke"]): readonly SourcedNumber[] {
  if (stroke === undefined) return [];
  return [
    sourced("disk.full-stroke.positioning", stroke.positioning, "us", stroke),
    sourced("disk.full-stroke.size", stroke.size, "bytes", stroke),
  ];
}

function writeCacheNumbers(
  described: NonNullable<MachineDocument["disk"]>["write-cache"],
  cache: DiskProfile["writeCache"],
): readonly SourcedNumber[] {
  if (described === undefined || cache === undefined) return [];
  return [
    sourced("disk.write-cache.size", cache.pages, "pages", described),
    sourced("disk.write-cache.command", cache.commandUs, "us", described),
    sourced("disk.write-cache.rate", cache.megabytesPerSecond, "MB/s", described),
  ];
}

function costNumbers(
  prefix: string,
  section: CostSection,
  values: Readonly<Record<string, number>>,
  unit: string,
  elsewhere: NumbersElsewhere,
): readonly SourcedNumber[] {
  return Object.entries(section).map(([key, entry]) => {
    if ("as-on" in entry) return numberElsewhere(`${prefix}.${key}`, entry, elsewhere);
    const number = { name: `${prefix}.${key}`, value: values[key], unit, source: `${ruleOf(entry)}${entry.source}` };
    if ("native" in entry) return { ...number, kind: "native" };
    return { ...number, kind: "kind" in entry ? entry.kind : "derived" };
  });
}

function numberElsewhere(
  name: string,
  { "as-on": machine, source }: CostElsewhere,
  elsewhere: NumbersElsewhere,
): SourcedNumber {
  const there = elsewhere.get(machine)?.get(name);
  if (there === undefined) throw new Error(`${machine} has no ${name}`);
  return { ...there, source: `as on ${machine} (${there.source}): ${source}` };
}

/** How the value comes about, before its source; nothing where it is the number that is written. */
function ruleOf(entry: Exclude<CostEntry, CostElsewhere>): string {
  if ("as" in entry) return `${entry.times === 1 ? "as" : `${entry.times} times`} ${entry.as}: `;
  if ("part-of" in entry) return `part of ${entry["part-of"]}: `;
  if ("native" in entry) return `what is left of ${entry.operation}, natively ${entry.native}: `;
  const { value, unit, less } = entry;
  if (less !== undefined) return `${value} ${unit} less ${less.join(", ")}: `;
  return unit === "ns" ? `${value} ns: ` : "";
}

function cacheNumbers(cache: NonNullable<MachineDocument["cache"]>): readonly SourcedNumber[] {
  return [
    sourced("cache.size", cache.size / 1024, "KiB", cache),
    sourced("cache.ways", cache.ways, "ways", cache),
    sourced("cache.line", cache.line, "bytes", cache),
  ];
}

function sourced(
  numberName: string,
  value: number,
  unit: string,
  { source, kind }: Pick<SourcedNumber, "source" | "kind">,
): SourcedNumber {
  return { name: numberName, value, unit, source, kind };
}
