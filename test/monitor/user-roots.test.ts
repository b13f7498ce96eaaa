/** Paravirtualization on x86-64: kernel and user code in one ring, with a root of page tables each. Counts by hand. */
import { describe, expect, it } from "vitest";
import { entryOf, Pte } from "../../src/machine/page-tables.ts";
import type { MachineProfile } from "../../src/machine/profile.ts";
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
