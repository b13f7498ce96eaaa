/**
 * I/O of VMware Workstation (Sugerman 2001): the VMM has no drivers. It runs in a world of its own, and what needs a real
 * device is done by a process of the host (VMApp) with a system call: a world switch to the host, the call, and a switch
 * back. Interrupts of the host's devices cause such a round trip, too. A guest that halts gives the processor to the host, where
 * the VMApp sleeps in select() until there is something for it. The guest programs an emulated AMD Lance or SCSI controller;
 * accesses to its registers that need no device may be handled in the VMM.
 */
import { cause } from "../../core/ledger.ts";
import { kernelVersion } from "../../guest/kernel-builds.ts";
import { GUEST_KERNEL } from "../../guest/kernel-paths.ts";
import type { Meter } from "../../machine/meter.ts";
import { copyCost } from "../../machine/page.ts";
import { microsecondsToCycles } from "../../machine/profile.ts";
import type { Tlb } from "../../machine/tlb.ts";
import { definePart } from "../contract.ts";
import type { IoPath, MonitorContext, VmmEntry } from "../monitor-contract.ts";
import { HOSTED_COSTS, hostedCosts } from "./hosted-costs.ts";
import { anticipatoryHz, scheduledBy } from "./io-scheduler.ts";

/** World switches, by what they are made for. */
const SWITCH_TO_SEND = cause("io.hosted.switch.send");
const SWITCH_FOR_INTERRUPT = cause("io.hosted.switch.interrupt");
const SWITCH_FOR_REGISTER = cause("io.hosted.switch.register");
const SWITCH_FOR_TICK = cause("io.hosted.switch.tick");
const SWITCH_TO_HALT = cause("io.hosted.switch.halt");
const HOST_SEND = cause("io.hosted.host-send");
const HOST_RECEIVE = cause("io.hosted.host-receive");
const HOST_INTERRUPT = cause("io.hosted.host-interrupt");
const SELECT = cause("io.hosted.select");
const WAKE_UP = cause("io.hosted.wake-up");
const TRANSMIT = cause("io.hosted.transmit-emulation");
const DEVICE_ACCESS = cause("io.hosted.device-access");
const INTERRUPT_CONTROLLER = cause("io.hosted.interrupt-controller");

/**
 * Accesses to the Lance's data port in an interrupt handler: Linux 2.2.17, pcnet32_interrupt, drivers/net/pcnet32.c, reads the
 * status, acknowledges it, reads it again and enables interrupts. A disk controller is taken to have as many. Those to its address
 * port are as good as free (Sugerman 2001, section 3.4).
 */
const STATUS_ACCESSES = 4;
const ROUND_TRIP = 2;
/**
 * Sends are combined while world switches come at least as close as this, on average (Sugerman 2001, section 3.4: a decaying
 * average). The limit is assumed: with an acknowledgement for every second packet at 100 Mb/s, each 246 us, they are nearly all
 * combined there (the accesses to the controllers are those of 0.56 interrupts a packet), and at the ticks of a host's clock, 10 ms,
 * no more.
 */
const BUSY_INTERVAL_US = 1000;
const DECAY = 1 / 8;

interface Settings {
  readonly device: "disk" | "network";
  readonly registersInVmm: boolean;
  readonly combinedSends: number;
  readonly sharedMemoryNotification: boolean;
  readonly haltsInVmm: boolean;
}

class HostedDevice implements IoPath {
  readonly segmentBytes = 0;
  readonly descriptors = 0;
  readonly sendsTogether: number;
  readonly #meter: Meter;
  readonly #tlb: Tlb;
  readonly #vmmEntry: VmmEntry;
  readonly #settings: Settings;
  readonly #costs: ReturnType<typeof hostedCosts>;
  /** Those of the guest's kernel: five with Linux 2.2 (Sugerman 2001, section 4.1) and 2.4. */
  readonly #controllerAccesses: number;
  readonly #tickAccesses: number;
  readonly #busyInterval: number;
  /** Requests that the VMApp has not been given, and what they write to the device. */
  #pending = 0;
  #pendingBytes = 0;
  #sent = false;
  /** The guest has halted, and the VMApp sleeps. */
  #halted = false;
  #lastSwitch = 0;
  #interval: number;

