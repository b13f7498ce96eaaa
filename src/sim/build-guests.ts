/** Admission, and guests as they are when the simulation starts. */
import { PendingCharges } from "../core/pending-charges.ts";
import { bootContents, GuestMemory } from "../guest/memory-manager.ts";
import type { Allocation, MemoryMechanism } from "../vmm/host-contract.ts";
import type { CompiledWorkload } from "../workload/compiled-workload.ts";
import { GuestPhysicalMemory } from "./guest-physical-memory.ts";
import { type GuestSurroundings, HostGuest } from "./host-guest.ts";
import { OperationPrices } from "./operation-prices.ts";
import type { MeasuredOperation } from "./operations.ts";
import { RequestSource, transientPages } from "./request-source.ts";

type Measure = (workload: CompiledWorkload) => Readonly<Record<string, MeasuredOperation>>;

/**
 * Admit guests and build them one after the other, each with its contents in machine memory. Building takes no simulated
 * time: the host has been up before.
 */
export function buildGuests(
  workloads: readonly CompiledWorkload[],
  around: GuestSurroundings,
  allocation: Allocation,
  overheadPages: number,
  mechanisms: readonly MemoryMechanism[],
  measure: Measure,
): readonly HostGuest[] {
  const { host } = around;
  const requests = workloads.map(({ guest }) => ({ pages: guest.memoryPages }));
  const starting = allocation.admit(requests, host.frames.free, overheadPages);
  host.frames.reserveOverhead(overheadPages * starting.length);
  const canBalloon = mechanisms.some(({ kind }) => kind === "cooperative");
  const prices = new OperationPriceList(measure);
  starting.forEach((target, i) => {
    const vm = host.addVm(workloads[i].guest.memoryPages);
    vm.target = target;
  });
  const guests = starting.map((_, i) => buildGuest(i, workloads[i], around, allocation, prices.of(workloads[i])));
  if (canBalloon) for (const guest of guests) guest.vm.balloon = guest;
  host.requests.clear();
  host.alarm = false;
  return guests;
}

function buildGuest(
  index: number,
  workload: CompiledWorkload,
  around: GuestSurroundings,
  allocation: Allocation,
  prices: OperationPrices,
): HostGuest {
  const { host, ids } = around;
  const shape = workload.guest;
  const vm = host.vms[index];
  host.payer = new PendingCharges();
  const contents = bootContents(shape, ids);
  const physical = new GuestPhysicalMemory(host, vm, contents, allocation.populates);
  const transient = transientPages(workload.stream);
  const memory = new GuestMemory(shape, physical, ids, transient * shape.threads);
  memory.boot(shape, contents);
  if (allocation.populates) memory.balloon.poll(shape.memoryPages - vm.target, shape.memoryPages);
  physical.populate(shape.contents?.length ?? 0, allocation.populates, host.sharer?.scannedBeforeStart === true);
  memory.requests.clear();
  const source = new RequestSource(workload.stream, around.megahertz);
  return new HostGuest({ index, workload, memory, vm, prices, source, transientPages: transient }, around);
}

/** Prices are measured once for all guests that have the same stream and shape. */
class OperationPriceList {
  readonly #measure: Measure;
  readonly #known = new Map<string, OperationPrices>();

  constructor(measure: Measure) {
    this.#measure = measure;
  }

  /** Guests of one workload differ in their seed only; the first one's prices stand for all. */
  of(workload: CompiledWorkload): OperationPrices {
    const known = this.#known.get(workload.name);
    if (known !== undefined) return known;
    const prices = new OperationPrices(this.#measure(workload));
    this.#known.set(workload.name, prices);
    return prices;
  }
}
