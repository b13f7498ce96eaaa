/** Replay of reference traces: held against the slow way, one access a reference, and against published LRU misses. */
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { InputError } from "../../src/core/input-error.ts";
import { loadMachine } from "../../src/experiment/documents/load-machine.ts";
import { readInputFile } from "../../src/experiment/input-files.ts";
import { NOT_A_TABLE } from "../../src/guest/virtual-hardware.ts";
import { kernelVersion } from "../../src/guest/kernel-builds.ts";
import type { MachineProfile } from "../../src/machine/profile.ts";
import { bootForTrace, replayReferences, replayTrace, type TraceReplay } from "../../src/sim/trace-replay.ts";
import type { Part, Vmm } from "../../src/vmm/contract.ts";
import { nestedPaging } from "../../src/vmm/mmu/nested-paging.ts";
import { shadowPaging } from "../../src/vmm/mmu/shadow-paging.ts";
import { esx } from "../../src/vmm/esx.ts";
import { native } from "../../src/vmm/native.ts";
import { VMMS as REGISTERED } from "../../src/vmm/registry.ts";
import { uml } from "../../src/vmm/uml.ts";
import { xenPv } from "../../src/vmm/xen-pv.ts";
import { parseLackey } from "../../src/workload/readers/lackey.ts";
import { ReferenceTraceBuilder } from "../../src/workload/reference-trace.ts";
import type { ReferenceTrace } from "../../src/workload/reference-trace.ts";
import { packAreas } from "../../src/workload/trace-stream.ts";
import { committed, hasCollection, readJson, traces } from "../inputs/data-files.ts";
import type { TracesTruth } from "../inputs/data-files.ts";
import { CACHED_64, LINUX_6_1, nested, XEON } from "./machines.ts";

/** Machines on which every VMM runs: what one of them doesn't give costs what it costs on another, whatever that is. */
const { costs: OTHER_COSTS } = loadMachine("machines/core2-asplos06.yaml").profile;
const complete = (machine: MachineProfile): MachineProfile => ({
  ...machine,
  costs: { ...OTHER_COSTS, ...LINUX_6_1.costs, ...machine.costs },
});
const IA32 = complete(XEON);
const OTHERS = [IA32, complete(CACHED_64), complete(LINUX_6_1)];

/** Those of the package, and what their parts can be set to. */
const VARIANTS: readonly Vmm[] = [
  ...REGISTERED,
  nested,
  { ...esx, name: "esx with 8 shadow tables", mmu: shadowPaging({ shadowTables: 8 }) },
  { ...nested, name: "nested, mapped on first use", mmu: nestedPaging({ populated: false, largePages: true }) },
];

const truth = readJson<TracesTruth>(join(committed, "expected.json"));
const load = (folder: string, file: string): ReferenceTrace =>
  parseLackey(readInputFile(join(folder, file)).bytes, file);

/** The same part, and which frames it has been told are page tables. */
function watched(part: Part<"mmu">): { part: Part<"mmu">; tables: Set<number> } {
  const tables = new Set<number>();
  const { definition, parameters } = part;
  const create: typeof definition.create = (given, context) => {
    const mmu = definition.create(given, context);
    const useAsTable = mmu.useAsTable.bind(mmu);
    mmu.useAsTable = (frame, level, root) => {
      if (level === NOT_A_TABLE) tables.delete(frame);
      else tables.add(frame);
      useAsTable(frame, level, root);
    };
    return mmu;
  };
  return { part: { definition: { ...definition, create }, parameters }, tables };
}

/**
 * Everything that a replay leaves behind: ledger, clock and page tables. With `fork`, in a forked process whose pages are
 * all there and write-protected, so that the TLB holds pages that it does not allow to be written.
 */
function outcome(vmm: Vmm, machine: MachineProfile, trace: ReferenceTrace, fork: boolean, fast: boolean) {
  const { part, tables } = watched(vmm.mmu);
  const pages = packAreas(trace.pageNumbers);
  const boot = bootForTrace({ ...vmm, mmu: part }, machine, pages);
  const { kernel } = boot;
  const { meter, mmu, pageTableFormat } = boot.machine;
  let faults = 0;
  kernel.onFault = () => faults++;
  if (fork) {
    for (const page of pages) kernel.touch(page, true, 0);
    kernel.fork();
  }
  const { anonymousStart } = kernelVersion(machine).layout;
  if (fast) replayReferences(boot, trace, pages, anonymousStart);
  else {
    for (let i = 0; i < trace.length; i++) kernel.touch(pages[trace.page[i]], (trace.kind[i] & 2) !== 0, 0);
  }
  mmu.commit();
  const entries = [...tables].map((table) =>
    Array.from({ length: 1 << pageTableFormat.bitsPerLevel }, (_, index) => mmu.readEntry(table, index)),
  );
  // Each touch is an event of user code here, of no cycles; the fast way has fewer of them, as it should.
  const { "guest.user": _, ...events } = meter.ledger.eventsByCause();
  return { now: meter.now, cycles: meter.ledger.cyclesByCause(), events, faults, entries };
}

const reference = fc.record({
  kind: fc.nat({ max: 3 }),
  // Three areas of 4 MiB, in which some pages differ in their upper bits only; often the page before.
  page: fc.oneof(
    fc.nat({ max: 5 }),
    fc.nat({ max: 30 }).map((n) => (n % 3) * 1024 + (n >> 1)),
  ),
  times: fc.integer({ min: 1, max: 3 }),
  straddles: fc.boolean(),
});

function build(
  references: readonly { kind: number; page: number; times: number; straddles: boolean }[],
): ReferenceTrace {
  const builder = new ReferenceTraceBuilder();
  for (const { kind, page, times, straddles } of references) {
    for (let time = 0; time < times; time++) builder.add(kind, page, straddles && time === 0);
  }
  return builder.finish();
}

