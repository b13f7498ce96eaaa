/**
 * Messages that guests send over the host's link. A thread has one connection at a time, with a window as TCP has (RFC 5681):
 * so many packets on their way, twice as many when all of them have left, from a threshold on one more. The interface queues
 * so many packets; one that finds no room is lost and sent again, and the window is halved. How long packets and
 * acknowledgements are on their way beyond the link is neglected.
 */
import { type NetworkLink, packetsFor, PAYLOAD, SOCKET_BUFFER } from "../machine/network-link.ts";
import type { EventQueue } from "./event-queue.ts";
import { Event } from "./host-events.ts";
import type { IoJob, Waiter } from "./io-job.ts";
import { RETRANSMISSION_US } from "./shaped-sends.ts";

/** Packets: RFC 5681 lets a connection begin with two, keep as many after a loss, and begin anew with one when it took too long. */
const LEAST_WINDOW = 2;
const LOSS_WINDOW = 1;
const LARGEST_WINDOW = Math.floor(SOCKET_BUFFER / PAYLOAD);
/** Packets that arrive behind a lost one until its sender knows (RFC 5681, section 3.2). */
const DUPLICATES = 3;

interface Message {
  /** Payload that has not left. */
  left: number;
  /** Undefined: nobody waits. */
  waiter: Waiter | undefined;
  /** Until all of it has left, and not only until the socket buffer holds what has not. */
  readonly toTheEnd: boolean;
}

interface Connection {
  readonly messages: Message[];
  /** Payload in the socket buffer. */
  buffered: number;
  window: number;
  threshold: number;
  /** Packets that the link has. */
  underWay: number;
  /** When it last sent. */
  at: number;
}

export class LinkSends {
  readonly #link: NetworkLink;
  readonly #events: EventQueue;
  readonly #retransmission: number;
  readonly #onDrop: () => void;
  readonly #connections: Connection[] = [];

  constructor(link: NetworkLink, events: EventQueue, megahertz: number, onDrop: () => void) {
    this.#link = link;
    this.#events = events;
    this.#retransmission = Math.round(RETRANSMISSION_US * megahertz);
    this.#onDrop = onDrop;
  }

  /** A thread sends a message, behind those that it has sent before. */
  send({ bytes, endsRequest }: IoJob, sender: Waiter, now: number): void {
    sender.connection ??= this.#open();
    const number = sender.connection;
    const connection = this.#connections[number];
    const idle = connection.messages.length === 0;
    if (idle && now - connection.at > this.#retransmission) connection.window = LEAST_WINDOW;
    connection.buffered += bytes;
    const toTheEnd = endsRequest === true;
    const waits = toTheEnd || connection.buffered > SOCKET_BUFFER;
    if (waits) sender.begin();
    connection.messages.push({ left: bytes, waiter: waits ? sender : undefined, toTheEnd });
    if (idle) this.#offer(number, now);
  }

  /** What the link had of a connection has left, or TCP's time is over. */
  onEvent(number: number, now: number): void {
    const connection = this.#connections[number];
    const [head] = connection.messages;
    const bytes = Math.min(head.left, connection.underWay * PAYLOAD);
    const over = connection.underWay >= packetsFor(head.left);
    head.left -= bytes;
    connection.buffered -= bytes;
    connection.at = now;
    if (over) connection.messages.shift();
    if (connection.messages.length > 0) this.#offer(number, now);
    if (over) goOn(head, now);
    const last = connection.messages.at(-1);
    if (last?.toTheEnd === false && connection.buffered <= SOCKET_BUFFER) goOn(last, now);
  }

  /** Give the link what the window lets go of the oldest message. */
  #offer(number: number, now: number): void {
    const connection = this.#connections[number];
    const [{ left }] = connection.messages;
    const all = packetsFor(left);
    const packets = Math.min(connection.window, all);
    const taken = Math.min(packets, this.#link.room(now));
    connection.underWay = taken;
    const leaves = this.#link.transmitAll(now, Math.min(left, taken * PAYLOAD), taken);
    for (let lost = taken; lost < packets; lost++) this.#onDrop();
    const late = taken < packets && (taken === 0 || all - packets < DUPLICATES);
    adaptWindow(connection, packets, taken, late);
    this.#events.add(late ? Math.max(leaves, now + this.#retransmission) : leaves, Event.LinkSend, 0, number);
  }

  /** Returns the number of a new connection. */
  #open(): number {
    this.#connections.push({
      messages: [],
      buffered: 0,
      window: LEAST_WINDOW,
      threshold: LARGEST_WINDOW,
      underWay: 0,
      at: 0,
    });
    return this.#connections.length - 1;
  }
}

/** `late`: only TCP's time tells the sender what has been lost. */
function adaptWindow(connection: Connection, packets: number, taken: number, late: boolean): void {
  const { window } = connection;
  if (taken < packets) {
    connection.threshold = Math.max(LEAST_WINDOW, packets >> 1);
    connection.window = late ? LOSS_WINDOW : connection.threshold;
  } else if (packets === window) {
    const grown = window < connection.threshold ? Math.min(2 * window, connection.threshold) : window + 1;
    connection.window = Math.min(grown, LARGEST_WINDOW);
  }
}

function goOn(message: Message, now: number): void {
  const { waiter } = message;
  message.waiter = undefined;
  waiter?.done(now);
}
