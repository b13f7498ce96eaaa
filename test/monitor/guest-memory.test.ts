/** One contract for every VMM: whatever it does with page tables, the guest must not be able to tell. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { frameOf, Pte } from "../../src/machine/page-tables.ts";
import { machineFrames } from "../../src/sim/monitor-machine.ts";
import type { Vmm } from "../../src/vmm/contract.ts";
import { esx } from "../../src/vmm/esx.ts";
import { kvmShadow } from "../../src/vmm/kvm-shadow.ts";
import { DirectPaging, directPaging } from "../../src/vmm/mmu/direct-paging.ts";
import { MulticallPaging } from "../../src/vmm/mmu/multicall-paging.ts";
import { nestedPaging } from "../../src/vmm/mmu/nested-paging.ts";
import { ShadowPaging, shadowPaging } from "../../src/vmm/mmu/shadow-paging.ts";
import { UnsyncShadowPaging } from "../../src/vmm/mmu/unsync-shadow-paging.ts";
import { native } from "../../src/vmm/native.ts";
import { xenPv } from "../../src/vmm/xen-pv.ts";
import { CACHED_64, LINUX_6_1, nested, SMALL_GUEST, VMMS, XEON, XEON_64 } from "./machines.ts";
import { checkReferences } from "./reference-counts.ts";
import { RememberingGuest } from "./remembering-guest.ts";
import type { GuestAction } from "./remembering-guest.ts";

const VARIANTS: readonly Vmm[] = [
  ...VMMS,
  { ...esx, name: "esx with 5 shadow tables", mmu: shadowPaging({ shadowTables: 5 }) },
  { ...xenPv, name: "xen-pv that queues 3 updates", mmu: directPaging({ queueLength: 3 }) },
  { ...xenPv, name: "xen-pv with writable page tables", mmu: directPaging({ writablePageTables: true }) },
  { ...xenPv, name: "xen-pv on shadow paging", mmu: shadowPaging() },
  { ...nested, name: "nested with large pages", mmu: nestedPaging({ largePages: true }) },
  { ...nested, name: "nested, mapped on first use", mmu: nestedPaging({ populated: false }) },
];

/** So small that forks push pages to swap: 128 kernel pages, 2 x (24 + 32) private pages, page tables, and little else. */
const TIGHT_GUEST_64 = { ...SMALL_GUEST, memoryPages: 300, residentFilePages: 4 };
const TIGHT_GUEST = { ...SMALL_GUEST, memoryPages: 262, residentFilePages: 4 };

// Pages of three areas of 1024, so that several page tables are involved.
const page = fc.integer({ min: 0, max: 39 }).map((n) => (n % 3) * 1024 + n);
const pages = fc.integer({ min: 1, max: 12 });
const action: fc.Arbitrary<GuestAction> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("write" as const), page }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("read" as const), page }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom("fork" as const, "exit" as const, "exit" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("exec" as const, "switch" as const, "file" as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom("map" as const, "unmap" as const, "protect" as const, "unprotect" as const),
      page,
      pages,
    }),
  },
);

const actionLists = fc.array(action, { minLength: 40, maxLength: 120, size: "max" });

describe.each(VARIANTS.map((vmm) => ({ name: vmm.name, vmm })))("on $name", ({ vmm }) => {
  it.each([
    { shape: SMALL_GUEST, machine: XEON, title: "with enough memory" },
    { shape: TIGHT_GUEST, machine: XEON, title: "when it has to swap" },
    {
      shape: SMALL_GUEST,
      machine: { ...XEON, pageTable: "ia32-pae" as const },
      title: "with physical address extension",
    },
    { shape: SMALL_GUEST, machine: XEON_64, title: "with four levels of page tables" },
    { shape: SMALL_GUEST, machine: CACHED_64, title: "with page-walk caches" },
  ])("a guest reads what it last wrote, $title", ({ shape, machine }) => {
    fc.assert(
      fc.property(actionLists, (actions) => {
        const guest = new RememberingGuest(vmm, machine, shape);
        actions.forEach((each, step) => {
          expect(guest.perform(each)).toBeUndefined();
          if (step % 10 === 9) checkTables(guest, shape.memoryPages);
        });
        checkTables(guest, shape.memoryPages);
      }),
      { numRuns: 20 },
    );
  });
});

