/** Admission, and guests as they are when the simulation starts. */
import { InputError } from "../core/input-error.ts";
import { PendingCharges } from "../core/pending-charges.ts";
import { sizeOf } from "../guest/boot-memory.ts";
import { PageUse } from "../guest/guest-pages.ts";
import { bootContents, GuestMemory } from "../guest/memory-manager.ts";
import type { Allocation, MemoryMechanism, VmRequest } from "../vmm/host-contract.ts";
import type { HostMemory } from "../vmm/host-memory/host-memory.ts";
import { ZERO_CONTENT } from "../machine/content-ids.ts";
import type { MachineProfile } from "../machine/profile.ts";
import type { Vmm } from "../vmm/contract.ts";
import { HostOutOfMemory } from "../vmm/host-memory/host-out-of-memory.ts";
import type { DecisionObserver } from "../vmm/host-memory/memory-decision.ts";
import type { RoomMaker } from "../vmm/host-memory/memory-roles.ts";
import { BALLOONED, type VmMemory } from "../vmm/host-memory/vm-memory.ts";
import type { CompiledWorkload, GuestShape } from "../workload/compiled-workload.ts";
import type { Dom0 } from "./dom0.ts";
import { RequestForesight } from "./foresight.ts";
import { withInterruptsElsewhere } from "./device-interrupts.ts";
import type { DecisionLog } from "./decision-log.ts";
import { GuestPhysicalMemory } from "./guest-physical-memory.ts";
import type { GuestSurroundings } from "./guest-surroundings.ts";
import { HostGuest } from "./host-guest.ts";
import { type MeasureOperations, OperationPrices } from "./operation-prices.ts";
import { RequestSource, transientPages } from "./request-source.ts";

const PAGES_AT_ONCE = 64;
const SETTLING_US = 60e6;
const PAGE_IN_ROUNDS = 8;

/** What guests are built with. */
export interface BuildingSite {
  readonly around: GuestSurroundings;
  readonly allocation: Allocation;
  readonly mechanisms: readonly MemoryMechanism[];
  /** Pages that the VMM keeps for itself for a guest with so many configured. */
  readonly overhead: (configured: number) => number;
  readonly prices: OperationPriceList;
  readonly dom0: Dom0 | undefined;
}

/**
 * Admit guests and build them one after the other, each with its contents in machine memory. Building takes no simulated
 * time: the host has been up before. `workloads`: those whose VMs are to be up from the beginning, by VM number.
 */
