/** A guest as it is when its VM comes up: booted, with its contents in machine memory. */
import { InputError } from "../core/input-error.ts";
import { PendingCharges } from "../core/pending-charges.ts";
import { sizeOf } from "../guest/boot-memory.ts";
import { bootContents, GuestMemory } from "../guest/memory-manager.ts";
import { ZERO_CONTENT } from "../machine/content-ids.ts";
import type { Vmm } from "../vmm/contract.ts";
import type { Allocation, MemoryMechanism } from "../vmm/host-contract.ts";
import type { HostMemory } from "../vmm/host-memory/host-memory.ts";
import { HostOutOfMemory } from "../vmm/host-memory/host-out-of-memory.ts";
import type { VmMemory } from "../vmm/host-memory/vm-memory.ts";
import type { CompiledWorkload, GuestShape } from "../workload/compiled-workload.ts";
import type { Dom0 } from "./dom0.ts";
import { RequestForesight } from "./foresight.ts";
import { GuestPhysicalMemory } from "./guest-physical-memory.ts";
import type { GuestSurroundings } from "./guest-surroundings.ts";
import { HostGuest } from "./host-guest.ts";
import type { OperationPriceList } from "./operation-price-list.ts";
import { RequestSource, transientPages } from "./request-source.ts";

/** What guests are built with. */
export interface BuildingSite {
  readonly around: GuestSurroundings;
  readonly allocation: Allocation;
  readonly mechanisms: readonly MemoryMechanism[];
  readonly overheadPerGuest: Vmm["overheadPerGuest"];
  readonly prices: OperationPriceList;
  readonly dom0: Dom0 | undefined;
}

export function buildGuest(vm: VmMemory, workload: CompiledWorkload, site: BuildingSite): HostGuest {
  const { around, allocation, prices } = site;
  const { host } = around;
  const shape = workload.guest;
  const contents = bootContents(shape, around.ids);
  const physical = new GuestPhysicalMemory(host, vm, contents, allocation.populates);
  const transient = transientPages(workload.stream);
  const present = presentAtBoot(host, shape, contents);
  const memory = new GuestMemory(shape, physical, around.ids, around.kernel, {
    transientPages: transient * shape.threads,
    present,
    version: around.kernelVersion,
  });
  memory.boot(shape, contents);
  withhold(vm, memory, present, site);
  const source = requestSource(workload, around);
  const foresight = foresightOf(vm, workload, memory, source, around);
  populate(physical, vm, workload, site);
  memory.requests.clear();
  const parts = { workload, memory, vm, source, foresight, transientPages: transient };
  const guest = new HostGuest({ ...parts, prices: prices.of(workload) }, around);
  // The driver of one that comes up while the host runs does not run yet.
  const driverRuns = around.building && (workload.guest.driver?.fromUs ?? 0) === 0;
  if (driverRuns && cooperativeOf(site).length > 0) vm.balloon = guest.balloon;
  return guest;
}

/** What the VM is built without is never given to it: nobody takes it away page by page, and nobody pays. */
function withhold(vm: VmMemory, memory: GuestMemory, present: number, { around, allocation }: BuildingSite): void {
  const { host } = around;
  const { payer } = host;
  host.payer = new PendingCharges();
  for (let ppn = present; ppn < vm.pages; ppn++) host.release(vm, ppn);
  vm.absent = vm.ballooned;
  if (allocation.populates) {
    memory.balloon.poll(Math.max(0, present - vm.target), vm.pages);
    vm.builtWithout = vm.ballooned;
  }
  host.payer = payer;
}

/** Next to one that takes longer, a workload starts over, so that there is always what it stands for. */
function requestSource({ stream, durationUs, startUs }: CompiledWorkload, around: GuestSurroundings): RequestSource {
  const repeatsAfterUs = durationUs < around.durationUs ? durationUs : undefined;
  return new RequestSource(stream, around.megahertz, startUs, repeatsAfterUs);
}

/** For an allocation that knows what is to come. */
function foresightOf(
  vm: VmMemory,
  workload: CompiledWorkload,
  memory: GuestMemory,
  source: RequestSource,
  around: GuestSurroundings,
): RequestForesight | undefined {
  const { clairvoyance } = around.host;
  if (clairvoyance === undefined) return undefined;
  const foresight = new RequestForesight(workload, memory, source, around.megahertz, () => around.now());
  vm.foresight = foresight;
  memory.pages.freed = (ppn) => clairvoyance.freed(vm, ppn);
  return foresight;
}

function populate(
  physical: GuestPhysicalMemory,
  vm: VmMemory,
  workload: CompiledWorkload,
  { around: { host, building }, allocation: { populates } }: BuildingSite,
): void {
  try {
    // What comes up while the host runs has not been scanned yet.
    const scanned = building && host.sharer?.scannedBeforeStart === true;
    physical.populate(workload.guest.contents?.length ?? 0, populates, scanned);
  } catch (error) {
    if (!populates || !(error instanceof HostOutOfMemory)) throw error;
    throw cannotShrink(workload, host, vm) ?? error;
  }
}

/** Mechanisms that ask a guest for memory, where the policy goes by balloons. */
export function cooperativeOf({ allocation, mechanisms }: BuildingSite): readonly MemoryMechanism[] {
  return allocation.balloons === false ? [] : mechanisms.filter(({ kind }) => kind === "cooperative");
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
