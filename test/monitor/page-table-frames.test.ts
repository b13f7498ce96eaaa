/** Where the guest kernel's page tables come from and go to, and what a VMM that traces them gets to see of it. */
import { expect, it } from "vitest";
import { frameOf, Pte } from "../../src/machine/page-tables.ts";
import type { MachineProfile } from "../../src/machine/profile.ts";
import { Meter } from "../../src/machine/meter.ts";
import { GuestKernel } from "../../src/guest/kernel.ts";
import { PROGRAM_PRIVATE_PAGES, PROGRAM_TEXT_PAGES } from "../../src/guest/program-image.ts";
import { ALL_PAGES, type Mmu, NOT_A_TABLE } from "../../src/guest/virtual-hardware.ts";
import { buildMachine } from "../../src/sim/monitor-machine.ts";
import type { Vmm } from "../../src/vmm/contract.ts";
import { esx } from "../../src/vmm/esx.ts";
import { native } from "../../src/vmm/native.ts";
import { LINUX_6_1, PENTIUM_4, SMALL_GUEST, VMMS, XEON, XEON_64 } from "./machines.ts";

/** Pages below one page table of IA-32. */
const TABLE = 1024;

interface Watched {
  readonly kernel: GuestKernel;
  readonly mmu: Mmu;
  readonly meter: Meter;
  /** Frames that became page tables, and that ceased to be. */
  readonly made: number[];
  readonly ended: number[];
  /** For each write of an entry: its table. */
  readonly written: number[];
  /** Entries that became present without having been accessed. */
  readonly unaccessed: number[];
}

function watch(vmm: Vmm, profile: MachineProfile, shape: Partial<typeof SMALL_GUEST> = {}): Watched {
  const guest = { ...SMALL_GUEST, ...shape };
  const meter = new Meter();
  const machine = buildMachine(vmm, profile, guest.memoryPages, meter);
  const kernel = new GuestKernel(machine, profile, guest);
  const watched: Watched = { kernel, mmu: machine.mmu, meter, made: [], ended: [], written: [], unaccessed: [] };
  const { mmu } = machine;
  const [useAsTable, writeEntry] = [mmu.useAsTable.bind(mmu), mmu.writeEntry.bind(mmu)];
  mmu.useAsTable = (frame, level, root) => {
    (level === NOT_A_TABLE ? watched.ended : watched.made).push(frame);
    useAsTable(frame, level, root);
  };
  mmu.writeEntry = (table, index, entry, change) => {
    watched.written.push(table);
    if ((entry & Pte.Present) !== 0 && (entry & Pte.Accessed) === 0) watched.unaccessed.push(frameOf(entry));
    writeEntry(table, index, entry, change);
  };
  return watched;
}

function forkAndExit({ kernel }: Pick<Watched, "kernel">, times: number): void {
  for (let time = 0; time < times; time++) {
    kernel.fork();
    kernel.exit();
  }
}

it("stores to pages that it copies to, not to those that a device fills", () => {
  const { kernel, mmu } = watch(esx, PENTIUM_4, { residentFilePages: 0 });
  const stores: number[] = [];
  const reuse = mmu.reuse.bind(mmu);
  mmu.reuse = (frame, instructions) => {
    stores.push(instructions);
    reuse(frame, instructions);
  };
  kernel.files.read(0, 40);
  kernel.files.write(100, 3);
  expect(stores).toEqual([...Array.from({ length: 40 }, () => 0), 512, 512, 512]);
});

it("runs a program without a page of code, and lets it fork", () => {
  const { kernel } = watch(native, XEON);
  kernel.fork();
  kernel.exec(1);
  forkAndExit({ kernel }, 1);
  expect(() => kernel.exit()).not.toThrow();
});

it("makes no tables but the root for a further process of Linux 2.4, on every VMM and with every format", () => {
  for (const profile of [XEON, XEON_64]) {
    for (const vmm of VMMS) {
      const watched = watch(vmm, profile);
      forkAndExit(watched, 1);
      watched.made.length = 0;
      watched.ended.length = 0;
      forkAndExit(watched, 7);
      expect([vmm.name, watched.made.length, watched.ended.length]).toEqual([vmm.name, 7, 7]);
    }
  }
});

it("makes them all anew for one of Linux 6.1", () => {
  const watched = watch(native, LINUX_6_1);
  forkAndExit(watched, 1);
  const first = watched.made.length;
  expect(first).toBeGreaterThan(4);
  expect(watched.ended.length).toBe(first);
  forkAndExit(watched, 1);
  expect(watched.made.length).toBe(2 * first);
});

