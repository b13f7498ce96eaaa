/** The tables through which a kernel gets at its high memory, in every address space. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { GuestKernel } from "../../src/guest/kernel.ts";
import { NOT_A_TABLE } from "../../src/guest/virtual-hardware.ts";
import { FaultAddress } from "../../src/machine/fault-address.ts";
import { Meter } from "../../src/machine/meter.ts";
import { entryOf, PAGE_TABLE_FORMATS, Pte } from "../../src/machine/page-tables.ts";
import type { MachineProfile } from "../../src/machine/profile.ts";
import { Tlb } from "../../src/machine/tlb.ts";
import { DirectPaging } from "../../src/vmm/mmu/direct-paging.ts";
import { native } from "../../src/vmm/native.ts";
import { xenPv } from "../../src/vmm/xen-pv.ts";
import type { GuestShape } from "../../src/workload/compiled-workload.ts";
import { FREE_ENTRY, SMALL_GUEST, XEON } from "./machines.ts";
import { checkReferences } from "./reference-counts.ts";
import { ofLevel, watchTables } from "./watched-tables.ts";

const LINUX_2_6: MachineProfile = { ...XEON, kernelBuild: "linux-2.6" };
const LINUX_2_6_PAE: MachineProfile = { ...LINUX_2_6, pageTable: "ia32-pae" };
/** More than the kernel maps for good on any of them. */
const LARGE_GUEST: GuestShape = { ...SMALL_GUEST, memoryPages: 900 * 256, filePages: 64, residentFilePages: 0 };

/** Forks, and what children and parents do then; every child that is left over exits at the end. */
const LIVES = fc.array(fc.constantFrom("fork", "vfork", "exec", "exit", "switch", "read"), { maxLength: 40 });

function live(kernel: GuestKernel, lives: readonly string[]): void {
  let children = 0;
  for (const step of lives) {
    if (step === "fork") kernel.fork();
    else if (step === "vfork") kernel.vfork();
    else if (step === "exec") kernel.exec(64);
    else if (step === "read") kernel.files.read(0, 8);
    else if (step === "switch" && children === 0) kernel.switchTo(1);
    else if (step === "exit" && children > 0) kernel.exit();
    if (step === "fork" || step === "vfork") children++;
    if (step === "exit" && children > 0) children--;
  }
  for (; children > 0; children--) kernel.exit();
}

describe.each([
  // Pages of tables of 2 MiB: those of windows below 4 GiB, and below 4096 - 168 MiB.
  { vmm: native, isShared: true, second: 511 },
  { vmm: xenPv, isShared: false, second: 427 },
])("with PAE on $vmm.name", ({ vmm, isShared, second }) => {
  it(`every root leads to the window's table, through ${isShared ? "one table" : "a table of its own"}`, () => {
    fc.assert(
      fc.property(LIVES, (lives) => {
        const { kernel, machine, tables } = watchTables(vmm, LINUX_2_6_PAE, LARGE_GUEST);
        live(kernel, lives);
        kernel.fork();
        machine.mmu.commit();
        const roots = ofLevel(tables, 2);
        expect(roots.length).toBe(LARGE_GUEST.processes + 1);
        const middles = roots.map(({ entries }) => entries.get(3));
        expect(new Set(middles).size).toBe(isShared ? 1 : roots.length);
        const lowest = middles.map((middle) => [...(tables.get(middle ?? -1)?.entries ?? [])]);
        expect(new Set(lowest.flat().map(([, table]) => table)).size).toBe(1);
        expect(lowest.map((entries) => entries.map(([index]) => index))).toEqual(roots.map(() => [second]));
        // Nothing leads to what is no table any more, or one of another level.
        for (const { level, entries } of tables.values())
          for (const lower of level > 0 ? entries.values() : []) expect(tables.get(lower)?.level).toBe(level - 1);
        if (machine.mmu instanceof DirectPaging) checkReferences(machine.mmu, LARGE_GUEST.memoryPages);
        kernel.exit();
      }),
      { numRuns: 10 },
    );
  });

  it("gives the frames of all tables back", () => {
    const { kernel } = watchTables(vmm, LINUX_2_6_PAE, LARGE_GUEST);
    const cycle = (): number => {
      kernel.fork();
      kernel.exit();
      return kernel.frames.free.length;
    };
    // Empty tables are kept for the next process: after some, there are no more to keep.
    const settled = Array.from({ length: 60 }, cycle).at(-1);
    expect(Array.from({ length: 60 }, cycle)).toEqual(Array.from({ length: 60 }, () => settled));
  });
});

