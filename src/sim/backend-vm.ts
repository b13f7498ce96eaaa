/**
 * The VM with the back ends (dom0): a VM like any other, which has to be scheduled before it can serve anybody. It turns to
 * each kind of device in turn, and there to each guest in turn; Linux gives its tasks their turns on dom0's CPU.
 */
import type { CostVector } from "../core/pending-charges.ts";
import type { VcpuSettings } from "../vmm/host-contract.ts";
import { HeldBack } from "./held-back.ts";
import { type IoJob, JobKind, NOBODY, type Waiter } from "./io-job.ts";
import type { Processors } from "./processors.ts";
import type { Vcpu, VcpuWork } from "./vcpu.ts";
import { RequestRings, type Taken } from "./request-rings.ts";

/** Requests dealt with in a row before dom0 looks up: a batch of its block back end. */
const REQUESTS_IN_STEP = 16;

/** The devices that it drives, as it sees them. */
export interface DrivenDevices {
  /** By kind of job. */
  readonly rings: readonly RequestRings[];
  /** It has dealt with a request. */
  afterBackend(taken: Taken, now: number): void;
  /** It has nothing to do before cycle `at`, when a guest may send again. */
  wakeBackendAt(at: number): void;
}

export class BackendVm implements VcpuWork {
  readonly vcpu: Vcpu;
  readonly heldBack: HeldBack;
  readonly #devices: DrivenDevices;
  readonly #processors: Processors;
  /** By kind of job. The control plane does one thing after the other. */
  readonly #rings: readonly RequestRings[];
  #kind = 0;
  readonly #inService: Taken[] = [];

  constructor(
    devices: DrivenDevices,
    processors: Processors,
    settings: Omit<VcpuSettings, "drivers">,
    clock: { readonly megahertz: number; now(): number },
  ) {
    this.heldBack = new HeldBack(() => clock.now(), clock.megahertz);
    this.#devices = devices;
    this.#processors = processors;
    this.vcpu = processors.addVcpu(this, { ...settings, drivers: true });
    const control = { entries: Infinity, pagesPerRequest: Infinity, inTurn: 1, underWay: Infinity };
    this.#rings = [...devices.rings, new RequestRings(control, () => {})];
  }

  /** Cycles for which it has had something to do, run or held back by others. */
  get busy(): number {
    return this.vcpu.cyclesRun + this.heldBack.cycles;
  }

  enqueue(job: IoJob): void {
    this.#rings[job.kind].put(job);
    this.wake();
  }

  /** There is something on a ring, or room for it. */
  wake(): void {
    this.#processors.wake(this.vcpu);
  }

  /** Work that is not I/O; it takes its turn like a job. */
  run(cost: CostVector, waiter: Waiter): void {
    waiter.begin();
    const own = { kind: JobKind.Control, guest: 0, page: NOBODY, pages: 0, bytes: 0, hostSwap: false };
    this.enqueue({ ...own, waiter, backend: cost, units: 1 });
  }

  advance(now: number): boolean {
    for (const taken of this.#inService) this.#devices.afterBackend(taken, now);
    this.#inService.length = 0;
    for (let looked = 0; looked < this.#rings.length; looked++) {
      this.#kind = (this.#kind + 1) % this.#rings.length;
      if (this.#serve(this.#rings[this.#kind], now)) return true;
    }
    return false;
  }

  #serve(rings: RequestRings, now: number): boolean {
    let left = REQUESTS_IN_STEP;
    while (left > 0) {
      const taken = rings.take(left, now);
      if (taken === undefined) break;
      left -= taken.requests;
      this.#inService.push(taken);
      this.vcpu.pending.addVector(taken.job.backend, taken.requests);
    }
    if (left === REQUESTS_IN_STEP && rings.creditAt < Infinity) this.#devices.wakeBackendAt(rings.creditAt);
    return left < REQUESTS_IN_STEP;
  }
}
