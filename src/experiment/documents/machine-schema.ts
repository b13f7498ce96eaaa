/** The shape of a machine profile in YAML; what the shape cannot say is checked in `machine-problems.ts`. */
import { z } from "zod";
import { FREQUENCY, SIZE } from "../../core/units.ts";
import { PAGE_BYTES } from "../../machine/page.ts";
import { KERNEL_BUILDS, KERNEL_NAMES, type KernelBuild } from "../../machine/profile.ts";
import { AREA_PAGES } from "../../sim/disk-areas.ts";
import { costs, primitiveCosts } from "./machine-costs.ts";
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

/** The simulated TLB addresses its entries by 16 bits, and its sets by bits of the page number. */
export const MAX_TLB_ENTRIES = 65_536;

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

export const machineShape = z.strictObject({
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
});

export type MachineDocument = z.output<typeof machineShape>;
