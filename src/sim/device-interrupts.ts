/**
 * Interrupts of devices that the hypervisor itself has the drivers of (Xen 1.x), on a host with several processors. They may go to
 * all of these, to the one with the lowest priority (June 2003: INT_DELIVERY_MODE, TARGET_CPUS), but no priority is ever changed, and of equals it is
 * taken to be processor 0. Domains are put on processor 1 first, then on the next, and on 0 last (common/dom0_ops.c, DOM0_CREATEDOMAIN), so that
 * a single domain has its interrupts handled by one that idles (Barham 2003, on Figure 4). Here processors are numbered in the order in
 * which domains are put on them: interrupts go to the last one. Whoever runs there is held up, and pays.
 *
 * That is when the operation begins, and not when the device interrupts, a disk milliseconds and a link microseconds later: how much is
 * paid is the same, but it may be another one who runs by then, and the answer does not wait for the handler, as it should for some microseconds.
 */
import type { CostVector } from "../core/pending-charges.ts";
import type { MachineProfile } from "../machine/profile.ts";
import type { Part, Vmm } from "../vmm/contract.ts";
import type { OperationPrices } from "./operation-prices.ts";
import type { Processors } from "./processors.ts";
import type { Vcpu } from "./vcpu.ts";

export class DeviceInterrupts {
  readonly #processors: Processors;
  readonly #cpu: number;
  readonly #now: () => number;

  constructor(processors: Processors, now: () => number) {
    this.#processors = processors;
    this.#cpu = processors.count - 1;
    this.#now = now;
  }

  /** What operations cost on a vCPU. */
  pricesFor(vcpu: Vcpu, prices: OperationPrices): OperationPrices {
    return vcpu.cpu === this.#cpu ? prices : (prices.elsewhere ?? prices);
  }

  /** The handler has so much to do for an operation on a vCPU of another processor. */
  handle(cost: CostVector, times: number): void {
    if (times > 0 && cost.total > 0) this.#processors.interrupt(this.#cpu, cost, times, this.#now());
  }
}

/** The same VMM as it is for a guest on another processor; undefined: it makes no difference, or there is no other. */
export function withInterruptsElsewhere(vmm: Vmm, { cores }: MachineProfile): Vmm | undefined {
  if (cores === 1) return undefined;
  const [disk, network] = [elsewhere(vmm.disk), elsewhere(vmm.network)];
  return disk === undefined && network === undefined
    ? undefined
    : { ...vmm, disk: disk ?? vmm.disk, network: network ?? vmm.network };
}

function elsewhere<S extends "disk" | "network">({ definition, parameters }: Part<S>): Part<S> | undefined {
  const { elsewhere: key } = definition;
  return key === undefined ? undefined : { definition, parameters: { ...parameters, [key]: true } };
}

/** The part has been told that another processor handles its interrupts. */
export function isElsewhere<S extends "disk" | "network">({ definition, parameters }: Part<S>): boolean {
  return definition.elsewhere !== undefined && parameters[definition.elsewhere] === true;
}
