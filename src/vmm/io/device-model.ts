/**
 * The process in dom0 that emulates the devices of a fully virtualized Xen guest (HVM), the device model (qemu-dm). It waits
 * in select(), and afterwards asks for the time twice, for its two kinds of timers. For an access of the guest it reads from
 * the device of event channels which of them it is, writes there that the next one may come, asks for the time once more, and
 * has the guest go on by an ioctl that is a hypercall; an interrupt of the guest's is a bit that it sets in a page shared with
 * the hypervisor, and the same ioctl (Xen 3.0.3, tools/ioemu: vl.c, main_loop_wait; target-i386-dm: helper2.c, i8259-dm.c).
 * What its own code takes is not known. It runs on the guest's processor: the guest waits for it in any case.
 */
import { cause } from "../../core/ledger.ts";
import { kernelVersion } from "../../guest/kernel-builds.ts";
import { kernelPaths } from "../../guest/kernel-paths.ts";
import type { Meter } from "../../machine/meter.ts";
import { copyCost } from "../../machine/page.ts";
import { primitiveCost } from "../../machine/profile.ts";
import type { Tlb } from "../../machine/tlb.ts";
import type { MonitorContext, VmmEntry } from "../monitor-contract.ts";
import { EVENT_LOCK_COSTS, eventLockCycles } from "./event-locks.ts";

const SWITCH = cause("io.backend.domain-switch");
const MODEL = cause("io.backend.device-model");
const COPY = cause("io.backend.copy");

/** System calls besides select() in a round of the loop: the time, twice. */
const CALLS_OF_ROUND = 2;
/** For an access: read, write, and the time. */
const CALLS_FOR_ACCESS = 3;

export class DeviceModel {
  /** A system call of dom0 without what it does in the kernel. */
  readonly systemCall: number;
  readonly #meter: Meter;
  readonly #tlb: Tlb;
  readonly #vmmEntry: VmmEntry;
  readonly #controllerAccesses: number;
  readonly #tickAccesses: number;
  readonly #domainSwitch: number;
  readonly #readOrWrite: number;
  readonly #round: number;
  readonly #notify: number;
  readonly #wakeUp: number;
  readonly #copyPage: number;
  readonly #eventLocks: number;

  constructor({ profile, meter, tlb, vmmEntry }: MonitorContext) {
    const paths = kernelPaths(profile);
    this.#meter = meter;
    this.#tlb = tlb;
    this.#vmmEntry = vmmEntry;
    const version = kernelVersion(profile);
    this.#controllerAccesses = version.controllerAccesses;
    this.#tickAccesses = version.tickAccesses;
    this.#domainSwitch = primitiveCost(profile, "xen.domain-switch");
    this.systemCall = primitiveCost(profile, "hardware.system-call") + primitiveCost(profile, "xen.fast-system-call");
    this.#readOrWrite = this.systemCall + paths["syscall-null-io"].cycles;
    // select() of a few descriptors: about as much as a stat().
    this.#round = this.systemCall + paths["syscall-stat"].cycles + CALLS_OF_ROUND * this.#readOrWrite;
    const locks = eventLockCycles(profile);
    this.#eventLocks = locks.raise + locks.take;
    this.#notify = this.#readOrWrite + primitiveCost(profile, "xen.hypercall") + locks.send;
    this.#wakeUp = primitiveCost(profile, "xen.event-upcall") + paths["context-switch"].cycles;
    this.#copyPage = primitiveCost(profile, "page.copy");
  }

  /**
   * The guest accesses registers so many times: out of the guest, to the device model, and back, for each of them. The processor
   * says which port an instruction wants; one that goes to memory has to be decoded (handle_mmio, xen/arch/x86/hvm/platform.c).
   */
  access(count: number, registers: "ports" | "memory"): void {
    if (count === 0) return;
    const reason = registers === "ports" ? "instruction" : "device-register";
    for (let access = 0; access < count; access++) this.#vmmEntry.enter(reason);
    this.switchDomains(count);
    this.#meter.spendMany(
      MODEL,
      count,
      this.#eventLocks + this.#wakeUp + this.#round + CALLS_FOR_ACCESS * this.#readOrWrite + this.#notify,
    );
  }

  /** To dom0 and back, a number of times. */
  switchDomains(times: number): void {
    this.#meter.spendMany(SWITCH, 2 * times, this.#domainSwitch);
    this.#tlb.flush();
  }

  /** Something comes, or is done, while dom0 runs: the process is woken up, and then goes round its loop once for each. */
  interrupt(times: number): void {
    this.#meter.spend(MODEL, this.#wakeUp);
    this.#meter.spendMany(MODEL, times, this.#round + this.#notify);
  }

  /** It gets a packet from the kernel's interface by read(), or gives it one by write(). */
  passPacket(): void {
    this.#meter.spend(MODEL, this.#readOrWrite);
  }

  /** Between its own buffers, the guest's memory and dom0's kernel. */
  copy(bytes: number): void {
    this.#meter.spend(COPY, copyCost(bytes, this.#copyPage));
  }

  /** What a guest's handler does to the interrupt controllers, which the hypervisor has (Xen 3.0.3, xen/arch/x86/hvm/i8259.c). */
  controllerAccesses(): void {
    this.#inHypervisor(this.#controllerAccesses);
  }

  /** And to the timer, in an interrupt of the clock: that is the hypervisor's, too (i8254.c). Port 0x80 is left to the guest (vmx.c). */
  tickAccesses(): void {
    this.#inHypervisor(this.#tickAccesses);
  }

  #inHypervisor(accesses: number): void {
    for (let access = 0; access < accesses; access++) this.#vmmEntry.enter("device-register");
  }
}

export const DEVICE_MODEL_COSTS = [
  ...EVENT_LOCK_COSTS,
  "hardware.system-call",
  "hardware.device-access",
  "xen.domain-switch",
  "xen.event-upcall",
  "xen.fast-system-call",
  "xen.hypercall",
  "page.copy",
];
