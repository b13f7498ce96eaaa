/** The host simulation put together: build the host, start the guests, work through the events. */
import { SECOND_US } from "../core/time.ts";
import { kernelVersion } from "../guest/kernel-builds.ts";
import { Ledger } from "../core/ledger.ts";
import { type CostVector, FREE, PendingCharges } from "../core/pending-charges.ts";
import { RandomStream } from "../core/random.ts";
import { ContentIds } from "../machine/content-ids.ts";
import { PAGE_TABLE_FORMATS, type PageTableFormat } from "../machine/page-tables.ts";
import { type KernelName, type MachineProfile, microsecondsToCycles } from "../machine/profile.ts";
import { nextCallUs, rebalance, startAnswer } from "../vmm/allocation/answers.ts";
import type { Vmm } from "../vmm/contract.ts";
import type { Allocation, StartAnswer } from "../vmm/host-contract.ts";
import { HostMemory } from "../vmm/host-memory/host-memory.ts";
import { hostParts } from "../vmm/host-parts.ts";
import type { CompiledWorkload } from "../workload/compiled-workload.ts";
import { vmShares } from "../workload/vm-settings.ts";
import { AllocationCalls } from "./allocation-calls.ts";
import type { BuildingSite } from "./build-guest.ts";
import { buildGuests, buildLateGuest, requestFor } from "./build-guests.ts";
import type { CellOutcome } from "./cell.ts";
import { BackendVm } from "./backend-vm.ts";
import { dom0Of } from "./dom0.ts";
import { checkReservations } from "./cpu-admission.ts";
import { EventQueue } from "./event-queue.ts";
import { GuestDrivers } from "./guest-drivers.ts";
import { HostDevices } from "./host-devices.ts";
import type { Waiter } from "./io-job.ts";
import type { GuestSurroundings } from "./guest-surroundings.ts";
import type { HostGuest } from "./host-guest.ts";
import { OperationPriceList } from "./operation-price-list.ts";
import { DIRTY_AGE_US, Event, FLUSH_PERIOD_US } from "./host-events.ts";
import { type GuestTimers, guestTimers } from "./timers.ts";
import { HostObserver } from "./host-observer.ts";
import type { HostSetup } from "./host-setup.ts";
import type { HostWatch } from "./host-watch.ts";
import { VcpuSwitches } from "./vcpu-switches.ts";
import { Processors } from "./processors.ts";
import type { Vcpu } from "./vcpu.ts";
import { startCostOf, type StartingHost, VmStarts } from "./vm-starts.ts";
import { consolePages, type ServiceConsole, serviceConsole } from "./console-world.ts";
import { ownRequestCost, VMM_VCPU, VmmWork } from "./vmm-work.ts";
import { WorkEnd } from "./work-end.ts";

export class HostSimulation implements GuestSurroundings, StartingHost {
  readonly host: HostMemory;
  readonly processors: Processors;
  readonly devices: HostDevices;
  readonly ids = new ContentIds();
  readonly ledger = new Ledger();
  readonly megahertz: number;
  readonly pageTableFormat: PageTableFormat;
  readonly kernel: KernelName;
  readonly kernelVersion: GuestSurroundings["kernelVersion"];
  readonly guests: HostGuest[];
  readonly durationUs: number;
  building = true;
  readonly #profile: MachineProfile;
  readonly #events = new EventQueue();
  readonly #allocation: Allocation;
  readonly #calls: AllocationCalls;
  readonly #drivers: GuestDrivers;
  readonly #vmm: VmmWork;
  /** Whoever builds VMs. */
  readonly #controlPlane: BackendVm | VmmWork;
  readonly #workloads: readonly CompiledWorkload[];
  readonly #site: BuildingSite;
  readonly #startCost: CostVector;
  readonly #console: ServiceConsole | undefined;
  readonly #starts: VmStarts;
  readonly #workEnd: WorkEnd;
  readonly #observer: HostObserver;
  readonly #watch: HostWatch | undefined;
  readonly #timers: GuestTimers;
  #now = 0;
  #ended = false;

