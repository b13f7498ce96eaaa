/** One guest of the host simulation: its threads take requests from the stream and carry out their operations. */
import { DiskRequestKind, type DiskRequests } from "../guest/disk-requests.ts";
import type { GuestMemory } from "../guest/memory-manager.ts";
import type { ContentIds } from "../machine/content-ids.ts";
import type { PageTableFormat } from "../machine/page-tables.ts";
import type { KernelName } from "../machine/profile.ts";
import type { HostMemory } from "../vmm/host-memory.ts";
import type { BalloonPort, VmMemory } from "../vmm/vm-memory.ts";
import { type CompiledWorkload, USUAL_ENTITLEMENT } from "../workload/compiled-workload.ts";
import { GuestBalloon } from "./guest-balloon.ts";
import { GuestOperations } from "./guest-operations.ts";
import { statisticsOf } from "./faulty-statistics.ts";
import { MemoryStall } from "./guest-statistics.ts";
import { GuestThread, type ThreadOwner } from "./guest-thread.ts";
import { HeldBack } from "./held-back.ts";
import type { HostDevices } from "./host-devices.ts";
import { hostSwapJob, type IoJob, JobKind, type Waiter } from "./io-job.ts";
import type { OperationPrices } from "./operation-prices.ts";
import type { Processors, Vcpu, VcpuWork } from "./processors.ts";
import { Outstanding } from "./outstanding.ts";
import { ProcessPages } from "./process-pages.ts";
import type { RequestSource } from "./request-source.ts";

/** Areas of the disk, in pages: the VMM's swap space, then for each guest one for files and one for its swap device. */
const AREA_PAGES = 2 ** 26;

/** What a guest needs of the host. */
export interface GuestSurroundings {
  readonly host: HostMemory;
  readonly processors: Processors;
  readonly devices: HostDevices;
  readonly ids: ContentIds;
  readonly megahertz: number;
  readonly pageTableFormat: PageTableFormat;
  readonly kernel: KernelName;
  /** The host is being built: what happens costs nothing and takes no time. */
  readonly building: boolean;
  /** Simulated time of the run, microseconds; 0: until all work is done. */
  readonly durationUs: number;
  /** Time of the event in hand, in cycles. */
  now(): number;
  /** Wake the guest's thread when its request begins. */
  callThread(guest: number, thread: number, at: number): void;
  /** A request of a guest is over; latency in cycles. */
  requestDone(guest: number, latency: number): void;
}

/** Parts of a guest that exist before its vCPU does. */
export interface GuestParts {
  readonly index: number;
  /** Of its VM among those asked for, not all of which may run. */
  readonly number: number;
  readonly workload: CompiledWorkload;
  readonly memory: GuestMemory;
  readonly vm: VmMemory;
  readonly prices: OperationPrices;
  readonly source: RequestSource;
  /** See transientPages(). */
  readonly transientPages: number;
}

