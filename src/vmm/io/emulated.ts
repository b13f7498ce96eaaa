/**
 * I/O of a fully virtualized Xen guest without drivers of its own for Xen (HVM): every access to a register of the emulated
 * device leaves the guest, and is sent to a process in dom0, the device model, which then uses the driver of dom0. What happens
 * in dom0 is charged to causes that begin with `io.backend`.
 */
import { cause } from "../../core/ledger.ts";
import { GUEST_KERNEL, kernelPaths } from "../../guest/kernel-paths.ts";
import type { Meter } from "../../machine/meter.ts";
import { primitiveCost } from "../../machine/profile.ts";
import { definePart } from "../contract.ts";
import type { IoPath, MonitorContext } from "../monitor-contract.ts";
import { DEVICE_MODEL_COSTS, DeviceModel } from "./device-model.ts";
import { interruptMaskCycles } from "./driver-domain.ts";
import { registerAccesses } from "./register-accesses.ts";

const DRIVER = cause("io.backend.driver");
const BRIDGE = cause("io.backend.bridge");
/** The emulator has a buffer of its own between the guest's memory and the kernel's (rtl8139.c, rtl8139_transmit_one; vl.c, tap_send). */
const COPIES_OF_PACKET = 2;
/** The driver goes on until the device says that there is no packet left. */
const ACCESSES_TO_FIND_NOTHING = 1;

interface DiskAccesses {
  readonly submitAccesses: number;
  readonly interruptAccesses: number;
  [name: string]: number;
}

class EmulatedDisk implements IoPath {
  readonly segmentBytes = 0;
  readonly descriptors = 0;
  readonly #meter: Meter;
  readonly #model: DeviceModel;
  readonly #accesses: DiskAccesses;
  readonly #driver: number;
  readonly #register: number;

  constructor(accesses: DiskAccesses, context: MonitorContext) {
    this.#meter = context.meter;
    this.#model = new DeviceModel(context);
    this.#accesses = accesses;
    this.#driver = kernelPaths(context.profile)["disk-driver"].cycles;
    this.#register = primitiveCost(context.profile, "hardware.device-access");
  }

  submit(bytes: number, write: boolean): void {
    this.#meter.spend(GUEST_KERNEL, this.#driver);
    this.#model.access(this.#accesses.submitAccesses, "ports");
    if (write) this.#model.copy(bytes);
    // The last access made the device model hand the data to dom0's kernel.
    this.#meter.spend(DRIVER, this.#model.systemCall + this.#driver + this.#register);
  }

  notify(): number {
    return this.#meter.now;
  }

  interrupt(_at: number, count: number, bytes: number, write: boolean): number {
    this.#model.switchDomains(1);
    this.#model.interrupt(1);
    this.#meter.spendMany(DRIVER, count, this.#model.systemCall + this.#driver);
    if (!write) this.#model.copy(bytes);
    this.#model.controllerAccesses();
    this.#model.access(this.#accesses.interruptAccesses, "ports");
    return this.#meter.now;
  }

  complete(): void {
    this.#meter.spend(GUEST_KERNEL, this.#driver);
  }

  interruptsForSent(): boolean {
    return false;
  }
}

interface NetworkAccesses {
  readonly submitAccesses: number;
  readonly interruptAccesses: number;
  readonly receiveAccesses: number;
  readonly sentAccesses: number;
  [name: string]: number;
}

/** Packets go through an interface of dom0 whose other end is a file of the device model (TUN/TAP), and a bridge to the real one. */
class EmulatedNetwork implements IoPath {
  readonly segmentBytes = 0;
  readonly descriptors = 0;
  readonly #meter: Meter;
  readonly #model: DeviceModel;
  readonly #accesses: NetworkAccesses;
  readonly #driver: number;
  readonly #register: number;
  readonly #bridge: number;
  readonly #interrupt: number;
  /** Packets that are gone, which the guest has not been told. */
  #sent = 0;

