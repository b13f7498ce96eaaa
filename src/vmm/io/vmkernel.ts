/**
 * I/O of ESX: the vmkernel has the driver of the real device, no other VM is involved. The guest's driver programs an
 * emulated device register by register, or (vmxnet) puts packets on a ring in shared memory and tells the vmkernel once.
 */
import { cause } from "../../core/ledger.ts";
import { kernelVersion } from "../../guest/kernel-builds.ts";
import { GUEST_KERNEL, kernelPaths } from "../../guest/kernel-paths.ts";
import type { Meter } from "../../machine/meter.ts";
import { copyCost } from "../../machine/page.ts";
import { primitiveCost } from "../../machine/profile.ts";
import { definePart } from "../contract.ts";
import type { DeviceQueue, TrafficShaping } from "../host-contract.ts";
import type { IoPath, MonitorContext, VmmEntry } from "../monitor-contract.ts";
import { registerAccesses } from "./register-accesses.ts";
import { type VmfsParameters, vmfsParameters, volumeOf } from "./vmfs.ts";

const EMULATED_DEVICE = cause("io.device-emulation");
const INTERRUPT_CONTROLLER = cause("io.interrupt-controller");
const VMKERNEL = cause("io.vmkernel");
const COPY = cause("io.vmkernel.copy");

/** Accesses to registers of the emulated device. */
interface Accesses {
  readonly submitAccesses: number;
  readonly notifyAccesses: number;
  readonly interruptAccesses: number;
  [name: string]: number | boolean;
}

class VmkernelDevice implements IoPath {
  readonly segmentBytes = 0;
  readonly descriptors = 0;
  readonly #meter: Meter;
  readonly #vmmEntry: VmmEntry;
  readonly #accesses: Accesses;
  readonly #controllerAccesses: number;
  readonly #tickAccesses: number;
  readonly #copiesReceived: boolean;
  readonly #driver: number;
  readonly #registerAccess: number;
  readonly #request: number;
  readonly #deviceAccess: number;
  readonly #copyPage: number;

  constructor(device: "disk" | "network", accesses: Accesses, { profile, meter, vmmEntry }: MonitorContext) {
    this.#meter = meter;
    this.#vmmEntry = vmmEntry;
    this.#accesses = accesses;
    const version = kernelVersion(profile);
    this.#controllerAccesses = version.controllerAccesses;
    this.#tickAccesses = version.tickAccesses + version.tickPauses;
    // A packet can be given to a VM only after it has arrived; a disk writes where the guest wants it.
    this.#copiesReceived = device === "network";
    this.#driver = kernelPaths(profile)[`${device}-driver`].cycles;
    this.#registerAccess = primitiveCost(profile, "esx.device-access");
    this.#request = primitiveCost(profile, "esx.vmkernel-request");
    this.#deviceAccess = primitiveCost(profile, "hardware.device-access");
    this.#copyPage = primitiveCost(profile, "page.copy");
  }

  submit(): void {
    this.#meter.spend(GUEST_KERNEL, this.#driver);
    this.#access(EMULATED_DEVICE, this.#accesses.submitAccesses);
    this.#meter.spend(VMKERNEL, this.#request + this.#driver);
  }

  notify(): number {
    this.#access(EMULATED_DEVICE, this.#accesses.notifyAccesses);
    this.#meter.spend(VMKERNEL, this.#deviceAccess);
    return this.#meter.now;
  }

  interrupt(_at: number, count: number, bytes: number, write: boolean): number {
    this.#meter.spend(VMKERNEL, this.#deviceAccess);
    this.#meter.spendMany(VMKERNEL, count, this.#request + this.#driver);
    if (this.#copiesReceived && !write) this.#meter.spend(COPY, copyCost(bytes, this.#copyPage));
    this.#access(INTERRUPT_CONTROLLER, this.#controllerAccesses);
    this.#access(EMULATED_DEVICE, this.#accesses.interruptAccesses);
    return this.#meter.now;
  }

  complete(): void {
    this.#meter.spend(GUEST_KERNEL, this.#driver);
  }

  interruptsForSent(): boolean {
    return false;
  }

  tick(): void {
    this.#access(INTERRUPT_CONTROLLER, this.#tickAccesses);
  }

  /** The guest stops for each access, be it to a register of an emulated device or to say that there is work on a ring. */
  #access(what: number, accesses: number): void {
    for (let access = 0; access < accesses; access++) this.#vmmEntry.enter("device-register");
    if (accesses > 0) this.#meter.spendMany(what, accesses, this.#registerAccess);
  }
}

const needs = ["esx.device-access", "esx.vmkernel-request", "hardware.device-access", "page.copy"];

/** There is no ring of a size of its own. */
const UNBOUNDED = { entries: Infinity, pagesPerRequest: Infinity, inTurn: 1, underWay: Infinity } as const;

interface DiskParameters extends Accesses, VmfsParameters {
  readonly outstanding: number;
  readonly inRow: number;
  readonly pagesPerUnit: number;
  readonly ringEntries: number;
  readonly pagesPerRequest: number;
}

