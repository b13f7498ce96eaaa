/** One guest of the host simulation: its threads take requests from the stream and carry out their operations. */
import type { GuestMemory } from "../guest/memory-manager.ts";
import type { BalloonPort, VmMemory } from "../vmm/host-memory/vm-memory.ts";
import type { CompiledWorkload, GuestShape } from "../workload/compiled-workload.ts";
import type { RequestForesight } from "./foresight.ts";
import { GuestBalloon } from "./guest-balloon.ts";
import { type CpuOwner, GuestCpu } from "./guest-cpu.ts";
import { GuestJobs } from "./guest-jobs.ts";
import { GuestOperations } from "./guest-operations.ts";
import { GuestBoot } from "./guest-boot.ts";
import { GuestDiscards } from "./guest-discards.ts";
import { GuestFrontswap } from "./guest-frontswap.ts";
import { statisticsOf } from "./faulty-statistics.ts";
import { MemoryStall } from "./guest-statistics.ts";
import type { GuestSurroundings } from "./guest-surroundings.ts";
import { GuestThread, type ThreadOwner } from "./guest-thread.ts";
import { HeldBack } from "./held-back.ts";
import type { IoJob, Waiter } from "./io-job.ts";
import { KernelLock } from "./kernel-lock.ts";
import { OomKiller } from "./oom-killer.ts";
import type { OperationPrices } from "./operation-prices.ts";
import type { Vcpu } from "./vcpu.ts";
import { ProcessPages } from "./process-pages.ts";
import type { RequestSource } from "./request-source.ts";
import type { GuestTimers } from "./timers.ts";
import { WriteBackThread } from "./write-back-thread.ts";

/** Parts of a guest that exist before its vCPU does. */
export interface GuestParts {
  readonly workload: CompiledWorkload;
  readonly memory: GuestMemory;
  readonly vm: VmMemory;
  readonly prices: OperationPrices;
  readonly source: RequestSource;
  /** Absent: the VMM has none. */
  readonly foresight: RequestForesight | undefined;
  /** See transientPages(). */
  readonly transientPages: number;
}

export class HostGuest implements CpuOwner, ThreadOwner {
  readonly memory: GuestMemory;
  readonly balloon: BalloonPort;
  readonly vm: VmMemory;
  readonly diskShares: CompiledWorkload["diskShares"];
  readonly goodUs: CompiledWorkload["goodUs"];
  /** At least one; the first is the one that boots, and does what is not the work of a thread. */
  readonly cpus: readonly GuestCpu[];
  readonly #index: number;
  readonly #shape: GuestShape;
  readonly #around: GuestSurroundings;
  readonly #prices: OperationPrices;
  readonly #source: RequestSource;
  readonly #pages: ProcessPages;
  readonly #operations: GuestOperations;
  readonly #jobs: GuestJobs;
  readonly #threads: readonly GuestThread[];
  readonly #killer: OomKiller;
  readonly #writeBack: WriteBackThread;
  readonly #ready: GuestThread[] = [];
  /** The thread that ran last, or runs. */
  #latest: GuestThread | undefined;
  /** Threads that still have requests to serve. */
  #serving: number;

