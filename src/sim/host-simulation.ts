/** The host simulation put together: build the host, start the guests, work through the events. */
import { Ledger } from "../core/ledger.ts";
import { PendingCharges } from "../core/pending-charges.ts";
import { RandomStream } from "../core/random.ts";
import { ContentIds } from "../machine/content-ids.ts";
import { PAGE_TABLE_FORMATS, type PageTableFormat } from "../machine/page-tables.ts";
import { type KernelName, type MachineProfile, microsecondsToCycles } from "../machine/profile.ts";
import { overheadPages, type Vmm } from "../vmm/contract.ts";
import type { Allocation, HostContext, MemoryMechanism, Scheduler, VcpuSettings } from "../vmm/host-contract.ts";
import { HostMemory } from "../vmm/host-memory.ts";
import { type CompiledWorkload, USUAL_ENTITLEMENT } from "../workload/compiled-workload.ts";
import type { VmGroup } from "../workload/vm-settings.ts";
import { buildGuests } from "./build-guests.ts";
import type { CellOutcome } from "./cell.ts";
import { checkReservations } from "./cpu-admission.ts";
import { EventQueue } from "./event-queue.ts";
import { FaultyBalloonDriver } from "./faulty-balloon-driver.ts";
import { BackendVm, HostDevices, hostSwapJob } from "./host-devices.ts";
import type { GuestSurroundings, HostGuest } from "./host-guest.ts";
import { HostObserver } from "./host-observer.ts";
import type { HostWatch } from "./host-watch.ts";
import type { MeasureOperations } from "./operation-prices.ts";
import { VcpuSwitches } from "./vcpu-switches.ts";
import { Processors, type Vcpu, type VcpuWork } from "./processors.ts";

const Event = {
  /** subject: pCPU, detail: number of the event. */
  Processor: 0,
  /** subject: number of the disk. */
  DiskDone: 1,
  /** subject: guest, detail: thread. */
  CallThread: 2,
  /** subject: guest. */
  Timer: 3,
  /** subject: guest. */
  WriteBack: 4,
  /** subject: index of the memory mechanism. */
  Mechanism: 5,
  Rebalance: 6,
  SchedulerTick: 7,
  Second: 8,
  WindowBegins: 9,
  /** subject: guest. */
  BalloonDriver: 10,
  End: 11,
} as const;

/** Linux 2.4 and 2.6: 100 timer interrupts a second; charged ten at a time, which saves events and delays nobody. */
const TIMER_PERIOD_US = 10_000;
const TIMERS_AT_ONCE = 10;
/** Linux: the flusher wakes up every 5 s and writes what has been dirty for 30 s. */
const FLUSH_PERIOD_US = 5e6;
const DIRTY_AGE_US = 30e6;
const SECOND_US = 1e6;
/** The VMM's own work and the VM with the back ends: Xen gives dom0 the default weight like any other. */
const VMM_VCPU: VcpuSettings = { ...USUAL_ENTITLEMENT, drivers: false };
const DRIVER_VCPU: VcpuSettings = { ...USUAL_ENTITLEMENT, drivers: true };

/** The VMM's background work (scanning, paging), which needs CPU time like anybody else's. */
const backgroundWork: VcpuWork = { advance: () => false };

export class HostSimulation implements GuestSurroundings {
  readonly host: HostMemory;
  readonly processors: Processors;
  readonly devices: HostDevices;
  readonly ids = new ContentIds();
  readonly ledger = new Ledger();
  readonly megahertz: number;
  readonly pageTableFormat: PageTableFormat;
  readonly kernel: KernelName;
  readonly guests: readonly HostGuest[];
  readonly durationUs: number;
  building = true;
  readonly #profile: MachineProfile;
  readonly #workloads: readonly CompiledWorkload[];
  readonly #events = new EventQueue();
  readonly #mechanisms: MemoryMechanism[] = [];
  readonly #allocation: Allocation;
  readonly #scheduler: Scheduler;
  readonly #vmmVcpu: Vcpu;
  readonly #observer: HostObserver;
  readonly #watch: HostWatch | undefined;
  readonly #tickless: boolean;
  readonly #configured: number;
  readonly #warmupUs: number;
  #now = 0;
  #ended = false;

