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

const KERNEL_TLB =
  "the mix is made of file operations, which are a little cheaper on Xen in the model and are not in the source: see 10K create";
const DATABASE_LOAD =
  "a tuple takes 0.5 ms longer on Xen than natively and 6.7 ms on VMware; on User-Mode Linux it is 9.6 ms, of which the reads with " +
  "their calls take 8.7 here. Lost shadows are not it: at the 41.7 us that Table 4 has for 16 processes VMware would have to switch " +
  "176 times a tuple, or meet some 1,900 hidden faults. At the prices of Tables 3 to 5, 100 to 150 switches with the calls that they " +
  "come with, or 390 page faults, take what Xen loses, and 4 to 6 ms on VMware, but on User-Mode Linux all that it loses once more; " +
  "the five statements of a query are 10 switches, and nothing says where more should come from. An update by the same index, commit " +
  "and all, takes a tenth of the time natively, as if the figure counted the tuples of one of the ten users; with ten queries for a " +
  "tuple it is 167 on Xen here, and 129 on VMware";
const SYNCHRONOUS_WRITES =
  "VMware takes 4.4 ms longer for a tuple, most of the turn of a disk and more than its processor could spend on a request (User-Mode " +
  "Linux, whose system calls are thirty times as dear, takes 2.7): something on the way seems to wait for the platter where bare " +
  "metal waits for the disk's cache. OSDB did 66 to 138 updates a second with ext3 on bare metal whose disks seem to have " +
  "done so (Kirkwood 2002). What waits, the source does not say; VMware says of later versions that on Linux hosts they write to the host's " +
  "cache (knowledge base, 1008542), which would wait for nothing";
const TRANSACTIONS =
  "User-Mode Linux takes 1.5 ms longer for a tuple, as much as 60 system calls: what else the servers do for it, that costs next to " +
  "nothing natively, the source does not say; its writes go to the host's cache, and wait for no disk";
const WEB_LOAD =
  "VMware takes 1.6 ms longer for a request, User-Mode Linux 1.3: nineteen packets at what VMware pays for one in Table 6, and three " +
  "quarters of the time in translated kernel code, are 0.6. Of the servers' processes six take all turns here; two switches a request " +
  "at the dearest price of Table 4, 41.7 us, would add 0.05, and the shadow page tables of 800 processes fit into the pool of 16 MiB";

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
    reasons: { xen: DATABASE_LOAD, vmware: DATABASE_LOAD },
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
    reasons: { xen: KERNEL_TLB },
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
      ...(reason === undefined ? {} : { reason }),
    };
  });
}

export const sosp03Applications: ValidationSet = {
  name: "xen03",
  source: SOURCE,
  rows: APPLICATIONS.flatMap(applicationRows),
};
