/**
 * CPU scheduling by shares, reservations and limits, as in ESX Server. CPU time is divided by virtual time (stride
 * scheduling, Waldspurger 1995). Reservations and limits are tags of real time, as in mClock, VMware's scheduler of disk
 * requests (Gulati et al. 2010, section 3): a vCPU whose reservation is due goes first, one that is ahead of its limit waits.
 */
import { microsecondsToCycles, primitiveCost } from "../../machine/profile.ts";
import { definePart } from "../contract.ts";
import type { HostContext, Scheduler, VcpuSettings } from "../host-contract.ts";
import { CoScheduling } from "./co-scheduling.ts";
import { ReadyList } from "./ready-list.ts";

/** Release of ESX. */
const FIRST_RELAXED = 3;
const ANYWHERE = -1;
/** Of the service console, against the 1,000 shares of a VM: 2,000 and 8 % (ESX Server 2.x administration guide). */
const CONSOLE_SHARES = 2;
const CONSOLE_RESERVATION_PERCENT = 8;

export interface ProportionalShareCpuParameters extends Record<string, number | boolean> {
  quantumMs: number;
  coScheduling: number;
  skewMs: number;
  serviceConsole: boolean;
  consoleLoadPercent: number;
}

class ProportionalShareCpu implements Scheduler {
  readonly name = "proportional-share";
  readonly tickCycles = 0;
  readonly switchCycles: number;
  until = Infinity;
  readonly #megahertz: number;
  readonly #quantum: number;
  readonly #share: number[] = [];
  /** Parts of a pCPU. */
  readonly #reservation: number[] = [];
  readonly #limit: number[] = [];
  /** Cycles run divided by share: whoever has least runs next. */
  readonly #virtualTime: number[] = [];
  /** From when on more CPU time is due to a vCPU, and from when on it may have more. */
  readonly #due: number[] = [];
  readonly #allowed: number[] = [];
  /** Whether it runs because its reservation was due. */
  readonly #onReservation: boolean[] = [];
  /** Of those that may run: when their reservations are due, and their virtual times; Infinity for the others. */
  readonly #dueKey: number[] = [];
  readonly #shareKey: number[] = [];
  /** The only pCPU that it may run on; -1: any. */
  readonly #pinnedTo: number[] = [];
  readonly #waiting = new ReadyList();
  /** Least virtual time of a vCPU that cannot start alone. */
  #heldBack = Infinity;
  readonly #together: CoScheduling | undefined;
  /** Present once a VM has several vCPUs that are to be kept together. */
  runsUntil: ((running: number, now: number) => number) | undefined;
  #now = 0;

  /** `together`: absent where each vCPU is on its own. */
  constructor(megahertz: number, quantum: number, switchCycles: number, together: CoScheduling | undefined) {
    this.#megahertz = megahertz;
    this.#quantum = quantum;
    this.switchCycles = switchCycles;
    this.#together = together;
  }

