/**
 * Barham et al. 2003, Figure 3: applications. The native value settles how long user code computes for a unit of work; the
 * others are predictions. A part of each application is simulated: what it stands for is said in the workload.
 */
import type { CellOutcome } from "../../sim/cell.ts";
import { MACHINE, QUERIES_PER_TUPLE, SOURCE, SYSTEMS, type System, VMMS } from "./sosp03-systems.ts";
import type { Bench, ValidationRow, ValidationSet } from "./validation-set.ts";

interface Application {
  /** As in the ids of the published figures. */
  readonly name: string;
  readonly workload: string;
  /** The figure, in the unit of the source, from the metrics of a run. */
  readonly figure: (metrics: Readonly<Record<string, number>>) => number;
  /** Its users wait while others of them compute: simulated as a guest on a host, where the others run one thing after another. */
  readonly overlaps?: true;
  readonly reasons?: Partial<Readonly<Record<System, string>>>;
}

const SYSTEM_IDS: Readonly<Record<System, string>> = { native: "linux", xen: "xen", vmware: "vmw", uml: "uml" };

/** Reference times of the twelve programs of SPEC CINT2000 (SPEC, CPU2000 run rules), and the part that is simulated. */
const SPEC_INT_REFERENCE_SECONDS = 19_100;
const SPEC_INT_PART = 1 / 60;
/** Source files of a kernel as it was configured then, and those that are compiled here. */
const KERNEL_SOURCES = 1000;
const COMPILED_SOURCES = 30;
/** What a whole run of dbench 2.0 moves (ReadX and WriteX of client_oplocks.txt), and the part that is simulated. */
const DBENCH_MEGABYTES = 348.035;
const DBENCH_PART = 1 / 10;
/** A conforming connection of SPEC WEB99: 180 Mb/s by 518 connections, in files of 15 kB. */
const REQUESTS_PER_CONNECTION = 180e6 / 518 / (8 * 15_000);

const FILE_OPERATIONS =
  "the mix is made of file operations, which are a little cheaper on Xen in the model and are not in the source: see 10K create";
const DATABASE_LOAD =
  "by query, of which ten are taken for a tuple, VMware loses 0.67 ms, here 0.2: ten switches between a user and its server, of 16.9 us each, " +
  "and 42 system calls, both counted with PostgreSQL 7.1.3 itself; it makes no page faults. Table 4 has 41.7 us for a switch among 16 " +
  "processes, with which it would be 0.42, but Linux 2.4 lets the two take turns until a timer tick. Nobody waits for a lock: " +
  "not one in 89,000 queries of PostgreSQL 7.1.3 (docs/application-counts). Nor does anybody read a timer by port I/O: the server calls time() for a " +
  "transaction (access/transam/xact.c), which Linux 2.4 answers from memory, and gettimeofday for statistics that are off (tcop/postgres.c)";
const SYNCHRONOUS_WRITES =
  "VMware takes 4.4 ms longer for a tuple. Servers of PostgreSQL 7.1.3 that find a lock of the log taken sleep until the next timer tick, and " +
  "ten of them fall to a few hundred tuples a second once a write of the log takes some times as long as a tuple computes, and longer " +
  "(docs/application-counts). With these locks simulated, too, VMware has 1,180 tuples: hosted I/O adds 0.1 ms to the two writes of a commit, and " +
  "they would have to take 14 ms together for 199. The source blames the many changes of protection domain that synchronous writes make, which are counted here (twelve switches of processes and eight world switches a tuple); what would make them take so long it does not say. Its VMs have raw partitions of the disk, and if " +
  "VMware wrote to one through the host's cache, as its hosted products did on Linux later (its knowledge base, 1008542, of 2009), a guest would not even have to " +
  "wait for the disk, as it does here. Nor is it the kernel: a page that is in memory, as those of the tables are, is written again for a fifth of what a new one takes";
