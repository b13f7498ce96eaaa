/** User-Mode Linux: what the guest kernel has the host map, and how often it has to ask. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ALL_PAGES, GUEST_FAULT } from "../../src/guest/virtual-hardware.ts";
import { GuestKernel } from "../../src/guest/kernel.ts";
import { kernelPaths } from "../../src/guest/kernel-paths.ts";
import { KERNEL_VERSIONS } from "../../src/guest/kernel-version.ts";
import { FaultAddress } from "../../src/machine/fault-address.ts";
import { Meter } from "../../src/machine/meter.ts";
import { entryOf, frameOf, PAGE_TABLE_FORMATS, Pte } from "../../src/machine/page-tables.ts";
import { Tlb } from "../../src/machine/tlb.ts";
import { buildMachine } from "../../src/sim/monitor-machine.ts";
import { HostMappings } from "../../src/vmm/mmu/host-mappings.ts";
import { uml } from "../../src/vmm/uml.ts";
import { FREE_ENTRY, SMALL_GUEST, XEON } from "./machines.ts";

const FRAMES = 1024;
const [ROOT, OTHER] = [0, 1];
const TABLES = [2, 3];
const UPPER = Pte.Present | Pte.Writable | Pte.User;
const WRITTEN = UPPER | Pte.Accessed | Pte.Dirty;
/** Page tables below 3 GiB. */
const USER_TABLES = 768;
const ENTRIES = 1024;
const machineOf = (frame: number): number => FRAMES - 1 - frame;

/** Two address spaces of two tables in all: the first root's are at its entries 0 and 1. */
function mappings(): { mmu: HostMappings; meter: Meter; tlb: Tlb } {
  const [meter, tlb] = [new Meter(), new Tlb(16, 16)];
  const mmu = new HostMappings({
    profile: XEON,
    meter,
    tlb,
    faultAddress: new FaultAddress(),
    pageTableFormat: PAGE_TABLE_FORMATS.ia32,
    machineFrames: Uint32Array.from({ length: FRAMES }, (_, frame) => machineOf(frame)),
    vmmEntry: FREE_ENTRY,
  });
  for (const root of [ROOT, OTHER]) mmu.useAsTable(root, 1);
  TABLES.forEach((table, i) => {
    mmu.useAsTable(table, 0);
    mmu.writeEntry(ROOT, i, entryOf(table, UPPER));
  });
  mmu.switchRoot(ROOT);
  return { mmu, meter, tlb };
}

function eventsOf(meter: Meter): (name: string) => number {
  const before = meter.ledger.eventsByCause();
  return (name) => (meter.ledger.eventsByCause()[name] ?? 0) - (before[name] ?? 0);
}

describe("a walk of the page tables", () => {
  it("asks twice for an entry that was made, once for one that was cleared, and never again", () => {
    const { mmu, meter } = mappings();
    mmu.writeEntry(TABLES[0], 3, entryOf(8, WRITTEN));
    mmu.writeEntry(TABLES[0], 4, 0);
    const events = eventsOf(meter);
    mmu.invalidate(ALL_PAGES);
    expect([events("event.uml_unmap"), events("event.uml_map")]).toEqual([2, 1]);
    mmu.invalidate(ALL_PAGES);
    expect(events("vmm.mapping.request")).toBe(3);
  });

  it("asks once for a table that has gone, whatever it held", () => {
    const { mmu, meter } = mappings();
    for (let index = 0; index < 10; index++) mmu.writeEntry(TABLES[0], index, entryOf(8, WRITTEN));
    mmu.invalidate(ALL_PAGES);
    mmu.writeEntry(ROOT, 0, 0);
    const events = eventsOf(meter);
    mmu.invalidate(ALL_PAGES);
    expect([events("event.uml_unmap"), events("event.uml_map")]).toEqual([1, 0]);
    expect(mmu.access(0, false)).toBe(GUEST_FAULT);
  });

  it("of a new process unmaps every entry of every table, and every table that is not there", () => {
    const { mmu, meter } = mappings();
    for (const index of [0, 7, 1023]) mmu.writeEntry(TABLES[1], index, entryOf(8, WRITTEN));
    const events = eventsOf(meter);
    mmu.activate(ROOT);
    expect(events("event.uml_unmap")).toBe(2 * ENTRIES + USER_TABLES - 2);
    expect(events("event.uml_map")).toBe(3);
    mmu.activate(OTHER);
    expect(events("event.uml_unmap")).toBe(2 * ENTRIES + USER_TABLES - 2 + USER_TABLES);
  });
});