describe.each([
  { vmm: native, shape: SMALL_GUEST, title: "with enough memory" },
  { vmm: native, shape: TIGHT_GUEST_64, title: "when it has to swap" },
  { vmm: xenPv, shape: SMALL_GUEST, title: "with enough memory" },
  { vmm: xenPv, shape: TIGHT_GUEST_64, title: "when it has to swap" },
  { vmm: kvmShadow, shape: SMALL_GUEST, title: "with enough memory" },
  { vmm: kvmShadow, shape: TIGHT_GUEST_64, title: "when it has to swap" },
])("Linux 6.1 on $vmm.name, $title", ({ vmm, shape }) => {
  it("reads what it last wrote", () => {
    fc.assert(
      fc.property(actionLists, (actions) => {
        const guest = new RememberingGuest(vmm, LINUX_6_1, shape);
        actions.forEach((each, step) => {
          expect(guest.perform(each)).toBeUndefined();
          if (step % 10 === 9) checkTables(guest, shape.memoryPages);
        });
        checkTables(guest, shape.memoryPages);
      }),
      { numRuns: 20 },
    );
  });
});

it("swaps in most runs of that test", () => {
  const runs = fc.sample(actionLists, { numRuns: 20, seed: 1 });
  const swapped = runs.filter((actions) => {
    const guest = new RememberingGuest(esx, XEON, TIGHT_GUEST);
    for (const each of actions) guest.perform(each);
    return guest.hasSwapped;
  });
  expect(swapped.length).toBeGreaterThan(10);
});

function checkTables({ machine }: RememberingGuest, guestPages: number): void {
  if (machine.mmu instanceof ShadowPaging) checkShadows(machine.mmu, guestPages);
  if (machine.mmu instanceof DirectPaging) checkReferences(machine.mmu, guestPages);
  if (machine.mmu instanceof MulticallPaging) checkReferences(machine.mmu, guestPages);
  if (machine.mmu instanceof UnsyncShadowPaging) checkSyncedShadows(machine.mmu, guestPages);
}

/** No shadow allows what the guest's own table doesn't, nor leads anywhere else. */
function checkShadows({ guest, shadows }: ShadowPaging, guestPages: number): void {
  const behind = machineFrames(guestPages);
  for (let table = 0; table < guestPages; table++) {
    const shadow = shadows.find(table);
    if (shadow === -1) continue;
    for (let index = 0; index < guest.entriesPerTable; index++) {
      const entry = shadows.memory.read(shadow, index);
      if ((entry & Pte.Present) === 0) continue;
      const original = guest.read(table, index);
      const target = frameOf(original);
      const ok =
        (original & Pte.Present) !== 0 && (frameOf(entry) === behind[target] || isTableLink(shadows, entry, target));
      const mayWrite =
        (entry & Pte.Writable) === 0 || isTableLink(shadows, entry, target) || isDirtyAndWritable(original);
      if (!ok || !mayWrite) throw new Error(`shadow of table ${table}, entry ${index}: ${entry} for ${original}`);
    }
  }
}

/** A shadow that is in step, of a table that is in use, leads where the guest's entry does, and allows no more. */
function checkSyncedShadows({ guest, shadows }: UnsyncShadowPaging, guestPages: number): void {
  const behind = machineFrames(guestPages);
  for (let table = 0; table < guestPages; table++) {
    const shadow = shadows.find(table, 0);
    if (shadow === -1 || shadows.isUnsync[shadow] === 1 || !guest.isTable(table)) continue;
    for (let index = 0; index < guest.entriesPerTable; index++) {
      const entry = shadows.memory.read(shadow, index);
      if ((entry & Pte.Present) === 0) continue;
      const original = guest.read(table, index);
      const leads = (original & Pte.Present) !== 0 && frameOf(entry) === behind[frameOf(original)];
      const mayWrite = (entry & Pte.Writable) === 0 || isDirtyAndWritable(original);
      if (!leads || !mayWrite) throw new Error(`shadow of table ${table}, entry ${index}: ${entry} for ${original}`);
    }
  }
}

function isTableLink(shadows: ShadowPaging["shadows"], entry: number, target: number): boolean {
  return shadows.find(target) !== -1 && shadows.find(target) === frameOf(entry);
}

function isDirtyAndWritable(entry: number): boolean {
  return (entry & Pte.Writable) !== 0 && (entry & Pte.Dirty) !== 0;
}
