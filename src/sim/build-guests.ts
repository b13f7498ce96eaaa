/** Admission, and guests as they are when the simulation starts. */
import { PendingCharges } from "../core/pending-charges.ts";
import { sum } from "../core/sum.ts";
import { PageUse } from "../guest/guest-pages.ts";
import { admitted, nextCallUs, rebalance } from "../vmm/allocation/answers.ts";
import { reclaimed } from "../vmm/allocation/forced-paging.ts";
import { overheadPages } from "../vmm/contract.ts";
import type { Allocation, MemoryMechanism, VmRequest } from "../vmm/host-contract.ts";
import type { HostMemory } from "../vmm/host-memory/host-memory.ts";
import type { DecisionObserver } from "../vmm/host-memory/memory-decision.ts";
import type { RoomMaker } from "../vmm/host-memory/memory-roles.ts";
import { BALLOONED, type VmMemory } from "../vmm/host-memory/vm-memory.ts";
import type { CompiledWorkload } from "../workload/compiled-workload.ts";
import { type BuildingSite, buildGuest, cooperativeOf } from "./build-guest.ts";
import type { DecisionLog } from "./decision-log.ts";
import type { HostGuest } from "./host-guest.ts";

const PAGES_AT_ONCE = 64;
const SETTLING_US = 60e6;
const PAGE_IN_ROUNDS = 8;

/**
 * Admit guests and build them one after the other, each with its contents in machine memory. Building takes no simulated
 * time: the host has been up before. `workloads`: those whose VMs are to be up from the beginning, by VM number.
 */
export function buildGuests(
  workloads: ReadonlyMap<number, CompiledWorkload>,
  site: BuildingSite,
  log?: DecisionLog,
): HostGuest[] {
  const { around, allocation, overheadPerGuest } = site;
  const { host } = around;
  host.payer = new PendingCharges();
  if (log !== undefined) log.nowUs = -SETTLING_US;
  const requests = [...workloads.values()].map(requestFor);
  host.observer = log && toldByNumber(log, [...workloads.keys()]);
  const starting = admitted(allocation, requests, host.frames.free);
  const started = [...workloads].slice(0, starting.length);
  // How VMs come up takes no time, and is no decision of anybody's.
  host.observer = undefined;
  host.frames.addOverhead(sum(starting.map((_, i) => overheadPages(overheadPerGuest, requests[i].pages))));
  for (const [i, target] of starting.entries()) {
    host.addVm(requests[i].pages, requests[i].settings, started[i][0]).target = target;
  }
  const cooperative = cooperativeOf(site);
  const forcedRoom = host.roomMaker;
  if (forcedRoom !== undefined) host.roomMaker = new BuildingRoom(host, cooperative, forcedRoom);
  const guests = started.map(([, workload], i) => buildGuest(host.vms[i], workload, site));
  host.roomMaker = forcedRoom;
  site.dom0?.keepRest();
  host.observer = log;
  settle(host, allocation, cooperative, log);
  host.observer = undefined;
  pageIn(host, guests, cooperative);
  host.backgroundReclaim?.start();
  host.observer = log;
  host.requests.clear();
  host.alarm = false;
  return guests;
}

/** Build one more guest beside those that run, with so many pages outside its balloon. The host's payer pays. */
export function buildLateGuest(
  number: number,
  workload: CompiledWorkload,
  pages: number,
  site: BuildingSite,
): HostGuest {
  const { host } = site.around;
  const { pages: configured, settings } = requestFor(workload);
  host.frames.addOverhead(overheadPages(site.overheadPerGuest, configured));
  const vm = host.addVm(configured, settings, number);
  vm.target = pages;
  vm.building = true;
  return buildGuest(vm, workload, site);
}

/** Admission knows a VM by its place among those that are to be up. */
function toldByNumber(log: DecisionLog, numbers: readonly number[]): DecisionObserver {
  return {
    decided(decision) {
      log.decided(typeof decision.vm === "number" ? { ...decision, vm: numbers[decision.vm] } : decision);
    },
  };
}

/** What a workload's VM asks for. */
export function requestFor({ guest }: CompiledWorkload): VmRequest {
  return { pages: guest.memoryPages, settings: guest.memory };
}

/**
 * The VMs came up one after the other, slowly enough for the balloons of those that were there. What the one that comes up
 * needs beyond that is taken by force: its own driver does not run yet (Waldspurger 2002, section 3.1).
 */
class BuildingRoom implements RoomMaker {
  readonly #host: HostMemory;
  readonly #cooperative: readonly MemoryMechanism[];
  readonly #forced: RoomMaker;
  /** A guest is at work on its balloon; what it needs for that is taken by force. */
  #inflating = false;

  constructor(host: HostMemory, cooperative: readonly MemoryMechanism[], forced: RoomMaker) {
    this.#host = host;
    this.#cooperative = cooperative;
    this.#forced = forced;
  }

  makeRoom(): number {
    if (this.#inflating) return this.#forced.makeRoom();
    this.#inflating = true;
    const freed = this.#ask();
    this.#inflating = false;
    return freed > 0 ? freed : this.#forced.makeRoom();
  }

  #ask(): number {
    for (const vm of this.#host.vms) {
      const pages = Math.min(PAGES_AT_ONCE, vm.mapped - vm.target);
      const freed = pages > 0 ? reclaimFrom(vm, pages, this.#cooperative) : 0;
      if (freed > 0) return freed;
    }
    return 0;
  }
}

/** Frames that the mechanisms get out of a VM; a balloon may first fill with pages that no frame backs. */
function reclaimFrom(vm: VmMemory, pages: number, mechanisms: readonly MemoryMechanism[]): number {
  for (const mechanism of mechanisms) {
    for (let before = -1; before < vm.ballooned; ) {
      before = vm.ballooned;
      const freed = reclaimed(mechanism, vm, pages);
      if (freed > 0) return freed;
    }
  }
  return 0;
}

/**
 * What guests use has long been paged in again since they came up. Room for it is made by the VM's own balloon as far as
 * that goes, then by force. Where everything in use does not fit, the rounds end with whatever happens to be in memory.
 */
function pageIn(host: HostMemory, guests: readonly HostGuest[], cooperative: readonly MemoryMechanism[]): void {
  const spare = host.frames.free;
  for (let round = 0; round < PAGE_IN_ROUNDS; round++) {
    for (const { vm, memory } of guests) {
      for (let ppn = 0; ppn < vm.pages && vm.swapped > 0; ppn++) {
        if (vm.backing[ppn] >= BALLOONED || memory.pages.use(ppn) === PageUse.Free) continue;
        if (host.frames.free <= spare && reclaimFrom(vm, PAGES_AT_ONCE, cooperative) === 0) host.roomMaker?.makeRoom();
        // The balloon may just have taken the page.
        if (vm.backing[ppn] < BALLOONED) host.touch(vm, ppn);
      }
    }
  }
}

/** The last minute before the simulation: balloons move to the targets that the allocation policy has set. */
function settle(
  host: HostMemory,
  allocation: Allocation,
  cooperative: readonly MemoryMechanism[],
  log?: DecisionLog,
): void {
  if (allocation.periodUs === 0) return;
  for (let nowUs = -SETTLING_US; nowUs < 0; nowUs += 1e6) {
    if (log !== undefined) log.nowUs = nowUs;
    rebalance(allocation, host, nowUs);
    for (const mechanism of cooperative) {
      if (mechanism.periodUs === 0) continue;
      for (let passedUs = 0; passedUs < 1e6; passedUs += nextCallUs("memory", mechanism)) mechanism.work();
    }
  }
}