describe.each(VARIANTS.map((vmm) => ({ name: vmm.name, vmm })))("a replay on $name", ({ vmm }) => {
  it("leaves ledger and page tables as one access a reference does, on the recorded sort, and gives its events", () => {
    const trace = load(committed, truth.traces.sort.file);
    const slow = outcome(vmm, IA32, trace, false, false);
    expect(outcome(vmm, IA32, trace, false, true)).toEqual(slow);
    const { events, ledger } = replayTrace(vmm, IA32, trace);
    const byName = Object.entries(slow.events).map(([cause, count]) => [cause.replace(/^event\./, ""), count]);
    expect(events).toEqual(Object.fromEntries(byName));
    expect(ledger).toEqual(slow.cycles);
  });

  it("leaves them so on any trace, with a small TLB of any shape, before and after a fork", () => {
    const shape = fc.constantFrom({ entries: 1, ways: 1 }, { entries: 4, ways: 4 }, { entries: 8, ways: 2 });
    fc.assert(
      fc.property(
        fc.array(reference, { minLength: 1, maxLength: 250, size: "max" }),
        shape,
        fc.constantFrom(...OTHERS),
        fc.boolean(),
        (references, tlb, machine, fork) => {
          const trace = build(references);
          const profile = { ...machine, tlb };
          expect(outcome(vmm, profile, trace, fork, true)).toEqual(outcome(vmm, profile, trace, fork, false));
        },
      ),
      { numRuns: 30 },
    );
  });
});

/**
 * A fully associative TLB misses as often as an LRU memory of as many frames. Besides, a page's first reference faults, and
 * misses once more when it is restarted.
 */
function holdsTo(known: TracesTruth, folder: string): void {
  it.each(Object.keys(known.traces))("trace %s", (name) => {
    const { file, lru, distinct_pages: pages, refs } = known.traces[name];
    const trace = load(folder, file);
    const replay = (vmm: Vmm, entries: number): TraceReplay =>
      replayTrace(vmm, { ...XEON, tlb: { entries, ways: entries } }, trace);
    for (const entries of Object.keys(lru).map(Number)) {
      const tlbMisses = lru[entries].misses + pages;
      const walkReferences = 2 * tlbMisses;
      expect(replay(native, entries)).toMatchObject({
        references: refs,
        guestPageFaults: pages,
        tlbMisses,
        walkReferences,
      });
    }
    const tlbMisses = lru[64].misses + pages;
    expect(replay(xenPv, 64)).toMatchObject({ references: refs, guestPageFaults: pages, tlbMisses });
    expect(replay(nested, 64)).toMatchObject({ references: refs, guestPageFaults: pages, tlbMisses, exits: 0 });
    const shadow = replay(esx, 64);
    // Hidden faults, of the pages whose tables have no shadow yet, miss once more.
    expect(shadow.tlbMisses).toBe(tlbMisses + shadow.hiddenFaults);
    expect(shadow).toMatchObject({ references: refs, guestPageFaults: pages });
  });
}

describe("the committed trace misses the TLB as often as is published", () => {
  holdsTo(truth, committed);
});

describe.skipIf(!hasCollection)("all traces miss the TLB as often as is published (needs the full collection)", () => {
  const known = hasCollection ? readJson<TracesTruth>(join(traces, "summary.json")) : { traces: {} };
  holdsTo(known, traces);
});

it("counts what a page costs under each scheme, worked by hand", () => {
  // Two pages of one area, a read and a write of each; the guest makes entries for reads writable and dirty as well.
  const trace = build([0, 1].flatMap((page) => [1, 2].map((kind) => ({ kind, page, times: 1, straddles: false }))));
  const counts = (vmm: Vmm, machine = XEON) => {
    const { tlbMisses, walkReferences, guestPageFaults, hiddenFaults, exits } = replayTrace(vmm, machine, trace);
    return [tlbMisses, walkReferences, guestPageFaults, hiddenFaults, exits];
  };
  // A walk that faults, and the walk of the restart, for each page.
  expect(counts(native)).toEqual([4, 8, 2, 0, 0]);
  // Each fault is forwarded, and each entry is one hypercall, as is the page table of the first (pmd_populate of XenLinux 2.4).
  expect(counts(xenPv)).toEqual([4, 8, 2, 0, 2 + 2 + 1]);
  // Two true faults. The root has a shadow: the entry of the new table is traced. The table has none until the restart, which
  // is hidden; then the second page's entry is traced, too, into the shadow.
  expect(counts(esx)).toEqual([5, 10, 2, 1, 2 + 1 + 1 + 1]);
  // Walks that fault: root, upper entry not present: 2 + 1; then, with a table, 2 * 2 + 2 for the second page; others 8.
  expect(counts(nested)).toEqual([4, 3 + 8 + 6 + 8, 2, 0, 0]);
  // The restart faults once more, in the host, which makes its entry, not dirty: the first write walks again. For each page one
  // stop, seven calls for registers and to go on, two requests, two calls each to save the interrupt flag and to restore it, which a
  // fault does twice (arch/um does not switch interrupts on there, as arch/i386 does).
  expect(counts(uml)).toEqual([4 + 2 + 2, 2 * 8, 2, 2, 2 * (1 + 7 + 2 + 2 * (2 + 2) + 1)]);
});

it("says when the pages of a trace don't fit an address space", () => {
  const builder = new ReferenceTraceBuilder();
  for (let area = 0; area < 800; area++) builder.add(1, area * 1024, false);
  const replay = (): unknown => replayTrace(native, XEON, builder.finish());
  expect(replay).toThrow(InputError);
  expect(replay).toThrow("span 818177 pages; a process has room for 719856");
});
