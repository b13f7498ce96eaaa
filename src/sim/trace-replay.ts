/**
 * Replays a reference trace on a VMM, reference by reference: the pages belong to one process of a guest with memory enough
 * for all of them, and each is faulted in by its first touch. Only what translating addresses leads to is simulated: TLB,
 * walks, faults, and what the VMM does about them. What the instructions themselves take is no part of a trace.
 */
import { InputError } from "../core/input-error.ts";
import { kernelVersion } from "../guest/kernel-builds.ts";
import { framesWith, pagesInLarge } from "../guest/large-page-pool.ts";
import { GUEST_USER } from "../guest/kernel-paths.ts";
import { mostAnonymousPages } from "../guest/program-image.ts";
import { Meter } from "../machine/meter.ts";
import { PAGE_TABLE_FORMATS } from "../machine/page-tables.ts";
import { NOT_IN_TLB } from "../machine/tlb.ts";
import type { MachineProfile } from "../machine/profile.ts";
import type { Vmm } from "../vmm/contract.ts";
import type { GuestShape } from "../workload/compiled-workload.ts";
import { OperationStreamBuilder } from "../workload/operation-stream.ts";
import { Reference, referenceCount } from "../workload/reference-trace.ts";
import type { ReferenceTrace } from "../workload/reference-trace.ts";
import { packAreas } from "../workload/trace-stream.ts";
import { type Boot, bootOn } from "./monitor.ts";
import { buildMachine } from "./monitor-machine.ts";

/** Kernel text and data of the guest: 12 MiB. */
const KERNEL_PAGES = 3072;
/** Each page of a trace may need three page tables of its own. */
const FRAMES_PER_PAGE = 4;
/** More than the kernel keeps free at any size: three times 255 pages (GuestPages). */
const SPARE_PAGES = 1024;

/** No touch. */
const NONE = -1;

/** Causes of which each event takes the processor from the guest to the VMM. */
const EXITS = [
  "vmm.trap",
  "vmm.hypercall",
  "vmm.exit",
  "vmm.exit.world-switch",
  "vmm.translation.callout",
  // The host's kernel is what the VMM is to User-Mode Linux.
  "vmm.tracing.stop",
  "vmm.tracing.ptrace",
  "vmm.tracing.signal-mask",
  "vmm.tracing.host-call",
  "vmm.mapping.fault",
];
const HIDDEN_FAULTS = ["vmm.shadow.hidden-fault", "vmm.mapping.fault"];

/** What a trace led to on one VMM. */
export interface TraceReplay {
  /** Lines of the trace; one across a page boundary is one reference. */
  readonly references: number;
  /** Walks of the page tables. A reference that faults misses the TLB again when it is restarted; so does a first write. */
  readonly tlbMisses: number;
  /** Page-table entries read in those walks, in all dimensions. */
  readonly walkReferences: number;
  readonly guestPageFaults: number;
  /** Faults that the VMM handled without the guest's knowledge. */
  readonly hiddenFaults: number;
  /** Times the VMM was entered. */
  readonly exits: number;
  /** By name, without those that never occurred: every cause of the ledger, and what is counted without a cost of its own. */
  readonly events: Readonly<Record<string, number>>;
  /** In the unit of the machine profile, by cause, without those that never occurred. */
  readonly ledger: Readonly<Record<string, number>>;
  readonly cyclesPerReference: number;
}

/**
 * `largePages`: the guest maps the process's memory by large pages. Throws an {@link InputError} when the trace's pages don't fit
 * a process, when a guest of this VMM cannot map large pages, or when the profile lacks a cost.
 */
export function replayTrace(vmm: Vmm, profile: MachineProfile, trace: ReferenceTrace, largePages = false): TraceReplay {
  const pages = packAreas(trace.pageNumbers);
  const boot = bootForTrace(vmm, profile, pages, largePages);
  let guestPageFaults = 0;
  boot.kernel.onFault = (begins) => {
    if (begins) guestPageFaults++;
  };
  replayReferences(boot, trace, pages, kernelVersion(profile).layout.anonymousStart);
  const { ledger } = boot.machine.meter;
  // Touches that hit the TLB are not visited: the number of the others is that of nothing.
  ledger.events[GUEST_USER] = 0;
  const events = ledger.eventsByName();
  const sumOf = (names: readonly string[]): number => names.reduce((sum, name) => sum + (events[name] ?? 0), 0);
  const references = referenceCount(trace);
  return {
    references,
    tlbMisses: events["hardware.tlb-miss"] ?? 0,
    walkReferences: events["page-walk-reference"] ?? 0,
    guestPageFaults,
    hiddenFaults: sumOf(HIDDEN_FAULTS),
    exits: sumOf(EXITS),
    events,
    ledger: ledger.cyclesByCause(),
    cyclesPerReference: ledger.total / references,
  };
}

/** A guest whose process has the pages of a trace ({@link packAreas}), none of them in memory yet. */
export function bootForTrace(vmm: Vmm, profile: MachineProfile, pages: Uint32Array, largePages = false): Boot {
  const format = PAGE_TABLE_FORMATS[profile.pageTable];
  const { smallPagesOnly } = vmm.mmu.definition;
  if (largePages && smallPagesOnly !== undefined) throw new InputError(smallPagesOnly);
  const anonymousPages = pages.reduce((highest, page) => Math.max(highest, page + 1), 0);
  const most = mostAnonymousPages(kernelVersion(profile).layout);
  if (anonymousPages > most) {
    throw new InputError(
      `the pages of the trace, by areas of 4 MiB, span ${anonymousPages} pages; a process has room for ${most}`,
    );
  }
  const guest: GuestShape = {
    memoryPages: KERNEL_PAGES + FRAMES_PER_PAGE * pages.length + SPARE_PAGES,
    kernelPages: KERNEL_PAGES,
    processes: 1,
    anonymousPages,
    residentAnonymousPages: 0,
    filePages: 0,
    residentFilePages: 0,
    swapPages: 0,
    threads: 1,
    ...(largePages && { largePages: new Set(pages.map((page) => Math.floor(page / pagesInLarge(format)))).size }),
  };
  const stream = new OperationStreamBuilder().finish();
  // A trace has the program's references alone, and so has what is published of how often it misses the TLB.
  const frames = guest.largePages ? framesWith(guest.memoryPages, guest.largePages, format) : guest.memoryPages;
  const machine = buildMachine(vmm, profile, frames, new Meter(), false);
  return { machine, kernel: bootOn(machine, profile, { name: "trace", guest, stream, durationUs: 0, warmupUs: 0 }) };
}

/**
 * A TLB hit is no event for the guest nor for the VMM: the TLB is asked first, and only what it doesn't allow is visited.
 * After a hit it is not asked about another touch of the same kind either: it would hit what is the most recently used entry.
 */
export function replayReferences(
  { machine, kernel }: Boot,
  trace: ReferenceTrace,
  pages: Uint32Array,
  start: number,
): void {
  const { length, kind, page } = trace;
  const { tlb } = machine;
  let previous = NONE;
  for (let i = 0; i < length; i++) {
    const touch = page[i] * 2 + ((kind[i] & Reference.Store) >>> 1);
    if (touch === previous) continue;
    const visited = pages[page[i]];
    const write = (touch & 1) !== 0;
    previous = touch;
    if (tlb.translate(start + visited, write) !== NOT_IN_TLB) continue;
    kernel.touch(visited, write, 0);
    previous = NONE;
  }
}
