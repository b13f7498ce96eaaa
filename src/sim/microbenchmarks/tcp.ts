/**
 * Bulk TCP transfers, as ttcp and netperf make them, and a message of one byte. Costs are per packet, waiting for the wire
 * included, so that the rate follows: {@link megabitsPerSecond}.
 */
import { HEADER_BYTES } from "../../machine/network-link.ts";
import type { MachineProfile } from "../../machine/profile.ts";
import type { GuestShape } from "../../workload/compiled-workload.ts";
import { Op } from "../../workload/operation-stream.ts";
import type { Microbenchmark } from "./microbenchmark.ts";

const GUEST: GuestShape = {
  memoryPages: 4096,
  kernelPages: 512,
  processes: 1,
  anonymousPages: 16,
  residentAnonymousPages: 16,
  filePages: 16,
  residentFilePages: 16,
  swapPages: 64,
  threads: 1,
};
/** Bytes of one system call: half of the socket buffer, about. */
const BYTES_PER_CALL = 64 * 1024;
const CALLS = 40;
const STREAM = 1;

function transfer(direction: "transmit" | "receive", mtu: number): Microbenchmark {
  const payload = mtu - HEADER_BYTES;
  const packets = Math.round(BYTES_PER_CALL / payload);
  const op = direction === "transmit" ? Op.Send : Op.Receive;
  return {
    name: `tcp-${direction}-${mtu}`,
    summary: `packet of a bulk TCP transfer, MTU ${mtu}, waiting for the wire included`,
    guest: GUEST,
    warmUpRounds: CALLS,
    rounds: CALLS,
    operationsPerRound: packets,
    round: (builder) => builder.add(op, packets * payload, mtu, STREAM),
  };
}

/** Rate of payload in Mb/s that follows from the cost of a packet, in cycles of the machine. */
export function megabitsPerSecond(cyclesPerPacket: number, mtu: number, profile: MachineProfile): number {
  return ((mtu - HEADER_BYTES) * 8 * profile.megahertz) / cyclesPerPacket;
}

export const TCP: readonly Microbenchmark[] = [
  transfer("transmit", 1500),
  transfer("receive", 1500),
  transfer("transmit", 500),
  transfer("receive", 500),
  {
    name: "netperf-latency",
    summary: "one byte from process to process, one way, between two equal machines",
    guest: GUEST,
    warmUpRounds: CALLS,
    rounds: CALLS,
    operationsPerRound: 1,
    // Both ends send and receive a byte for one there and one back.
    round: (builder) => {
      builder.add(Op.Send, 1);
      builder.add(Op.Receive, 1);
    },
  },
];
