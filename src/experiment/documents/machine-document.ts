/** Machine profiles in YAML: every number with its unit, where it comes from and how far to trust it. */
import { z } from "zod";
import { KERNEL_NAMES, type MachineProfile } from "../../machine/profile.ts";
import { duration, name, positiveBandwidth, positiveBytes, positiveDuration, positiveFrequency } from "./quantities.ts";
import { PAGE_BYTES } from "../../machine/page.ts";

const BITS_PER_BYTE = 8;
const MEGA = 1e6;
/** The simulated TLB addresses its entries by 16 bits, and its sets by bits of the page number. */
const MAX_TLB_ENTRIES = 65_536;

const source = z.string().min(1).meta({ description: "Where the number comes from: author, year, table or section." });
const kind = z.enum(["published", "calibrated", "assumed"]).meta({
  description: "published: printed there; calibrated: derived from printed figures; assumed: plausible, not measured.",
});
const count = z.int().min(1);

/** A small cache of the memory management unit. */
const fullyAssociative = z.strictObject({ entries: count.max(MAX_TLB_ENTRIES), source, kind });

const scaleUnit = z.literal("cycles/instruction").meta({
  description: "Of a base that counts instructions; without it, base and machine count alike.",
});
const cost = z.strictObject({ value: z.int().min(0), unit: z.enum(["cycles", "instructions"]), source, kind });
const costName = z.string().regex(/^[a-z0-9]+([.-][a-z0-9]+)*$/, {
  error: ({ input }) => `"${String(input)}" is not a name of a cost; expected one like hardware.page-walk-level`,
});
const costs = z.record(costName, cost);

export const machineSchema = z
  .strictObject({
    name,
    title: z.string().min(1),
    base: name.optional().meta({
      description: "A machine in the same folder whose costs and kernel paths hold where none is given here.",
    }),
    "base-scale": z
      .strictObject({ value: z.number().positive(), unit: scaleUnit.optional(), source, kind })
      .optional()
      .meta({
        description: "What is taken over from the base is multiplied by this, and rounded; by 1 without it.",
      }),
    unit: z.enum(["cycles", "instructions"]).default("cycles").meta({ description: "What costs are counted in." }),
    kernel: z
      .enum(KERNEL_NAMES)
      .default("linux-2.4")
      .meta({ description: "The guest kernel whose path lengths are given." }),
    cpu: z.strictObject({ frequency: positiveFrequency, cores: count, source, kind }),
    "page-table": z.enum(["ia32", "ia32-pae", "x86-64"]),
    tlb: z.strictObject({ entries: count, ways: count, source, kind }),
    cache: z
      .strictObject({ size: positiveBytes, ways: count, line: positiveBytes, source, kind })
      .optional()
      .meta({ description: "The second-level cache." }),
    "page-walk-cache": fullyAssociative.optional().meta({
      description:
        "Upper-level page-table entries that are cached, for the guest's and for nested tables each; none without.",
    }),
    "nested-tlb": fullyAssociative.optional().meta({
      description: "Translations of guest frames that are cached, where paging is hardware-assisted; none without.",
    }),
    disk: z.strictObject({ positioning: positiveDuration, rate: positiveBandwidth, source, kind }),
    network: z.strictObject({ rate: positiveBandwidth, source, kind }),
    "network-interrupts": z.strictObject({ packets: count, delay: duration, source, kind }).optional().meta({
      description: "Packets received per interrupt in bulk, and what a lone packet is delayed. Default: 1, 0.",
    }),
    costs: costs.meta({ description: "Primitive costs by dotted name." }),
    "kernel-paths": costs.meta({ description: "Native cycles of the guest kernel's own code, by operation." }),
  })
  .superRefine((document, context) => {
    for (const section of ["costs", "kernel-paths"] as const) {
      for (const [key, { unit }] of Object.entries(document[section])) {
        if (unit === document.unit) continue;
        const message = `${unit} on a machine that counts ${document.unit}`;
        context.addIssue({ code: "custom", path: [section, key, "unit"], message });
      }
    }
  })
  .superRefine(({ base, "base-scale": scale }, context) => {
    if (scale === undefined || base !== undefined) return;
    context.addIssue({ code: "custom", path: ["base-scale"], message: "needs a base, whose costs it scales" });
  })
  .superRefine(({ tlb }, context) => {
    if (tlb.entries <= MAX_TLB_ENTRIES && Number.isInteger(Math.log2(tlb.entries / tlb.ways))) return;
    const expected = `expected at most ${MAX_TLB_ENTRIES} entries in a power of two of sets`;
    const message = `${tlb.entries} entries cannot be divided into ${tlb.ways} ways; ${expected}`;
    context.addIssue({ code: "custom", path: ["tlb", "ways"], message });
  })
  .superRefine(({ cache }, context) => {
    if (cache === undefined) return;
    if (isPowerOfTwo(cache.size / cache.ways / PAGE_BYTES) && isPowerOfTwo(PAGE_BYTES / cache.line)) return;
    const message = `${cache.size} bytes in ${cache.ways} ways of lines of ${cache.line} bytes; expected 2^n pages a way, and 2^n lines a page`;
    context.addIssue({ code: "custom", path: ["cache", "size"], message });
  });

