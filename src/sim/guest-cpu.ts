/** One vCPU of a guest of the host simulation: it carries out step after step of whatever thread is ready. */
import { type CpuEntitlement, type CompiledWorkload, USUAL_ENTITLEMENT } from "../workload/compiled-workload.ts";
import type { GuestThread } from "./guest-thread.ts";
import type { HeldBack } from "./held-back.ts";
import type { IoJob } from "./io-job.ts";
import type { KernelLock } from "./kernel-lock.ts";
import { Outstanding } from "./outstanding.ts";
import type { Processors } from "./processors.ts";
import type { Vcpu, VcpuWork } from "./vcpu.ts";

/** The guest, as its vCPUs know it. */
export interface CpuOwner {
  /** The VMM does not let the guest run. */
  readonly blocked: boolean;
  /** The next thread that is ready, which is no longer among them then. */
  takeReady(): GuestThread | undefined;
  /** Carry out operations of a thread; what is to be submitted once their cycles have been run goes to the vCPU's outbox. */
  carryOut(thread: GuestThread, cpu: GuestCpu, now: number): void;
  submit(jobs: readonly IoJob[], now: number): void;
  /** The thread may go on. */
  goOn(thread: GuestThread, now: number): void;
  mappedBy(thread: GuestThread): number;
}

export class GuestCpu implements VcpuWork {
  readonly vcpu: Vcpu;
  /** Disk and network requests of the step in hand, to be submitted when its cycles have been run. */
  outbox: IoJob[] = [];
  /** Reads and writes of the host's swap space that stop the whole vCPU. */
  readonly hostWait = new Outstanding(
    (now) => this.#hostDone(now),
    () => this.heldBack.begin(),
  );
  readonly heldBack: HeldBack;
  readonly #owner: CpuOwner;
  readonly #processors: Processors;
  readonly #lock: KernelLock | undefined;
  #current: GuestThread | undefined;
  /** The thread that ran last, or runs. */
  #latest: GuestThread | undefined;
  /** The thread whose step made the whole vCPU wait. */
  #stalled: GuestThread | undefined;
  #ticks = 0;
  #ranBefore = -1;

  /** `vm`: number of the VM; `lock`: absent where there is none, or nobody to share it with. */
  constructor(
    owner: CpuOwner,
    vm: number,
    workload: CompiledWorkload,
    processors: Processors,
    heldBack: HeldBack,
    lock: KernelLock | undefined,
  ) {
    this.heldBack = heldBack;
    this.#owner = owner;
    this.#processors = processors;
    this.#lock = lock;
    const { cpu = USUAL_ENTITLEMENT, vcpus = 1 } = workload.guest;
    const group = vcpus > 1 ? { vm } : {};
    this.vcpu = processors.addVcpu(this, { ...partOf(cpu, vcpus), drivers: false, ...group });
  }

  get stopped(): boolean {
    return this.#owner.blocked || this.hostWait.count > 0;
  }

  /** All that its running process has mapped. */
  get workingPages(): number {
    return this.#latest === undefined ? 0 : this.#owner.mappedBy(this.#latest);
  }

  advance(now: number): boolean {
    this.#finishStep(now);
    if (this.stopped) return false;
    const thread = this.#owner.takeReady();
    if (thread === undefined) return false;
    this.#current = thread;
    this.#latest = thread;
    this.#owner.carryOut(thread, this, now);
    this.#lock?.enter(this.vcpu);
    return true;
  }

  passed(): void {
    this.#lock?.leave();
  }

  endsSpinning(): boolean {
    return this.#lock?.tryAgain(this.vcpu) ?? true;
  }

  /** The thread goes on when the whole vCPU does. */
  stalls(thread: GuestThread): boolean {
    return this.#stalled === thread;
  }

  /** Let the vCPU run, unless the VMM has stopped it. */
  wake(): void {
    if (!this.stopped) this.#processors.wake(this.vcpu);
  }

  /** Ticks, `period` cycles apart, of a clock that stands still while it does not run: those since the last call. */
  ticksDue(period: number, now: number): number {
    const before = this.#ticks;
    this.#ticks = Math.floor(this.#processors.cyclesRun(this.vcpu, now) / period);
    return this.#ticks - before;
  }

  /** Whether it has run at all since the last call; at the first one, it has. */
  hasRun(now: number): boolean {
    const before = this.#ranBefore;
    this.#ranBefore = this.#processors.cyclesRun(this.vcpu, now);
    return this.#ranBefore !== before;
  }

  /** The cycles of the last step have been run: its requests go out, and the thread goes on when they are done. */
  #finishStep(now: number): void {
    const thread = this.#current;
    if (thread === undefined) return;
    this.#current = undefined;
    if (this.outbox.length > 0) {
      const jobs = this.outbox;
      this.outbox = [];
      this.#owner.submit(jobs, now);
    }
    if (this.hostWait.count > 0) this.#stalled = thread;
    else if (!thread.waiting) this.#owner.goOn(thread, now);
  }

  /** Pages that the VMM had swapped out are back. */
  #hostDone(now: number): void {
    this.heldBack.end();
    const thread = this.#stalled;
    this.#stalled = undefined;
    if (thread !== undefined && !thread.waiting) this.#owner.goOn(thread, now);
    this.wake();
  }
}

/** What a VM is entitled to is divided among its vCPUs. */
function partOf({ shares, reservationMhz, limitMhz }: CpuEntitlement, vcpus: number): CpuEntitlement {
  return { shares: shares / vcpus, reservationMhz: reservationMhz / vcpus, limitMhz: limitMhz / vcpus };
}
