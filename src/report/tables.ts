/** The figures behind the report as CSV files. */
import { stringify } from "csv-stringify/sync";
import { cycleBreakdown } from "../analysis/cycle-breakdown.ts";
import { HOST_FIGURES, type HostFigure, hostRows } from "../analysis/hosts.ts";
import { CONTROL_FIGURES, type ControlFigure } from "../analysis/memory-control.ts";
import { MEMORY_SOURCES } from "../analysis/memory-sources.ts";
import { operationBreakdown } from "../analysis/operation-breakdown.ts";
import { type OvercommitCurve, overcommitCurves } from "../analysis/overcommit.ts";
import type { OvercommitPoint } from "../analysis/overcommit-point.ts";
import { type Results, serviceLevelOf } from "../analysis/results.ts";
import { NONE_FINISHED } from "../analysis/service-level.ts";
import { slowdowns } from "../analysis/slowdown.ts";
import type { Estimate } from "../analysis/statistics.ts";
import { vmCountCurves } from "../analysis/vm-count.ts";
import { RESOURCES, utilizations } from "../analysis/utilization.ts";

/** How each column, by its header, is read from a row. */
type Columns<Row> = Readonly<Record<string, (row: Row) => string | number | undefined>>;

/** CSV by file name; tables without rows are left out. */
export function csvTables(results: Results): Map<string, string> {
  const tables = [
    ["slowdown.csv", slowdownTable(results)],
    ["cycles.csv", cyclesTable(results)],
    ["operations.csv", operationsTable(results)],
    ["utilization.csv", utilizationTable(results)],
    ["hosts.csv", hostsTable(results)],
    ["overcommit.csv", overcommitTable(results)],
    ["vm-count.csv", vmCountTable(results)],
    ["memory-control.csv", memoryControlTable(results)],
    ["not-done.csv", notDoneTable(results)],
  ] as const;
  return new Map(tables.flatMap(([name, csv]) => (csv === undefined ? [] : [[name, csv] as const])));
}

function table<Row>(rows: readonly Row[], columns: Columns<Row>): string | undefined {
  if (rows.length === 0) return undefined;
  const readers = Object.values(columns);
  return stringify([Object.keys(columns), ...rows.map((row) => readers.map((read) => read(row)))]);
}

function slowdownTable(results: Results): string | undefined {
  return table(slowdowns(results), {
    block: (row) => row.block,
    workload: (row) => row.workload,
    machine: (row) => row.machine,
    vmm: (row) => row.vmm,
    slowdown: (row) => row.estimate,
    ci95_low: (row) => row.low,
    ci95_high: (row) => row.high,
    bootstrap95_low: (row) => row.bootstrap?.low,
    bootstrap95_high: (row) => row.bootstrap?.high,
    streams: (row) => row.n,
    seeds: (row) => row.seeds.join(" "),
    verdict: (row) => row.verdict,
  });
}

function cyclesTable(results: Results): string | undefined {
  return table(cycleBreakdown(results), {
    block: (row) => row.block,
    workload: (row) => row.workload,
    machine: (row) => row.machine,
    vmm: (row) => row.vmm,
    cause_group: (row) => row.group,
    cycles_mean: (row) => row.cycles,
    ratio_to_native_busy: (row) => row.ofNative,
  });
}

function operationsTable(results: Results): string | undefined {
  return table(operationBreakdown(results), {
    block: (row) => row.block,
    machine: (row) => row.machine,
    operation: (row) => row.operation,
    vmm: (row) => row.vmm,
    cause_group: (row) => row.group,
    cycles_per_operation: (row) => row.cycles,
    operations: (row) => row.count,
  });
}

function utilizationTable(results: Results): string | undefined {
  const rows = utilizations(results);
  return table(rows, {
    workload: (row) => row.workload,
    machine: (row) => row.machine,
    seeds: (row) => row.seeds,
    ...Object.fromEntries(
      RESOURCES.map(({ name, metric }) => [metric, (row: (typeof rows)[number]) => row.percent[name]?.estimate]),
    ),
  });
}

function hostsTable(results: Results): string | undefined {
  const rows = hostRows(results);
  const names = Object.keys(HOST_FIGURES) as HostFigure[];
  return table(rows, {
    block: (row) => row.block,
    workload: (row) => row.workload,
    machine: (row) => row.machine,
    vmm: (row) => row.vmm,
    vms: (row) => row.vms,
    overcommit_ratio: (row) => row.ratio,
    seeds: (row) => row.seeds,
    vms_admitted: (row) => row.admitted,
    ...Object.fromEntries(
      names.map((name) => [name, ({ figures }: (typeof rows)[number]) => rounded(figures[name]?.estimate)]),
    ),
  });
}

interface CurvePoint {
  readonly curve: OvercommitCurve;
  readonly point: OvercommitCurve["points"][number];
}

function pointsOf(results: Results): CurvePoint[] {
  return overcommitCurves(results).flatMap((curve) => curve.points.map((point) => ({ curve, point })));
}

