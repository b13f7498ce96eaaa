/**
 * Disk of User-Mode Linux: a file of the host. The driver (ubd) hands what it wants to a thread of its own through a pipe, and
 * the thread reads or writes the file, and answers through the pipe, which is a signal to the guest kernel. A request goes
 * there buffer by buffer, of a page at most, each when the one before it is done (do_ubd_request, ubd_finish,
 * arch/um/drivers/ubd_kern.c, Linux 2.4 for um), so that each of them is an interrupt.
 *
 * The file, or the raw partition that Barham et al. 2003 gave each of their VMs, is in the host's page cache as well. That the
 * guest may find there what it reads, and need not wait for what it writes, is not simulated; nor that the disk may go elsewhere
 * between two buffers. What the driver does with a request is charged once, however many buffers it has. The host's own requests
 * are taken to be as many as the guest's: it reads ahead, and writes what is dirty together.
 */
import { cause } from "../../core/ledger.ts";
import { GUEST_KERNEL, kernelPaths, nativeCycles } from "../../guest/kernel-paths.ts";
import type { Meter } from "../../machine/meter.ts";
import { PAGE_BYTES } from "../../machine/page.ts";
import { type MachineProfile, primitiveCost } from "../../machine/profile.ts";
import { definePart } from "../contract.ts";
import { hostCall, hostMaskCall, hostPoll, hostSignal, hostSwitch } from "../cpu/host-calls.ts";
import type { IoPath, MonitorContext, VmmEntry } from "../monitor-contract.ts";
import {
  CALLS_TO_REACTIVATE,
  MASK_CALLS_OF_INTERRUPT,
  MASK_CALLS_OF_SIGNAL,
  MASK_CALLS_TO_REACTIVATE,
  POLLS,
} from "./sigio.ts";

const PIPE = cause("io.ubd.pipe");
const SWITCH = cause("io.ubd.switch");
const FILE = cause("io.ubd.file");
const HOST_REQUEST = cause("io.ubd.host-request");
const SIGNAL = cause("io.ubd.signal");
const POLL = cause("io.ubd.poll");
const SIGNAL_MASK = cause("vmm.tracing.signal-mask");

class UbdDisk implements IoPath {
  readonly segmentBytes = 0;
  readonly descriptors = 0;
  readonly #meter: Meter;
  readonly #host: VmmEntry;
  readonly #costs: ReturnType<typeof diskCosts>;

  constructor({ profile, meter, vmmEntry }: MonitorContext) {
    this.#meter = meter;
    this.#host = vmmEntry;
    this.#costs = diskCosts(profile);
  }

  submit(bytes: number): void {
    const buffers = buffersOf(bytes);
    this.#meter.spend(GUEST_KERNEL, this.#costs.driver);
    this.#meter.spendMany(PIPE, buffers, this.#costs.pipe);
    this.#meter.spendMany(SWITCH, buffers, this.#costs.switch);
    this.#meter.spendMany(FILE, buffers, this.#costs.file);
    this.#meter.spend(HOST_REQUEST, this.#costs.request);
  }

  notify(): number {
    return this.#meter.now;
  }

  /** The signal for the last buffer is the guest's interrupt; what those before it take is charged here. */
  interrupt(_at: number, count: number, bytes: number): number {
    const buffers = Math.max(count, buffersOf(bytes));
    this.#meter.spendMany(HOST_REQUEST, count, this.#costs.completion);
    this.#meter.spendMany(PIPE, buffers, this.#costs.pipe);
    this.#meter.spendMany(SWITCH, buffers, this.#costs.switch);
    if (buffers > 1) this.#interruptBefore(buffers - 1);
    this.#meter.spendMany(POLL, buffers * POLLS, this.#costs.poll);
    this.#meter.spendMany(SIGNAL_MASK, buffers * MASK_CALLS_TO_REACTIVATE, this.#costs.maskCall);
    for (let call = 0; call < buffers * CALLS_TO_REACTIVATE; call++) this.#host.enter("instruction");
    return this.#meter.now;
  }

  #interruptBefore(signals: number): void {
    this.#meter.spendMany(SIGNAL, signals, this.#costs.signal);
    this.#meter.spendMany(GUEST_KERNEL, signals, this.#costs.interrupt);
    const maskCalls = signals * (MASK_CALLS_OF_SIGNAL + MASK_CALLS_OF_INTERRUPT);
    this.#meter.spendMany(SIGNAL_MASK, maskCalls, this.#costs.maskCall);
  }

  complete(): void {
    this.#meter.spend(GUEST_KERNEL, this.#costs.driver);
  }

  interruptsForSent(): boolean {
    return false;
  }
}

function buffersOf(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / PAGE_BYTES));
}

function diskCosts(profile: MachineProfile) {
  const paths = kernelPaths(profile);
  const register = primitiveCost(profile, "hardware.device-access");
  const lookUp = nativeCycles(paths["read-file-page"], profile);
  return {
    driver: paths["disk-driver"].cycles,
    // One writes, the other reads.
    pipe: hostCall(profile, "syscall-pipe", 2),
    switch: hostSwitch(profile),
    // lseek; read or write.
    file: hostCall(profile) + hostCall(profile, "syscall-null-io") + lookUp + primitiveCost(profile, "page.copy"),
    request: nativeCycles(paths["disk-request"], profile) + nativeCycles(paths["disk-driver"], profile) + register,
    completion:
      nativeCycles(paths["disk-completion"], profile) +
      nativeCycles(paths["disk-driver"], profile) +
      nativeCycles(paths.interrupt, profile) +
      register,
    poll: hostPoll(profile),
    maskCall: hostMaskCall(profile),
    signal: hostSignal(profile),
    interrupt: paths.interrupt.cycles + paths.interrupt.calls * primitiveCost(profile, "hardware.call-return"),
  };
}

export const ubdDisk = definePart({
  slot: "disk",
  name: "ubd",
  summary: "a file of the host, read and written page by page by a thread at the other end of a pipe",
  parameters: {},
  needs: ["hardware.call-return", "hardware.device-access", "hardware.system-call", "hardware.tlb-flush", "page.copy"],
  create: (_, context) => new UbdDisk(context),
});
