/**
 * I/O of VMware Workstation (Sugerman 2001): the VMM has no drivers. It runs in a world of its own, and what needs a real
 * device is done by a process of the host (VMApp) with a system call: a world switch to the host, the call, and a switch
 * back. Interrupts of the host's devices cause such a round trip, too. The guest programs an emulated AMD Lance or SCSI
 * controller; accesses to its registers that need no device may be handled in the VMM.
 */
import { cause } from "../../core/ledger.ts";
import { GUEST_KERNEL, kernelPaths } from "../../guest/kernel-paths.ts";
import type { Meter } from "../../machine/meter.ts";
import { MTU } from "../../machine/network-link.ts";
import { copyCost } from "../../machine/page.ts";
import { microsecondsToCycles, primitiveCost } from "../../machine/profile.ts";
import type { Tlb } from "../../machine/tlb.ts";
import { definePart } from "../contract.ts";
import type { IoPath, MonitorContext, VmmEntry } from "../monitor-contract.ts";

/** World switches, by what they are made for. */
const SWITCH_TO_SEND = cause("io.hosted.switch.send");
const SWITCH_FOR_INTERRUPT = cause("io.hosted.switch.interrupt");
const SWITCH_FOR_REGISTER = cause("io.hosted.switch.register");
const HOST_SEND = cause("io.hosted.host-send");
const HOST_RECEIVE = cause("io.hosted.host-receive");
const HOST_INTERRUPT = cause("io.hosted.host-interrupt");
const SELECT = cause("io.hosted.select");
const TRANSMIT = cause("io.hosted.transmit-emulation");
const DEVICE_ACCESS = cause("io.hosted.device-access");
const INTERRUPT_CONTROLLER = cause("io.hosted.interrupt-controller");

/** Sugerman 2001, section 3.4: 2.3 % of the time at 0.91 us, against 17.9 % at 22.7 us for sending one packet: 3.2. */
const STATUS_ACCESSES = 3;
/**
 * Those of them that the VMApp sees where registers are not in the VMM. Section 3.4: only a third of the accesses to the
 * Lance's data port start a packet, so that there are two others for each.
 */
const ACCESSES_OF_VMAPP = 2;
/** Likewise 2.5 % at 0.78 us: 4.1. Linux masks and acknowledges both controllers, and unmasks the interrupt. */
const CONTROLLER_ACCESSES = 4;
const ROUND_TRIP = 2;
/**
 * Sends are combined while world switches come at least as close as this, on average (Sugerman 2001, section 3.4: a decaying
 * average; the limit isn't given: assumed).
 */
const BUSY_INTERVAL_US = 150;
const DECAY = 1 / 8;

interface Settings {
  readonly device: "disk" | "network";
  readonly registersInVmm: boolean;
  readonly combinedSends: number;
  readonly sharedMemoryNotification: boolean;
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
  readonly #busyInterval: number;
  /** Requests that the VMApp has not been given, and what they write to the device. */
  #pending = 0;
  #pendingBytes = 0;
  #sent = false;
  #lastSwitch = 0;
  #interval: number;

