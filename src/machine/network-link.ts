/** A full-duplex Ethernet link: packets occupy the wire one after the other, per direction. */
import { microsecondsToCycles } from "./profile.ts";
import type { MachineProfile } from "./profile.ts";

/** Bytes of a maximum-size packet, IP and TCP headers included (RFC 894). */
export const MTU = 1500;
/** IP and TCP headers with the timestamp option (RFC 791, 793, 7323). */
export const HEADER_BYTES = 52;
/** Payload of a packet of maximum size. */
export const PAYLOAD = MTU - HEADER_BYTES;
/** What a frame has besides its payload when it is handed to a driver: the headers, Ethernet's included. */
export const FRAME_HEADER_BYTES = HEADER_BYTES + 14;
/** Ethernet header, checksum, preamble and gap between frames (IEEE 802.3). */
const FRAMING_BYTES = 38;

export class NetworkLink {
  /** Cycles the wire has been busy, per direction. */
  busyTransmit = 0;
  busyReceive = 0;
  /** Network interfaces that share the traffic. */
  readonly interfaces: number;
  /** Packets of a stream that share one interrupt. */
  readonly packetsPerInterrupt: number;
  /** What a lone packet takes on top of its time on the wire: the network, and the interface until it interrupts. */
  readonly delayCycles: number;
  readonly #cyclesPerByte: number;
  #transmitFree = 0;
  #receiveFree = 0;

  constructor(profile: MachineProfile) {
    this.interfaces = profile.network.interfaces;
    this.packetsPerInterrupt = profile.network.packetsPerInterrupt;
    this.delayCycles = microsecondsToCycles(profile, profile.network.delayUs);
    this.#cyclesPerByte = (8 * profile.megahertz) / profile.network.megabitsPerSecond;
  }

  /** Send a packet of `bytes` payload; returns the cycle at which the wire is free again. */
  transmit(now: number, bytes: number): number {
    const wire = this.wireCycles(bytes);
    this.busyTransmit += wire;
    this.#transmitFree = Math.max(now, this.#transmitFree) + wire;
    return this.#transmitFree;
  }

  /** The peer has been ready to send since `from` and sends as soon as the wire is free; returns when the packet has arrived. */
  receive(from: number, bytes: number): number {
    const wire = this.wireCycles(bytes);
    this.busyReceive += wire;
    this.#receiveFree = Math.max(from, this.#receiveFree) + wire;
    return this.#receiveFree;
  }

  /** How long a packet of `bytes` payload occupies the wire. */
  wireCycles(bytes: number): number {
    return Math.round((bytes + HEADER_BYTES + FRAMING_BYTES) * this.#cyclesPerByte);
  }
}