export class HostGuest implements VcpuWork, ThreadOwner {
  readonly memory: GuestMemory;
  readonly balloon: BalloonPort;
  readonly vm: VmMemory;
  readonly vcpu: Vcpu;
  readonly heldBack: HeldBack;
  readonly number: number;
  readonly diskShares: CompiledWorkload["diskShares"];
  readonly #index: number;
  readonly #around: GuestSurroundings;
  readonly #prices: OperationPrices;
  readonly #source: RequestSource;
  readonly #pages: ProcessPages;
  readonly #operations: GuestOperations;
  readonly #threads: readonly GuestThread[];
  readonly #ready: GuestThread[] = [];
  #current: GuestThread | undefined;
  /** The thread that ran last, or runs. */
  #latest: GuestThread | undefined;
  /** The thread whose step made the whole vCPU wait. */
  #stalled: GuestThread | undefined;
  /** Disk and network requests of the step in hand, to be submitted when its cycles have been run. */
  #outbox: IoJob[] = [];
  /** Threads that still have requests to serve. */
  #serving: number;
  /** Reads and writes of the host's swap space that stop the whole vCPU. */
  readonly #hostWait = new Outstanding(
    (now) => this.#hostDone(now),
    () => this.heldBack.begin(),
  );
  readonly #stall: MemoryStall;

  constructor(parts: GuestParts, around: GuestSurroundings) {
    const { index, workload, memory, vm, prices, source } = parts;
    this.memory = memory;
    this.vm = vm;
    this.#index = index;
    this.number = parts.number;
    this.diskShares = workload.diskShares;
    this.#around = around;
    this.heldBack = new HeldBack(() => around.now(), around.megahertz);
    this.vm.freeList = memory.pages;
    this.vm.heldBack = this.heldBack;
    this.vm.statistics = statisticsOf(memory, workload.guest.statistics);
    this.#stall = new MemoryStall(() => around.now(), around.megahertz);
    this.vm.pressure = this.#stall;
    this.#prices = prices;
    this.#source = source;
    this.vcpu = around.processors.addVcpu(this, { ...(workload.guest.cpu ?? USUAL_ENTITLEMENT), drivers: false });
    this.#pages = new ProcessPages(
      workload.guest,
      parts.transientPages * workload.guest.threads,
      around.pageTableFormat,
    );
    this.#operations = new GuestOperations(workload, memory, this.#pages, prices, this.vcpu.pending, around);
    const base = workload.guest.processes * workload.guest.anonymousPages;
    this.#threads = Array.from(
      { length: workload.guest.threads },
      (_, i) => new GuestThread(i, base + i * parts.transientPages, parts.transientPages, this),
    );
    this.#serving = this.#threads.length;
    this.balloon = new GuestBalloon(memory, this.vcpu, around, (waiter) => {
      this.#submitNow(waiter, around.now());
      this.wake();
    });
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

  /** All threads take their first request. */
  start(now: number): void {
    for (const thread of this.#threads) this.#takeRequest(thread, now);
  }

  advance(now: number): boolean {
    this.#finishStep(now);
    if (this.#stopped) return false;
    const thread = this.#ready.shift();
    if (thread === undefined) return false;
    this.#current = thread;
    this.#latest = thread;
    this.#around.host.payer = this.vcpu.pending;
    this.#operations.run(thread, now);
    this.#collectRequests(thread, this.#hostWait, this.#outbox);
    return true;
  }

  threadReady(thread: GuestThread, now: number): void {
    // A stalled thread goes on when the whole vCPU does.
    if (thread === this.#stalled) return;
    this.#goOn(thread, now);
    this.wake();
  }

  /** The time has come for the request that a thread has taken. */
  callThread(thread: number): void {
    this.#ready.push(this.#threads[thread]);
    this.wake();
  }

  /** Let the vCPU run, unless the VMM has stopped it as a whole. */
  wake(): void {
    if (!this.#stopped) this.#around.processors.wake(this.vcpu);
  }

  /** The VMM may have let it go on. */
  wakeIfReady(): void {
    if (this.#ready.length > 0) this.wake();
  }

  /** All that its running process has mapped. */
  get workingPages(): number {
    return this.#latest === undefined ? 0 : this.#pages.mapped(this.#latest);
  }

  get needsBackend(): boolean {
    return this.#prices.needsBackend;
  }

  /** `ticks` timer interrupts; they come when the guest is idle, too. */
  timerInterrupts(ticks: number): void {
    this.vcpu.pending.addVector(this.#prices.timerInterrupt, ticks);
    this.wake();
  }

  /** Write file pages back that have been dirty since `before`. Nobody waits for it. */
  writeBack(before: number, now: number): void {
    if (this.vm.evicted) return;
    this.#around.host.payer = this.vcpu.pending;
    this.memory.cache.writeBack(before);
    this.#submitNow(undefined, now);
  }

  get #stopped(): boolean {
    return this.vm.blocked || this.#hostWait.count > 0;
  }

  /** The cycles of the last step have been run: its requests go out, and the thread goes on when they are done. */
  #finishStep(now: number): void {
    const thread = this.#current;
    if (thread === undefined) return;
    this.#current = undefined;
    if (this.#outbox.length > 0) {
      const jobs = this.#outbox;
      this.#outbox = [];
      for (const job of jobs) this.#around.devices.submit(job, now);
    }
    if (this.#hostWait.count > 0) this.#stalled = thread;
    else if (!thread.waiting) this.#goOn(thread, now);
  }

  /** Pages that the VMM had swapped out are back. */
  #hostDone(now: number): void {
    this.heldBack.end();
    const thread = this.#stalled;
    this.#stalled = undefined;
    if (thread !== undefined && !thread.waiting) this.#goOn(thread, now);
    this.wake();
  }

  #goOn(thread: GuestThread, now: number): void {
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
    thread.next = this.#source.first(request);
    thread.end = this.#source.end(request);
    thread.timed = this.#source.isTimed(request);
    thread.arrival = this.#source.begins(request, now);
    if (thread.arrival > now) this.#around.callThread(this.#index, thread.index, thread.arrival);
    else this.callThread(thread.index);
  }

  /** Work of the guest kernel in the background: submit what it has led to at once. */
  #submitNow(waiter: Waiter | undefined, now: number): void {
    const jobs: IoJob[] = [];
    this.#collectRequests(waiter, waiter, jobs);
    for (const job of jobs) this.#around.devices.submit(job, now);
  }

  /** Turn disk requests of the guest and of the VMM on its behalf, and work for the back end, into jobs. */
  #collectRequests(guestWaiter: Waiter | undefined, hostWaiter: Waiter | undefined, jobs: IoJob[]): void {
    const { host } = this.#around;
    const guestRequests = this.memory.requests;
    for (let i = 0; i < guestRequests.length; i++) jobs.push(this.#guestJob(guestRequests, i, guestWaiter));
    guestRequests.clear();
    for (let i = 0; i < host.requests.length; i++) {
      const waiter = hostWaiter && this.#stall.watch(hostWaiter);
      jobs.push(hostSwapJob(waiter, host.requests.first(i), host.requests.pages(i)));
    }
    host.requests.clear();
    const packets = this.#operations.takePackets();
    if (packets === undefined) return;
    // Written out: it is made for every message.
    const { kind, backend, units, bytes } = packets;
    jobs.push({
      kind,
      guest: this.#index,
      waiter: guestWaiter,
      backend,
      units,
      page: 0,
      pages: 0,
      bytes,
      hostSwap: false,
    });
  }

  #guestJob(requests: DiskRequests, i: number, waiter: Waiter | undefined): IoJob {
    const kind = requests.kind(i);
    const read = kind === DiskRequestKind.FileRead || kind === DiskRequestKind.SwapRead;
    const swap = kind === DiskRequestKind.SwapRead || kind === DiskRequestKind.SwapWrite;
    this.vcpu.pending.addVector(read ? this.#prices.diskRead : this.#prices.diskWrite);
    const area = 1 + 2 * this.#index + (swap ? 1 : 0);
    const backend = read ? this.#prices.diskReadBackend : this.#prices.diskWriteBackend;
    const stalls = swap && waiter !== undefined && waiter === this.#current;
    return {
      kind: JobKind.Disk,
      guest: this.#index,
      waiter: stalls ? this.#stall.watch(waiter) : waiter,
      backend,
      units: 1,
      page: area * AREA_PAGES + requests.first(i),
      pages: requests.pages(i),
      bytes: 0,
      hostSwap: false,
    };
  }
}