describe("a page that is mapped", () => {
  it("costs a fault of the host at the first access, which the guest does not see", () => {
    const { mmu, meter } = mappings();
    mmu.writeEntry(TABLES[0], 5, entryOf(8, WRITTEN));
    mmu.invalidate(5);
    const events = eventsOf(meter);
    for (let time = 0; time < 3; time++) expect(mmu.access(5, true)).toBe(machineOf(8));
    expect(events("vmm.mapping.fault")).toBe(1);
    expect(events("vmm.mapping.table")).toBe(1);
  });

  it("may be written only when the guest knows that it has been, which takes a fault of the guest", () => {
    const { mmu } = mappings();
    mmu.writeEntry(TABLES[0], 5, entryOf(8, UPPER | Pte.Accessed));
    mmu.invalidate(5);
    expect(mmu.access(5, false)).toBe(machineOf(8));
    expect(mmu.access(5, true)).toBe(GUEST_FAULT);
    mmu.commit();
    expect(mmu.readEntry(TABLES[0], 5) & Pte.Dirty).toBe(Pte.Dirty);
    expect(mmu.access(5, true)).toBe(machineOf(8));
  });

  it("is marked written by a fault that allows it, and not by one that is refused", () => {
    const dirtied = [true, false].map((allowed) => {
      const { mmu } = mappings();
      mmu.writeEntry(TABLES[0], 5, entryOf(8, Pte.Present | Pte.User | Pte.Accessed));
      mmu.invalidate(5);
      expect(mmu.access(5, true)).toBe(GUEST_FAULT);
      mmu.raiseFault(allowed);
      mmu.commit();
      // mprotect, before anybody has tried again
      mmu.writeEntry(TABLES[0], 5, entryOf(8, UPPER | Pte.Accessed));
      mmu.invalidate(5);
      mmu.commit();
      return (mmu.readEntry(TABLES[0], 5) & Pte.Dirty) !== 0;
    });
    expect(dirtied).toEqual([true, false]);
  });

  it("of another address space is unmapped with it: it may have been swapped out of both", () => {
    const { mmu } = mappings();
    mmu.writeEntry(TABLES[0], 5, entryOf(8, WRITTEN));
    mmu.invalidate(5);
    mmu.writeEntry(TABLES[0], 5, entryOf(3, Pte.Swapped));
    mmu.switchRoot(OTHER);
    mmu.invalidate(5);
    mmu.switchRoot(ROOT);
    expect(mmu.access(5, false)).toBe(GUEST_FAULT);
  });
});

const index = fc.nat({ max: 3 });
const step = fc.oneof(
  fc.record({
    table: fc.constantFrom(...TABLES),
    index,
    entry: fc.tuple(fc.integer({ min: 8, max: 24 }), fc.nat({ max: 63 })).map(([frame, bits]) => entryOf(frame, bits)),
  }),
  fc.record({ page: fc.tuple(fc.nat({ max: 1 }), index).map(([top, low]) => (top << 10) | low), write: fc.boolean() }),
  fc.record({ gone: fc.nat({ max: 1 }) }),
);

it("allows after a walk what the guest's tables allow, and no more", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 10, maxLength: 60, size: "max" }), (steps) => {
      const { mmu } = mappings();
      for (const each of steps) {
        if ("entry" in each) mmu.writeEntry(each.table, each.index, each.entry);
        else if ("gone" in each) {
          const entry = mmu.readEntry(ROOT, each.gone);
          mmu.writeEntry(ROOT, each.gone, entry === 0 ? entryOf(TABLES[each.gone], UPPER) : 0);
          // A table that comes back is a new one: empty.
          if (entry !== 0) for (let low = 0; low < 4; low++) mmu.writeEntry(TABLES[each.gone], low, 0);
        } else {
          mmu.invalidate(ALL_PAGES);
          const above = mmu.readEntry(ROOT, each.page >>> 10);
          const entry = above === 0 ? 0 : mmu.readEntry(frameOf(above), each.page & 1023);
          const wanted = each.write ? Pte.Present | Pte.Writable | Pte.Accessed | Pte.Dirty : Pte.Present;
          const allowed = (entry & wanted) === wanted;
          expect(mmu.access(each.page, each.write)).toBe(allowed ? machineOf(frameOf(entry)) : GUEST_FAULT);
        }
      }
    }),
    { numRuns: 300 },
  );
});

function boot() {
  const meter = new Meter();
  const machine = buildMachine(uml, XEON, SMALL_GUEST.memoryPages, meter);
  return { kernel: new GuestKernel(machine, XEON, SMALL_GUEST), machine, meter };
}