  constructor(settings: Settings, context: MonitorContext) {
    this.#meter = context.meter;
    this.#tlb = context.tlb;
    this.#vmmEntry = context.vmmEntry;
    this.#settings = settings;
    this.sendsTogether = Math.max(1, settings.combinedSends);
    this.#costs = hostedCosts(settings.device, context);
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
      this.#worldSwitch(SWITCH_TO_SEND);
      this.#handOver();
      this.#sent = this.#settings.device === "network";
    }
    return this.#meter.now;
  }

  interrupt(_at: number, count: number, bytes: number, write: boolean): number {
    this.#worldSwitch(SWITCH_FOR_INTERRUPT);
    this.#meter.spendMany(HOST_INTERRUPT, count, write ? this.#costs.hostInterrupt : this.#costs.hostArrival);
    this.#handOver();
    if (!this.#settings.sharedMemoryNotification) this.#meter.spend(SELECT, this.#costs.select);
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

  /** To the host and back. */
  #worldSwitch(reason: number): void {
    this.#meter.spendMany(reason, ROUND_TRIP, this.#costs.worldSwitch);
    // The host's kernel has global pages of its own where the guest's are.
    this.#tlb.flushAll();
    this.#interval += DECAY * (this.#meter.now - this.#lastSwitch - this.#interval);
    this.#lastSwitch = this.#meter.now;
  }

  /** Accesses to registers in the guest's interrupt handler; an access that the VMApp has to see is a round trip. */
  #guestHandler(): void {
    for (let access = 0; access < STATUS_ACCESSES + CONTROLLER_ACCESSES; access++) {
      this.#vmmEntry.enter("device-register");
    }
    if (!this.#settings.registersInVmm) {
      for (let access = 0; access < ACCESSES_OF_VMAPP; access++) this.#worldSwitch(SWITCH_FOR_REGISTER);
    }
    this.#meter.spendMany(DEVICE_ACCESS, STATUS_ACCESSES, this.#costs.deviceAccess);
    this.#meter.spendMany(INTERRUPT_CONTROLLER, CONTROLLER_ACCESSES, this.#costs.controllerAccess);
  }
}

/** The host runs the same kernel as the guest: what its own drivers, block and network layers cost is known. */
function hostedCosts(device: "disk" | "network", { profile }: MonitorContext) {
  const paths = kernelPaths(profile);
  const copyPage = primitiveCost(profile, "page.copy");
  // The price is that of a packet of full size.
  const call = primitiveCost(profile, "hosted.host-request") - copyCost(MTU, copyPage);
  const driver = paths[`${device}-driver`].cycles;
  const interrupt = primitiveCost(profile, "hardware.device-access") + paths.interrupt.cycles + driver;
  const own =
    device === "disk"
      ? // A disk request is made by the call that hands it over, and has its answer then.
        {
          request: call + paths["disk-request"].cycles,
          completion: paths["disk-completion"].cycles,
          receive: 0,
          layer: 0,
        }
      : // The bridge gets a packet where the host's own meet IP and TCP; a call takes it from there.
        { request: call, completion: 0, receive: call, layer: paths["receive-packet"].cycles };
  return {
    driver,
    copyPage,
    request: own.request,
    receive: own.receive,
    worldSwitch: primitiveCost(profile, "hosted.world-switch"),
    transmit: primitiveCost(profile, "hosted.transmit-emulation"),
    deviceAccess: primitiveCost(profile, "hosted.device-access"),
    controllerAccess: primitiveCost(profile, "hosted.interrupt-controller-access"),
    hostInterrupt: interrupt + own.completion,
    hostArrival: interrupt + own.completion + own.layer,
    // select() of a few descriptors: about as much as a stat().
    select: primitiveCost(profile, "hardware.system-call") + paths["syscall-stat"].cycles,
  };
}

const needs = [
  "hosted.world-switch",
  "hosted.host-request",
  "hosted.transmit-emulation",
  "hosted.device-access",
  "hosted.interrupt-controller-access",
  "hardware.device-access",
  "hardware.system-call",
  "page.copy",
];

const registersInVmm = {
  summary: "accesses to registers that need no real device are handled in the VMM (off: by the VMApp)",
  default: true,
  source: "Sugerman 2001, section 3.4: not in Workstation 2.0",
};

interface DiskParameters {
  registersInVmm: boolean;
  outstanding: number;
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
        "Sugerman 2001, section 2.2: an access becomes a read() of the VMApp; that it makes one call after the other is assumed",
    },
  },
  needs,
  queueOf: ({ outstanding }) => ({
    entries: outstanding,
    pagesPerRequest: Infinity,
    inTurn: 1,
    underWay: Infinity,
  }),
  create: ({ registersInVmm }, context) =>
    new HostedDevice({ device: "disk", combinedSends: 0, sharedMemoryNotification: true, registersInVmm }, context),
});

interface NetworkParameters {
  registersInVmm: boolean;
  combinedSends: number;
  sharedMemoryNotification: boolean;
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
  },
  needs,
  create: (parameters, context) => new HostedDevice({ device: "network", ...parameters }, context),
});
