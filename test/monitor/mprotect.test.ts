/** What mprotect invalidates: by the source of either kernel. */
import { expect, it } from "vitest";
import { GuestKernel } from "../../src/guest/kernel.ts";
import { ALL_PAGES } from "../../src/guest/virtual-hardware.ts";
import { Meter } from "../../src/machine/meter.ts";
import type { MachineProfile } from "../../src/machine/profile.ts";
import { buildMachine } from "../../src/sim/monitor-machine.ts";
import { native } from "../../src/vmm/native.ts";
import { LINUX_6_1, SMALL_GUEST, XEON } from "./machines.ts";

/** Flushes and invalidations of single pages. */
function invalidations(profile: MachineProfile, page: number, pages: number, writable: boolean): number[] {
  const machine = buildMachine(native, profile, SMALL_GUEST.memoryPages, new Meter());
  const kernel = new GuestKernel(machine, profile, SMALL_GUEST);
  const invalidate = machine.mmu.invalidate.bind(machine.mmu);
  const counts = [0, 0];
  machine.mmu.invalidate = (invalid) => {
    counts[invalid === ALL_PAGES ? 0 : 1]++;
    invalidate(invalid);
  };
  kernel.protect(page, pages, writable);
  return counts;
}

const { residentAnonymousPages: resident, anonymousPages } = SMALL_GUEST;

it.each([
  { what: "one page", page: 0, pages: 1, writable: false, old: [1, 0], current: [0, 1] },
  { what: "four pages", page: 0, pages: 4, writable: false, old: [1, 0], current: [0, 4] },
  { what: "pages that may be written as before", page: 0, pages: 4, writable: true, old: [1, 0], current: [0, 0] },
  { what: "pages that are not there", page: resident, pages: 4, writable: false, old: [1, 0], current: [0, 0] },
  { what: "some that are there", page: resident - 2, pages: 8, writable: false, old: [1, 0], current: [0, 2] },
])("of $what: Linux 2.4 flushes, Linux 6.1 invalidates page by page what has lost rights", (each) => {
  expect(each.page + each.pages).toBeLessThanOrEqual(anonymousPages);
  const of = (profile: MachineProfile): number[] => invalidations(profile, each.page, each.pages, each.writable);
  expect([of(XEON), of(LINUX_6_1)]).toEqual([each.old, each.current]);
});