it.each([native, xenPv])("without PAE on $name, every root itself leads to the window's table", (vmm) => {
  const { kernel, tables } = watchTables(vmm, LINUX_2_6, LARGE_GUEST);
  kernel.fork();
  // Entries of 4 MiB: the last one, and the last below 4096 - 64 MiB.
  const index = vmm === native ? 1023 : 1007;
  const lowest = ofLevel(tables, 1).map(({ entries }) => entries.get(index));
  expect(lowest).toHaveLength(3);
  expect(new Set(lowest).size).toBe(1);
  expect(tables.get(lowest[0] ?? -1)?.level).toBe(0);
});

function hypervisor(): DirectPaging {
  return new DirectPaging(
    { queueLength: 8, writablePageTables: false, kernelSuperpages: false },
    {
      profile: XEON,
      meter: new Meter(),
      tlb: new Tlb(64, 64),
      faultAddress: new FaultAddress(),
      pageTableFormat: PAGE_TABLE_FORMATS["ia32-pae"],
      machineFrames: Uint32Array.from({ length: 64 }, (_, frame) => frame),
      vmmEntry: FREE_ENTRY,
    },
  );
}

describe("the hypervisor, with PAE,", () => {
  const TABLE = Pte.Present | Pte.User | Pte.Accessed;
  const [ROOT, OTHER_ROOT, MIDDLE] = [0, 1, 2];
  const made = (): DirectPaging => {
    const mmu = hypervisor();
    mmu.useAsTable(ROOT, 2);
    mmu.useAsTable(OTHER_ROOT, 2);
    mmu.useAsTable(MIDDLE, 1);
    mmu.writeEntry(ROOT, 3, entryOf(MIDDLE, TABLE));
    mmu.commit();
    return mmu;
  };

  it("lets no two roots lead to a table with its own entries, but to others", () => {
    const mmu = made();
    mmu.useAsTable(3, 1);
    mmu.writeEntry(ROOT, 0, entryOf(3, TABLE));
    mmu.writeEntry(OTHER_ROOT, 0, entryOf(3, TABLE));
    expect(() => mmu.commit()).not.toThrow();
    mmu.writeEntry(OTHER_ROOT, 3, entryOf(MIDDLE, TABLE));
    expect(() => mmu.commit()).toThrow("part of another address space");
  });

  it.each([
    ["the entry is cleared", (mmu: DirectPaging) => mmu.writeEntry(ROOT, 3, 0)],
    ["the root is gone", (mmu: DirectPaging) => mmu.useAsTable(ROOT, NOT_A_TABLE)],
  ])("lets another root have that table when %s", (_, leave) => {
    const mmu = made();
    leave(mmu);
    mmu.writeEntry(OTHER_ROOT, 3, entryOf(MIDDLE, TABLE));
    expect(() => mmu.commit()).not.toThrow();
  });

  it("has no entries in a table that has become one of another gigabyte", () => {
    const mmu = made();
    mmu.useAsTable(3, 0);
    mmu.writeEntry(MIDDLE, 428, entryOf(3, TABLE));
    expect(() => mmu.commit()).toThrow("hypervisor's");
    mmu.writeEntry(ROOT, 3, 0);
    mmu.writeEntry(ROOT, 0, entryOf(MIDDLE, TABLE));
    mmu.writeEntry(MIDDLE, 428, entryOf(3, TABLE));
    expect(() => mmu.commit()).not.toThrow();
  });
});

function walked(profile: MachineProfile): number {
  const { kernel, machine, count } = watchTables(native, profile, SMALL_GUEST);
  kernel.touch(0, true, 0);
  machine.mmu.invalidate(0x10000);
  const before = count("event.page-walk-reference");
  kernel.touch(0, true, 0);
  return count("event.page-walk-reference") - before;
}

it("reads two entries in a walk with PAE, as without: those of a root are in the processor", () => {
  expect([LINUX_2_6, LINUX_2_6_PAE].map(walked)).toEqual([2, 2]);
});
