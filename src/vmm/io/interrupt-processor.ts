/**
 * What it takes to handle a device's interrupt in the hypervisor of Xen 1.x: on the guest's processor, which is interrupted for it, or
 * on another one. Then that one is interrupted by the device, and the guest's by it (smp_send_event_check_mask, arch/i386/smp.c): what a
 * guest pays for an interrupt is the same, and the device's comes on top. What the other processor takes is charged elsewhere.
 *
 * Lines that one of them has written come from its cache when the other needs them. They are counted in Xen of June 2003 (net/dev.c:
 * deliver_packet, make_rx_response, tx_skb_release, make_tx_response, do_net_update; drivers/block/xen_block.c: end_block_io_op; mark_guest_event
 * in include/xeno/event.h); none is taken to come while another is on its way. What slabs pass on is not counted, nor how long the
 * registers take by which an interrupt is sent.
 */
import { cause } from "../../core/ledger.ts";
import type { Meter } from "../../machine/meter.ts";
import { primitiveCost } from "../../machine/profile.ts";
import type { Parameter } from "../contract.ts";
import type { MonitorContext } from "../monitor-contract.ts";

const LINES = cause("hardware.cache-line-transfer");
const INTERRUPT = cause("io.hypervisor.interrupt");
const HANDLER_LINES = cause("io.hypervisor.interrupt.cache-line-transfer");

/** Kinds of the handler's work: on the guest's processor, and on another one. */
export const HANDLER_WORK = {
  driver: [cause("io.hypervisor.driver"), cause("io.hypervisor.interrupt.driver")],
  request: [cause("io.hypervisor.request"), cause("io.hypervisor.interrupt.request")],
  exchange: [cause("io.hypervisor.page-exchange"), cause("io.hypervisor.interrupt.page-exchange")],
} as const;

/** Lines that the handler takes, and those that the guest's processor takes back: for an interrupt, and for each entry that it answers. */
export interface LineCounts {
  readonly handler: number;
  readonly guest: number;
  readonly handlerEach: number;
  readonly guestEach: number;
}

/**
 * Packets that have come. An interrupt: the interface's indices, the lock of the domain's pages, the shared indices, a line of responses,
 * one of the shadow ring, what is known of the page table's page, events, and, for the handler, the list of the domain's pages. A packet:
 * the entry of the page table, and what is known of the page given for it.
 */
export const RECEIVED: LineCounts = { handler: 8, guest: 7, handlerEach: 2, guestEach: 2 };
/**
 * Packets that have been sent, besides: an interrupt: the interface's count of references, a line of responses. A packet: what is
 * known of its page, and, for the handler, the buffer that describes it, of two lines.
 */
export const SENT: LineCounts = { handler: 2, guest: 2, handlerEach: 3, guestEach: 1 };
/**
 * Disk requests. An interrupt: the shared indices, the domain's lock and indices, events. A request: the entry of the ring, and, for the
 * handler, what is known of it, and the head of its buffer.
 */
export const BLOCKS: LineCounts = { handler: 3, guest: 3, handlerEach: 3, guestEach: 1 };

export class InterruptProcessor {
  readonly #meter: Meter;
  readonly #elsewhere: boolean;
  readonly #interrupt: number;
  readonly #line: number;

  constructor({ meter, profile }: MonitorContext, elsewhere: boolean) {
    this.#meter = meter;
    this.#elsewhere = elsewhere;
    this.#interrupt = elsewhere ? primitiveCost(profile, "hardware.interrupt") : 0;
    this.#line = elsewhere ? primitiveCost(profile, "hardware.cache-line-transfer") : 0;
  }

  /** A device interrupts. */
  begin(): void {
    if (this.#elsewhere) this.#meter.spendElsewhere(INTERRUPT, 1, this.#interrupt);
  }

  /** It works for `cycles`. */
  spend(work: keyof typeof HANDLER_WORK, cycles: number): void {
    const [here, there] = HANDLER_WORK[work];
    if (this.#elsewhere) this.#meter.spendElsewhere(there, 1, cycles);
    else this.#meter.spend(here, cycles);
  }

  /** It has answered so many entries, of one kind. */
  answered(entries: number, { handler, guest, handlerEach, guestEach }: LineCounts): void {
    if (!this.#elsewhere || entries === 0) return;
    this.#meter.spendElsewhere(HANDLER_LINES, handler + entries * handlerEach, this.#line);
    this.#meter.spendMany(LINES, guest + entries * guestEach, this.#line);
  }
}

export const otherProcessor: Parameter<boolean> = {
  summary: "interrupts of devices are handled by another processor than the guest's",
  default: false,
  source:
    "Barham 2003, on Figure 4: by the second processor, for a single domain. On a host with many, by the last one",
};
