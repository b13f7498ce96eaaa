/**
 * Bulk TCP transfers, as ttcp and netperf make them, and a message of one byte. Costs are per packet, waiting for the wire
 * included, so that the rate follows: {@link megabitsPerSecond}.
 */
import { HEADER_BYTES, NetworkLink, SOCKET_BUFFER } from "../../machine/network-link.ts";
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
/** Who transfers, and the bytes of one system call. */
const PROGRAMS = {
  /** Half of the socket buffer, about. */
  tcp: 64 * 1024,
  /** ttcp(1): -l, unless it is told otherwise. A read takes as much as that, if so much has come. */
  ttcp: 8 * 1024,
  /** Sugerman 2001, section 3.5. Calls go on where the one before ended: packets are full. */
  nettest: 4 * 1024,
} as const;
type Program = keyof typeof PROGRAMS;
const CALLS = 40;
/**
 * Sent or received before it counts. As long as the socket buffer fills or empties, whoever takes less time for a packet than the
 * wire is ahead of it; after 20 of them, only who takes less than a twentieth less.
 */
const WARM_UP_BYTES = 20 * SOCKET_BUFFER;
const STREAM = 1;

function transfer(program: Program, direction: "transmit" | "receive", mtu: number): Microbenchmark {
  const payload = mtu - HEADER_BYTES;
  const packets = Math.round(PROGRAMS[program] / payload);
  const op = direction === "transmit" ? Op.Send : Op.Receive;
  return {
    name: `${program}-${direction}-${mtu}`,
    summary: `packet of a bulk TCP transfer in calls of ${PROGRAMS[program] / 1024} KB, MTU ${mtu}, waiting for the wire included`,
    guest: GUEST,
    warmUpRounds: WARM_UP_BYTES / PROGRAMS[program],
    rounds: CALLS,
    operationsPerRound: packets,
    mtu,
    round: (builder) => builder.add(op, packets * payload, mtu, STREAM),
  };
}

/** Rate of payload in Mb/s that follows from the cost of a packet, in cycles of the machine. */
export function megabitsPerSecond(cyclesPerPacket: number, mtu: number, profile: MachineProfile): number {
  return ((mtu - HEADER_BYTES) * 8 * profile.megahertz) / cyclesPerPacket;
}

/** Rate of payload at which packets pass over the wire one after the other. */
export function wireMegabitsPerSecond(mtu: number, profile: MachineProfile): number {
  return megabitsPerSecond(new NetworkLink(profile).wireCycles(mtu - HEADER_BYTES), mtu, profile);
}

export const TCP: readonly Microbenchmark[] = [
  transfer("tcp", "transmit", 1500),
  transfer("tcp", "receive", 1500),
  transfer("tcp", "transmit", 500),
  transfer("tcp", "receive", 500),
  transfer("ttcp", "transmit", 1500),
  transfer("ttcp", "receive", 1500),
  transfer("ttcp", "transmit", 500),
  transfer("ttcp", "receive", 500),
  transfer("nettest", "transmit", 1500),
  {
    name: "netperf-latency",
    summary: "one byte from process to process, one way, between two equal machines whose interfaces interrupt at once",
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
