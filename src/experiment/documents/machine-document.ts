/** Machine profiles in YAML: every number with its unit, where it comes from and how far to trust it. */
import { z } from "zod";
import { suggestion } from "../../core/nearest-name.ts";
import { durationText, FREQUENCY, SIZE } from "../../core/units.ts";
import { KERNEL_PATH_NAMES } from "../../guest/kernel-paths.ts";
import { PAGE_BYTES } from "../../machine/page.ts";
import {
  type DiskProfile,
  KERNEL_BUILDS,
  KERNEL_NAMES,
  type KernelBuild,
  type MachineProfile,
} from "../../machine/profile.ts";
import { costNameProblem } from "../../machine/primitive-costs.ts";
import { AREA_PAGES } from "../../sim/disk-areas.ts";
import { costs, costsOf, primitiveCosts, unitProblems } from "./machine-costs.ts";
import {
  microseconds,
  name,
  positiveBandwidth,
  positiveBytes,
  positiveMicroseconds,
  positiveMilliseconds,
  quantity,
} from "./quantities.ts";
import { source, sourceKind as kind } from "./sources.ts";

const MEGA = 1e6;
const BITS_PER_MEGABYTE = 8 * MEGA;
/** The simulated TLB addresses its entries by 16 bits, and its sets by bits of the page number. */
const MAX_TLB_ENTRIES = 65_536;

const count = z.int().min(1);
/** As many processors as Linux can be compiled for at most on x86 (NR_CPUS_RANGE_END, arch/x86/Kconfig). */
const MAX_CORES = 8192;
/** Far beyond any processor, and far below where simulated times in cycles would no longer be exact. */
const MAX_MEGAHERTZ = 100_000;
const frequency = quantity(FREQUENCY, (megahertz) => {
  if (megahertz <= 0) return "must be more than zero";
  return megahertz <= MAX_MEGAHERTZ ? undefined : "is more than any processor has; expected at most 100GHz";
});
/** A cache holds whole pages, and the simulated disk has room for the number of each. */
const MAX_WRITE_CACHE_BYTES = 64 * 2 ** 30;
const cacheBytes = quantity(SIZE, (bytes) =>
  bytes >= PAGE_BYTES && bytes <= MAX_WRITE_CACHE_BYTES
    ? undefined
    : "is no size of such a cache; expected 4KiB to 64GiB",
);
/** 256 GiB. */
const MAX_DISK_BYTES = AREA_PAGES * PAGE_BYTES;
const diskBytes = quantity(SIZE, (bytes) =>
  bytes >= PAGE_BYTES && bytes <= MAX_DISK_BYTES ? undefined : "is no size of such a disk; expected 4KiB to 256GiB",
);
/** More than a machine has; their rings have room in the memory of the kernel (see PacketPages). */
const MAX_INTERFACES = 64;

/** A small cache of the memory management unit. */
const fullyAssociative = z.strictObject({ entries: count.max(MAX_TLB_ENTRIES), source, kind });

const scaleUnit = z.literal("cycles/instruction").meta({
  description: "Of a base that counts instructions; without it, base and machine count alike.",
});

/** The sections that hold costs. */
export const COST_SECTIONS = ["costs", "kernel-paths"] as const;
export type CostSectionName = (typeof COST_SECTIONS)[number];