/** What a strategy was measured on. */
const POINT_COLUMNS = {
  block: ({ curve }: CurvePoint) => curve.block,
  workload: ({ curve }: CurvePoint) => curve.workload,
  machine: ({ curve }: CurvePoint) => curve.machine,
  vms: ({ curve }: CurvePoint) => curve.vms,
  strategy: ({ curve }: CurvePoint) => curve.strategy,
  overcommit_ratio: ({ point }: CurvePoint) => point.ratio,
};

/** What was measured there. */
const MEASURED_COLUMNS = {
  seeds: ({ point }: { point: OvercommitPoint }) => point.seeds,
  vms_admitted: ({ point }: { point: OvercommitPoint }) => point.vmsAdmitted,
  throughput_ratio: ({ point }: { point: OvercommitPoint }) => rounded(point.throughput?.estimate),
  throughput_ci95_low: ({ point }: { point: OvercommitPoint }) => rounded(point.throughput?.low),
  throughput_ci95_high: ({ point }: { point: OvercommitPoint }) => rounded(point.throughput?.high),
  latency_p99_ms: ({ point }: { point: OvercommitPoint }) => rounded(point.latencyP99Ms?.estimate),
};

function overcommitTable(results: Results): string | undefined {
  const rows = pointsOf(results);
  return table(rows, {
    ...POINT_COLUMNS,
    ...MEASURED_COLUMNS,
    latency_p99_ci95_low_ms: ({ point }) => rounded(point.latencyP99Ms?.low),
    latency_p99_ci95_high_ms: ({ point }) => rounded(point.latencyP99Ms?.high),
    missing_mib: ({ point }) => rounded(point.sources.missingMib),
    ...Object.fromEntries(
      MEMORY_SOURCES.map(({ key }) => [
        `${snakeCase(key)}_mib`,
        ({ point }: CurvePoint) => rounded(point.sources.mib[key]),
      ]),
    ),
  });
}

function memoryControlTable(results: Results): string | undefined {
  const rows = pointsOf(results);
  const names = Object.keys(CONTROL_FIGURES) as ControlFigure[];
  return table(rows, {
    ...POINT_COLUMNS,
    ...Object.fromEntries(
      names.map((name) => [CONTROL_COLUMNS[name], ({ point }: CurvePoint) => rounded(point.control[name])]),
    ),
  });
}

function vmCountTable(results: Results): string | undefined {
  const rows = vmCountCurves(results).flatMap((curve) => curve.points.map((point) => ({ curve, point })));
  const level = serviceLevelOf(results);
  return table(rows, {
    block: ({ curve }) => curve.block,
    workload: ({ curve }) => curve.workloads.join(" "),
    machine: ({ curve }) => curve.machine,
    host_memory_mib: ({ curve }) => curve.hostMib,
    strategy: ({ curve }) => curve.strategy,
    vms: ({ point }) => point.vms,
    vms_by_workload: ({ point }) => point.work.map(({ workload, vms }) => `${workload}:${vms}`).join(","),
    overcommit_ratio: ({ point }) => point.ratio,
    ...MEASURED_COLUMNS,
    latency_p99_ratio: ({ point }) => rounded(estimateOf(point.p99Factor)?.estimate),
    latency_p99_ratio_ci95_low: ({ point }) => rounded(estimateOf(point.p99Factor)?.low),
    latency_p99_ratio_ci95_high: ({ point }) => rounded(estimateOf(point.p99Factor)?.high),
    roomy_throughput_per_vm_ratio: ({ point }) => rounded(point.roomy?.throughput?.estimate),
    roomy_latency_p99_ratio: ({ point }) => rounded(estimateOf(point.roomy?.p99Factor)?.estimate),
    service_level: () => `${level.metric} ${level.bound}`,
    vms_kept: ({ curve }) => curve.verdict.most,
    vms_not_ruled_out: ({ curve }) => curve.verdict.atMost,
  });
}

function estimateOf(figure: Estimate | typeof NONE_FINISHED | undefined): Estimate | undefined {
  return figure === NONE_FINISHED ? undefined : figure;
}

/** Units as everywhere at the end. */
const CONTROL_COLUMNS: Readonly<Record<ControlFigure, string>> = {
  reversals: "memory_reversals_per_vm_hour",
  timeToTargetS: "time_to_target_s",
  timeAtMinimumPercent: "time_at_minimum_percent",
  doublePaged: "double_paged_pages",
  entitlementErrorPercent: "entitlement_error_percent",
  jainMemory: "jain_memory",
  jainRequests: "jain_requests",
  controllerCpuPercent: "controller_cpu_percent",
};

/** Six digits: what the estimates of a few seeds have to say is in the first three. */
function rounded(value: number | undefined): number | undefined {
  return value === undefined ? undefined : Number(value.toPrecision(6));
}

function notDoneTable({ cells }: Results): string | undefined {
  return table(
    cells.filter((cell) => cell.status !== "done"),
    {
      block: ({ spec }) => spec.block,
      workload: ({ spec }) => spec.workload,
      machine: ({ spec }) => spec.machine,
      vmm: ({ spec }) => spec.vmm.label,
      seed: ({ spec }) => spec.seed,
      vms: ({ spec }) => spec.vms,
      overcommit_ratio: ({ spec }) => spec.overcommit,
      status: (cell) => cell.status,
      reason: (cell) => cell.reason,
    },
  );
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
