/**
 * The front end of Xen's I/O in the guest: it puts requests on a shared ring, and sends an event only if the other side
 * has asked for one. A network interface has a second ring, of empty buffers, from which received packets come back.
 */
import { cause } from "../../core/ledger.ts";
import type { Meter } from "../../machine/meter.ts";
import { type InterruptModeration, primitiveCost } from "../../machine/profile.ts";
import type { Tlb } from "../../machine/tlb.ts";
import type { Parameter } from "../contract.ts";
import type { IoPath, MonitorContext } from "../monitor-contract.ts";
import { eventLockCycles } from "./event-locks.ts";
import { SharedRing } from "./shared-ring.ts";
import { PAGE_BYTES } from "../../machine/page.ts";

const RING = cause("io.frontend");
const EVENT = cause("vmm.event-channel");
const BUFFERS = cause("io.frontend.buffers");
const LOCKS = cause("vmm.event-channel.locked-instruction");

/** Whoever has the driver of the real device. It takes requests and answers them; the front end charges its own side only. */
export interface BackEnd {
  /** Requests are about to be published: be as far as a back end is by now. */
  catchUp(ring: SharedRing): void;
  /** Hand all requests on a ring to the device; `event`: by the way of being woken up. Returns the cycle at which it has them. */
  takeRequests(ring: SharedRing, event: boolean): number;
  /**
   * The device interrupts at cycle `at`: answer `entries` requests of a ring (with `bytes` of data to the guest or from it),
   * and on another ring every packet that has been sent. Returns the cycle at which the guest is interrupted.
   */
  answer(at: number, ring: SharedRing, entries: number, bytes: number, sent: SharedRing | undefined): number;
  /** The guest halts, and takes an answer: what that means to one on another processor; absent: nothing. */
  guestHalts?(): void;
  guestTakes?(): void;
}

export interface FrontEndSettings {
  readonly device: "disk" | "network";
  readonly ringEntries: number;
  readonly segmentBytes: number;
  /** Of the page that a packet comes in against one of the guest's; absent: packets are copied. */
  readonly exchange?: PageExchange;
  /** Events come by event channels, as since Xen 2.0. */
  readonly eventChannels?: true;
  /** Of the back end's driver; absent: as on the bare machine. */
  readonly moderation?: InterruptModeration;
}

export interface PageExchange {
  /** What the guest asks the hypervisor for a packet, each request validated. */
  readonly requests: number;
  /** The guest has the TLB flushed when it gives up the pages that it posts; else the hypervisor sees to that, rarely. */
  readonly flush: boolean;
}

/** A block request has up to 11 segments of a page; a network request is one packet, or one page of a larger segment. */
export const SEGMENTS_PER_DISK_REQUEST = 11;

/**
 * Whoever takes block requests from the rings takes up to 16 of one guest, then turns to the next, and has 64 in hand at most
 * (Xen 1.x, drivers/block/xen_block.c; 2.0 and 3.0, drivers/xen/blkback: BATCH_PER_DOMAIN, MAX_PENDING_REQS).
 */
export const BLOCK_BACK_END = { pagesPerRequest: SEGMENTS_PER_DISK_REQUEST, inTurn: 16, underWay: 64 } as const;

export class FrontEnd implements IoPath {
  readonly segmentBytes: number;
  readonly descriptors: number;
  readonly moderation?: InterruptModeration;
  readonly #requestBytes: number;
  readonly #meter: Meter;
  readonly #tlb: Tlb;
  readonly #backEnd: BackEnd;
  /** What goes out: every disk request, or packets to send. */
  readonly #out: SharedRing;
  /** Buffers for packets that come in. */
  readonly #buffers: SharedRing | undefined;
  readonly #ringRequest: number;
  readonly #hypercall: number;
  /** Of an event channel; absent: there is none. */
  readonly #locks: ReturnType<typeof eventLockCycles> | undefined;
  readonly #exchange: PageExchange | undefined;
  readonly #exchangeCycles: number;
  readonly #flush: number;

  constructor(settings: FrontEndSettings, backEnd: BackEnd, { profile, meter, tlb }: MonitorContext) {
    this.segmentBytes = settings.segmentBytes;
    this.descriptors = settings.device === "network" ? settings.ringEntries : 0;
    if (settings.moderation !== undefined) this.moderation = settings.moderation;
    this.#requestBytes = PAGE_BYTES * (settings.device === "disk" ? SEGMENTS_PER_DISK_REQUEST : 1);
    this.#meter = meter;
    this.#tlb = tlb;
    this.#backEnd = backEnd;
    this.#out = new SharedRing(settings.ringEntries);
    this.#ringRequest = primitiveCost(profile, "xen.ring-request");
    this.#hypercall = primitiveCost(profile, "xen.hypercall");
    if (settings.eventChannels === true) this.#locks = eventLockCycles(profile);
    this.#flush = primitiveCost(profile, "hardware.tlb-flush");
    this.#exchange = settings.exchange;
    this.#exchangeCycles = (settings.exchange?.requests ?? 0) * primitiveCost(profile, "xen.validate-entry");
    if (settings.device === "disk") return;
    this.#buffers = new SharedRing(settings.ringEntries);
    for (let entry = 0; entry < settings.ringEntries; entry++) this.#buffers.putRequest(PAGE_BYTES);
    this.#buffers.publishRequests();
  }

