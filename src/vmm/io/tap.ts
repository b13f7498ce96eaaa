/**
 * Network of User-Mode Linux: an interface of the host (TUN/TAP), whose other end is a file that the guest kernel writes
 * packets to and reads them from, one by one. A signal says that some have come; then the guest kernel polls its files, reads
 * until there is nothing more, and polls again (uml_net_interrupt, uml_net_start_xmit, arch/um/drivers/net_kern.c, of the
 * version of sigio.ts). Between that interface and the real one the host bridges or routes, which is taken to be as long as
 * what its own protocols would do with the packet.
 *
 * The interface computes and checks no sums: the guest kernel goes through the data once more
 * (csum_partial_copy_from_user, arch/um/include/sysdep-i386/checksum.h: a copy, and csum_partial).
 */
import { cause } from "../../core/ledger.ts";
import { kernelPaths, nativeCycles } from "../../guest/kernel-paths.ts";
import type { Meter } from "../../machine/meter.ts";
import { HEADER_BYTES, NetworkLink } from "../../machine/network-link.ts";
import { copyCost } from "../../machine/page.ts";
import { type MachineProfile, primitiveCost } from "../../machine/profile.ts";
import { definePart } from "../contract.ts";
import { hostCall, hostMaskCall, hostPoll, hostSignal } from "../cpu/host-calls.ts";
import type { IoPath, MonitorContext, VmmEntry } from "../monitor-contract.ts";
import { CALLS_TO_REACTIVATE, MASK_CALLS_OF_SIGNAL, MASK_CALLS_TO_REACTIVATE, POLLS } from "./sigio.ts";

const WRITE = cause("io.tap.write");
const READ = cause("io.tap.read");
const POLL = cause("io.tap.poll");
const BRIDGE = cause("io.tap.bridge");
const HOST_DRIVER = cause("io.tap.host-driver");
const SIGNAL = cause("io.tap.signal");
const CHECKSUM = cause("io.tap.checksum");
const SIGNAL_MASK = cause("vmm.tracing.signal-mask");

/** Host calls to change the signal mask: the lock of uml_net_start_xmit, taken by local_irq_save. */
const MASK_CALLS_TO_SEND = 4;
/** netif_rx: local_irq_save and -restore; do_gettimeofday: its lock; process_backlog: cli and sti. */
const MASK_CALLS_TO_RECEIVE = 4 + 4 + 2;
/** do_gettimeofday asks the host for the time. */
const CALLS_TO_RECEIVE = 1;
/**
 * At an interrupt, an sk_buff and its data, allocated and freed for nothing (uml_net_rx): four sections kept from interrupts;
 * net_rx_action: cli and sti, twice; process_backlog, when there is nothing more: cli and sti.
 */
const MASK_CALLS_PER_INTERRUPT = 16 + 4 + 2;

class TapNetwork implements IoPath {
  readonly segmentBytes = 0;
  readonly descriptors = 0;
  readonly #meter: Meter;
  readonly #host: VmmEntry;
  readonly #costs: ReturnType<typeof networkCosts>;
  readonly #wire: NetworkLink;

  constructor({ profile, meter, vmmEntry }: MonitorContext) {
    this.#meter = meter;
    this.#host = vmmEntry;
    this.#costs = networkCosts(profile);
    this.#wire = new NetworkLink(profile);
  }

  submit(bytes: number): void {
    this.#changeMask(MASK_CALLS_TO_SEND);
    this.#meter.spend(CHECKSUM, copyCost(bytes, this.#costs.readPage));
    this.#meter.spend(WRITE, this.#costs.call + copyCost(bytes, this.#costs.copyPage));
    this.#meter.spend(BRIDGE, this.#costs.bridge);
    this.#meter.spend(HOST_DRIVER, this.#costs.driver + this.#costs.register);
  }

  notify(): number {
    return this.#meter.now;
  }

  /**
   * The guest's interrupt is the signal, and what the hardware takes for the first one behind it is charged there. Packets
   * that are further apart on the wire than the host takes for one interrupt it again, and send another signal, while the
   * guest kernel has not yet done its last read: it reads them with the others, and that signal finds nothing.
   */
  interrupt(_at: number, count: number, bytes: number): number {
    const costs = this.#costs;
    const apart = this.#wire.wireCycles(bytes / count - HEADER_BYTES) > costs.handling;
    const interrupts = apart ? count : 1;
    this.#meter.spendMany(HOST_DRIVER, interrupts, costs.interrupt + costs.register);
    this.#meter.spendMany(HOST_DRIVER, interrupts - 1, costs.gate);
    this.#meter.spendMany(HOST_DRIVER, count, costs.driver);
    this.#meter.spendMany(BRIDGE, count, costs.bridge);
    this.#meter.spendMany(SIGNAL, interrupts - 1, costs.signal);
    this.#changeMask(MASK_CALLS_OF_SIGNAL * (interrupts - 1));
    this.#meter.spendMany(POLL, POLLS + interrupts - 1, costs.poll);
    this.#changeMask(MASK_CALLS_PER_INTERRUPT + MASK_CALLS_TO_REACTIVATE);
    this.#callHost(CALLS_TO_REACTIVATE);
    // The last one, which finds nothing.
    this.#meter.spend(READ, costs.call);
    return this.#meter.now;
  }

  complete(bytes: number, write: boolean): void {
    if (write) return;
    this.#meter.spend(READ, this.#costs.call + copyCost(bytes, this.#costs.copyPage));
    this.#meter.spend(CHECKSUM, copyCost(bytes, this.#costs.readPage));
    this.#changeMask(MASK_CALLS_TO_RECEIVE);
    this.#callHost(CALLS_TO_RECEIVE);
  }

  interruptsForSent(): boolean {
    return false;
  }

  #changeMask(calls: number): void {
    this.#meter.spendMany(SIGNAL_MASK, calls, this.#costs.maskCall);
  }

  #callHost(calls: number): void {
    for (let call = 0; call < calls; call++) this.#host.enter("instruction");
  }
}

function networkCosts(profile: MachineProfile) {
  const paths = kernelPaths(profile);
  const gate = primitiveCost(profile, "hardware.interrupt");
  const register = primitiveCost(profile, "hardware.device-access");
  const interrupt = nativeCycles(paths.interrupt, profile);
  const driver = nativeCycles(paths["network-driver"], profile);
  const bridge = nativeCycles(paths["receive-packet"], profile);
  return {
    call: hostCall(profile, "syscall-null-io"),
    maskCall: hostMaskCall(profile),
    poll: hostPoll(profile),
    signal: hostSignal(profile),
    copyPage: primitiveCost(profile, "page.copy"),
    readPage: primitiveCost(profile, "page.hash"),
    gate,
    register,
    interrupt,
    driver,
    bridge,
    /** Of a packet, from the interrupt on. */
    handling: gate + register + interrupt + driver + bridge,
  };
}

export const tapNetwork = definePart({
  slot: "network",
  name: "tap",
  summary: "a virtual interface of the host, read and written packet by packet",
  parameters: {},
  needs: ["hardware.device-access", "hardware.interrupt", "hardware.system-call", "page.copy", "page.hash"],
  create: (_, context) => new TapNetwork(context),
});
