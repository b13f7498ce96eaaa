import { counted } from "../../core/counted.ts";
import { overcommitCurves } from "../../analysis/overcommit.ts";
import { vmCountCurves, vmCountSentence } from "../../analysis/vm-count.ts";
import { groupBy, type Results } from "../../analysis/results.ts";
import { type Slowdown, slowdowns } from "../../analysis/slowdown.ts";
import { ratioEstimate } from "../../analysis/statistics.ts";
import { utilizations } from "../../analysis/utilization.ts";
import { list, type Section } from "../document.ts";
import type { Run } from "../load-run.ts";

/** The findings in plain language. */
export function summarySection({ results }: Run): Section {
  return { id: "summary", title: "Summary", blocks: [list(findings(results))] };
}

/** One sentence a finding; also what a command line may print. */
export function findings(results: Results): string[] {
  const rows = slowdowns(results);
  const perVmm = [...groupBy(rows, (row) => row.vmm).values()].map(slowdownSentence);
  const checks = utilizations(results).filter((row) => row.checks.length > 0);
  const stated = checks.map(({ workload, checks: own }) => {
    const missed = own.filter((check) => !check.holds).map((check) => check.resource);
    return missed.length === 0
      ? `${workload} keeps bare metal as busy as stated.`
      : `${workload} does not keep bare metal as busy as stated: ${missed.join(", ")}.`;
  });
  return [
    ...perVmm,
    ...overcommitFindings(results),
    ...vmCountCurves(results).map(vmCountSentence),
    ...stated,
    countSentence(results),
  ];
}

/** A strategy may be in several blocks, with other ratios: which VMs it is about goes first. */
function overcommitFindings(results: Results): string[] {
  return overcommitCurves(results).map(
    ({ block, vms, work, verdict }) =>
      `Overcommit, ${counted(vms, "VM")} of ${work} (block ${block}): ${verdict.sentence}`,
  );
}

function slowdownSentence(rows: readonly Slowdown[]): string {
  const [{ vmm }] = rows;
  const best = rows.reduce((a, b) => (b.estimate < a.estimate ? b : a));
  const worst = rows.reduce((a, b) => (b.estimate > a.estimate ? b : a));
  if (rows.length === 1) return `${vmm} takes ${times(best.estimate)} the time of bare metal on ${best.workload}.`;
  const mean = ratioEstimate(rows.map((row) => row.estimate)).estimate;
  const same = rows.filter((row) => row.verdict === "no difference").length;
  return (
    `${vmm} takes ${times(mean)} the time of bare metal (geometric mean of ${rows.length} workloads), from ` +
    `${times(best.estimate)} on ${best.workload} to ${times(worst.estimate)} on ${worst.workload}` +
    `${same === 0 ? "" : `; no difference can be shown on ${same} of them`}.`
  );
}

function countSentence({ cells }: Results): string {
  const count = (status: string): number => cells.filter((cell) => cell.status === status).length;
  const others = [
    [count("skipped"), "skipped"],
    [count("failed"), "failed"],
  ] as const;
  const rest = others.filter(([number]) => number > 0).map(([number, what]) => `, ${number} ${what} (reasons below)`);
  return `${count("done")} of ${cells.length} cells done${rest.join("")}.`;
}

function times(value: number): string {
  return `${value.toFixed(2)} times`;
}
