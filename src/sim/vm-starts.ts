/**
 * VMs that are asked for while the host runs. The toolstack starts one after the other: the allocation policy finds memory
 * for it, which may take time or fail; then the VM is built, and comes up when whoever builds it has run what that takes.
 */
import { cause } from "../core/ledger.ts";
import { type CostVector, costOf, FREE } from "../core/pending-charges.ts";
import { type MachineProfile, primitiveCost } from "../machine/profile.ts";
import type { Vmm } from "../vmm/contract.ts";
import { PAGES_PER_MIB } from "../machine/page.ts";
import type { HostMemory } from "../vmm/host-memory/host-memory.ts";
import type { StartAnswer } from "../vmm/host-contract.ts";
import { Outstanding } from "./outstanding.ts";
import type { Waiter } from "./io-job.ts";

/** Work of the control plane for a VM that starts. */
const START = cause("vmm.start");

export function startCostOf({ startCost }: Vmm, profile: MachineProfile): CostVector {
  return startCost === undefined ? FREE : costOf(START, primitiveCost(profile, startCost));
}

export interface StartingHost {
  readonly host: HostMemory;
  /** Time of the event in hand, in microseconds. */
  readonly nowUs: number;
  /** Ask the allocation policy for memory for VM number `vm`. */
  findMemory(vm: number): StartAnswer;
  /** Call {@link VmStarts.advance} in `waitUs`. */
  lookAgain(waitUs: number): void;
  /** Put the VM with so many pages into memory, and tell `built` when that has been done. */
  build(vm: number, pages: number, built: Waiter): void;
  /** The VM runs from now on. */
  comesUp(vm: number): void;
}

export class VmStarts {
  /** VMs that have come up so far, and the sum of the time from when each was asked for. */
  started = 0;
  delayUs = 0;
  readonly #host: StartingHost;
  /** VMs that have not been asked for yet. */
  #toCome: number;
  /** VMs that wait for their turn, and since when. */
  readonly #queue: { readonly vm: number; readonly sinceUs: number }[] = [];
  #building = false;

  constructor(host: StartingHost, toCome: number) {
    this.#host = host;
    this.#toCome = toCome;
  }

  /** Some VM may still come up. */
  get pending(): boolean {
    return this.#toCome > 0 || this.#queue.length > 0 || this.#building;
  }

  /** The next VM has been asked for, and no memory has been found for it yet. */
  get waiting(): boolean {
    return this.#queue.length > 0 && !this.#building;
  }

  /** The time has come at which a VM is to start. */
  ask(vm: number): void {
    this.#toCome--;
    this.#queue.push({ vm, sinceUs: this.#host.nowUs });
    if (this.#queue.length === 1) this.advance();
  }

  /** Start the next VM if it can be started; one that is refused its memory is not asked for again. */
  advance(): void {
    while (!this.#building && this.#queue.length > 0) {
      const [{ vm, sinceUs }] = this.#queue;
      const answer = this.#host.findMemory(vm);
      if (answer.kind === "wait") return this.#host.lookAgain(answer.us);
      this.#queue.shift();
      if (answer.kind === "granted") this.#build(vm, answer.pages, sinceUs);
      else this.#tellRefusal(vm, answer.reason);
    }
  }

  #tellRefusal(vm: number, reason: string): void {
    const { observer, frames } = this.#host.host;
    const inputs = { free_mib: frames.free / PAGES_PER_MIB };
    observer?.decided({ by: "toolstack", rule: reason, vm, action: "refuse", outcome: { refused_vms: 1 }, inputs });
  }

  #build(vm: number, pages: number, sinceUs: number): void {
    this.#building = true;
    const built = new Outstanding(() => {
      this.#building = false;
      this.started++;
      this.delayUs += this.#host.nowUs - sinceUs;
      this.#host.comesUp(vm);
      this.advance();
    });
    this.#host.build(vm, pages, built);
  }
}
