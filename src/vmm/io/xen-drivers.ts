/**
 * I/O of Xen 1.x (Barham 2003, section 3.3): the drivers of the real devices are in the hypervisor. A guest's requests are
 * on a ring; the hypercall that says so queues them for the device at once. The data of a packet is not copied: to send, the
 * pages are checked and gathered by the device, and a received packet is given to the guest by exchanging pages. Interrupts of
 * the devices are handled by one of the processors, whichever the guest's is.
 */
import { cause } from "../../core/ledger.ts";
import { kernelPaths } from "../../guest/kernel-paths.ts";
import type { Meter } from "../../machine/meter.ts";
import { primitiveCost } from "../../machine/profile.ts";
import { definePart } from "../contract.ts";
import type { MonitorContext } from "../monitor-contract.ts";
import { PAGE_BYTES } from "../../machine/page.ts";
import { type BackEnd, BLOCK_BACK_END, FRONT_END_COSTS, FrontEnd, ringEntries } from "./front-end.ts";
import { BLOCKS, InterruptProcessor, otherProcessor, RECEIVED, SENT } from "./interrupt-processor.ts";
import type { SharedRing } from "./shared-ring.ts";

const REQUEST = cause("io.hypervisor.request");
const DRIVER = cause("io.hypervisor.driver");
const PAGE_CHECK = cause("io.hypervisor.page-check");
/** The entry that mapped the guest's page maps another one then, and the page that came gets an owner. */
const UPDATES_PER_EXCHANGE = 2;

/** The guest names the entry that is to change. */
const EXCHANGE = { requests: 1, flush: false } as const;

/**
 * Xen 1.x, drivers/net/tg3.c (March 2003), tg3_reset_hw without NAPI: DEFAULT_RXMAX_FRAMES, DEFAULT_RXCOL_TICKS. It is the
 * driver of the only machine that Xen 1.x was measured on.
 */
const MODERATION = { packetsPerInterrupt: 8, heldUs: 72 } as const;

class HypervisorDriver implements BackEnd {
  readonly #meter: Meter;
  readonly #handler: InterruptProcessor;
  readonly #exchanges: boolean;
  readonly #driver: number;
  readonly #ringRequest: number;
  readonly #deviceAccess: number;
  readonly #checkPage: number;
  readonly #exchangePage: number;

  constructor(device: "disk" | "network", elsewhere: boolean, context: MonitorContext) {
    const { profile, meter } = context;
    this.#meter = meter;
    this.#handler = new InterruptProcessor(context, elsewhere);
    this.#exchanges = device === "network";
    this.#driver = kernelPaths(profile)[`${device}-driver`].cycles;
    this.#ringRequest = primitiveCost(profile, "xen.ring-request");
    this.#deviceAccess = primitiveCost(profile, "hardware.device-access");
    this.#checkPage = primitiveCost(profile, "xen.validate-entry");
    this.#exchangePage = UPDATES_PER_EXCHANGE * this.#checkPage + primitiveCost(profile, "hardware.tlb-invalidate");
  }

  catchUp(): void {}

  takeRequests(ring: SharedRing): number {
    while (ring.waiting > 0) {
      const pages = Math.ceil(ring.takeRequest() / PAGE_BYTES);
      this.#meter.spend(REQUEST, this.#ringRequest);
      this.#meter.spendMany(PAGE_CHECK, pages, this.#checkPage);
      this.#meter.spend(DRIVER, this.#driver + this.#deviceAccess);
    }
    ring.awaitRequests();
    return this.#meter.now;
  }

  /** The event takes no call: the hypervisor sets a bit and enters the guest's handler on its way out. */
  answer(_at: number, ring: SharedRing, entries: number, _bytes: number, sent: SharedRing | undefined): number {
    const handler = this.#handler;
    handler.begin();
    handler.spend("driver", this.#deviceAccess);
    for (let entry = 0; entry < entries; entry++) {
      if (this.#exchanges) {
        ring.takeRequest();
        handler.spend("exchange", this.#exchangePage);
      }
      handler.spend("driver", this.#driver);
      this.#respond(ring);
    }
    ring.publishResponses();
    handler.answered(entries, this.#exchanges ? RECEIVED : BLOCKS);
    if (sent !== undefined) this.#answerSent(sent);
    return this.#meter.now;
  }

  #answerSent(sent: SharedRing): void {
    this.#handler.answered(sent.unanswered, SENT);
    while (sent.unanswered > 0) this.#respond(sent);
    sent.publishResponses();
  }

  #respond(ring: SharedRing): void {
    ring.putResponse();
    this.#handler.spend("request", this.#ringRequest);
  }
}

const needs = [...FRONT_END_COSTS, "hardware.interrupt", "hardware.cache-line-transfer"];

export const xenDriversDisk = definePart<"disk", { ringEntries: number; otherProcessor: boolean }>({
  slot: "disk",
  name: "xen-drivers",
  summary: "ring to a driver in the hypervisor (Xen 1.x)",
  parameters: { ringEntries: ringEntries(64, "Xen 1.x and 2.0: 64 block requests"), otherProcessor },
  needs,
  elsewhere: "otherProcessor",
  queueOf: ({ ringEntries: entries }) => ({ entries, ...BLOCK_BACK_END }),
  create: ({ ringEntries: entries, otherProcessor }, context) =>
    new FrontEnd(
      { device: "disk", ringEntries: entries, segmentBytes: 0 },
      new HypervisorDriver("disk", otherProcessor, context),
      context,
    ),
});

export const xenDriversNetwork = definePart<"network", { ringEntries: number; otherProcessor: boolean }>({
  slot: "network",
  name: "xen-drivers",
  summary: "ring to a driver in the hypervisor, received pages are exchanged (Xen 1.x)",
  parameters: { ringEntries: ringEntries(256, "Xen 1.x to 3.0: 256 packets in either direction"), otherProcessor },
  needs,
  elsewhere: "otherProcessor",
  create: ({ ringEntries: entries, otherProcessor }, context) =>
    new FrontEnd(
      { device: "network", ringEntries: entries, segmentBytes: 0, exchange: EXCHANGE, moderation: MODERATION },
      new HypervisorDriver("network", otherProcessor, context),
      context,
    ),
});