  submit(bytes: number): void {
    for (let left = Math.max(1, bytes); left > 0; left -= this.#requestBytes) {
      if (this.#out.free === 0) this.#makeRoom();
      this.#meter.spend(RING, this.#ringRequest);
      this.#out.putRequest(Math.min(left, this.#requestBytes));
    }
  }

  notify(): number {
    this.#backEnd.catchUp(this.#out);
    const event = this.#out.publishRequests();
    if (event) this.#meter.spend(EVENT, this.#hypercall);
    if (event && this.#locks !== undefined) this.#meter.spend(LOCKS, this.#locks.send);
    return this.#backEnd.takeRequests(this.#out, event);
  }

  interrupt(at: number, count: number, bytes: number): number {
    const buffers = this.#buffers;
    if (this.#locks !== undefined) this.#meter.spend(LOCKS, this.#locks.take);
    if (buffers === undefined) {
      const entries = Math.min(this.#entries(bytes), this.#out.unanswered);
      return this.#backEnd.answer(at, this.#out, entries, bytes, undefined);
    }
    const delivered = this.#backEnd.answer(at, buffers, count, bytes, this.#out);
    this.#takeSent();
    if (this.#exchange !== undefined) this.#giveUpPages(this.#exchange);
    return delivered;
  }

  halt(): void {
    this.#backEnd.guestHalts?.();
  }

  complete(bytes: number): void {
    this.#backEnd.guestTakes?.();
    const ring = this.#buffers ?? this.#out;
    // Entries of a request that the ring had no room for as a whole have been answered before.
    const entries = this.#buffers === undefined ? Math.min(this.#entries(bytes), ring.answers) : 1;
    for (let entry = 0; entry < entries; entry++) ring.takeResponse();
    this.#meter.spendMany(RING, entries, this.#ringRequest);
    ring.awaitResponses();
    if (this.#buffers !== undefined) this.#postBuffer(this.#buffers);
  }

  /** Events say that packets have come; what has been sent is found out then, or when the ring is full. */
  interruptsForSent(): boolean {
    return false;
  }

  /** By one call for all that are posted (Xen 2.0, netfront.c: network_alloc_rx_buffers). */
  #giveUpPages({ flush }: PageExchange): void {
    this.#meter.spend(BUFFERS, this.#hypercall);
    if (!flush) return;
    this.#meter.spend(BUFFERS, this.#flush);
    this.#tlb.flush();
  }

  #entries(bytes: number): number {
    return Math.max(1, Math.ceil(bytes / this.#requestBytes));
  }

  #postBuffer(buffers: SharedRing): void {
    this.#meter.spend(RING, this.#ringRequest);
    if (this.#exchange !== undefined) this.#meter.spend(BUFFERS, this.#exchangeCycles);
    buffers.putRequest(PAGE_BYTES);
    buffers.publishRequests();
  }

  /** The ring is full: the device has to get everything on it done first. */
  #makeRoom(): void {
    const at = this.notify();
    const sent = this.#buffers !== undefined;
    const entries = sent ? 0 : this.#out.unanswered;
    this.#backEnd.answer(at, this.#buffers ?? this.#out, entries, 0, sent ? this.#out : undefined);
    this.#takeSent();
  }

  #takeSent(): void {
    const answers = this.#out.answers;
    for (let entry = 0; entry < answers; entry++) this.#out.takeResponse();
    if (answers > 0) this.#meter.spendMany(RING, answers, this.#ringRequest);
    // The next event is wanted when half of what is still under way is done.
    this.#out.awaitResponses(1 + (this.#out.unanswered >> 1));
  }
}

export function ringEntries(count: number, source: string): Parameter<number> {
  return { summary: "entries of a ring", default: count, unit: "entries", min: 2, max: 4096, source };
}

/** What a front end costs, and the drivers behind it. */
export const FRONT_END_COSTS = [
  "xen.ring-request",
  "xen.hypercall",
  "xen.validate-entry",
  "hardware.tlb-flush",
  "hardware.tlb-invalidate",
  "hardware.device-access",
];