function isPowerOfTwo(value: number): boolean {
  return Number.isInteger(Math.log2(value));
}

export type MachineDocument = z.output<typeof machineSchema>;
export type SourceKind = z.output<typeof kind>;

/** One number of a machine, for people. */
export interface SourcedNumber {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly source: string;
  readonly kind: SourceKind;
  /** The machine that gives it, where it was taken over. */
  readonly base?: string;
}

export function toMachineProfile(document: MachineDocument): MachineProfile {
  const { cpu, tlb, cache, disk, network, "page-walk-cache": pageWalkCache, "nested-tlb": nestedTlb } = document;
  const { "network-interrupts": interrupts } = document;
  return {
    name: document.name,
    title: document.title,
    unit: document.unit,
    kernel: document.kernel,
    megahertz: cpu.frequency,
    cores: cpu.cores,
    pageTable: document["page-table"],
    tlb: { entries: tlb.entries, ways: tlb.ways },
    ...(cache && { cache: { bytes: cache.size, ways: cache.ways, lineBytes: cache.line } }),
    ...(pageWalkCache === undefined ? {} : { pageWalkCache: { entries: pageWalkCache.entries } }),
    ...(nestedTlb === undefined ? {} : { nestedTlb: { entries: nestedTlb.entries } }),
    disk: { positioningUs: disk.positioning, megabytesPerSecond: disk.rate / BITS_PER_BYTE / MEGA },
    network: {
      megabitsPerSecond: network.rate / MEGA,
      packetsPerInterrupt: interrupts?.packets ?? 1,
      delayUs: interrupts?.delay ?? 0,
    },
    costs: valuesOf(document.costs),
    kernelPaths: valuesOf(document["kernel-paths"]),
  };
}

/** Every number of a machine with its source, in the order of the file. */
export function machineNumbers(document: MachineDocument): readonly SourcedNumber[] {
  const { cpu, tlb, cache, disk, network, "network-interrupts": interrupts, "base-scale": scale } = document;
  const { megabytesPerSecond } = toMachineProfile(document).disk;
  return [
    sourced("cpu.frequency", cpu.frequency, "MHz", cpu),
    sourced("cpu.cores", cpu.cores, "CPUs", cpu),
    sourced("tlb.entries", tlb.entries, "entries", tlb),
    sourced("tlb.ways", tlb.ways, "ways", tlb),
    ...(scale === undefined ? [] : [sourced("base-scale", scale.value, scale.unit ?? "1", scale)]),
    ...(cache ? cacheNumbers(cache) : []),
    ...(["page-walk-cache", "nested-tlb"] as const).flatMap((key) => {
      const table = document[key];
      return table === undefined ? [] : [sourced(`${key}.entries`, table.entries, "entries", table)];
    }),
    sourced("disk.positioning", disk.positioning, "us", disk),
    sourced("disk.rate", megabytesPerSecond, "MB/s", disk),
    sourced("network.rate", network.rate / MEGA, "Mb/s", network),
    ...(interrupts === undefined
      ? []
      : [
          sourced("network-interrupts.packets", interrupts.packets, "packets", interrupts),
          sourced("network-interrupts.delay", interrupts.delay, "us", interrupts),
        ]),
    ...Object.entries(document.costs).map(([key, entry]) => sourced(`costs.${key}`, entry.value, entry.unit, entry)),
    ...Object.entries(document["kernel-paths"]).map(([key, entry]) =>
      sourced(`kernel-paths.${key}`, entry.value, entry.unit, entry),
    ),
  ];
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

function valuesOf(section: MachineDocument["costs"]): Record<string, number> {
  return Object.fromEntries(Object.entries(section).map(([key, { value }]) => [key, value]));
}