describe("the guest kernel", () => {
  it("has the traced process stop twice for a system call, and asks nine times for its registers", () => {
    const { kernel, meter } = boot();
    const events = eventsOf(meter);
    kernel.entries.emptyCalls(1);
    expect(events("vmm.tracing.stop")).toBe(2);
    expect(events("vmm.tracing.switch")).toBe(4);
    expect(events("vmm.tracing.ptrace")).toBe(9);
  });

  it("has it stop once for a page fault, and maps one page", () => {
    const { kernel, meter } = boot();
    const events = eventsOf(meter);
    kernel.touch(SMALL_GUEST.residentAnonymousPages, true, 0);
    expect(events("vmm.tracing.stop")).toBe(1);
    expect(events("vmm.tracing.ptrace")).toBe(7);
    expect([events("event.uml_unmap"), events("event.uml_map")]).toEqual([1, 1]);
  });

  it("unmaps for a fork what the tables of the child hold, and all they do not", () => {
    const { kernel, machine, meter } = boot();
    const made: { frame: number; level: number }[] = [];
    const useAsTable = machine.mmu.useAsTable.bind(machine.mmu);
    machine.mmu.useAsTable = (frame, level, root) => {
      made.push({ frame, level });
      useAsTable(frame, level, root);
    };
    let forced = 0;
    const activate = machine.mmu.activate.bind(machine.mmu);
    machine.mmu.activate = (root) => {
      const before = meter.ledger.eventsByCause()["event.uml_unmap"] ?? 0;
      activate(root);
      forced = (meter.ledger.eventsByCause()["event.uml_unmap"] ?? 0) - before;
    };
    kernel.fork();
    const tables = made.filter(({ level }) => level === 0).length;
    expect(tables).toBeGreaterThan(1);
    expect(KERNEL_VERSIONS["linux-2.4"].layout.userEnd).toBe(USER_TABLES * ENTRIES);
    expect(forced).toBe(tables * ENTRIES + USER_TABLES - tables);
  });

  it("sends a request for 16 pages through the pipe in 16 parts, and is signalled for each of them", () => {
    const { machine, meter } = boot();
    const events = eventsOf(meter);
    machine.diskPath.submit(16 * 4096, false);
    machine.diskPath.interrupt(meter.now, 1, 16 * 4096, false);
    expect(events("io.ubd.file")).toBe(16);
    expect(events("io.ubd.pipe")).toBe(2 * 16);
    expect(events("io.ubd.switch")).toBe(2 * 16);
    // The last signal is the guest's interrupt itself; two polls for each.
    expect(events("io.ubd.signal")).toBe(15);
    expect(events("io.ubd.poll")).toBe(2 * 16);
    expect(events("io.ubd.host-request")).toBe(2);
  });

  it("interrupts the guest for a page of a request as for a request of a page", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 64 }), (pages) => {
        const { kernel: together, ...events } = transfer(1, pages);
        const { kernel: apart, ...eventsApart } = transfer(pages, 1);
        expect(events).toEqual(eventsApart);
        // Let one through again; behind the handler 7; to put the file back 4. It asks whether that is a terminal.
        expect(events).toEqual({ signals: pages, polls: 2 * pages, masks: (1 + 7 + 4) * pages, calls: pages });
        // Its driver begins and ends each request.
        expect(apart - together).toBe(2 * (pages - 1) * kernelPaths(XEON)["disk-driver"].cycles);
      }),
      { numRuns: 10 },
    );
  });

  it("has as many pages signalled as there are, of requests that are done together", () => {
    const { machine, meter } = boot();
    const events = eventsOf(meter);
    machine.diskPath.interrupt(meter.now, 2, 3 * 4096, false);
    expect(events("io.ubd.pipe")).toBe(3);
    expect(events("io.ubd.host-request")).toBe(2);
  });

  it("is interrupted by the hardware once for a packet, and once for a disk request: a signal is no such interrupt", () => {
    const cost = "hardware.interrupt";
    const [usual, dearer] = [0, 1000].map((more) => {
      const profile = { ...XEON, costs: { ...XEON.costs, [cost]: XEON.costs[cost] + more } };
      const meter = new Meter();
      const machine = buildMachine(uml, profile, SMALL_GUEST.memoryPages, meter);
      const kernel = new GuestKernel(machine, profile, SMALL_GUEST);
      kernel.network.receive(1000);
      kernel.blocks.withoutDevice(1, false);
      const cycles = Object.entries(meter.ledger.cyclesByCause()).filter(([name]) => !name.startsWith("wait"));
      return cycles.reduce((sum, [, some]) => sum + some, 0);
    });
    expect(dearer - usual).toBe(2 * 1000);
  });
});

/** What the guest is charged for requests of so many pages each, one after the other. */
function transfer(requests: number, pages: number) {
  const { machine, meter } = boot();
  const before = meter.ledger.eventsByCause();
  const cyclesBefore = meter.ledger.cyclesByCause()["guest.kernel"] ?? 0;
  for (let request = 0; request < requests; request++) {
    machine.diskPath.submit(pages * 4096, false);
    machine.diskPath.interrupt(meter.now, 1, pages * 4096, false);
    machine.cpu.enterKernel("interrupt");
    machine.cpu.runKernel(kernelPaths(XEON).interrupt, 1);
    machine.diskPath.complete(pages * 4096, false);
    machine.cpu.leaveKernel("interrupt");
  }
  const after = meter.ledger.eventsByCause();
  const events = (name: string): number => (after[name] ?? 0) - (before[name] ?? 0);
  return {
    signals: events("io.ubd.signal") + events("vmm.tracing.signal"),
    polls: events("io.ubd.poll"),
    masks: events("vmm.tracing.signal-mask"),
    calls: events("vmm.tracing.host-call"),
    kernel: (meter.ledger.cyclesByCause()["guest.kernel"] ?? 0) - cyclesBefore,
  };
}