  constructor(parts: GuestParts, around: GuestSurroundings) {
    const { workload, memory, vm, prices, source } = parts;
    const { index } = vm;
    this.memory = memory;
    this.vm = vm;
    this.#index = index;
    this.#shape = workload.guest;
    this.diskShares = workload.diskShares;
    this.goodUs = workload.goodUs;
    this.#around = around;
    const stall = new MemoryStall(() => around.now(), around.megahertz);
    this.#prices = prices;
    this.#source = source;
    this.cpus = cpusOf(this, workload, around);
    this.#showVmm(stall);
    const transientPages = parts.transientPages * workload.guest.threads;
    this.#pages = new ProcessPages(workload.guest, transientPages, around.pageTableFormat);
    this.#operations = new GuestOperations(workload, memory, this.#pages, prices, this.#boot, around);
    const sources = { requests: memory.requests, host: around.host, operations: this.#operations };
    this.#jobs = new GuestJobs(index, sources, prices, stall);
    this.#threads = threadsOf(this, workload.guest, parts.transientPages);
    this.#killer = new OomKiller(workload.guest, memory, this.#pages, this.#threads);
    this.#operations.killer = this.#killer;
    this.#writeBack = new WriteBackThread(memory.cache, vm, (waiter) => this.#submitForKernel(waiter));
    this.#serving = this.#threads.length;
    const afterStep = (waiter: Waiter): void => {
      this.#submitNow(waiter, around.now());
      this.cpus[0].wake();
    };
    const cost = { vcpu: this.#boot, vmmCall: prices.vmmCall, pageFault: prices.pageFault };
    this.balloon = new GuestBalloon(memory, cost, around, afterStep);
    const { frontswap } = around.host;
    if (frontswap !== undefined) vm.frontswap = new GuestFrontswap(memory, vm, frontswap, cost, around, afterStep);
    parts.foresight?.watch(this.#threads, () => this.#latest);
  }

  /** What the VMM may see of a guest, and ask of it, without a driver of its own. */
  #showVmm(stall: MemoryStall): void {
    const { pages } = this.memory;
    this.vm.freeList = pages;
    this.vm.reads = pages;
    this.vm.discardable = new GuestDiscards(this.memory);
    this.vm.statistics = statisticsOf(this.memory, this.#shape.statistics);
    this.vm.pressure = stall;
    // The first vCPU stands for the VM.
    this.vm.heldBack = this.cpus[0].heldBack;
  }

  get number(): number {
    return this.vm.number;
  }

  /** All its requests are done, or it is no longer here to do them. */
  get finished(): boolean {
    return this.#serving === 0 || this.vm.evicted;
  }

  /** Page faults so far, but for those that are part of what fork and exit cost. */
  get pageFaults(): number {
    const { demandZeroFaults, swapFaults } = this.memory.anonymous;
    return demandZeroFaults + swapFaults + this.#operations.otherFaults;
  }

  /** Processes that its kernel has killed for want of memory. */
  get oomKills(): number {
    return this.#killer.kills;
  }

  /** Boot, and tell when that is done. */
  boot(now: number, booted: (now: number) => void): void {
    const submit = (waiter: Waiter): void => this.#submitForKernel(waiter);
    const { pending } = this.#boot;
    const guest = { shape: this.#shape, prices: this.#prices, requests: this.memory.requests, pending, submit };
    new GuestBoot(guest, booted).start(now);
  }

  /** All threads take their first request. */
  start(now: number): void {
    this.memory.anonymous.settle();
    for (const thread of this.#threads) this.#takeRequest(thread, now);
  }

  get #boot(): Vcpu {
    return this.cpus[0].vcpu;
  }

  /** CPU time so far, in cycles. */
  get cyclesRun(): number {
    return this.cpus.reduce((sum, { vcpu }) => sum + vcpu.cyclesRun, 0);
  }

  get blocked(): boolean {
    return this.vm.blocked;
  }

  takeReady(): GuestThread | undefined {
    return this.#ready.shift();
  }

  carryOut(thread: GuestThread, cpu: GuestCpu, now: number): void {
    this.#latest = thread;
    this.#around.host.payer = cpu.vcpu.pending;
    this.#operations.run(thread, cpu.vcpu, now);
    this.#jobs.collect(cpu.vcpu, thread, cpu.hostWait, thread, cpu.outbox);
    this.#writeBack.wake();
  }

  submit(jobs: readonly IoJob[], now: number): void {
    for (const job of jobs) this.#around.devices.submit(job, now);
  }

  mappedBy(thread: GuestThread): number {
    return this.#pages.mapped(thread);
  }

  threadReady(thread: GuestThread, now: number): void {
    // A stalled thread goes on when the whole vCPU does.
    for (const cpu of this.cpus) if (cpu.stalls(thread)) return;
    this.goOn(thread, now);
    this.wake();
  }

  /** The time has come for the request that a thread has taken. */
  callThread(thread: number): void {
    this.#ready.push(this.#threads[thread]);
    this.wake();
  }

  /** There is a thread more to run: let a vCPU run that has nothing to do, unless the VMM has stopped all of these. */
  wake(): void {
    for (const cpu of this.cpus) if (cpu.vcpu.asleep && !cpu.stopped) return cpu.wake();
  }

  /** The VMM may have let it go on. */
  wakeIfReady(): void {
    if (this.#ready.length > 0) for (const cpu of this.cpus) cpu.wake();
  }

  get needsBackend(): boolean {
    return this.#prices.needsBackend;
  }

  /** Timer interrupts of each vCPU; those that come only while it runs do not wake it, and are done when it runs again. */
  timerInterrupts({ ticks, to, everyUs, isBit }: GuestTimers): void {
    const period = everyUs * this.#around.megahertz;
    const now = this.#around.now();
    for (const cpu of this.cpus) {
      const missed = isBit && !cpu.hasRun(now);
      const due = to === "running" ? cpu.ticksDue(period, now) : ticks;
      if (!missed) cpu.vcpu.pending.addVector(this.#prices.timerInterrupt, due);
      if (to === "all") cpu.wake();
    }
  }

  /** Write file pages back that have been dirty since `before`. Nobody waits for it. */
  writeBack(before: number, now: number): void {
    this.#inBackground(now, () => this.memory.cache.writeBack(before));
  }

  secondPassed(now: number): void {
    this.#inBackground(now, () => this.memory.pages.replacement.secondPassed());
  }

  #inBackground(now: number, work: () => void): void {
    if (this.vm.blocked) return;
    this.#around.host.payer = this.#boot.pending;
    work();
    this.#submitNow(undefined, now);
  }

  goOn(thread: GuestThread, now: number): void {
    if (thread.over) this.#endRequest(thread, now);
    else this.#ready.push(thread);
  }

  #endRequest(thread: GuestThread, now: number): void {
    if (thread.timed) this.#around.requestDone(this.#index, now - thread.arrival);
    this.#takeRequest(thread, now);
  }

  #takeRequest(thread: GuestThread, now: number): void {
    const request = this.#source.take();
    if (request < 0) {
      this.#serving--;
      return;
    }
    thread.take(request, this.#source, now);
    if (thread.arrival > now) this.#around.callThread(this.#index, thread.index, thread.arrival);
    else this.callThread(thread.index);
  }

  /** A thread of the kernel waits; the vCPU that boots pays. */
  #submitForKernel(waiter: Waiter): void {
    this.#around.host.payer = this.#boot.pending;
    this.#submitNow(waiter, this.#around.now());
    this.cpus[0].wake();
  }

  #submitNow(waiter: Waiter | undefined, now: number): void {
    const jobs: IoJob[] = [];
    this.#jobs.collect(this.#boot, waiter, waiter, this.#latest, jobs);
    this.submit(jobs, now);
  }
}

function cpusOf(owner: HostGuest, workload: CompiledWorkload, around: GuestSurroundings): readonly GuestCpu[] {
  const { vcpus = 1, kernelLock = 0 } = workload.guest;
  const lock = vcpus > 1 && kernelLock > 0 ? new KernelLock(kernelLock, around.processors) : undefined;
  return Array.from({ length: vcpus }, () => {
    const heldBack = new HeldBack(() => around.now(), around.megahertz);
    return new GuestCpu(owner, owner.vm.index, workload, around.processors, heldBack, lock);
  });
}

/** Each has a range of its own above the pages of the services, for what it maps and forks. */
function threadsOf(owner: HostGuest, guest: GuestShape, transientPages: number): readonly GuestThread[] {
  const base = guest.processes * guest.anonymousPages;
  const threadAt = (i: number) => new GuestThread(i, base + i * transientPages, transientPages, owner);
  return Array.from({ length: guest.threads }, (_, i) => threadAt(i));
}