it("makes and frees them all for one of Red Hat Enterprise Linux 3, in three places of its second level", () => {
  for (const vmm of [native, esx]) {
    const { kernel, made, ended } = watch(vmm, PENTIUM_4);
    const frames = kernel.frames.kernel;
    kernel.fork();
    // Root and second level; on each of the two below: program, heap in the area of mappings, stack.
    expect([vmm.name, made.length, ended.length]).toEqual([vmm.name, 2 + 3 + 3, 0]);
    kernel.exit();
    expect(new Set(ended)).toEqual(new Set(made));
    expect(ended.length).toBe(made.length);
    expect(kernel.frames.kernel).toBe(frames);
  }
});

it("keeps 50 empty tables, and of more 25", () => {
  const shape = { memoryPages: 8192, anonymousPages: 60 * TABLE };
  const watched = watch(native, XEON, shape);
  const tables = (count: number): void => {
    for (let table = 1; table <= count; table++) {
      watched.kernel.map(table * TABLE, TABLE, false);
      watched.kernel.touch(table * TABLE, true, 0);
    }
    for (let table = 1; table <= count; table++) watched.kernel.unmap(table * TABLE, TABLE);
  };
  tables(50);
  expect([watched.made.length, watched.ended.length]).toEqual([50, 0]);
  tables(50);
  expect([watched.made.length, watched.ended.length]).toEqual([50, 0]);
  const kernelFrames = watched.kernel.frames.kernel;
  tables(51);
  // The 51st table that is given back makes them too many.
  expect([watched.made.length, watched.ended.length]).toEqual([51, 51 - 25]);
  expect(watched.kernel.frames.kernel).toBe(kernelFrames + 1 - (51 - 25));
});

/** What the end of a process with so many mappings of its own does, in order: entries cleared, and the TLB flushed. */
function endOf(mappings: number): string[] {
  const { kernel, mmu } = watch(native, XEON, { anonymousPages: 8 * TABLE });
  kernel.fork();
  for (let table = 1; table <= mappings; table++) kernel.map(table * TABLE, 1, false);
  const acts: string[] = [];
  const [invalidate, writeEntry] = [mmu.invalidate.bind(mmu), mmu.writeEntry.bind(mmu)];
  mmu.invalidate = (page) => {
    if (page === ALL_PAGES) acts.push("flush");
    invalidate(page);
  };
  mmu.writeEntry = (table, index, entry, change) => {
    if (entry === 0) acts.push("clear");
    writeEntry(table, index, entry, change);
  };
  kernel.exit();
  return acts;
}

function flushesIn(acts: readonly string[]): number {
  return acts.filter((act) => act === "flush").length;
}

it("flushes the TLB for each mapping of a process of Linux 2.4 that ends, and once more when its tables are gone", () => {
  const acts = endOf(0);
  expect(acts.lastIndexOf("flush")).toBeGreaterThan(acts.lastIndexOf("clear"));
  // All but the last one before the tables go.
  expect(
    acts.slice(acts.indexOf("flush")).filter((act, i, all) => act === "flush" && all[i + 1] === "clear"),
  ).toHaveLength(1);
  // None of the others was ever visited: that does not matter.
  expect(flushesIn(endOf(5)) - flushesIn(acts)).toBe(5);
});

it("gives a forked child pages that it has not accessed", () => {
  const watched = watch(native, XEON);
  forkAndExit(watched, 1);
  watched.unaccessed.length = 0;
  watched.kernel.fork();
  const pages = PROGRAM_TEXT_PAGES + PROGRAM_PRIVATE_PAGES + SMALL_GUEST.residentAnonymousPages;
  expect(new Set(watched.unaccessed).size).toBe(pages);
});

it("has every entry of a further child traced by a VMM that was not told of the first one's end", () => {
  const watched = watch(esx, XEON, { residentAnonymousPages: 0 });
  const traced = (): number => watched.meter.ledger.eventsByCause()["vmm.shadow.trace"] ?? 0;
  forkAndExit(watched, 2);
  const before = { traced: traced(), written: watched.written.length };
  forkAndExit(watched, 1);
  const root = watched.made.at(-1) as number;
  const entries = watched.written.slice(before.written);
  const upper = entries.filter((table) => table === root);
  // Two tables come and go; the new root has no shadow before it is loaded.
  expect(upper.length).toBe(4);
  expect(entries.length - upper.length).toBeGreaterThan(2 * (PROGRAM_TEXT_PAGES + PROGRAM_PRIVATE_PAGES));
  // And one that is no entry: the frame of the new root had been one before.
  expect(traced() - before.traced).toBe(entries.length - 2 + 1);
});