export function buildGuests(
  workloads: ReadonlyMap<number, CompiledWorkload>,
  site: BuildingSite,
  log?: DecisionLog,
): HostGuest[] {
  const { around, allocation, overhead } = site;
  const { host } = around;
  host.payer = new PendingCharges();
  if (log !== undefined) log.nowUs = -SETTLING_US;
  const requests = [...workloads.values()].map(requestFor);
  host.observer = log && toldByNumber(log, [...workloads.keys()]);
  const starting = allocation.admit(requests, host.frames.free);
  const started = [...workloads].slice(0, starting.length);
  // How VMs come up takes no time, and is no decision of anybody's.
  host.observer = undefined;
  host.frames.addOverhead(starting.reduce((sum, _, i) => sum + overhead(requests[i].pages), 0));
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
  settle(allocation, cooperative, log);
  host.observer = undefined;
  pageIn(host, guests, cooperative);
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
  host.frames.addOverhead(site.overhead(configured));
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

function cooperativeOf({ allocation, mechanisms }: BuildingSite): readonly MemoryMechanism[] {
  return allocation.balloons === false ? [] : mechanisms.filter(({ kind }) => kind === "cooperative");
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
      const freed = mechanism.reclaim(vm, pages);
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
function settle(allocation: Allocation, cooperative: readonly MemoryMechanism[], log?: DecisionLog): void {
  if (allocation.periodUs === 0) return;
  for (let nowUs = -SETTLING_US; nowUs < 0; nowUs += 1e6) {
    if (log !== undefined) log.nowUs = nowUs;
    allocation.rebalance(nowUs);
    for (const mechanism of cooperative) {
      for (let passedUs = 0; passedUs < 1e6; passedUs += mechanism.periodUs) mechanism.work();
    }
  }
}

function buildGuest(vm: VmMemory, workload: CompiledWorkload, site: BuildingSite): HostGuest {
  const { around, allocation, prices } = site;
  const { host, ids } = around;
  const shape = workload.guest;
  const contents = bootContents(shape, ids);
  const physical = new GuestPhysicalMemory(host, vm, contents, allocation.populates);
  const transient = transientPages(workload.stream);
  const present = presentAtBoot(host, shape, contents);
  const { kernel, kernelVersion: version } = around;
  const memory = new GuestMemory(shape, physical, ids, kernel, {
    transientPages: transient * shape.threads,
    present,
    version,
  });
  memory.boot(shape, contents);
  // What the VM is built without is never given to it: nobody takes it away page by page.
  const { payer } = host;
  host.payer = new PendingCharges();
  for (let ppn = present; ppn < shape.memoryPages; ppn++) host.release(vm, ppn);
  vm.absent = vm.ballooned;
  if (allocation.populates) {
    memory.balloon.poll(Math.max(0, present - vm.target), shape.memoryPages);
    vm.builtWithout = vm.ballooned;
  }
  host.payer = payer;
  // Next to one that takes longer, a workload starts over, so that there is always what it stands for.
  const repeatsAfterUs = workload.durationUs < around.durationUs ? workload.durationUs : undefined;
  const source = new RequestSource(workload.stream, around.megahertz, workload.startUs, repeatsAfterUs);
  let foresight: RequestForesight | undefined;
  const { clairvoyance } = host;
  if (clairvoyance !== undefined) {
    foresight = new RequestForesight(workload, memory, source, around.megahertz, () => around.now());
    vm.foresight = foresight;
    memory.pages.freed = (ppn) => clairvoyance.freed(vm, ppn);
  }
  try {
    // What comes up while the host runs has not been scanned yet.
    const scanned = around.building && host.sharer?.scannedBeforeStart === true;
    physical.populate(shape.contents?.length ?? 0, allocation.populates, scanned);
  } catch (error) {
    if (!allocation.populates || !(error instanceof HostOutOfMemory)) throw error;
    throw cannotShrink(workload, host, vm) ?? error;
  }
  memory.requests.clear();
  const parts = { workload, memory, vm, source, foresight, transientPages: transient };
  const guest = new HostGuest({ ...parts, prices: prices.of(workload) }, around);
  // The driver of one that comes up while the host runs does not run yet.
  const driverRuns = around.building && (workload.guest.driver?.fromUs ?? 0) === 0;
  if (driverRuns && cooperativeOf(site).length > 0) vm.balloon = guest.balloon;
  return guest;
}

/** A guest that uses more than it boots with, or higher pages, has been given them since. */
function presentAtBoot({ hotAdding }: HostMemory, shape: GuestShape, contents: Uint32Array): number {
  if (hotAdding === undefined) return shape.memoryPages;
  let used = contents.length;
  while (used > 0 && contents[used - 1] === ZERO_CONTENT) used--;
  return Math.min(shape.memoryPages, Math.max(hotAdding.startupPages(shape.memoryPages), used));
}

/**
 * The host is full because the guests built so far are larger than their targets: their balloons got no further. Undefined:
 * they are not, so that the reason is another.
 */
function cannotShrink({ name, guest }: CompiledWorkload, host: HostMemory, vm: VmMemory): InputError | undefined {
  const least = guest.memoryPages - vm.ballooned;
  if (least <= vm.target) return undefined;
  const ratio = Math.floor((guest.memoryPages / least) * 100) / 100;
  return new InputError(
    `workload "${name}": ${host.vmm} starts ${host.vms.length} VMs ballooned to ${sizeOf(vm.target)} each, but a guest of ` +
      `${sizeOf(guest.memoryPages)} with ${sizeOf(guest.swapPages)} of swap can be ballooned to ${sizeOf(least)} at the ` +
      `smallest, and no mechanism takes the rest by force; expected an overcommit ratio of at most ${ratio}, or more guest.swap`,
  );
}

/** Prices are measured once for all guests that have the same stream and shape. */
export class OperationPriceList {
  readonly #vmm: Vmm;
  /** The VMM as it is for a guest whose interrupts another processor handles; undefined: there is no such. */
  readonly #elsewhere: Vmm | undefined;
  readonly #profile: MachineProfile;
  readonly #measure: MeasureOperations;
  readonly #known = new Map<string, OperationPrices>();

  constructor(vmm: Vmm, profile: MachineProfile, measure: MeasureOperations) {
    this.#vmm = vmm;
    this.#elsewhere = withInterruptsElsewhere(vmm, profile);
    this.#profile = profile;
    this.#measure = measure;
  }

  /** Guests of one workload differ in their seed only; the first one's prices stand for all. */
  of(workload: CompiledWorkload): OperationPrices {
    const known = this.#known.get(workload.name);
    if (known !== undefined) return known;
    const elsewhere = this.#elsewhere && new OperationPrices(this.#measure(this.#elsewhere, this.#profile, workload));
    const prices = new OperationPrices(this.#measure(this.#vmm, this.#profile, workload), elsewhere);
    this.#known.set(workload.name, prices);
    return prices;
  }
}