  constructor(settings: Settings, context: MonitorContext) {
    this.#meter = context.meter;
    this.#tlb = context.tlb;
    this.#vmmEntry = context.vmmEntry;
    this.#settings = settings;
    this.sendsTogether = Math.max(1, settings.combinedSends);
    this.#costs = hostedCosts(settings.device, context.profile);
    const version = kernelVersion(context.profile);
    this.#controllerAccesses = version.controllerAccesses;
    this.#tickAccesses = version.tickAccesses + version.tickPauses;
    this.#busyInterval = microsecondsToCycles(context.profile, BUSY_INTERVAL_US);
    this.#interval = 2 * this.#busyInterval;
  }

  submit(bytes: number, write: boolean): void {
    this.#meter.spend(GUEST_KERNEL, this.#costs.driver);
    // The access that starts it is emulated whoever then sends it.
    this.#vmmEntry.enter("device-register");
    this.#meter.spend(TRANSMIT, this.#costs.transmit);
    this.#pending += 1;
    if (write) this.#pendingBytes += bytes;
  }

  /** A packet may wait for a world switch that comes anyway; that it is late is neglected. */
  notify(): number {
    const combine = this.#interval < this.#busyInterval && this.#pending < this.#settings.combinedSends;
    if (this.#pending > 0 && !combine) {
      this.#worldSwitch(SWITCH_TO_SEND, ROUND_TRIP);
      this.#sendPending();
    }
    return this.#meter.now;
  }

  /** A packet that has been waiting for a world switch leaves; when it is gone the guest is told so, which ends its halt. */
  halt(): void {
    this.#vmmEntry.enter("instruction");
    if (this.#settings.haltsInVmm) return;
    if (this.#pending > 0) {
      this.#worldSwitch(SWITCH_TO_HALT, ROUND_TRIP);
      return this.#sendPending();
    }
    this.#worldSwitch(SWITCH_TO_HALT, 1);
    this.#meter.spend(SELECT, this.#costs.select);
    this.#halted = true;
  }

  interrupt(_at: number, count: number, bytes: number, write: boolean): number {
    this.#worldSwitch(SWITCH_FOR_INTERRUPT, this.#halted ? 1 : ROUND_TRIP);
    if (this.#halted) this.#meter.spend(WAKE_UP, this.#costs.wakeUp);
    this.#meter.spendMany(HOST_INTERRUPT, count, write ? this.#costs.hostInterrupt : this.#costs.hostArrival);
    this.#handOver();
    // Woken up, it is told by the select() that it sleeps in.
    if (!this.#settings.sharedMemoryNotification && !this.#halted) this.#meter.spend(SELECT, this.#costs.select);
    this.#halted = false;
    if (!write) this.#meter.spendMany(HOST_RECEIVE, count, this.#costs.receive + this.#copy(bytes / count));
    this.#guestHandler();
    return this.#meter.now;
  }

  complete(): void {
    this.#meter.spend(GUEST_KERNEL, this.#costs.driver);
  }

  interruptsForSent(): boolean {
    if (!this.#sent) return false;
    this.#sent = false;
    this.#guestHandler();
    return true;
  }

  /** The guest's clock goes by the host's, which interrupts the VMM: the host has the processor for that, and the VMM goes on. */
  tick(): void {
    this.#worldSwitch(SWITCH_FOR_TICK, ROUND_TRIP);
    this.#meter.spend(HOST_INTERRUPT, this.#costs.hostTick);
    this.#handOver();
    this.#accessControllers(this.#tickAccesses);
  }

  #sendPending(): void {
    this.#handOver();
    this.#sent = this.#settings.device === "network";
  }

  #handOver(): void {
    if (this.#pending === 0) return;
    const copy = this.#copy(this.#pendingBytes / this.#pending);
    this.#meter.spendMany(HOST_SEND, this.#pending, this.#costs.request + copy);
    this.#pending = 0;
    this.#pendingBytes = 0;
  }

  /** Between the VMApp, which has the guest's memory, and buffers of the host's kernel: packets, or pages of its cache. */
  #copy(bytes: number): number {
    return copyCost(bytes, this.#costs.copyPage);
  }

  /** To the host and back, or one way. */
  #worldSwitch(reason: number, ways: number): void {
    this.#meter.spendMany(reason, ways, this.#costs.worldSwitch);
    // The host's kernel has global pages of its own where the guest's are.
    this.#tlb.flushAll();
    this.#interval += DECAY * (this.#meter.now - this.#lastSwitch - this.#interval);
    this.#lastSwitch = this.#meter.now;
  }

  /** Accesses to registers in the guest's interrupt handler; an access that the VMApp has to see is a round trip. */
  #guestHandler(): void {
    for (let access = 0; access < STATUS_ACCESSES; access++) this.#vmmEntry.enter("device-register");
    if (!this.#settings.registersInVmm) {
      for (let access = 0; access < STATUS_ACCESSES; access++) this.#worldSwitch(SWITCH_FOR_REGISTER, ROUND_TRIP);
    }
    this.#meter.spendMany(DEVICE_ACCESS, STATUS_ACCESSES, this.#costs.deviceAccess);
    this.#accessControllers(this.#controllerAccesses);
  }

  #accessControllers(accesses: number): void {
    for (let access = 0; access < accesses; access++) this.#vmmEntry.enter("device-register");
    this.#meter.spendMany(INTERRUPT_CONTROLLER, accesses, this.#costs.controllerAccess);
  }
}

