/**
 * I/O of a fully virtualized Xen guest without drivers of its own for Xen (HVM): every access to a register of the emulated
 * device leaves the guest, and is sent to a process in dom0, the device model (qemu-dm), which then uses the driver of dom0.
 * What happens in dom0 is charged to causes that begin with `io.backend`.
 *
 * The process waits in select(). For an access it reads from the device of event channels which of them it is, writes there
 * that the next one may come, and has the guest go on by an ioctl that is a hypercall (Xen 3.0.3, tools/ioemu:
 * target-i386-dm/helper2.c); for an interrupt it sets the guest's line by such an ioctl. What its own code takes is not known.
 */
import { cause } from "../../core/ledger.ts";
import { GUEST_KERNEL, kernelPaths } from "../../guest/kernel-paths.ts";
import type { Meter } from "../../machine/meter.ts";
import { copyCost } from "../../machine/page.ts";
import { primitiveCost } from "../../machine/profile.ts";
import type { Tlb } from "../../machine/tlb.ts";
import { definePart } from "../contract.ts";
import type { IoPath, MonitorContext, VmmEntry } from "../monitor-contract.ts";
import { registerAccesses } from "./register-accesses.ts";

const SWITCH = cause("io.backend.domain-switch");
const DEVICE_MODEL = cause("io.backend.device-model");
const DRIVER = cause("io.backend.driver");
const COPY = cause("io.backend.copy");

interface Accesses {
  readonly submitAccesses: number;
  readonly interruptAccesses: number;
  [name: string]: number;
}

class EmulatedDevice implements IoPath {
  readonly segmentBytes = 0;
  readonly descriptors = 0;
  readonly #meter: Meter;
  readonly #tlb: Tlb;
  readonly #accesses: Accesses;
  readonly #driver: number;
  readonly #vmmEntry: VmmEntry;
  readonly #domainSwitch: number;
  readonly #access: number;
  readonly #raise: number;
  readonly #systemCall: number;
  readonly #deviceAccess: number;
  readonly #copyPage: number;

  constructor(device: "disk" | "network", accesses: Accesses, { profile, meter, tlb, vmmEntry }: MonitorContext) {
    const paths = kernelPaths(profile);
    this.#meter = meter;
    this.#tlb = tlb;
    this.#accesses = accesses;
    this.#driver = paths[`${device}-driver`].cycles;
    this.#vmmEntry = vmmEntry;
    this.#domainSwitch = primitiveCost(profile, "xen.domain-switch");
    this.#systemCall = primitiveCost(profile, "hardware.system-call") + primitiveCost(profile, "xen.fast-system-call");
    const short = this.#systemCall + paths["syscall-null-io"].cycles;
    const hypercall = short + primitiveCost(profile, "xen.hypercall");
    // An event wakes the process: dom0's handler, a switch to it, and a select() of a few descriptors, about as much as a stat().
    const wakeUp =
      primitiveCost(profile, "xen.event-upcall") +
      paths["context-switch"].cycles +
      this.#systemCall +
      paths["syscall-stat"].cycles;
    this.#access = wakeUp + 2 * short + hypercall;
    this.#raise = wakeUp + hypercall;
    this.#deviceAccess = primitiveCost(profile, "hardware.device-access");
    this.#copyPage = primitiveCost(profile, "page.copy");
  }

  submit(bytes: number, write: boolean): void {
    this.#meter.spend(GUEST_KERNEL, this.#driver);
    this.#emulate(this.#accesses.submitAccesses);
    if (write) this.#copy(bytes);
    // The last access made the device model hand the data to dom0's kernel.
    this.#meter.spend(DRIVER, this.#systemCall + this.#driver + this.#deviceAccess);
  }

  notify(): number {
    return this.#meter.now;
  }

  interrupt(_at: number, count: number, bytes: number, write: boolean): number {
    this.#toDriverDomain(1);
    this.#meter.spend(DEVICE_MODEL, this.#raise);
    this.#meter.spendMany(DRIVER, count, this.#systemCall + this.#driver);
    if (!write) this.#copy(bytes);
    this.#emulate(this.#accesses.interruptAccesses);
    return this.#meter.now;
  }

  complete(): void {
    this.#meter.spend(GUEST_KERNEL, this.#driver);
  }

  interruptsForSent(): boolean {
    return false;
  }

  /** Out of the guest, to the device model in dom0, and back: for each access. */
  #emulate(count: number): void {
    if (count === 0) return;
    // The hypervisor finds out what the access is; it emulates nothing itself.
    for (let access = 0; access < count; access++) this.#vmmEntry.enter("instruction");
    this.#toDriverDomain(count);
    this.#meter.spendMany(DEVICE_MODEL, count, this.#access);
  }

  /** There and back, a number of times. */
  #toDriverDomain(times: number): void {
    this.#meter.spendMany(SWITCH, 2 * times, this.#domainSwitch);
    this.#tlb.flush();
  }

  #copy(bytes: number): void {
    this.#meter.spend(COPY, copyCost(bytes, this.#copyPage));
  }
}

const needs = [
  "hardware.system-call",
  "hardware.device-access",
  "xen.domain-switch",
  "xen.event-upcall",
  "xen.fast-system-call",
  "xen.hypercall",
  "page.copy",
];

export const emulatedDisk = definePart<"disk", Accesses>({
  slot: "disk",
  name: "emulated",
  summary: "emulated IDE controller: a device model in dom0",
  parameters: {
    submitAccesses: registerAccesses(
      "request",
      8,
      "ATA: drive, count, four address registers, command; bus-master start",
    ),
    interruptAccesses: registerAccesses("interrupt", 3, "ATA: bus-master status twice, status of the drive"),
  },
  needs,
  create: (parameters, context) => new EmulatedDevice("disk", parameters, context),
});

export const emulatedNetwork = definePart<"network", Accesses>({
  slot: "network",
  name: "emulated",
  summary: "emulated network interface: a device model in dom0",
  parameters: {
    submitAccesses: registerAccesses("packet sent", 1, "rtl8139: a write to the descriptor's status starts a packet"),
    interruptAccesses: registerAccesses("interrupt", 3, "rtl8139: status read, acknowledged, read pointer moved on"),
  },
  needs,
  create: (parameters, context) => new EmulatedDevice("network", parameters, context),
});
