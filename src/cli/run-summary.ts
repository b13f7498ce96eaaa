/** The short table at the end of a run; the report has the rest. */
import { hostRows, vmsOf } from "../analysis/hosts.ts";
import { type IsolationRow, isolationRows } from "../analysis/isolation.ts";
import { overcommitCurves } from "../analysis/overcommit.ts";
import { vmCountCurves, vmCountSentence } from "../analysis/vm-count.ts";
import { distinct, groupBy, type Results } from "../analysis/results.ts";
import { NONE_FINISHED } from "../analysis/service-level.ts";
import { type Slowdown, slowdowns } from "../analysis/slowdown.ts";
import type { Estimate } from "../analysis/statistics.ts";
import { type CellResult, fileTitle } from "../sim/cell.ts";
import { textTable } from "./text-table.ts";

const MAX_REASONS = 5;

/** Slowdowns by block, verdicts on overcommit, and the cells that gave no result with their reasons. */
export function runSummaryText(results: Results): string {
  const parts = [...slowdownTables(results), ...hostTables(results), ...verdicts(results), reasonsText(results.cells)];
  return `${parts.filter((part) => part !== "").join("\n")}\n`;
}

function slowdownTables(results: Results): readonly string[] {
  const groups = groupBy(slowdowns(results), ({ block, machine }) => `${block} on ${fileTitle(machine)}`);
  return [...groups].map(([name, rows]) => {
    const vmms = distinct(rows, (row) => row.vmm);
    const byWorkload = [...groupBy(rows, (row) => row.workload)].sort(([a], [b]) => (a < b ? -1 : 1));
    const lines = byWorkload.map(([workload, of]) => [fileTitle(workload), ...vmms.map((vmm) => slowdown(of, vmm))]);
    return textTable([
      [
        `${name}: time against native${rows.some(({ low }) => low !== undefined) ? " (± 95 % confidence)" : ""}`,
        ...vmms,
      ],
      ...lines,
    ]);
  });
}

function slowdown(rows: readonly Slowdown[], vmm: string): string {
  const row = rows.find((candidate) => candidate.vmm === vmm);
  if (row === undefined) return "-";
  const half = row.low === undefined || row.high === undefined ? "" : ` ± ${((row.high - row.low) / 2).toFixed(3)}`;
  return `${row.estimate.toFixed(3)}${half}`;
}

/** Hosts of one size; for a range of sizes there are verdicts. Where VMs differ, the others of a host have figures of their own. */
function hostTables(results: Results): readonly string[] {
  const groups = groupBy(hostRows(results), ({ block, workload, vms }) => `${block}: ${vmsOf(vms, workload)}`);
  const neighbours = isolationRows(results).filter((row) => row.neighbours);
  return [...groups].flatMap(([name, rows]) => {
    const ratios = distinct(rows, ({ ratio }) => ratio);
    if (ratios.length > 1) return [];
    const others = rows.map((row) => neighbours.find((one) => HOST_KEYS.every((key) => one[key] === row[key])));
    const lines = rows.map(({ vmm, admitted, figures }) => [
      vmm,
      admitted.toFixed(0),
      oneDecimal(figures.throughput_rps) ?? "-",
      oneDecimal(figures.latency_p99_ms) ?? NONE_FINISHED,
    ]);
    const table = [[`${name}, overcommit ${ratios[0]}`, "VMs started", "requests/s", "p99, ms"], ...lines];
    const apart = othersColumns(others);
    return [textTable(table.map((line, at) => [...line, ...apart.map((column) => column[at])]))];
  });
}

const HOST_KEYS = ["block", "workload", "machine", "vmm", "vms", "ratio"] as const;

/** Columns with their headings; none where all VMs do the same, of hosts with which nothing is compared. */
function othersColumns(others: readonly (IsolationRow | undefined)[]): readonly (readonly string[])[] {
  if (others.every((row) => row?.against === undefined)) return [];
  return [
    ["the others: requests/s", ...others.map((row) => oneDecimal(row?.throughputRps) ?? "-")],
    ["p99, ms", ...others.map((row) => oneDecimal(row?.latencyP99Ms) ?? "-")],
    ["times the p99 with all alike", ...others.map(timesAlike)],
  ];
}

function timesAlike(row: IsolationRow | undefined): string {
  const factor = row?.against?.p99Factor;
  return factor === undefined || factor === NONE_FINISHED ? "-" : threeDigits(factor.estimate);
}

function oneDecimal(figure: Estimate | undefined): string | undefined {
  return figure?.estimate.toLocaleString("en-US", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
}

/** Of a factor: "0.930", "4,300". */
function threeDigits(value: number): string {
  const digits = { minimumSignificantDigits: 3, maximumSignificantDigits: 3 };
  return value.toLocaleString("en-US", digits);
}

function verdicts(results: Results): readonly string[] {
  const groups = groupBy(overcommitCurves(results), ({ block, work, vms }) => `${block}: ${vmsOf(vms, work)}`);
  const ratios = [...groups].map(([name, curves]) => {
    return `${name}\n${curves.map((curve) => `  ${curve.verdict.sentence}\n`).join("")}`;
  });
  return [
    ...ratios,
    vmCountCurves(results)
      .map((curve) => `${vmCountSentence(curve)}\n`)
      .join(""),
  ];
}

/** Each reason for a cell without a result once, with the number of its cells; nothing when all have one. */
export function reasonsText(cells: readonly CellResult[]): string {
  const without = cells.filter((cell) => cell.status !== "done");
  const groups = [...groupBy(without, ({ status, reason = "no reason given" }) => `${status}: ${reason}`)];
  if (groups.length === 0) return "";
  const lines = groups.slice(0, MAX_REASONS).map(([reason, of]) => `  ${of.length} ${reason}\n`);
  const more = groups.length > MAX_REASONS ? `  and ${groups.length - MAX_REASONS} more reasons\n` : "";
  return `cells without a result\n${lines.join("")}${more}`;
}