const registersInVmm = {
  summary: "accesses to registers that need no real device are handled in the VMM (off: by the VMApp)",
  default: true,
  source: "Sugerman 2001, section 3.4: not in Workstation 2.0",
};

interface DiskParameters {
  registersInVmm: boolean;
  outstanding: number;
  anticipatoryHz: number;
  [name: string]: number | boolean;
}

export const hostedDisk = definePart<"disk", DiskParameters>({
  slot: "disk",
  name: "hosted",
  summary: "emulated SCSI controller, I/O by a process of the host",
  parameters: {
    registersInVmm,
    outstanding: {
      summary: "disk requests of a VM that its VMApp makes of the host at a time; more wait in the guest",
      default: 1,
      unit: "requests",
      min: 1,
      max: 256,
      source:
        "assumed: one call after the other; Sugerman 2001, section 2.2, says that an access becomes a read() of the VMApp",
    },
    anticipatoryHz,
  },
  needs: HOSTED_COSTS,
  queueOf: ({ outstanding, anticipatoryHz: hz }) => ({
    entries: outstanding,
    pagesPerRequest: Infinity,
    inTurn: 1,
    underWay: Infinity,
    ...scheduledBy(hz),
  }),
  create: ({ registersInVmm }, context) =>
    new HostedDevice(
      { device: "disk", combinedSends: 0, sharedMemoryNotification: true, haltsInVmm: false, registersInVmm },
      context,
    ),
});

interface NetworkParameters {
  registersInVmm: boolean;
  combinedSends: number;
  sharedMemoryNotification: boolean;
  haltsInVmm: boolean;
  [name: string]: number | boolean;
}

export const hostedNetwork = definePart<"network", NetworkParameters>({
  slot: "network",
  name: "hosted",
  summary: "emulated Lance, I/O by a process of the host through a bridge (VMNet)",
  parameters: {
    registersInVmm,
    combinedSends: {
      summary: "packets queued for the next world switch before one is made for them (0: none)",
      default: 3,
      unit: "packets",
      min: 0,
      max: 16,
      source: "Sugerman 2001, section 3.4: send combining, 3 packets; not in Workstation 2.0",
    },
    sharedMemoryNotification: {
      summary: "the bridge says in shared memory that packets have come (off: the VMApp calls select)",
      default: true,
      source: "Sugerman 2001, section 3.4: not in Workstation 2.0",
    },
    haltsInVmm: {
      summary:
        "a guest that halts has the processor halt in the VMM (off: the host gets it, and the VMApp calls select)",
      default: false,
      source: "Sugerman 2001, section 3.5: an option of its measurements",
    },
  },
  needs: HOSTED_COSTS,
  create: (parameters, context) => new HostedDevice({ device: "network", ...parameters }, context),
});
