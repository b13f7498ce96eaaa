/** Monitor resolution: one guest on one VMM, every event. Replays an operation stream. */
import { cause, Ledger } from "../core/ledger.ts";
import { requireBootMemory } from "../guest/boot-memory.ts";
import { kernelVersion } from "../guest/kernel-builds.ts";
import { kernelPaths, requireKernelPaths } from "../guest/kernel-paths.ts";
import type { GuestMachine } from "../guest/kernel-context.ts";
import { GuestKernel } from "../guest/kernel.ts";
import { Meter } from "../machine/meter.ts";
import { PAGE_TABLE_FORMATS } from "../machine/page-tables.ts";
import { microsecondsToCycles } from "../machine/profile.ts";
import type { MachineProfile } from "../machine/profile.ts";
import type { Vmm } from "../vmm/contract.ts";
import type { CompiledWorkload } from "../workload/compiled-workload.ts";
import { Op } from "../workload/operation-stream.ts";
import type { CellOutcome } from "./cell.ts";
import { buildMachine, type MonitorMachine } from "./monitor-machine.ts";
import { monitorMetrics } from "./monitor-metrics.ts";
import { extraKind, kindOf, OperationLedgers } from "./operation-ledgers.ts";
import { playOperation } from "./stream-player.ts";
import { timerEvents } from "./timers.ts";

const IDLE = cause("idle");
const TIMER_INTERRUPT = extraKind("timer-interrupt");
const WRITE_BACK = extraKind("write-back");
const PAGE_FAULT = extraKind("page-fault");
/** Linux: kupdated, pdflush or the flusher wakes up every 5 s. It writes everything that is dirty here, without the age limit of 30 s. */
const WRITE_BACK_US = 5e6;

export interface Boot {
  readonly machine: MonitorMachine;
  readonly kernel: GuestKernel;
}

/** A guest that is ready to work. What booting cost is forgotten. Throws an InputError when it has too little memory. */
export function bootGuest(vmm: Vmm, profile: MachineProfile, workload: CompiledWorkload): Boot {
  const machine = buildMachine(vmm, profile, workload.guest.memoryPages, new Meter());
  return { machine, kernel: bootOn(machine, profile, workload) };
}

/** {@link bootGuest} on a machine that has been put together already. */
export function bootOn(machine: GuestMachine, profile: MachineProfile, workload: CompiledWorkload): GuestKernel {
  requireBootMemory(
    workload.name,
    workload.guest,
    PAGE_TABLE_FORMATS[profile.pageTable],
    kernelVersion(profile).layout,
  );
  const kernel = new GuestKernel(machine, profile, workload.guest);
  const paths = kernelPaths(profile);
  // A system that has booted has been through all of its kernel: a translation cache is warm.
  const known = Object.values(paths).filter(({ cycles }) => !Number.isNaN(cycles));
  for (const path of known) machine.cpu.runKernel(path, 1);
  machine.meter.ledger = new Ledger();
  return kernel;
}

/** Runs the whole stream; a closed-loop workload of given duration ends at the first request after that. */
export function runMonitor(vmm: Vmm, profile: MachineProfile, workload: CompiledWorkload): CellOutcome {
  const replay = new Replay(vmm, bootGuest(vmm, profile, workload), profile, workload);
  replay.run();
  return replay.outcome();
}

class Replay {
  readonly #machine: GuestMachine;
  readonly #meter: Meter;
  readonly #kernel: GuestKernel;
  readonly #profile: MachineProfile;
  readonly #workload: CompiledWorkload;
  readonly #tick: number;
  /** The clock stands still while the guest has nothing to do, or waits. */
  readonly #ticksWhileBusy: boolean;
  readonly #writeBackPeriod: number;
  readonly #bootEnd: number;
  readonly #warmupEnd: number;
  readonly #latencies: number[] = [];
  /** When the request of each client ended, for closed-loop think time. */
  readonly #clients: Float64Array;
  #client = 0;
  #ledgers = new OperationLedgers();
  #start: number;
  #measuring: boolean;
  /** In the time that the clock goes by. */
  #nextTick: number;
  #nextWriteBack: number;
  #memorySum = 0;
  #diskBusyBefore = 0;
  #transmitBefore = 0;
  #receiveBefore = 0;
  #arrival = -1;

  constructor(vmm: Vmm, { machine, kernel }: Boot, profile: MachineProfile, workload: CompiledWorkload) {
    this.#machine = machine;
    this.#meter = machine.meter;
    this.#kernel = kernel;
    this.#profile = profile;
    this.#workload = workload;
    const { to, everyUs } = timerEvents(vmm, kernelVersion(profile));
    this.#tick = microsecondsToCycles(profile, everyUs);
    this.#ticksWhileBusy = to === "running";
    this.#writeBackPeriod = microsecondsToCycles(profile, WRITE_BACK_US);
    this.#bootEnd = machine.meter.now;
    this.#start = this.#bootEnd;
    this.#nextTick = this.#clock + this.#tick;
    this.#nextWriteBack = this.#bootEnd + this.#writeBackPeriod;
    this.#warmupEnd = this.#bootEnd + microsecondsToCycles(profile, workload.warmupUs);
    this.#clients = new Float64Array(Math.max(1, workload.guest.threads)).fill(this.#bootEnd);
    this.#measuring = workload.warmupUs === 0;
    this.#beginMeasurement();
    kernel.onFault = this.#countFaults();
  }