  add({ shares, reservationMhz, limitMhz, vm, pinnedTo = ANYWHERE }: VcpuSettings): void {
    this.#pinnedTo.push(pinnedTo);
    this.#together?.add(vm);
    if (vm !== undefined && this.#together !== undefined) {
      this.runsUntil = (running, now) => now + (this.#together?.left(running) ?? Infinity);
    }
    this.#share.push(shares);
    this.#reservation.push(reservationMhz / this.#megahertz);
    // One vCPU cannot use more than one pCPU.
    this.#limit.push(limitMhz >= this.#megahertz ? Infinity : limitMhz / this.#megahertz);
    this.#virtualTime.push(this.#now);
    this.#due.push(reservationMhz > 0 ? 0 : Infinity);
    this.#allowed.push(0);
    this.#onReservation.push(false);
    this.#dueKey.push(Infinity);
    this.#shareKey.push(Infinity);
  }

  /** Time spent asleep is not saved up. */
  ready(vcpu: number, woken: boolean, now: number): void {
    if (woken) {
      this.#virtualTime[vcpu] = Math.max(this.#virtualTime[vcpu], this.#now);
      this.#due[vcpu] = Math.max(this.#due[vcpu], now);
      this.#allowed[vcpu] = Math.max(this.#allowed[vcpu], now);
    }
    this.#together?.ready(vcpu);
    this.#waiting.add(vcpu);
  }

  pick(cpu: number, now: number): number {
    this.#together?.leave(cpu);
    const waiting = this.#waiting;
    const mayRunAt = this.#whoMayRun(cpu, now);
    const due = waiting.least(this.#dueKey);
    const place = due >= 0 ? due : waiting.least(this.#shareKey);
    const heldBack = due < 0 && place >= 0 && this.#heldBack < this.#shareKey[waiting.vcpus[place]];
    if (place < 0 || heldBack) {
      this.until = mayRunAt;
      return -1;
    }
    const vcpu = waiting.take(place);
    this.#onReservation[vcpu] = due >= 0;
    if (due < 0) this.#now = Math.max(this.#now, this.#virtualTime[vcpu]);
    this.until = now + this.#quantum;
    this.#together?.start(vcpu, cpu);
    return vcpu;
  }

  ran(vcpu: number, cycles: number): void {
    this.#virtualTime[vcpu] += cycles / this.#share[vcpu];
    if (this.#onReservation[vcpu]) this.#due[vcpu] += Math.round(cycles / this.#reservation[vcpu]);
    this.#allowed[vcpu] += Math.round(cycles / this.#limit[vcpu]);
    this.#together?.ran(vcpu, cycles);
  }

  preemptsAt(ready: number, running: number, now: number): number {
    if (this.#allowed[ready] > now || this.#onReservation[running]) return Infinity;
    if (this.#together?.mayStart(ready) === false) return Infinity;
    return this.#due[ready] <= now || this.#virtualTime[ready] < this.#virtualTime[running] ? now : Infinity;
  }

  tick(): void {}

  account(): void {}

  mustYield(): boolean {
    return false;
  }

  /** A pCPU stays idle for a VM that would be next and waits until there are enough, or others would always be before it. */
  #mayStart(vcpu: number): boolean {
    if (this.#together === undefined || this.#together.mayStart(vcpu)) return true;
    if (this.#together.isStrict) this.#heldBack = Math.min(this.#heldBack, this.#virtualTime[vcpu]);
    return false;
  }

  /** Set the keys of all that wait. Returns when the first of those that are ahead of their limits may run. */
  #whoMayRun(cpu: number, now: number): number {
    let earliest = Infinity;
    this.#heldBack = Infinity;
    for (const vcpu of this.#waiting.vcpus) {
      const pinnedTo = this.#pinnedTo[vcpu];
      const here = pinnedTo === ANYWHERE || pinnedTo === cpu;
      const allowed = here && this.#allowed[vcpu] <= now && this.#mayStart(vcpu);
      this.#shareKey[vcpu] = allowed ? this.#virtualTime[vcpu] : Infinity;
      // Its siblings have just been started, or run: it is one of them.
      if (allowed && this.#together?.belongsToRunning(vcpu) === true) this.#shareKey[vcpu] = -Infinity;
      this.#dueKey[vcpu] = allowed && this.#due[vcpu] <= now ? this.#due[vcpu] : Infinity;
      if (here && this.#allowed[vcpu] > now) earliest = Math.min(earliest, this.#allowed[vcpu]);
    }
    return earliest;
  }
}

export const proportionalShareCpu = definePart<"scheduler", ProportionalShareCpuParameters>({
  slot: "scheduler",
  name: "proportional-share",
  summary: "CPU time by shares between reservation and limit: the vCPU with the least virtual time runs next.",
  needs: ["hardware.tlb-flush"],
  honoursCpuSettings: ["reservation", "limit"],
  consoleOf: ({ serviceConsole, consoleLoadPercent: loadPercent }) =>
    serviceConsole
      ? { shares: CONSOLE_SHARES, reservationPercent: CONSOLE_RESERVATION_PERCENT, loadPercent }
      : undefined,
  parameters: {
    quantumMs: {
      summary: "Longest time a vCPU runs before the next decision",
      default: 50,
      unit: "ms",
      min: 0.1,
      source: "ESX, quoted by Barham et al. 2003, section 4.3",
    },
    coScheduling: {
      summary:
        "Release of ESX by whose rule the vCPUs of a VM are kept together: 2 strict, 3 relaxed, as all later ones; 0: not at all",
      default: 0,
      unit: "1",
      min: 0,
      max: 8,
      source: "VMware 2008, Co-scheduling SMP VMs in VMware ESX Server",
    },
    skewMs: {
      summary: "How far a vCPU may be ahead of one of the same VM that waits",
      default: 3,
      unit: "ms",
      min: 0.1,
      source: "assumption: VMware published that there is a limit of some milliseconds, but no number",
      grade: "A",
    },
    serviceConsole: {
      summary: "A Linux system on pCPU 0 from which the host is managed, with memory of its own",
      default: false,
      source: "ESX Server up to 4.1; ESXi has none (ESX Server 2.x administration guide: service console)",
    },
    consoleLoadPercent: {
      summary: "What the agents in the service console take of a pCPU",
      default: 2,
      unit: "%",
      min: 0,
      max: 100,
      source: "assumption: agents that look at the VMs now and then",
      grade: "A",
    },
  },
  // What ESX pays beyond another address space is not published.
  create: ({ quantumMs, coScheduling, skewMs }, { profile }: HostContext) => {
    const cycles = (ms: number): number => microsecondsToCycles(profile, ms * 1000);
    const isStrict = coScheduling < FIRST_RELAXED;
    const together = coScheduling === 0 ? undefined : new CoScheduling(isStrict, cycles(skewMs), profile.cores);
    const switchCycles = primitiveCost(profile, "hardware.tlb-flush");
    return new ProportionalShareCpu(profile.megahertz, cycles(quantumMs), switchCycles, together);
  },
});
