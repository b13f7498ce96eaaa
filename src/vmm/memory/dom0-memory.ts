/**
 * dom0's own memory. Unless it is given a size (dom0_mem), Xen hands dom0 all memory when the machine boots, and every domain
 * that is built has to get its memory from there (xen-command-line: dom0_mem; xl.conf: autoballoon). A kernel lays out its
 * page descriptors for the memory that it boots with and keeps them when it gives memory up, so that dom0 of a large machine
 * cannot become small (Xen wiki, Tuning Xen for Performance, "dom0 memory").
 */
import { watermarks } from "../../guest/watermarks.ts";
import { PAGE_BYTES, PAGES_PER_MIB } from "../../machine/page.ts";
import type { KernelName } from "../../machine/profile.ts";
import { definePart } from "../contract.ts";
import type { HostContext, MemoryMechanism } from "../host-contract.ts";
import { VmMemory } from "../host-memory/vm-memory.ts";

export interface Dom0MemoryParameters extends Record<string, number | boolean> {
  memMib: number;
  leastMib: number;
  kernelMib: number;
  processesMib: number;
  swapMib: number;
}

/** Bytes of a page descriptor (struct page on x86-64). */
const DESCRIPTOR_BYTES = 64;
/** It is none of the VMs. */
const NO_VM = -1;

class Dom0Memory implements MemoryMechanism {
  readonly name = "dom0-memory";
  readonly kind = "backing";
  readonly periodUs = 0;

  constructor(parameters: Dom0MemoryParameters, { memory, profile }: HostContext) {
    const { memMib, processesMib, swapMib } = parameters;
    const fixed = memMib > 0;
    const ownPages = fixed ? toPages(memMib) : ownOf(parameters, profile.kernel, memory.frames.forVms);
    const pages = fixed ? ownPages : memory.frames.forVms + ownPages;
    memory.frames.addFrames(ownPages);
    memory.driverDomain = {
      vm: new VmMemory(NO_VM, pages, {}, NO_VM),
      kernelPages: kernelOf(parameters, pages),
      processPages: toPages(processesMib),
      swapPages: toPages(swapMib),
      ownPages,
      fixed,
    };
  }

  work(): void {}

  reclaim(): number {
    return 0;
  }
}

function toPages(mib: number): number {
  return Math.ceil(mib * PAGES_PER_MIB);
}

function kernelOf({ kernelMib }: Dom0MemoryParameters, pages: number): number {
  return toPages(kernelMib) + Math.ceil((pages * DESCRIPTOR_BYTES) / PAGE_BYTES);
}

/** What dom0 cannot do without when it boots with this and all memory for VMs: the more there is, the larger is its kernel. */
function ownOf(parameters: Dom0MemoryParameters, kernel: KernelName, forVms: number): number {
  let own = toPages(parameters.leastMib);
  for (;;) {
    const booted = forVms + own;
    const kernelPages = kernelOf(parameters, booted);
    const free = watermarks(kernel, Math.max(0, booted - kernelPages)).high + 1;
    const needed = kernelPages + toPages(parameters.processesMib) + free;
    if (needed <= own) return own;
    own = needed;
  }
}

/** What is wrong with the sizes, or undefined. Of a page with a descriptor, so much is left for what dom0 holds. */
function sizeProblem({ memMib, kernelMib, processesMib }: Dom0MemoryParameters): string | undefined {
  const held = toPages(kernelMib) + toPages(processesMib);
  const least = Math.ceil(held / (1 - DESCRIPTOR_BYTES / PAGE_BYTES) / PAGES_PER_MIB);
  return memMib === 0 || memMib >= least
    ? undefined
    : `memMib: dom0's kernel and processes take ${least} MiB; expected at least that, or 0 for all memory, not ${memMib}`;
}

/** dom0 is simulated page by page: the largest in the field have some ten GiB. */
const MOST_MIB = 65536;
const IDLE_GUEST = "/proc/meminfo of an idle Debian 12 guest, see the workload idle-debian";

export const dom0Memory = definePart<"memory", Dom0MemoryParameters>({
  slot: "memory",
  stage: "backing",
  name: "dom0-memory",
  summary:
    "Holds dom0's memory against the host's: a fixed size, or all that no VM has, which dom0's balloon gives up.",
  requiresPart: "xen-balloon",
  parameters: {
    memMib: {
      summary: "What dom0 boots with (dom0_mem); 0: all of the machine's memory",
      default: 0,
      unit: "MiB",
      min: 0,
      max: MOST_MIB,
      source: "Xen, docs/misc/xen-command-line: without dom0_mem dom0 has all memory",
      grade: "D",
    },
    leastMib: {
      summary:
        "Least that comes on top of the memory for VMs when dom0 has all, unless its kernel and processes need more",
      default: 128,
      unit: "MiB",
      min: 1,
      max: MOST_MIB,
      source: "LIBXL_MIN_DOM0_MEM, tools/libs/light/libxl_internal.h",
      grade: "S",
    },
    kernelMib: {
      summary: "Memory of dom0's kernel and back ends, without the descriptors of its pages; it is never swapped out",
      default: 64,
      unit: "MiB",
      min: 1,
      max: MOST_MIB,
      source: IDLE_GUEST,
    },
    processesMib: {
      summary: "Memory of dom0's processes, which the toolstack uses as a whole when it builds a domain",
      default: 10,
      unit: "MiB",
      min: 0,
      max: MOST_MIB,
      source: `${IDLE_GUEST}; that all of it is used is an assumption`,
      grade: "A",
    },
    swapMib: {
      summary: "dom0's swap device",
      default: 0,
      unit: "MiB",
      min: 0,
      max: MOST_MIB,
      source: "a choice of whoever sets the host up",
    },
  },
  problem: sizeProblem,
  create: (parameters, context) => new Dom0Memory(parameters, context),
});
