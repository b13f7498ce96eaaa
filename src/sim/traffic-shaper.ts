/**
 * Traffic shaping of ESX: what a VM sends passes two token buckets, one that fills at the average rate and holds a burst, one
 * that fills at the peak rate and holds a packet. What exceeds them is queued, and dropped when the queue is full.
 */
import type { TrafficShaping } from "../vmm/host-contract.ts";
import { FRAME_HEADER_BYTES, MTU } from "../machine/network-link.ts";

/** The largest packet as a driver is handed it: 1514 bytes. */
const LARGEST_FRAME = MTU + 14;

interface Buckets {
  /** Tokens, bytes, at cycle `at`: when the last packet leaves, or left. */
  average: number;
  peak: number;
  at: number;
  /** When the packets that may still be queued leave, in order. */
  leaving: number[];
}

export class TrafficShaper {
  readonly #shaping: TrafficShaping;
  readonly #averageRate: number;
  readonly #peakRate: number;
  readonly #guests: Buckets[] = [];

  constructor(shaping: TrafficShaping, megahertz: number) {
    this.#shaping = shaping;
    // Kilobits a second are bits a millisecond: bytes in each cycle.
    this.#averageRate = shaping.averageKilobits / 8000 / megahertz;
    this.#peakRate = shaping.peakKilobits / 8000 / megahertz;
  }

  /** A guest sends a packet of `payload` bytes. Returns the cycle at which it leaves; -1: it is dropped. */
  offer(guest: number, payload: number, now: number): number {
    const buckets = this.#bucketsOf(guest, now);
    buckets.leaving = buckets.leaving.filter((at) => at > now);
    if (buckets.leaving.length >= this.#shaping.queuedPackets) return -1;
    const bytes = payload + FRAME_HEADER_BYTES;
    this.#fill(buckets, Math.max(now, buckets.at));
    const wait = Math.max(0, (bytes - buckets.average) / this.#averageRate, (bytes - buckets.peak) / this.#peakRate);
    this.#fill(buckets, buckets.at + Math.ceil(wait));
    buckets.average -= bytes;
    buckets.peak -= bytes;
    buckets.leaving.push(buckets.at);
    return buckets.at;
  }

  #fill(buckets: Buckets, at: number): void {
    const passed = at - buckets.at;
    const most = Math.max(this.#shaping.burstKilobytes * 1000, LARGEST_FRAME);
    buckets.average = Math.min(most, buckets.average + passed * this.#averageRate);
    buckets.peak = Math.min(LARGEST_FRAME, buckets.peak + passed * this.#peakRate);
    buckets.at = at;
  }

  #bucketsOf(guest: number, now: number): Buckets {
    const most = Math.max(this.#shaping.burstKilobytes * 1000, LARGEST_FRAME);
    return (this.#guests[guest] ??= { average: most, peak: LARGEST_FRAME, at: now, leaving: [] });
  }
}