const TRANSACTIONS =
  "User-Mode Linux takes 2.7 ms longer for a tuple, here 1.95, of which the counted system calls are most. Servers of PostgreSQL 7.1.3 that find " +
  "a lock of the log taken sleep until the next timer tick (docs/application-counts), which are not simulated. Nor is a disk driver that was " +
  "built or started to write synchronously, as its help advises for a journalling file system (CONFIG_BLK_DEV_UBD_SYNC): it does without its " +
  "thread and stops the whole guest for each buffer, and the 1.2 ms that the disk is busy for a tuple would be added. That is not its default, and the source " +
  "does not say";
const WEB_LOAD =
  "VMware takes 1.6 ms longer for a request, here 0.4, of which nineteen packets at what VMware pays for one in Table 6 are most. " +
  "No event is missing: Apache 1.3 itself makes 17 system calls for a static file, sends 12 to 14 packets, receives 6 or 7, and is " +
  "switched to twice, as here, and the kernel's code for it was counted instruction by instruction (docs/application-counts): 1,900 calls " +
  "whose targets a translator has to look up are 0.03 ms. Two switches a request at the dearest price of Table 4, 41.7 us, would add 0.05, " +
  "and the shadow page tables of 800 processes fit into the pool of 16 MiB. That requests made in the server run other code is possible, " +
  "but these 30 % would have to lose 4 ms each";

const APPLICATIONS: readonly Application[] = [
  {
    name: "spec-int2000",
    workload: "sosp03-spec-int",
    figure: (metrics) => (100 * SPEC_INT_REFERENCE_SECONDS * SPEC_INT_PART) / seconds(metrics),
  },
  {
    name: "linux-2-4-21-build",
    workload: "sosp03-linux-build",
    figure: (metrics) => (seconds(metrics) * KERNEL_SOURCES) / COMPILED_SOURCES,
  },
  {
    name: "osdb-ir",
    workload: "sosp03-osdb-ir",
    figure: (metrics) => metrics.throughput_rps / QUERIES_PER_TUPLE,
    reasons: { vmware: DATABASE_LOAD },
  },
  {
    name: "osdb-oltp",
    workload: "sosp03-osdb-oltp",
    overlaps: true,
    figure: (metrics) => metrics.throughput_rps,
    reasons: { vmware: SYNCHRONOUS_WRITES, uml: TRANSACTIONS },
  },
  {
    name: "dbench",
    workload: "sosp03-dbench",
    figure: (metrics) => (DBENCH_MEGABYTES * DBENCH_PART) / seconds(metrics),
    reasons: { xen: FILE_OPERATIONS },
  },
  {
    name: "spec-web99",
    workload: "sosp03-spec-web99",
    figure: (metrics) => metrics.throughput_rps / REQUESTS_PER_CONNECTION,
    reasons: { vmware: WEB_LOAD },
  },
];

function seconds(metrics: Readonly<Record<string, number>>): number {
  return metrics.elapsed_ms / 1000;
}

function applicationRows({ name, workload, figure, overlaps, reasons = {} }: Application): ValidationRow[] {
  return SYSTEMS.map((system): ValidationRow => {
    const reason = reasons[system];
    const run = (bench: Bench): CellOutcome =>
      overlaps
        ? bench.host({ machine: MACHINE, vmm: VMMS[system], guests: [{ workload, count: 1 }] })
        : bench.workload(MACHINE, VMMS[system], workload);
    return {
      id: `xen03.f3.${name}.${SYSTEM_IDS[system]}`,
      role: system === "native" ? "calibration" : "prediction",
      group: `f3.${name}`,
      simulate: (bench) => figure(run(bench).metrics),
      ...(reason !== undefined && { reason }),
    };
  });
}

export const sosp03Applications: ValidationSet = {
  name: "xen03",
  source: SOURCE,
  rows: APPLICATIONS.flatMap(applicationRows),
};
