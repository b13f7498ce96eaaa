import * as fc from "fast-check";
import { expect, it } from "vitest";
import { proportionalShares } from "../../src/vmm/allocation/proportional-shares.ts";
import { HostReclamation } from "../../src/vmm/allocation/reclamation/reclamation-state.ts";
import { esx } from "../../src/vmm/esx.ts";
import type { HostMemory } from "../../src/vmm/host-memory/host-memory.ts";
import { ballooning } from "../../src/vmm/memory/ballooning.ts";
import { compression } from "../../src/vmm/memory/compression.ts";
import { hostSwap } from "../../src/vmm/memory/host-swap.ts";
import { largePages } from "../../src/vmm/memory/large-pages.ts";
import { pageSharing } from "../../src/vmm/memory/page-sharing.ts";
import { BALLOONED, UNBACKED, type VmMemory } from "../../src/vmm/host-memory/vm-memory.ts";
import { buildHost, checkFrames } from "./fixtures.ts";

const FRAMES = 1500;
const VM_PAGES = 1100;

/** Conservation: of frames, and of the pages of each VM, large ones among them. */
function check(memory: HostMemory): void {
  checkFrames(memory);
  const { frames, vms } = memory;
  for (const vm of vms) {
    const unbacked = vm.backing.filter((place) => place === UNBACKED).length;
    expect(vm.mapped + vm.compressed + vm.swapped + vm.ballooned + unbacked).toBe(vm.pages);
    vm.regions.forEach((region, i) => {
      if (region === 0) return;
      const pages = vm.backing.subarray(i * 512, (i + 1) * 512);
      expect(pages.every((place) => place >= 0 && frames.isPrivate(place))).toBe(true);
    });
  }
}

const settings = fc
  .record({
    reservation: fc.integer({ min: 0, max: 450 }),
    room: fc.integer({ min: 0, max: VM_PAGES }),
    shares: fc.constantFrom("high" as const, "normal" as const, "low" as const, 1, 5000),
  })
  .map(({ reservation, room, shares }) => {
    const limitPages = Math.max(50, Math.min(VM_PAGES, reservation + room));
    return { reservationPages: Math.min(reservation, limitPages), limitPages, shares };
  });
const step = fc.record({
  kind: fc.constantFrom("write", "write", "write", "read", "balloon", "second"),
  vm: fc.nat(2),
  page: fc.nat(VM_PAGES - 1),
  run: fc.integer({ min: 1, max: 400 }),
  content: fc.nat(4),
});

it.each([2, 4.1, 5, 6])(
  "ESX %f keeps frames, pages, reservations and limits, whatever guests and administrators do",
  (release) => {
    fc.assert(
      fc.property(
        fc.array(settings, { minLength: 3, maxLength: 3 }),
        fc.array(step, { minLength: 20, maxLength: 60 }),
        (vms, steps) => {
          const memory = [
            largePages(),
            pageSharing({ pagesPerSecond: 3000, pagesPerSecondPerVm: 1000, hashBits: 6 }),
            ballooning({ pagesPerSecond: 200 }),
            compression(),
            hostSwap(),
          ];
          const host = buildHost({ ...esx, memory, allocation: proportionalShares({ release }) }, FRAMES);
          const requests = vms.map((settings) => ({ pages: VM_PAGES, settings }));
          const started = host.allocation.admit(requests, FRAMES);
          expect(started.length).toBe(3);
          started.forEach((pages, i) => expect(pages).toBeGreaterThanOrEqual(vms[i].reservationPages));
          expect(started.reduce((sum, pages) => sum + pages, 0)).toBeLessThanOrEqual(FRAMES);
          vms.forEach((set, i) => {
            const vm = host.memory.addVm(VM_PAGES, set);
            // A driver that takes any page, as a guest with nothing in it would.
            if (i > 0) vm.balloon = { poll: (target, most) => poll(host.memory, vm, target, most) };
          });
          const { goal } = new HostReclamation(release, FRAMES, 8);
          let now = 0;
          const rebalance = (): void => {
            const before = host.memory.vms.map(({ machine }) => machine);
            now += 15e6;
            host.allocation.rebalance(now);
            checkReservations(host.memory.vms, before);
            checkTargets(host.memory, goal);
          };
          for (const { kind, vm: index, page, run, content } of steps) {
            const vm = host.memory.vms[index];
            if (kind === "second") {
              rebalance();
              const before = host.memory.vms.map(({ machine }) => machine);
              for (const mechanism of host.mechanisms) mechanism.work();
              checkReservations(host.memory.vms, before);
            }
            for (let ppn = page; ppn < Math.min(VM_PAGES, page + run); ppn++) {
              const before = host.memory.vms.map(({ machine }) => machine);
              if (vm.backing[ppn] === BALLOONED) continue;
              if (kind === "write") host.memory.write(vm, ppn, content === 0 ? host.ids.unique() : content - 1);
              if (kind === "read") host.memory.read(vm, ppn);
              if (kind === "balloon" && vm.balloon === undefined && vm.ballooned < 300) host.memory.release(vm, ppn);
              else checkReservations(host.memory.vms, before);
            }
            if (host.memory.alarm) rebalance();
            host.memory.alarm = false;
            check(host.memory);
          }
        },
      ),
      { seed: 42, numRuns: 25, endOnFailure: true },
    );
  },
);

/** Nobody loses machine memory that is reserved for it. */
function checkReservations(vms: readonly VmMemory[], before: readonly number[]): void {
  const lost = vms.filter((vm, i) => vm.machine < Math.min(before[i], vm.settings.reservationPages ?? 0));
  expect(lost.map(({ index, machine }) => [index, machine])).toEqual([]);
}

function checkTargets({ frames, vms }: HostMemory, goal: number): void {
  let granted = 0;
  let reserved = 0;
  for (const vm of vms) {
    const { reservationPages = 0, limitPages = vm.pages } = vm.settings;
    const most = vm.claimed + vm.compressed + vm.swapped + vm.ballooned;
    expect(vm.target).toBeLessThanOrEqual(limitPages);
    granted += Math.min(vm.target, most);
    reserved += Math.min(reservationPages, most);
  }
  // Reservations are kept even where that leaves less free than the goal; pages that are shared count once.
  const machine = frames.forVms + frames.saved;
  expect(granted).toBeLessThanOrEqual(Math.max(reserved, machine - goal) + vms.length);
}

function poll(memory: HostMemory, vm: VmMemory, target: number, most: number): void {
  for (let moved = 0; moved < most && vm.ballooned !== target; moved++) {
    const inflate = vm.ballooned < target;
    const ppn = vm.backing.findIndex((place) => (place === BALLOONED) !== inflate);
    if (inflate) memory.release(vm, ppn);
    else memory.reclaim(vm, ppn, false);
  }
}
