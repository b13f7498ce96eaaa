/**
 * What it takes that a guest and the driver domain of Xen run on processors of their own. Lines that one of them, or the
 * hypervisor for it, has written come from the other's cache when they are needed; and whoever has nothing to do has
 * blocked, so that an event has to wake it up: the scheduler runs on the processor that idled, which has kept the address
 * space of who ran there last (Xen 3.0.4, context_switch, arch/x86/domain.c: nothing is loaded). That a processor
 * leaves HLT takes no time that any source gives.
 *
 * Lines are counted in the source of Xen 3.0.4 and its Linux; none is taken to come while another is on its way.
 */
import { cause } from "../../core/ledger.ts";
import { kernelPaths } from "../../guest/kernel-paths.ts";
import type { Meter } from "../../machine/meter.ts";
import { primitiveCost } from "../../machine/profile.ts";
import type { Parameter } from "../contract.ts";
import type { MonitorContext } from "../monitor-contract.ts";

const LINES = cause("hardware.cache-line-transfer");
const WAKE_UP = cause("vmm.event-channel.wake-up");
const DRIVER_LINES = cause("io.backend.cache-line-transfer");
const DRIVER_WAKE_UP = cause("io.backend.wake-up");

/** An event (evtchn_set_pending, common/event_channel.c): pending events, their mask, the flags in vcpu_info. Both sides write them. */
const EVENT_LINES = 3;
/**
 * To wake somebody up (vcpu_wake, common/schedule.c; csched_vcpu_wake, common/sched_credit.c) besides: the vCPU's flags, its
 * runstate, what the scheduler knows of it, the lock of its processor, the run queue there, the mask of idle processors, the
 * processor's pending softirqs.
 */
const WAKE_LINES = EVENT_LINES + 7;
/** A batch of entries: the indices of the ring, and a line of entries. */
const BATCH_LINES = 2;
/** A page by its grant: the entry of the guest's table. A packet: its headers, of 66 bytes. */
const GRANT_LINES = 1;
const HEADER_LINES = 2;
/** Pages that change hands: lock, count and list of the guest's pages, its grant table's lock; on the way back the page's own entry. */
const EXCHANGE_BATCH_LINES = 3;
const EXCHANGE_PAGE_LINES = 1;

/** What makes the driver domain run: an event of the guest, or a device's interrupt. */
export type Interruption = "event" | "device";

export class TwoProcessors {
  /** The driver domain is busy until this cycle, and asleep from then on. */
  busyUntil = 0;
  readonly #meter: Meter;
  readonly #exchanges: boolean;
  readonly #isNetwork: boolean;
  readonly #line: number;
  readonly #schedule: number;
  #guestSleeps = false;
  /** Of an event that the guest has been sent and has not looked at; it woke it up, or did not. */
  #eventLines = 0;
  #woken = false;

  /** `exchanges`: pages of received packets are exchanged. */
  constructor({ meter, profile }: MonitorContext, isNetwork: boolean, exchanges: boolean) {
    this.#meter = meter;
    this.#isNetwork = isNetwork;
    this.#exchanges = exchanges;
    this.#line = primitiveCost(profile, "hardware.cache-line-transfer");
    // The scheduler of Xen is taken to take as long as that of Linux.
    this.#schedule = kernelPaths(profile)["context-switch"].cycles;
  }

  isDriverAsleep(at: number): boolean {
    return this.busyUntil <= at;
  }

  /** It runs from cycle `at` on, or as soon as it has done what it is at. An event is for one that sleeps. */
  beginDriver(at: number, by: Interruption | undefined): void {
    if (by === "event") this.#meter.spendMany(LINES, WAKE_LINES, this.#line);
    const asleep = by === "event" || (by === "device" && this.isDriverAsleep(at));
    this.busyUntil = Math.max(this.busyUntil, by === "event" ? this.#meter.now : at);
    if (asleep) this.spendByDriver(DRIVER_WAKE_UP, 1, this.#schedule);
    if (by === "event") this.#driverTakes(WAKE_LINES);
  }

  spendByDriver(id: number, count: number, cyclesEach: number): void {
    this.#meter.spendElsewhere(id, count, cyclesEach);
    this.busyUntil += count * cyclesEach;
  }

  /** The driver domain takes entries off a ring, of so many requests. */
  takeRequests(requests: number): void {
    const headers = this.#isNetwork ? HEADER_LINES : 0;
    this.#driverTakes(BATCH_LINES + requests * (GRANT_LINES + headers));
  }

  /** It takes the guest's buffers for so many packets. */
  takeBuffers(packets: number): void {
    const exchange = this.#exchanges ? EXCHANGE_BATCH_LINES : 0;
    this.#driverTakes(BATCH_LINES + exchange + packets * GRANT_LINES);
  }

  /** It sends the guest an event. */
  notifyGuest(): void {
    this.#woken = this.#guestSleeps;
    this.#guestSleeps = false;
    this.#eventLines = this.#woken ? WAKE_LINES : EVENT_LINES;
    this.#driverTakes(this.#eventLines);
  }

  guestHalts(): void {
    this.#guestSleeps = true;
  }

  /** The guest takes an answer; with the first, what the event means to its processor. */
  guestTakes(): void {
    if (this.#woken) this.#meter.spend(WAKE_UP, this.#schedule);
    const exchange = this.#exchanges ? EXCHANGE_BATCH_LINES : 0;
    const batch = this.#eventLines > 0 ? this.#eventLines + BATCH_LINES + exchange : 0;
    const packet = this.#isNetwork ? HEADER_LINES + (this.#exchanges ? EXCHANGE_PAGE_LINES : 0) : 0;
    this.#meter.spendMany(LINES, batch + GRANT_LINES + packet, this.#line);
    this.#woken = false;
    this.#eventLines = 0;
  }

  #driverTakes(lines: number): void {
    this.spendByDriver(DRIVER_LINES, lines, this.#line);
  }
}

/** What it takes besides the costs of the drivers. */
export const TWO_PROCESSOR_COSTS = ["hardware.cache-line-transfer"];

export const ownProcessor: Parameter<boolean> = {
  summary: "dom0 has a processor of its own",
  default: false,
};