  constructor(
    vmm: Vmm,
    profile: MachineProfile,
    workloads: readonly CompiledWorkload[],
    hostPages: number,
    measure: MeasureOperations,
    watch?: HostWatch,
    groups?: readonly VmGroup[],
  ) {
    this.#watch = watch;
    this.#profile = profile;
    this.#workloads = workloads;
    this.megahertz = profile.megahertz;
    this.pageTableFormat = PAGE_TABLE_FORMATS[profile.pageTable];
    this.#tickless = vmm.cpu.definition.tickless === true;
    this.kernel = profile.kernel;
    this.#configured = workloads.length;
    this.durationUs = Math.max(0, ...workloads.map(({ durationUs }) => durationUs));
    this.#warmupUs = Math.max(0, ...workloads.map(({ warmupUs }) => warmupUs));
    this.host = new HostMemory(profile, hostPages, new PendingCharges(), vmm.name);
    this.host.observer = watch?.log;
    const seed = workloads.map(({ stream }) => stream.digest).join("/");
    const context: HostContext = {
      profile,
      memory: this.host,
      compressedSizes: this.ids.compressed,
      mechanisms: this.#mechanisms,
      random: (name) => new RandomStream(0, `${seed}/${name}`),
    };
    for (const { definition, parameters } of vmm.memory) this.#mechanisms.push(definition.create(parameters, context));
    this.#allocation = vmm.allocation.definition.create(vmm.allocation.parameters, context);
    this.#scheduler = vmm.scheduler.definition.create(vmm.scheduler.parameters, context);
    const switches = new VcpuSwitches(profile, this.#scheduler.switchCycles);
    this.processors = new Processors(
      profile.cores,
      this.#scheduler,
      switches,
      this.ledger,
      this.#events,
      Event.Processor,
    );
    this.devices = new HostDevices(profile, this.#events, Event.DiskDone, this.host.swapDisk);
    checkReservations(workloads, profile);
    const overhead = (pages: number) => overheadPages(vmm.overheadPerGuest, pages);
    const prices = (workload: CompiledWorkload) => measure(vmm, profile, workload);
    this.guests = buildGuests(workloads, this, this.#allocation, overhead, this.#mechanisms, prices, watch?.log);
    this.building = false;
    // Faults are of the time that is simulated: until now every driver that was there has done what it was told.
    this.guests.forEach(({ vm }, i) => {
      if (vm.balloon !== undefined) this.#startDriver(i);
    });
    this.ids.endInterning();
    this.#vmmVcpu = this.processors.addVcpu(backgroundWork, VMM_VCPU);
    if (this.guests.some((guest) => guest.needsBackend)) {
      this.devices.backend = new BackendVm(this.devices, this.processors, DRIVER_VCPU);
    }
    this.#observer = new HostObserver({
      profile,
      memory: this.host,
      devices: this.devices,
      guests: this.guests,
      ledger: this.ledger,
      vmsDiffer:
        groups !== undefined ||
        workloads.some(
          ({ name, guest }) => name !== workloads[0].name || guest.cpu !== undefined || guest.memory !== undefined,
        ),
      groups,
      equalWork: workloads.every(({ name }) => name === workloads[0].name),
    });
  }

  now(): number {
    return this.#now;
  }

  callThread(guest: number, thread: number, at: number): void {
    this.#events.add(at, Event.CallThread, guest, thread);
  }

  requestDone(guest: number, latency: number): void {
    this.#observer.requestDone(guest, latency);
  }

  run(): CellOutcome {
    this.#schedule();
    this.#sampleVms();
    for (const guest of this.guests) guest.start();
    while (!this.#ended && this.#events.take()) {
      this.#now = this.#events.time;
      if (this.#watch !== undefined) this.#watch.log.nowUs = this.#now / this.megahertz;
      this.#handle(this.#events.kind, this.#events.subject, this.#events.detail);
      if (this.host.alarm) this.#rebalance();
      this.processors.placeWoken(this.#now);
      if (this.durationUs === 0 && this.guests.every((guest) => guest.finished)) break;
    }
    this.processors.settle(this.#now);
    return this.#observer.outcome(this.#now, this.#configured);
  }

  #schedule(): void {
    const at = (us: number, kind: number, subject = 0): void => this.#events.add(this.#cycles(us), kind, subject);
    if (this.durationUs > 0) at(this.durationUs, Event.End);
    at(this.#warmupUs, Event.WindowBegins);
    at(SECOND_US, Event.Second);
    // Not all in the same instant: guests were not started in the same instant either.
    this.guests.forEach((_, i) => {
      const part = (i + 1) / (this.guests.length + 1);
      at(TIMER_PERIOD_US * TIMERS_AT_ONCE * part, Event.Timer, i);
      at(FLUSH_PERIOD_US * part, Event.WriteBack, i);
      const { fromUs = 0 } = this.#workloads[i].guest.driver ?? {};
      if (fromUs !== "never" && fromUs > 0) at(fromUs, Event.BalloonDriver, i);
    });
    this.#mechanisms.forEach(({ periodUs }, i) => {
      if (periodUs > 0) at(0, Event.Mechanism, i);
    });
    if (this.#allocation.periodUs > 0) at(0, Event.Rebalance);
    if (this.#scheduler.tickCycles > 0) this.#events.add(this.#scheduler.tickCycles, Event.SchedulerTick);
  }

  #handle(kind: number, subject: number, detail: number): void {
    const again = (us: number): void => this.#events.add(this.#now + this.#cycles(us), kind, subject);
    switch (kind) {
      case Event.Processor:
        return this.processors.onEvent(subject, detail, this.#now);
      case Event.DiskDone:
        return this.devices.diskDone(subject, this.#now);
      case Event.CallThread:
        return this.guests[subject].callThread(detail);
      case Event.Timer:
        if (!this.#tickless || !this.guests[subject].vcpu.asleep) this.guests[subject].timerInterrupts(TIMERS_AT_ONCE);
        return again(TIMER_PERIOD_US * TIMERS_AT_ONCE);
      case Event.WriteBack:
        this.guests[subject].writeBack(this.#now - this.#cycles(DIRTY_AGE_US), this.#now);
        return again(FLUSH_PERIOD_US);
      case Event.Mechanism:
        this.#inBackground(() => this.#mechanisms[subject].work());
        return again(this.#mechanisms[subject].periodUs);
      case Event.Rebalance:
        this.#rebalance();
        return again(this.#allocation.periodUs);
      case Event.SchedulerTick:
        this.processors.tick(this.#now);
        return this.#events.add(this.#now + this.#scheduler.tickCycles, kind);
      case Event.Second:
        this.#observer.sample(this.#now);
        this.#sampleVms();
        return again(SECOND_US);
      case Event.BalloonDriver:
        return this.#startDriver(subject);
      case Event.WindowBegins:
        this.processors.settle(this.#now);
        return this.#observer.beginWindow(this.#now);
      default:
        // Whatever else happens in the last instant comes first.
        if (detail === 0) return this.#events.add(this.#now, Event.End, 0, 1);
        this.#ended = true;
    }
  }

  /** The VMM reaches the guest's balloon driver from now on, if it makes use of any. */
  #startDriver(guest: number): void {
    const { balloons = true } = this.#allocation;
    if (!balloons || !this.#mechanisms.some(({ kind }) => kind === "cooperative")) return;
    const { driver: faults } = this.#workloads[guest].guest;
    const { balloon, vm } = this.guests[guest];
    const nowUs = (): number => this.#now / this.megahertz;
    vm.balloon = faults === undefined ? balloon : new FaultyBalloonDriver(balloon, vm, faults, nowUs);
  }

  #sampleVms(): void {
    this.#watch?.timeline.sample(this.#now / (this.megahertz * 1e6), this.host, this.#allocation.hostState ?? "");
  }

  #rebalance(): void {
    this.host.alarm = false;
    const nowUs = this.#now / this.#profile.megahertz;
    this.#inBackground(() => this.#allocation.rebalance(nowUs));
    // A guest that was blocked may go on; waking one that has nothing to do is harmless.
    for (const guest of this.guests) guest.wakeIfReady();
  }

  /** Something that the VMM does on its own account: it pays, and nobody waits for its disk requests. */
  #inBackground(work: () => void): void {
    this.host.payer = this.#vmmVcpu.pending;
    work();
    const { requests } = this.host;
    for (let i = 0; i < requests.length; i++) {
      this.devices.submit(hostSwapJob(undefined, requests.first(i), requests.pages(i)), this.#now);
    }
    requests.clear();
    if (this.#vmmVcpu.owed > 0) this.processors.wake(this.#vmmVcpu);
  }

  #cycles(us: number): number {
    return microsecondsToCycles(this.#profile, us);
  }
}