export const vmkernelDisk = definePart<"disk", DiskParameters>({
  slot: "disk",
  name: "vmkernel",
  summary: "emulated SCSI controller, real driver in the vmkernel",
  parameters: {
    submitAccesses: registerAccesses("request", 2, "assumed: mailbox and doorbell of a SCSI controller"),
    notifyAccesses: registerAccesses("burst of requests", 0, "assumed: every request has its own doorbell"),
    interruptAccesses: registerAccesses("interrupt", 2, "assumed: status, acknowledge"),
    outstanding: {
      summary:
        "commands at a disk that VMs compete for by their disk shares; others wait for their turn (0: no shares)",
      default: 32,
      unit: "commands",
      min: 0,
      source: "ESX, Disk.SchedNumReqOutstanding (from memory)",
    },
    inRow: {
      summary: "commands of one VM in a row, where each goes on where the one before it ended",
      default: 8,
      unit: "commands",
      min: 1,
      source: "ESX, Disk.SchedQuantum (from memory)",
    },
    pagesPerUnit: {
      summary: "a command costs its VM one unit of its shares, and another for so many pages",
      default: 16,
      unit: "pages",
      min: 1,
      source: "assumed, 64 KiB: the administration guide of ESX Server 2.x says one unit, and units by size",
    },
    ringEntries: {
      summary: "requests of a guest under way on its ring; more wait in the guest (0: any number)",
      default: 0,
      unit: "entries",
      min: 0,
      source: "an emulated controller has no ring; virtio's is of 128 (QEMU, hw/block/virtio-blk.c, before 5.0)",
    },
    pagesPerRequest: {
      summary: "most pages of such a request",
      default: 126,
      unit: "pages",
      min: 1,
      source: "QEMU, hw/block/virtio-blk.c: seg_max is 126, two entries less than the ring has",
    },
    ...vmfsParameters,
  },
  needs,
  queueOf: ({ outstanding, inRow, pagesPerUnit, ringEntries, pagesPerRequest, ...others }) => ({
    ...UNBOUNDED,
    ...(ringEntries > 0 && { entries: ringEntries, pagesPerRequest }),
    sharing: outstanding > 0 ? { outstanding, inRow, pagesPerUnit } : undefined,
    volume: volumeOf(others),
  }),
  create: (parameters, context) => new VmkernelDevice("disk", parameters, context),
});

interface NetworkParameters extends Accesses, TrafficShaping {}

/** Traffic shaping of a VM's interface, off by default. */
const shapingParameters = {
  averageKilobits: {
    summary: "most that a VM sends on average (0: no limit)",
    default: 0,
    unit: "kbit/s",
    min: 0,
    source: "ESX Server 2.x administration guide: network shaping is off by default",
  },
  peakKilobits: {
    summary: "most that it sends within a burst; no less than the average (0: the average)",
    default: 0,
    unit: "kbit/s",
    min: 0,
    source: "ESX Server 2.x administration guide, network shaping",
  },
  burstKilobytes: {
    summary: "largest burst",
    default: 0,
    unit: "kB",
    min: 0,
    source: "ESX Server 2.x administration guide, network shaping",
  },
  queuedPackets: {
    summary: "packets that wait for their turn; more are dropped",
    default: 100,
    unit: "packets",
    min: 1,
    source:
      "assumption: the queue of a Linux interface of the time; VMware published that there is a queue, not its size",
  },
} as const;

/** Only a bucket that is filled no slower than on average lets a VM send what it may on average. */
function shapingProblem({ averageKilobits, peakKilobits }: NetworkParameters): string | undefined {
  if (peakKilobits === 0 || peakKilobits >= averageKilobits) return undefined;
  return `peakKilobits: a peak of ${peakKilobits} kbit/s is less than averageKilobits, ${averageKilobits}; expected at least as much, or 0`;
}

function shapedQueue({ averageKilobits, peakKilobits, burstKilobytes, queuedPackets }: NetworkParameters): DeviceQueue {
  const peak = peakKilobits === 0 ? averageKilobits : peakKilobits;
  const shaping = { averageKilobits, peakKilobits: peak, burstKilobytes, queuedPackets };
  return { ...UNBOUNDED, shaping: averageKilobits > 0 ? shaping : undefined };
}

export const vmkernelNetwork = definePart<"network", NetworkParameters>({
  slot: "network",
  name: "vmkernel",
  summary: "emulated Lance (vlance), real driver in the vmkernel",
  parameters: {
    submitAccesses: registerAccesses(
      "packet sent",
      1,
      "Linux, pcnet32: one write to the control register starts a packet",
    ),
    notifyAccesses: registerAccesses("burst of packets", 0, "as pcnet32: every packet is started by itself"),
    interruptAccesses: registerAccesses("interrupt", 4, "Linux, pcnet32: four to the Lance's data port"),
    ...shapingParameters,
  },
  needs,
  problem: shapingProblem,
  queueOf: shapedQueue,
  create: (parameters, context) => new VmkernelDevice("network", parameters, context),
});

export const vmxnet = definePart<"network", NetworkParameters>({
  slot: "network",
  name: "vmxnet",
  summary: "paravirtual interface (vmxnet): packets on a shared ring, real driver in the vmkernel",
  parameters: {
    submitAccesses: registerAccesses("packet sent", 0, "assumed: a packet is an entry on a ring"),
    notifyAccesses: registerAccesses("burst of packets", 1, "assumed: one access says that there is work"),
    interruptAccesses: registerAccesses("interrupt", 1, "assumed: the ring says what has come; one acknowledgement"),
    ...shapingParameters,
  },
  needs,
  problem: shapingProblem,
  queueOf: shapedQueue,
  create: (parameters, context) => new VmkernelDevice("network", parameters, context),
});