  constructor({ vmm, profile, workloads, hostPages, measure, watch, groups }: HostSetup) {
    this.#watch = watch;
    this.#profile = profile;
    this.#workloads = workloads;
    this.megahertz = profile.megahertz;
    this.pageTableFormat = PAGE_TABLE_FORMATS[profile.pageTable];
    this.kernel = profile.kernel;
    this.kernelVersion = kernelVersion(profile);
    this.#timers = guestTimers(vmm, this.kernelVersion);
    this.durationUs = Math.max(0, ...workloads.map(({ durationUs }) => durationUs));
    this.host = new HostMemory(profile, hostPages, new PendingCharges(), vmm.name);
    this.host.observer = watch?.log;
    const seed = workloads.map(({ stream }) => stream.digest).join("/");
    const random = (name: string): RandomStream => new RandomStream(0, `${seed}/${name}`);
    const parts = hostParts(vmm, profile, this.host, this.ids.compressed, random);
    this.#allocation = parts.allocation;
    this.#calls = new AllocationCalls(parts.allocation, this.#events, profile, () =>
      this.#decide(() => rebalance(this.#allocation, this.host, this.nowUs)),
    );
    this.#drivers = new GuestDrivers(workloads, parts.mechanisms, this.#allocation, () => this.nowUs);
    const { scheduler } = parts;
    const switches = new VcpuSwitches(profile, scheduler.switchCycles);
    this.processors = new Processors(profile.cores, scheduler, switches, this.ledger, this.#events, Event.Processor);
    this.devices = this.#attachDevices(vmm);
    checkReservations(workloads, profile);
    const prices = new OperationPriceList(vmm, profile, measure);
    this.#console = serviceConsole(vmm, profile, this.processors, this.#events);
    if (this.#console !== undefined) this.host.frames.addOverhead(consolePages(workloads));
    // Domain 0 is there before any other, and is the first that is put on a processor.
    const needsBackend = workloads.some((workload) => prices.of(workload).needsBackend);
    if (needsBackend) this.devices.backend = new BackendVm(this.devices, this.processors, VMM_VCPU, this);
    this.#site = { around: this, ...parts, overheadPerGuest: vmm.overheadPerGuest, prices, dom0: dom0Of(this) };
    const early = [...workloads.entries()].filter(([, { startUs }]) => startUs === undefined);
    this.guests = buildGuests(new Map(early), this.#site, watch?.log);
    this.building = false;
    this.#vmm = new VmmWork(this.processors, VMM_VCPU);
    this.#controlPlane = this.devices.backend ?? this.#vmm;
    this.#site.dom0?.runOn(this.#controlPlane.vcpu);
    this.#starts = new VmStarts(this, workloads.length - early.length);
    if (!this.#starts.pending) this.ids.endInterning();
    this.#startCost = this.#starts.pending ? startCostOf(vmm, profile) : FREE;
    this.#workEnd = new WorkEnd(this.guests, this.#starts);
    this.#observer = this.#observe(groups);
  }

  #attachDevices(vmm: Vmm): HostDevices {
    return new HostDevices({
      vmm,
      profile: this.#profile,
      events: this.#events,
      ledger: this.ledger,
      sharesOf: (guest) => vmShares(this.guests[guest].diskShares),
      swapDisk: this.host.slots.disk,
      backgroundReclaim: this.host.backgroundReclaim,
      ownRequest: () => this.#vmm.pay(ownRequestCost(this.#profile)),
    });
  }

  #observe(groups: HostSetup["groups"]): HostObserver {
    return new HostObserver({
      profile: this.#profile,
      memory: this.host,
      devices: this.devices,
      guests: this.guests,
      ledger: this.ledger,
      workloads: this.#workloads,
      groups,
      starts: this.#starts,
      dom0: this.#site.dom0?.memory,
    });
  }

  now(): number {
    return this.#now;
  }

  get nowUs(): number {
    return this.#now / this.megahertz;
  }

  findMemory(vm: number): StartAnswer {
    return this.#decide(() => startAnswer(this.#allocation, requestFor(this.#workloads[vm]), this.nowUs));
  }

  lookAgain(waitUs: number): void {
    this.#after(waitUs, Event.LookAgain);
  }

  /** Its memory is taken at once; what filling it takes is run by whoever has the control plane. */
  build(vm: number, pages: number, built: Waiter): void {
    this.#onAccountOf(this.#controlPlane.vcpu, () => {
      this.guests.push(buildLateGuest(vm, this.#workloads[vm], pages, this.#site));
      this.#site.dom0?.useProcesses(built);
    });
    this.#controlPlane.run(this.#startCost, built);
  }

  comesUp(vm: number): void {
    const index = this.guests.findIndex(({ number }) => number === vm);
    this.guests[index].vm.building = false;
    this.#scheduleGuest(index, 1);
    this.guests[index].boot(this.#now, (now) => this.guests[index].start(now));
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
    for (const guest of this.guests) guest.start(0);
    while (!this.#ended && this.#events.take()) {
      this.#now = this.#events.time;
      if (this.#watch !== undefined) this.#watch.log.nowUs = this.nowUs;
      this.#handle(this.#events.kind, this.#events.subject, this.#events.detail);
      if (this.host.alarm) this.#calls.onAlarm(this.#now);
      if (this.host.woken) this.#onAccountOf(this.#vmm.vcpu, () => this.host.backgroundReclaim?.balance());
      this.processors.placeWoken(this.#now);
      if (this.durationUs === 0 && this.#workEnd.reached) break;
    }
    this.processors.settle(this.#now);
    return this.#observer.outcome(this.#now);
  }

  #schedule(): void {
    if (this.durationUs > 0) this.#after(this.durationUs, Event.End);
    this.#after(Math.max(0, ...this.#workloads.map(({ warmupUs }) => warmupUs)), Event.WindowBegins);
    this.#after(SECOND_US, Event.Second);
    // Not all in the same instant: guests were not started in the same instant either.
    this.guests.forEach((_, i) => this.#scheduleGuest(i, (i + 1) / (this.guests.length + 1)));
    for (const [vm, { startUs }] of this.#workloads.entries())
      if (startUs !== undefined) this.#after(startUs, Event.StartVm, vm);
    const { periodUs, tunesSharing = false } = this.#allocation;
    if (periodUs > 0 && tunesSharing) this.#after(0, Event.Rebalance); // before the scanner that it steers
    for (const [i, { periodUs: us }] of this.#site.mechanisms.entries()) if (us > 0) this.#after(0, Event.Mechanism, i);
    if (periodUs > 0 && !tunesSharing) this.#after(0, Event.Rebalance);
    if (this.processors.tickCycles > 0) this.#events.add(this.processors.tickCycles, Event.SchedulerTick);
  }

  /** What a guest does again and again, from now on; `part` of a period has gone by. Its driver has done what it was told. */
  #scheduleGuest(index: number, part: number): void {
    this.#after(this.#timers.firstAfterUs(this.nowUs, part), Event.Timer, index);
    this.#after(FLUSH_PERIOD_US * part, Event.WriteBack, index);
    const driverAfterUs = this.#drivers.guestIsUp(this.guests[index]);
    if (driverAfterUs !== undefined) this.#after(driverAfterUs, Event.BalloonDriver, index);
  }

  #handle(kind: number, subject: number, detail: number): void {
    if (kind >= Event.DiskDone) return this.devices.onEvent(kind, subject, detail, this.#now);
    switch (kind) {
      case Event.Processor:
        return this.processors.onEvent(subject, detail, this.#now);
      case Event.CallThread:
        return this.guests[subject].callThread(detail);
      case Event.Timer:
        this.guests[subject].timerInterrupts(this.#timers);
        return this.#after(this.#timers.eventUs, kind, subject);
      case Event.WriteBack:
        this.guests[subject].writeBack(this.#now - microsecondsToCycles(this.#profile, DIRTY_AGE_US), this.#now);
        return this.#after(FLUSH_PERIOD_US, kind, subject);
      case Event.Mechanism: {
        const mechanism = this.#site.mechanisms[subject];
        this.#onAccountOf(this.#vmm.vcpu, () => mechanism.work());
        return this.#after(nextCallUs("memory", mechanism), kind, subject);
      }
      case Event.Rebalance:
        return this.#calls.onEvent(this.#now);
      case Event.SchedulerTick:
        this.processors.tick(this.#now);
        return this.#events.add(this.#now + this.processors.tickCycles, kind);
      case Event.Second:
        this.#observer.sample(this.#now);
        this.#sampleVms();
        for (const guest of this.guests) guest.secondPassed(this.#now);
        if (this.durationUs === 0) this.#workEnd.secondPassed(this.#allocation.name);
        return this.#after(SECOND_US, kind, subject);
      case Event.BalloonDriver:
        return this.#drivers.start(this.guests[subject]);
      case Event.Console:
        return this.#console?.onEvent(this.#now);
      case Event.StartVm:
        return this.#starts.ask(subject);
      case Event.LookAgain:
        return this.#starts.advance();
      case Event.WindowBegins:
        this.processors.settle(this.#now);
        return this.#observer.beginWindow(this.#now);
      default:
        // Whatever else happens in the last instant comes first.
        if (detail === 0) return this.#events.add(this.#now, Event.End, 0, 1);
        this.#ended = true;
    }
  }

  #sampleVms(): void {
    this.#watch?.timeline.sample(this.#now / (this.megahertz * 1e6), this.host, this.#allocation.hostState ?? "");
  }

  #decide<Decision>(allocate: () => Decision): Decision {
    const decision = this.#onAccountOf(this.#vmm.vcpu, allocate);
    // A guest that was blocked may go on; waking one that has nothing to do is harmless.
    for (const guest of this.guests) guest.wakeIfReady();
    return decision;
  }

  /** Something that the VMM, or the VM with the drivers, does: it pays, and nobody waits for its disk requests. */
  #onAccountOf<Result>(vcpu: Vcpu, work: () => Result): Result {
    this.host.payer = vcpu.pending;
    const result = work();
    this.devices.swap(this.host.requests, this.#now);
    if (vcpu.owed > 0) this.processors.wake(vcpu);
    return result;
  }

  /** An event comes in so many microseconds. */
  #after(us: number, kind: number, subject = 0): void {
    this.#events.add(this.#now + microsecondsToCycles(this.#profile, us), kind, subject);
  }
}
