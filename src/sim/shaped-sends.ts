/** Messages of guests whose traffic is shaped: sent when their last packet has left; a packet that was dropped is sent again. */
import { PAYLOAD } from "../machine/network-link.ts";
import type { EventQueue } from "./event-queue.ts";
import { Event } from "./host-events.ts";
import type { IoJob } from "./io-job.ts";
import type { TrafficShaper } from "./traffic-shaper.ts";

/** Until TCP takes a packet for lost: Linux waits no less (include/net/tcp.h, TCP_RTO_MIN). */
export const RETRANSMISSION_US = 200_000;

interface Packet {
  readonly message: { readonly job: IoJob; left: number };
  readonly bytes: number;
  readonly dropped: boolean;
}

export class ShapedSends {
  readonly #shaper: TrafficShaper;
  readonly #events: EventQueue;
  readonly #retransmission: number;
  readonly #onDrop: () => void;
  /** Packets that wait to leave, or to be sent again, by the number of their event. */
  readonly #packets = new Map<number, Packet>();
  #number = 0;

  constructor(shaper: TrafficShaper, events: EventQueue, megahertz: number, onDrop: () => void) {
    this.#shaper = shaper;
    this.#events = events;
    this.#retransmission = Math.round(RETRANSMISSION_US * megahertz);
    this.#onDrop = onDrop;
  }

  send(job: IoJob, now: number): void {
    const message = { job, left: job.units };
    for (let i = 0; i < job.units; i++) {
      this.#offer({ message, bytes: Math.max(0, Math.min(PAYLOAD, job.bytes - i * PAYLOAD)), dropped: false }, now);
    }
  }

  /** The event of a packet has come. Returns the bytes that leave; -1: none, it has been sent again. */
  onEvent(number: number, now: number): number {
    const packet = this.#packets.get(number);
    this.#packets.delete(number);
    if (packet === undefined) throw new RangeError(`no packet waits for event ${number}`);
    if (packet.dropped) {
      this.#offer({ ...packet, dropped: false }, now);
      return -1;
    }
    const { message, bytes } = packet;
    if (--message.left === 0) message.job.waiter?.done(now);
    return bytes;
  }

  #offer(packet: Packet, now: number): void {
    const leaves = this.#shaper.offer(packet.message.job.guest, packet.bytes, now);
    const dropped = leaves < 0;
    if (dropped) this.#onDrop();
    this.#packets.set(++this.#number, { ...packet, dropped });
    this.#events.add(dropped ? now + this.#retransmission : leaves, Event.Packet, 0, this.#number);
  }
}