  constructor(accesses: NetworkAccesses, context: MonitorContext) {
    const { profile, meter } = context;
    const paths = kernelPaths(profile);
    this.#meter = meter;
    this.#model = new DeviceModel(context);
    this.#accesses = accesses;
    this.#driver = paths["network-driver"].cycles;
    this.#register = primitiveCost(profile, "hardware.device-access");
    // As much as dom0's own protocols would do with the packet.
    this.#bridge = paths["receive-packet"].cycles;
    this.#interrupt = interruptMaskCycles(profile) + this.#register + paths.interrupt.cycles;
  }

  submit(bytes: number): void {
    this.#meter.spend(GUEST_KERNEL, this.#driver);
    this.#model.access(this.#accesses.submitAccesses, "memory");
    // One of them made the device model send the packet before it answered.
    this.#passPacket(bytes);
    this.#meter.spend(DRIVER, this.#driver + this.#register);
    this.#sent += 1;
  }

  notify(): number {
    return this.#meter.now;
  }

  interrupt(_at: number, count: number, bytes: number): number {
    this.#model.switchDomains(1);
    this.#meter.spend(DRIVER, this.#interrupt);
    this.#meter.spendMany(DRIVER, count, this.#driver);
    this.#model.interrupt(count);
    for (let packet = 0; packet < count; packet++) this.#passPacket(bytes / count);
    this.#model.controllerAccesses();
    const { interruptAccesses, receiveAccesses } = this.#accesses;
    this.#model.access(interruptAccesses + count * receiveAccesses + ACCESSES_TO_FIND_NOTHING, "memory");
    return this.#meter.now;
  }

  complete(): void {
    this.#meter.spend(GUEST_KERNEL, this.#driver);
  }

  /** The device is done with a packet as soon as it has been told of it, and says so (rtl8139.c: TxOK, rtl8139_update_irq). */
  interruptsForSent(): boolean {
    if (this.#sent === 0) return false;
    this.#model.controllerAccesses();
    this.#model.access(this.#accesses.interruptAccesses + this.#sent * this.#accesses.sentAccesses, "memory");
    this.#sent = 0;
    return true;
  }

  tick(): void {
    this.#model.tickAccesses();
  }

  #passPacket(bytes: number): void {
    this.#model.passPacket();
    for (let copy = 0; copy < COPIES_OF_PACKET; copy++) this.#model.copy(bytes);
    this.#meter.spend(BRIDGE, this.#bridge);
  }
}

/** The driver of Linux 2.4, drivers/ide, with DMA: ide-io.c, ide-iops.c, ide-disk.c, ide-dma.c. */
export const emulatedDisk = definePart<"disk", DiskAccesses>({
  slot: "disk",
  name: "emulated",
  summary: "emulated IDE controller: a device model in dom0",
  parameters: {
    submitAccesses: registerAccesses(
      "request",
      17,
      "drive (1), its status (2), control (1), feature, count and address (6); table, direction and status for the bus master (4), command (1), start (2)",
    ),
    interruptAccesses: registerAccesses(
      "interrupt",
      6,
      "is it the bus master's (1), stop it and clear its status (4), status of the drive (1)",
    ),
  },
  needs: DEVICE_MODEL_COSTS,
  create: (parameters, context) => new EmulatedDisk(parameters, context),
});

/** The driver of Linux 2.4, drivers/net/8139too.c, through registers in memory, which it reads back after some writes. */
export const emulatedNetwork = definePart<"network", NetworkAccesses>({
  slot: "network",
  name: "emulated",
  summary: "emulated network interface: a device model in dom0, a bridge to the real interface",
  parameters: {
    submitAccesses: registerAccesses(
      "packet sent",
      2,
      "8139too.c, rtl8139_start_xmit: the descriptor's status, which starts the packet, is written and read back",
    ),
    interruptAccesses: registerAccesses(
      "interrupt",
      3,
      "8139too.c, rtl8139_interrupt: status read, acknowledged, read again until there is nothing",
    ),
    receiveAccesses: registerAccesses(
      "packet received",
      5,
      "8139too.c, rtl8139_rx_interrupt: is there one, read pointer moved on, status read, acknowledged and read back",
    ),
    sentAccesses: registerAccesses(
      "packet that is gone",
      1,
      "8139too.c, rtl8139_tx_interrupt: the descriptor's status is read",
    ),
  },
  needs: DEVICE_MODEL_COSTS,
  create: (parameters, context) => new EmulatedNetwork(parameters, context),
});
