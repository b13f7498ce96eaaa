/**
 * Network of User-Mode Linux: an interface of the host (TUN/TAP), whose other end is a file that the guest kernel writes
 * packets to and reads them from, one by one. A signal says that some have come; then the guest kernel polls its files, reads
 * until there is nothing more, and polls again (uml_net_interrupt, uml_net_start_xmit, arch/um/drivers/net_kern.c;
 * sigio_handler, arch/um/kernel/irq_user.c, Linux 2.4 for um). Between that interface and the real one the host bridges or
 * routes, which is taken to be as long as what its own protocols would do with the packet.
 */
import { cause } from "../../core/ledger.ts";
import { kernelPaths, nativeCycles } from "../../guest/kernel-paths.ts";
import type { Meter } from "../../machine/meter.ts";
import { copyCost } from "../../machine/page.ts";
import { type MachineProfile, primitiveCost } from "../../machine/profile.ts";
import { definePart } from "../contract.ts";
import { hostCall, hostPoll } from "../host-calls.ts";
import type { IoPath, MonitorContext, VmmEntry } from "../monitor-contract.ts";

const WRITE = cause("io.tap.write");
const READ = cause("io.tap.read");
const POLL = cause("io.tap.poll");
const BRIDGE = cause("io.tap.bridge");
const HOST_DRIVER = cause("io.tap.host-driver");

/** sigio_handler goes round until poll finds nothing. */
const POLLS = 2;
/** Host calls to change the signal mask: the lock of uml_net_start_xmit, taken by local_irq_save. */
const MASK_CALLS_TO_SEND = 4;
/** Those of netif_rx, by local_irq_save; process_backlog: cli and sti. */
const MASK_CALLS_TO_RECEIVE = 6;
/** An sk_buff and its data, allocated and freed for nothing (uml_net_rx): four sections kept from interrupts. */
const MASK_CALLS_OF_LAST_READ = 16;

class TapNetwork implements IoPath {
  readonly segmentBytes = 0;
  readonly descriptors = 0;
  readonly #meter: Meter;
  readonly #host: VmmEntry;
  readonly #costs: ReturnType<typeof networkCosts>;

  constructor({ profile, meter, vmmEntry }: MonitorContext) {
    this.#meter = meter;
    this.#host = vmmEntry;
    this.#costs = networkCosts(profile);
  }

  submit(bytes: number): void {
    this.#changeMask(MASK_CALLS_TO_SEND);
    this.#meter.spend(WRITE, this.#costs.call + copyCost(bytes, this.#costs.copyPage));
    this.#meter.spend(BRIDGE, this.#costs.bridge);
    this.#meter.spend(HOST_DRIVER, this.#costs.driver + this.#costs.register);
  }

  notify(): number {
    return this.#meter.now;
  }

  /** The guest's interrupt is the signal, and what the hardware takes for the one behind it is charged there. */
  interrupt(_at: number, count: number): number {
    this.#meter.spend(HOST_DRIVER, this.#costs.interrupt + this.#costs.register);
    this.#meter.spendMany(HOST_DRIVER, count, this.#costs.driver);
    this.#meter.spendMany(BRIDGE, count, this.#costs.bridge);
    this.#meter.spendMany(POLL, POLLS, this.#costs.poll);
    // The last one, which finds nothing.
    this.#changeMask(MASK_CALLS_OF_LAST_READ);
    this.#meter.spend(READ, this.#costs.call);
    return this.#meter.now;
  }

  complete(bytes: number, write: boolean): void {
    if (write) return;
    this.#meter.spend(READ, this.#costs.call + copyCost(bytes, this.#costs.copyPage));
    this.#changeMask(MASK_CALLS_TO_RECEIVE);
  }

  interruptsForSent(): boolean {
    return false;
  }

  #changeMask(calls: number): void {
    for (let call = 0; call < calls; call++) this.#host.enter("instruction");
  }
}

function networkCosts(profile: MachineProfile) {
  const paths = kernelPaths(profile);
  return {
    call: hostCall(profile, "syscall-null-io"),
    poll: hostPoll(profile),
    copyPage: primitiveCost(profile, "page.copy"),
    bridge: nativeCycles(paths["receive-packet"], profile),
    driver: nativeCycles(paths["network-driver"], profile),
    interrupt: nativeCycles(paths.interrupt, profile),
    register: primitiveCost(profile, "hardware.device-access"),
  };
}

export const tapNetwork = definePart({
  slot: "network",
  name: "tap",
  summary: "a virtual interface of the host, read and written packet by packet",
  parameters: {},
  needs: ["hardware.device-access", "hardware.system-call", "page.copy"],
  create: (_, context) => new TapNetwork(context),
});
