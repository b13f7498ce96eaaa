/**
 * Barham et al. 2003, section 4.5: many domains on two processors, scheduled by BVT. Figure 5: concurrent databases, with
 * equal weights and with weights 1 to 8; Figure 6: up to 128 domains that compute, with slices of 5 and of 50 ms; response
 * times beside them. No number of a profile is derived from any of them.
 */
import type { CellOutcome } from "../../sim/cell.ts";
import { MACHINE, SOURCE } from "./sosp03-systems.ts";
import type { Bench, ValidationRow, ValidationSet, VmmReference } from "./validation-set.ts";

const XEN: VmmReference = "xen-pv-1";
const PROGRAM = "sosp03-spec-int";
/** Figure 6: the slices, as in the ids, in ms. */
const SLICES: Readonly<Record<string, number>> = { xen50ms: 50, xen5ms: 5 };
const DOMAINS = [2, 4, 8, 16, 32, 64, 128];
/** By then every program has touched its memory for the first time, even in one of 128 domains. */
const STARTED_SECONDS = 10;
const SECONDS = 20;

/** User code per unit of time is what is aggregated: the programs are far from their ends. */
function userCycles(bench: Bench, allowanceMs: number, count: number): number {
  const { cycles } = bench.host({
    machine: MACHINE,
    vmm: { "xen-pv-1": { "scheduler.bvt": { allowanceMs } } },
    guests: [{ workload: PROGRAM, count }],
    seconds: SECONDS,
    warmupSeconds: STARTED_SECONDS,
  });
  return cycles["guest.user"];
}

function computingRows(): ValidationRow[] {
  return Object.entries(SLICES).flatMap(([slice, allowanceMs]) =>
    DOMAINS.map((count): ValidationRow => ({
      id: `xen03.f6.${slice}.${count}`,
      role: "prediction",
      group: `f6.${count}`,
      simulate: (bench) => userCycles(bench, allowanceMs, count) / userCycles(bench, allowanceMs, 1),
    })),
  );
}

const DATABASES = ["ir", "oltp"] as const;
type Database = (typeof DATABASES)[number];

const INSTANCES = [1, 2, 4, 8];
/**
 * Figure 5, 8(diff), in the order in which domains are started. Each goes to the processor that has fewest; the published
 * shares of information retrieval, weight over the sum of weights, need processors with equal sums of weights.
 */
const WEIGHTS = [8, 7, 5, 6, 4, 3, 1, 2];

function aggregate(bench: Bench, database: Database, count: number): number {
  const guests = [{ workload: `sosp03-osdb-${database}`, count }];
  return bench.host({ machine: MACHINE, vmm: XEN, guests }).metrics.throughput_rps;
}

function weighted(bench: Bench, database: Database): CellOutcome {
  const guests = [{ workload: `sosp03-osdb-${database}`, count: WEIGHTS.length, shares: WEIGHTS }];
  return bench.host({ machine: MACHINE, vmm: XEN, guests, seconds: 8, warmupSeconds: 1 });
}

/** A column of the table of VMs. */
function column({ vms }: CellOutcome, name: string): readonly number[] {
  if (vms === undefined) throw new Error("the VMs are alike");
  const at = vms.columns.indexOf(name);
  return vms.rows.map((row) => row[at]);
}

function percentOf(bench: Bench, database: Database, weight: number): number {
  const done = column(weighted(bench, database), "requests_done");
  return (100 * done[WEIGHTS.indexOf(weight)]) / done.reduce((sum, one) => sum + one, 0);
}

function databaseRows(database: Database): ValidationRow[] {
  const id = `xen03.f5.${database}`;
  return [
    ...INSTANCES.map((count): ValidationRow => ({
      id: `${id}.${count}`,
      role: "prediction",
      simulate: (bench) => aggregate(bench, database, count),
    })),
    {
      id: `${id}.8-diff`,
      role: "prediction",
      simulate: (bench) => weighted(bench, database).metrics.throughput_rps,
    },
    ...WEIGHTS.map((weight): ValidationRow => ({
      id: `${id}.diff.w${weight}`,
      role: "prediction",
      simulate: (bench) => percentOf(bench, database, weight),
    })),
  ];
}

/** The domain that answers comes last. */
function responses(bench: Bench, workload: string, computing: number, name: string): number {
  const guests = [
    { workload: PROGRAM, count: computing },
    { workload, count: 1 },
  ];
  const outcome = bench.host({ machine: MACHINE, vmm: XEN, guests, seconds: 40, warmupSeconds: STARTED_SECONDS });
  const values = column(outcome, name);
  return values[values.length - 1];
}

const BUSY = 127;
const ALL = 128;
const RESPONSES: readonly ValidationRow[] = [
  ["busy", "sosp03-udp-busy", BUSY],
  ["idle", "sosp03-udp-idle", ALL],
].flatMap(([name, workload, count]) =>
  (["mean", "sd"] as const).map((figure): ValidationRow => ({
    id: `xen03.text.udp.${name}.${figure}`,
    role: "prediction",
    simulate: (bench) => responses(bench, String(workload), Number(count), `latency_${figure}_ms`),
  })),
);

export const sosp03Scaling: ValidationSet = {
  name: "xen03",
  source: SOURCE,
  rows: [...DATABASES.flatMap(databaseRows), ...computingRows(), ...RESPONSES],
};
