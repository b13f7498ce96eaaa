/** Paravirtualization on x86-64: kernel and user code in one ring, with a root of page tables each. Counts by hand. */
import { describe, expect, it } from "vitest";
import { KernelPages } from "../../src/guest/kernel-pages.ts";
import { kernelPaths } from "../../src/guest/kernel-paths.ts";
import { Meter } from "../../src/machine/meter.ts";
import { entryOf, Pte } from "../../src/machine/page-tables.ts";
import type { MachineProfile } from "../../src/machine/profile.ts";
import { Tlb } from "../../src/machine/tlb.ts";
import type { KernelEntry } from "../../src/guest/virtual-hardware.ts";
import { SYSTEM_CALL, TRAP_HANDLERS } from "../../src/guest/trap-handlers.ts";
import { bareMmu } from "../../src/vmm/mmu/bare.ts";
import { paravirtual } from "../../src/vmm/cpu/paravirtual.ts";
import { FREE_ENTRY, hardwareOf, LINUX_6_1, XEON, XEON_64 } from "./machines.ts";

function rootChanges(profile: MachineProfile, entry: KernelEntry): { count: number; cycles: number } {
  const context = hardwareOf(profile);
  const cpu = paravirtual.definition.create({ timerMs: 0, fastSystemCalls: true }, context);
  cpu.registerTraps?.(TRAP_HANDLERS, SYSTEM_CALL);
  cpu.enterKernel(entry);
  cpu.leaveKernel(entry);
  const { ledger } = context.meter;
  return {
    count: ledger.eventsByCause()["vmm.trap.user-root"] ?? 0,
    cycles: ledger.cyclesByCause()["vmm.trap.user-root"] ?? 0,
  };
}

const PROFILE_64 = { ...XEON_64, costs: { ...XEON_64.costs, "hardware.exception": 1000, "hardware.tlb-flush": 300 } };

/** By page frame. */
const KERNEL = { code: [1, 2, 3], data: [700, 701] };

/** Misses of the kernel's own pages in each of four stays in the kernel, and the TLB after them. */
function kernelMisses(profile: MachineProfile, entry: KernelEntry, global = false): { each: number[]; tlb: Tlb } {
  const tlb = new Tlb(64, 64, new Tlb(64, 64));
  const meter = new Meter();
  const pages = new KernelPages({ "syscall-null": KERNEL }, { largePages: false, global }, tlb, meter, profile);
  const context = { ...hardwareOf(profile, meter), tlb, kernelPages: pages };
  const cpu = paravirtual.definition.create({ timerMs: 0, fastSystemCalls: true }, context);
  cpu.registerTraps?.(TRAP_HANDLERS, SYSTEM_CALL);
  for (const page of USER) tlb.insert(page, entryOf(page, Pte.Present | Pte.User));
  const missed = (): number => meter.ledger.eventsByCause()["hardware.tlb-miss.kernel"] ?? 0;
  const each = [1, 2, 3, 4].map(() => {
    const before = missed();
    cpu.enterKernel(entry);
    // Twice: what it has walked for, it has as long as it stays.
    cpu.runKernel(kernelPaths(profile)["syscall-null"], 2);
    cpu.leaveKernel(entry);
    return missed() - before;
  });
  return { each, tlb };
}

const USER = [5, 6, 7];

describe("a paravirtual kernel of 64 bits", () => {
  it.each(["system-call", "page-fault", "exception"] as const)("changes the root twice for a %s", (entry) => {
    expect(rootChanges(PROFILE_64, entry)).toEqual({ count: 2, cycles: 2 * 300 });
  });

  it("does not for an interrupt, and never where it has a ring of its own", () => {
    expect(rootChanges(PROFILE_64, "interrupt")).toEqual({ count: 0, cycles: 0 });
    const profile = { ...XEON, costs: PROFILE_64.costs };
    for (const entry of ["system-call", "page-fault", "exception"] as const) {
      expect(rootChanges(profile, entry)).toEqual({ count: 0, cycles: 0 });
    }
  });

  it("changes it at no cost in a count of instructions, whose paths have it", () => {
    expect(rootChanges(LINUX_6_1, "system-call")).toEqual({ count: 2, cycles: 0 });
  });
});

it("keeps the translations of user pages over a system call, and nothing that is cached of upper levels", () => {
  const context = hardwareOf({ ...PROFILE_64, pageWalkCache: { entries: 16 } });
  const cpu = paravirtual.definition.create({ timerMs: 0, fastSystemCalls: true }, context);
  cpu.registerTraps?.(TRAP_HANDLERS, SYSTEM_CALL);
  const machineFrames = Uint32Array.from({ length: 64 }, (_, frame) => frame);
  const mmu = bareMmu.definition.create({}, { ...context, machineFrames, vmmEntry: FREE_ENTRY });
  const flags = Pte.Present | Pte.Writable | Pte.User;
  [3, 2, 1, 0].forEach((level, frame) => mmu.useAsTable(frame, level, 0));
  for (let upper = 0; upper < 3; upper++) mmu.writeEntry(upper, 0, entryOf(upper + 1, flags), "set");
  for (const page of [1, 2, 3]) mmu.writeEntry(3, page, entryOf(10 + page, flags), "set");
  mmu.switchRoot(0);
  let before = 0;
  const references = (page: number): number => {
    mmu.access(page, false);
    const all = context.meter.ledger.eventsByCause()["event.page-walk-reference"];
    const made = all - before;
    before = all;
    return made;
  };
  // Four levels at first; then the cache knows the lowest table.
  expect([references(1), references(2)]).toEqual([4, 1]);
  cpu.enterKernel("system-call");
  cpu.leaveKernel("system-call");
  expect([references(1), references(3)]).toEqual([0, 4]);
});

describe("translations of the guest kernel's own pages", () => {
  const all = KERNEL.code.length + KERNEL.data.length;

  it.each(["system-call", "page-fault", "exception"] as const)("go with each %s, those of user pages stay", (entry) => {
    const { each, tlb } = kernelMisses(PROFILE_64, entry);
    expect(each).toEqual([all, all, all, all]);
    expect(USER.map((page) => tlb.lookup(page) >= 0)).toEqual([true, true, true]);
    // User code has the places of the others: none is left, of 64 in each half.
    const held = [tlb, tlb.instructions].map((half) => half?.entries.filter((each) => each !== 0).length);
    expect(held).toEqual([USER.length, 0]);
  });

  it("stay where the base is not written: at interrupts, in a ring of its own, and if they are global", () => {
    const once = [all, 0, 0, 0];
    expect(kernelMisses(PROFILE_64, "interrupt").each).toEqual(once);
    expect(kernelMisses({ ...XEON, costs: PROFILE_64.costs }, "system-call").each).toEqual(once);
    expect(kernelMisses(PROFILE_64, "system-call", true).each).toEqual(once);
  });
});
