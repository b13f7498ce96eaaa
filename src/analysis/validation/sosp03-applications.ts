/**
 * Barham et al. 2003, Figure 3: applications. The native value settles how long user code computes for a unit of work; the
 * others are predictions. A part of each application is simulated: what it stands for is said in the workload.
 */
import type { CellOutcome } from "../../sim/cell.ts";
import { MACHINE, SOURCE, SYSTEMS, type System, VMMS } from "./sosp03-systems.ts";
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
  "the source says only that PostgreSQL puts considerable load on the operating system; the counts of the workload are those " +
  "of its buffers and sockets; some 390 context switches a tuple more, at the prices of Table 4, would take what Xen loses and " +
  "what VMware loses alike, but what should make ten servers switch so often it does not say";
const SYNCHRONOUS_WRITES =
  "VMware takes some 4 ms longer for a tuple, most of the turn of a disk and more than its processor could spend on a request: " +
  "something on the way seems to wait for the platter where bare metal waits for the disk's cache, and the source does not say what";
const TRANSACTIONS =
  "User-Mode Linux takes 2 ms longer for a tuple, as much as 80 system calls more, as it takes 4 ms longer for one of the other " +
  "test: the servers seem to do more that natively costs next to nothing, and what it is the source does not say";
const WEB_LOAD =
  "nineteen packets at what VMware pays for one in Table 6, and three quarters of the time in translated kernel code, explain " +
  "less than half of what it loses; of the servers' processes six take all turns here, whose shadow page tables stay";

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
    figure: (metrics) => metrics.throughput_rps,
    reasons: { xen: DATABASE_LOAD, vmware: DATABASE_LOAD, uml: DATABASE_LOAD },
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
