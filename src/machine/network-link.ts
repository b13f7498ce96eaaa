/** A full-duplex Ethernet link: packets occupy the wire one after the other, per direction. */
import { type InterruptThrottle, interruptThrottle } from "./interrupt-throttle.ts";
import { type InterruptModeration, type KernelName, type MachineProfile, microsecondsToCycles } from "./profile.ts";

/** Bytes of a maximum-size packet, IP and TCP headers included (RFC 894). */
export const MTU = 1500;
/** IP and TCP headers with the timestamp option (RFC 791, 793, 7323). */
export const HEADER_BYTES = 52;
/** Payload of a packet of maximum size. */
export const PAYLOAD = MTU - HEADER_BYTES;
/** What a frame has besides its payload when it is handed to a driver: the headers, Ethernet's included. */
export const FRAME_HEADER_BYTES = HEADER_BYTES + 14;
/** Packets of a transfer that one acknowledgement is for (RFC 1122, section 4.2.3.2). */
export const PACKETS_PER_ACKNOWLEDGEMENT = 2;
/** Bytes that may be on their way before the sender waits: the 128 kB socket buffers of Barham 2003, Table 6. */
export const SOCKET_BUFFER = 128 * 1024;
/** Packets that wait at an interface: Linux, net/ethernet/eth.c, ether_setup (2.4: drivers/net/net_init.c), tx_queue_len. */
const QUEUE_PACKETS: Readonly<Record<KernelName, number>> = { "linux-2.4": 100, "linux-6.1": 1000 };
/** Ethernet header, checksum, preamble and gap between frames (IEEE 802.3). */
const FRAMING_BYTES = 38;

/** Packets that `bytes` of payload take. */
export function packetsFor(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / PAYLOAD));
}

/** Whether the last of them is at most half full. */
export function endsInSmallPacket(bytes: number): boolean {
  return bytes - (packetsFor(bytes) - 1) * PAYLOAD <= PAYLOAD / 2;
}

export class NetworkLink {
  /** Cycles the wire has been busy, per direction. */
  busyTransmit = 0;
  busyReceive = 0;
  /** Network interfaces that share the traffic. */
  readonly interfaces: number;
  /** Packets that share one interrupt, at most; infinite where only its time counts. */
  readonly packetsPerInterrupt: number;
  /** Longest that the first of them waits for the others; infinite where only their number counts. */
  readonly heldCycles: number;
  /** What a lone packet takes on top of its time on the wire: the network, and the interface until it interrupts. */
  readonly delayCycles: number;
  readonly #polled: boolean;
  readonly #throttle: InterruptThrottle | undefined;
  readonly #cyclesPerByte: number;
  readonly #queuePackets: number;
  #transmitFree = 0;
  #receiveFree = 0;

  /** `moderation`: that of the driver, where it is not the one that the machine's profile describes. */
  constructor(profile: MachineProfile, moderation: InterruptModeration = profile.network) {
    const { packetsPerInterrupt, heldUs, polled = false } = moderation;
    this.interfaces = profile.network.interfaces;
    this.#polled = polled;
    this.#throttle = moderation === profile.network ? interruptThrottle(profile) : undefined;
    this.packetsPerInterrupt = this.#throttle === undefined ? packetsPerInterrupt : Infinity;
    this.heldCycles = heldUs === undefined ? Infinity : microsecondsToCycles(profile, heldUs);
    this.delayCycles = microsecondsToCycles(profile, profile.network.delayUs);
    this.#queuePackets = QUEUE_PACKETS[profile.kernel];
    this.#cyclesPerByte = (8 * profile.megahertz) / profile.network.megabitsPerSecond;
  }

  /** Send a packet of `bytes` payload; returns the cycle at which the wire is free again. */
  transmit(now: number, bytes: number): number {
    const wire = this.wireCycles(bytes);
    this.busyTransmit += wire;
    this.#transmitFree = Math.max(now, this.#transmitFree) + wire;
    return this.#transmitFree;
  }

  /** The same for `packets` that are full, but for the last of them. */
  transmitAll(now: number, bytes: number, packets: number): number {
    for (let left = bytes, sent = 0; sent < packets; sent++, left -= PAYLOAD) {
      this.transmit(now, Math.min(left, PAYLOAD));
    }
    return Math.max(now, this.#transmitFree);
  }

  /** Packets that the interface still queues. Those that it has count by their length: as many as full ones would be. */
  room(now: number): number {
    const queued = Math.ceil((this.#transmitFree - now) / this.wireCycles(PAYLOAD));
    return Math.max(0, this.#queuePackets - Math.max(0, queued));
  }

  /** The peer has been ready to send since `from` and sends as soon as the wire is free; returns when the packet has arrived. */
  receive(from: number, bytes: number): number {
    const wire = this.wireCycles(bytes);
    this.busyReceive += wire;
    this.#receiveFree = Math.max(from, this.#receiveFree) + wire;
    return this.#receiveFree;
  }

  /** The same for a message that the peer has sent ahead, as much of it as the socket buffer holds, so that it is here by `now`. */
  receiveAll(now: number, bytes: number): number {
    let from = now;
    for (let left = Math.min(bytes, SOCKET_BUFFER); left > 0; left -= PAYLOAD) {
      from -= this.wireCycles(Math.min(left, PAYLOAD));
    }
    let arrival = now;
    for (let left = bytes; left > 0; left -= PAYLOAD) arrival = this.receive(from, Math.min(left, PAYLOAD));
    return arrival;
  }

  /** Whether there is an interrupt for packets that wait, the first of them since `heldSince`, before there are too many of them. */
  interrupts(now: number, heldSince: number): boolean {
    return this.#throttle?.interrupts(now, heldSince) ?? now - heldSince >= this.heldCycles;
  }

  /**
   * Packets of a stream, of `bytes` payload each, that one interrupt announces: those that come while the first is held back.
   * Where the kernel polls, those that come while the first is handled: what `acknowledgements` that leave together have let
   * the peer send, since a receiver that is busy all the time gets nothing else.
   */
  packetsHeld(bytes: number, now: number, acknowledgements = 1): number {
    if (this.#throttle !== undefined) return this.#throttle.packets(now, this.wireCycles(bytes));
    if (this.#polled) return acknowledgements * PACKETS_PER_ACKNOWLEDGEMENT;
    return Math.min(this.packetsPerInterrupt, 1 + Math.floor(this.heldCycles / this.wireCycles(bytes)));
  }

  /** How long a packet of `bytes` payload occupies the wire. */
  wireCycles(bytes: number): number {
    return Math.round((bytes + HEADER_BYTES + FRAMING_BYTES) * this.#cyclesPerByte);
  }
}
