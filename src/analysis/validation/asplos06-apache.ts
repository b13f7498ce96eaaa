/** Adams and Agesen 2006, section 6.2: ApacheBench against Apache 2 on Linux and on Windows. */
import { P4, row, SOURCE, type System, VMMS } from "./asplos06-systems.ts";
import type { Bench, ValidationRow, ValidationSet } from "./validation-set.ts";

const COUNTS =
  "the paper gives neither the packets nor the system calls of a request; the counts are assumed. The guests have 64 bits, to which VMware " +
  "shows an e1000 (VMware Server 2.0, User's Guide): its driver in Red Hat's 2.4.21 makes eight accesses in an interrupt, two of them to the APIC, for the nine here";
const TRANSLATED =
  "the kernel would have to take 1.9 times as long translated as on the bare machine, on Linux as on Windows; here it takes 1.3 times. Made up of system " +
  "calls and interrupts as Hu et al. 1999 have it, its code is taken to be like that of which returns and other look-ups were counted while Linux 2.4 ran: at 36 cycles " +
  "more each, on the processor of 2003, VMware's stat and open/close follow within 2 % (Barham 2003, Table 3). No more is known that translated code costs: of Linux' returns one in 90 finds that " +
  "another call has its place in the table (docs/kernel-operations/linux-2.4), and what a 64-bit kernel has besides, prefixes and addresses " +
  "relative to the instruction, takes a few instructions more (section 3.2)";
const WINDOWS =
  "as with Linux, the kernel would have to take 1.9 times as long translated as on the bare machine, and takes 1.3 times. The source's own reason is system calls, many for each access to a device; how many, nobody says: 1,200 more for a connection than the 28 here, at the " +
  "2,066 cycles that one takes longer, would be what is missing. Windows' writes of the task priority are cheaper translated (35 cycles for 150) and none are " +
  "counted. It is the processor's time: with one client a connection takes 0.39 ms more than at the rate of a busy server, translated and not, with VT 0.48";
const CLIENTS =
  "the number of clients does not matter once they keep the processor busy; the source has a third fewer connections with 32 than " +
  "with 8 of them, though 64 and 128 have more, and VMs the same: nothing that grows with their number does that. Nor is it the processor that one client waits for: its " +
  "connection takes 0.94 ms longer than with 128, where it is 0.38 to 0.53 on Windows and in VMs";

/**
 * Connections that Apache 2.0 serves at a time: MaxClients as Red Hat configures it (Enterprise Linux 4, Reference Guide, section
 * 10.5.9.3; taken to be the same in 3, which has the same Apache). Others wait in the queue of accept, and find it busy.
 */
const SERVER_PROCESSES = 150;
const QUEUE =
  "256 clients keep 150 processes (MaxClients) as busy as 128 clients do; that their number costs nine tenths and more of the rate is time in which nothing is served. What " +
  "is missing may be connections that are refused: Apache begins with eight processes and adds others by the second, Linux 2.4 lets 128 connections wait (SOMAXCONN) and drops " +
  "the SYN of any other, and a client sends it again after 3, 9, 21, 45 and 93 s. The source's rate is that of a whole run, which ends with the last of these; how many requests it has is not " +
  "said, without which no rate follows. Windows, with threads, has none of it";
const ONE_CLIENT =
  "a connection waits 0.08 ms for the client here: the calls of ApacheBench 2.0, counted, the packets and the page on the wire, on a bare machine of this kind. In the source " +
  "it takes 0.38 to 0.53 ms longer than with 128 clients, and 0.94 ms on Linux without a VMM. Interfaces do not hold it up: the driver of this one, tg3 of " +
  "Red Hat Enterprise Linux 3, has it interrupt for each packet at once (tg3_reset_hw: HOSTCC_RXCOL_TICKS 0, HOSTCC_RXMAX_FRAMES 1) from the first kernel to that of update 6 " +
  "(2.4.21-37.EL); from update 7 of March 2006 (3.43RH) it waits for 20 us. Nor does the first window of TCP, of three packets: the wire takes as long as their acknowledgement. " +
  "Which machine the client is is not said, nor what is between them: on a wire of 100 Mb/s the page would take 0.4 ms longer, which is what is missing in VMs and on Windows";

const ONE_CLIENT_TRANSLATED =
  "what the client takes is missing, as without a VMM, and translated kernel code takes too little, as with more clients";

/** Connections in a request of the workloads. */
const CONNECTIONS = 4;
/** The client count of the native figure that user code was derived from. */
const CALIBRATED_CLIENTS = 128;

interface Server {
  readonly os: string;
  readonly workload: string;
  readonly translated: string;
}

/** Connections in a second of a server that is always busy. */
function busyRate(bench: Bench, system: System, workload: string): number {
  return bench.workload(P4, VMMS[system], workload).metrics.throughput_rps * CONNECTIONS;
}

function manyClients({ os, workload, translated }: Server): ValidationRow[] {
  return [8, 32, 64, 128, 256].flatMap((count) => {
    const reasons = { native: CLIENTS, bt: translated, vt: COUNTS };
    return row(
      `apache.${os}.${count}`,
      (bench, system) => busyRate(bench, system, workload),
      count === CALIBRATED_CLIENTS ? ["native"] : [],
      os === "rhel3" && count > SERVER_PROCESSES ? { native: QUEUE, bt: QUEUE, vt: QUEUE } : reasons,
    );
  });
}

/**
 * What a single client adds to the cycles of a connection: it works while the server waits. It is a machine of its own, which the source
 * does not describe, and taken to be one like this, bare.
 */
function clientCycles(bench: Bench): number {
  const perSecond = bench.profile(P4).megahertz * 1e6;
  return perSecond / bench.workload(P4, "native", "asplos-apache-client").metrics.throughput_rps;
}

function oneClient({ os, workload }: Server): ValidationRow[] {
  const simulate = (bench: Bench, system: System): number => {
    const perSecond = bench.profile(P4).megahertz * 1e6;
    return perSecond / (perSecond / busyRate(bench, system, workload) + clientCycles(bench));
  };
  return row(`apache.${os}.1`, simulate, [], {
    native: ONE_CLIENT,
    bt: ONE_CLIENT_TRANSLATED,
    vt: ONE_CLIENT,
  });
}

const SERVERS: readonly Server[] = [
  { os: "rhel3", workload: "asplos-apache-processes", translated: TRANSLATED },
  { os: "win2003", workload: "asplos-apache-threads", translated: WINDOWS },
];

export const asplos06Apache: ValidationSet = {
  name: "aa06",
  source: SOURCE,
  rows: SERVERS.flatMap((server) => [...oneClient(server), ...manyClients(server)]),
};