export const machineSchema = z
  .strictObject({
    name,
    title: z.string().min(1),
    base: name.optional().meta({
      description:
        "A machine in the same folder, or one of the package, whose costs, kernel paths, disk and network hold where none are given here.",
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
    "kernel-build": z
      .enum(Object.keys(KERNEL_BUILDS) as KernelBuild[])
      .optional()
      .meta({
        description: "The distribution that built it, where that matters; without it, the kernel as it was released.",
      }),
    "smp-kernel": z.boolean().default(false).meta({
      description:
        "The guest kernel is compiled for several processors and executes its locks, on one processor, too; they are counted in Linux 2.4. Path lengths of a base are those without locks where its own kernel has none.",
    }),
    cpu: z.strictObject({ frequency, cores: count.max(MAX_CORES), source, kind }),
    "page-table": z.enum(["ia32", "ia32-pae", "x86-64"]),
    tlb: z.strictObject({ entries: count, ways: count, source, kind }),
    "instruction-tlb": z.strictObject({ entries: count, ways: count, source, kind }).optional().meta({
      description: "The TLB for fetching instructions; without it, what the kernel's code misses is not counted.",
    }),
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
    disk: z
      .strictObject({
        positioning: positiveMilliseconds,
        rate: positiveBandwidth,
        "full-stroke": z
          .strictObject({ positioning: positiveMilliseconds, size: diskBytes, source, kind })
          .optional()
          .meta({
            description:
              "Positioning from one end of the disk to the other, and its size; without it, positioning takes the mean for any distance.",
          }),
        "write-cache": z
          .strictObject({ size: cacheBytes, command: microseconds, rate: positiveBandwidth, source, kind })
          .optional()
          .meta({ description: "Of a disk that is done with a write when it has it; none without." }),
        source,
        kind,
      })
      .optional(),
    network: z
      .strictObject({ rate: positiveBandwidth, interfaces: count.max(MAX_INTERFACES).default(1), source, kind })
      .optional()
      .meta({ description: "Rate of all interfaces together, and how many there are." }),
    "network-interrupts": z
      .strictObject({
        packets: count.optional(),
        held: positiveMicroseconds.optional(),
        polled: z.boolean().optional(),
        delay: microseconds.optional(),
        source,
        kind,
      })
      .optional()
      .meta({
        description:
          "Packets received per interrupt in bulk (default: 1), the longest that the first of them is held back, whether there are no interrupts while the kernel takes packets (Linux, NAPI), and what a lone packet is delayed (default: 0).",
      }),
    "interrupt-throttle": z
      .strictObject({ interval: positiveMicroseconds, "sent-delay": microseconds, source, kind })
      .optional()
      .meta({
        description:
          "The shortest time between two interrupts of a network interface, however many packets come, and how long after a packet is sent it wants to say so. Of network-interrupts only the delay goes with it.",
      }),
    costs: primitiveCosts.meta({ description: "Primitive costs by dotted name." }),
    "kernel-paths": costs.meta({ description: "Native cycles of the guest kernel's own code, by operation." }),
  })
  .superRefine((document, context) => {
    for (const section of COST_SECTIONS) {
      for (const [key, message] of unitProblems(document.unit, document[section])) {
        context.addIssue({ code: "custom", path: [section, key, "unit"], message });
      }
    }
  })
  .superRefine(({ costs: given }, context) => {
    for (const name of Object.keys(given)) {
      const message = costNameProblem(name);
      if (message !== undefined) context.addIssue({ code: "custom", path: ["costs", name], message });
    }
  })
  .superRefine((document, context) => {
    for (const name of Object.keys(document["kernel-paths"])) {
      if ((KERNEL_PATH_NAMES as readonly string[]).includes(name)) continue;
      const message = `there is no such path of a kernel; ${suggestion(name, KERNEL_PATH_NAMES)}`;
      context.addIssue({ code: "custom", path: ["kernel-paths", name], message });
    }
  })
  .superRefine(({ kernel, "smp-kernel": smp }, context) => {
    if (!smp || kernel === "linux-2.4") return;
    const message = `the locks of ${kernel} are not counted; expected smp-kernel on a machine with linux-2.4`;
    context.addIssue({ code: "custom", path: ["smp-kernel"], message });
  })
  .superRefine(({ base, "base-scale": scale }, context) => {
    if (scale === undefined || base !== undefined) return;
    context.addIssue({ code: "custom", path: ["base-scale"], message: "needs a base, whose costs it scales" });
  })
  .superRefine((document, context) => {
    if (document.base !== undefined) return;
    for (const key of ["disk", "network"] as const) {
      if (document[key] !== undefined) continue;
      context.addIssue({ code: "custom", path: [key], message: "is missing; expected it on a machine without a base" });
    }
  })
  .superRefine(({ kernel, "kernel-build": build, "page-table": pageTable }, context) => {
    if (build === undefined) return;
    const known = KERNEL_BUILDS[build];
    if (kernel === "linux-2.4" && pageTable === known) return;
    const message = `${build} is known as linux-2.4 with page-table ${known} only, not as ${kernel} with ${pageTable}`;
    context.addIssue({ code: "custom", path: ["kernel-build"], message });
  })
  .superRefine((document, context) => {
    for (const key of ["tlb", "instruction-tlb"] as const) {
      const tlb = document[key];
      if (tlb === undefined) continue;
      if (tlb.entries <= MAX_TLB_ENTRIES && isPowerOfTwo(tlb.entries / tlb.ways)) continue;
      const expected = `expected at most ${MAX_TLB_ENTRIES} entries in a power of two of sets`;
      const message = `${tlb.entries} entries cannot be divided into ${tlb.ways} ways; ${expected}`;
      context.addIssue({ code: "custom", path: [key, "ways"], message });
    }
  })
  .superRefine(({ "network-interrupts": interrupts, "interrupt-throttle": throttle }, context) => {
    for (const key of ["packets", "held", "polled"] as const) {
      if (interrupts?.[key] === undefined || throttle === undefined) continue;
      const message =
        "has no effect with an interrupt-throttle, which says when there are interrupts; expected one of both";
      context.addIssue({ code: "custom", path: ["network-interrupts", key], message });
    }
    if (interrupts?.held === undefined || interrupts.packets !== undefined) return;
    const message = "has no effect without packets, of which the first is held back; expected both";
    context.addIssue({ code: "custom", path: ["network-interrupts", "held"], message });
  })
  .superRefine(({ disk }, context) => {
    const stroke = disk?.["full-stroke"];
    if (disk === undefined || stroke === undefined) return;
    if (stroke.positioning >= disk.positioning && stroke.positioning <= 3 * disk.positioning) return;
    const message = `${durationText(stroke.positioning)} where the mean is ${durationText(disk.positioning)}; expected the mean or more, and no more than three times as much`;
    context.addIssue({ code: "custom", path: ["disk", "full-stroke", "positioning"], message });
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

/** A machine with what it takes over from its base. */
export interface MachineDescription extends MachineDocument {
  readonly disk: NonNullable<MachineDocument["disk"]>;
  readonly network: NonNullable<MachineDocument["network"]>;
}

/** A cost that is a native figure, not yet settled, is left out. */
export function toMachineProfile(document: MachineDescription): MachineProfile {
  const { cpu, tlb, cache, disk, network, "page-walk-cache": pageWalkCache, "nested-tlb": nestedTlb } = document;
  const { "network-interrupts": interrupts, "instruction-tlb": instructionTlb, "kernel-build": kernelBuild } = document;
  const throttle = document["interrupt-throttle"];
  return {
    name: document.name,
    title: document.title,
    unit: document.unit,
    kernel: document.kernel,
    ...(kernelBuild && { kernelBuild }),
    ...(document["smp-kernel"] && { smpKernel: true }),
    megahertz: cpu.frequency,
    cores: cpu.cores,
    pageTable: document["page-table"],
    tlb: { entries: tlb.entries, ways: tlb.ways },
    ...(instructionTlb && { instructionTlb: { entries: instructionTlb.entries, ways: instructionTlb.ways } }),
    ...(cache && { cache: { bytes: cache.size, ways: cache.ways, lineBytes: cache.line } }),
    ...(pageWalkCache === undefined ? {} : { pageWalkCache: { entries: pageWalkCache.entries } }),
    ...(nestedTlb === undefined ? {} : { nestedTlb: { entries: nestedTlb.entries } }),
    disk: diskProfile(disk),
    network: {
      megabitsPerSecond: network.rate / MEGA,
      interfaces: network.interfaces,
      packetsPerInterrupt: interrupts?.packets ?? 1,
      ...(interrupts?.held === undefined ? {} : { heldUs: interrupts.held }),
      ...(interrupts?.polled === true && { polled: true }),
      delayUs: interrupts?.delay ?? 0,
      ...(throttle && { throttle: { intervalUs: throttle.interval, sentDelayUs: throttle["sent-delay"] } }),
    },
    costs: costsOf(document.costs, cpu.frequency),
    kernelPaths: costsOf(document["kernel-paths"], cpu.frequency),
  };
}

function diskProfile(description: MachineDescription["disk"]): DiskProfile {
  const { positioning, rate, "full-stroke": stroke, "write-cache": cache } = description;
  const disk = {
    positioningUs: positioning,
    megabytesPerSecond: rate / BITS_PER_MEGABYTE,
    ...(stroke && { stroke: { positioningUs: stroke.positioning, pages: Math.floor(stroke.size / PAGE_BYTES) } }),
  };
  if (cache === undefined) return disk;
  const pages = Math.floor(cache.size / PAGE_BYTES);
  return {
    ...disk,
    writeCache: { pages, commandUs: cache.command, megabytesPerSecond: cache.rate / BITS_PER_MEGABYTE },
  };
}