  run(): void {
    const { stream } = this.#workload;
    const { op, a } = stream;
    for (let i = 0; i < stream.length; i++) {
      this.#catchUp();
      if (op[i] === Op.Request) {
        if (!this.#beginRequest(i)) break;
        continue;
      }
      const kind = kindOf(op[i], a[i]);
      this.#ledgers.counts[kind] += op[i] === Op.Syscall ? stream.b[i] : 1;
      this.#meter.ledger = this.#ledgers.of(kind);
      playOperation(this.#kernel, stream, i);
    }
    this.#endRequest();
    if (this.#workload.durationUs > 0) {
      this.#idleUntil(this.#bootEnd + microsecondsToCycles(this.#profile, this.#workload.durationUs));
    }
  }

  outcome(): CellOutcome {
    const total = this.#ledgers.total();
    requireKernelPaths(this.#profile, total.total);
    const { disk, network } = this.#machine;
    const metrics = monitorMetrics(this.#profile, {
      elapsed: this.#meter.now - this.#start,
      ledger: total,
      latencies: this.#latencies,
      pageFaults: this.#ledgers.counts[PAGE_FAULT],
      memoryUsed: this.#latencies.length > 0 ? this.#memorySum / this.#latencies.length : this.#kernel.memoryUsed,
      diskBusy: disk.busy - this.#diskBusyBefore,
      networkBusy: Math.max(network.busyTransmit - this.#transmitBefore, network.busyReceive - this.#receiveBefore),
    });
    const [cycles, events] = [total.cyclesByCause(), total.eventsByCause()];
    return { metrics, cycles, events, operations: this.#ledgers.costs() };
  }

  #countFaults(): (begins: boolean) => void {
    let interrupted = this.#meter.ledger;
    return (begins) => {
      if (begins) {
        interrupted = this.#meter.ledger;
        this.#meter.ledger = this.#ledgers.of(PAGE_FAULT);
        this.#ledgers.counts[PAGE_FAULT] += 1;
      } else this.#meter.ledger = interrupted;
    };
  }

  /** False: time is over. */
  #beginRequest(i: number): boolean {
    const { stream, durationUs } = this.#workload;
    this.#endRequest();
    const delay = microsecondsToCycles(this.#profile, stream.a[i] * 1e6 + stream.b[i]);
    const open = stream.c[i] === 1;
    const arrival = (open ? this.#bootEnd : this.#clients[this.#client]) + delay;
    const end = this.#bootEnd + microsecondsToCycles(this.#profile, durationUs);
    if (!open && durationUs > 0 && Math.max(arrival, this.#meter.now) >= end) return false;
    // The warm-up of open-loop work ends at the same request on every VMM, whatever time it is there.
    const warm = (open ? arrival : this.#meter.now) >= this.#warmupEnd;
    if (warm && !this.#measuring) this.#beginMeasurement();
    this.#measuring ||= warm;
    this.#idleUntil(arrival);
    this.#arrival = arrival;
    this.#meter.ledger = this.#ledgers.of(Op.Request);
    this.#ledgers.counts[Op.Request] += 1;
    return true;
  }

  #endRequest(): void {
    if (this.#arrival < 0) return;
    this.#latencies.push(this.#meter.now - this.#arrival);
    this.#memorySum += this.#kernel.memoryUsed;
    this.#clients[this.#client] = this.#meter.now;
    this.#client = (this.#client + 1) % this.#clients.length;
    this.#arrival = -1;
  }

  #beginMeasurement(): void {
    this.#ledgers = new OperationLedgers();
    this.#meter.ledger = this.#ledgers.of(Op.Request);
    this.#start = this.#meter.now;
    this.#latencies.length = 0;
    this.#memorySum = 0;
    this.#diskBusyBefore = this.#machine.disk.busy;
    this.#transmitBefore = this.#machine.network.busyTransmit;
    this.#receiveBefore = this.#machine.network.busyReceive;
  }

  get #clock(): number {
    const { now, waited } = this.#meter;
    return this.#ticksWhileBusy ? now - waited : now;
  }

  #idleUntil(time: number): void {
    while (this.#meter.now < time) {
      this.#meter.ledger = this.#ledgers.of(Op.Request);
      const next = this.#ticksWhileBusy ? this.#nextWriteBack : Math.min(this.#nextTick, this.#nextWriteBack);
      this.#meter.waitUntil(IDLE, Math.min(time, next));
      this.#catchUp();
    }
  }

  /** What is due by the clock; what was due during a long wait comes after it. */
  #catchUp(): void {
    // A clock that is no number, or too large to go on by one, would never get anywhere.
    if (!(this.#meter.now < Number.MAX_SAFE_INTEGER)) throw new Error(`the clock is at ${this.#meter.now} cycles`);
    while (true) {
      if (this.#clock >= this.#nextTick) this.#timerInterrupt();
      else if (this.#meter.now >= this.#nextWriteBack) this.#writeBack();
      else return;
    }
  }

  #timerInterrupt(): void {
    this.#nextTick += this.#tick;
    this.#meter.ledger = this.#ledgers.of(TIMER_INTERRUPT);
    this.#ledgers.counts[TIMER_INTERRUPT] += 1;
    this.#kernel.entries.timerInterrupt();
  }

  #writeBack(): void {
    this.#nextWriteBack += this.#writeBackPeriod;
    this.#meter.ledger = this.#ledgers.of(WRITE_BACK);
    this.#ledgers.counts[WRITE_BACK] += 1;
    this.#kernel.files.writeBackAll();
  }
}
