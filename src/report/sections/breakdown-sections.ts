import type { ChartKind } from "../charts/chart.ts";
import { cycleBreakdownChart } from "../charts/cycle-breakdown.ts";
import { hostMemoryChart } from "../charts/host-memory.ts";
import { operationBreakdownChart } from "../charts/operation-breakdown.ts";
import { vmMemoryChart } from "../charts/vm-memory.ts";
import { type Block, leftOut, paragraph, type Section } from "../document.ts";
import type { Run } from "../load-run.ts";

/** Where the cycles went, by workload. */
export function cyclesSection(run: Run): Section {
  const text =
    "Every simulated cycle is charged to a cause when its event happens; causes are grouped here, and the sum of a bar is " +
    "exactly the sum of its causes. All figures: tables/cycles.csv.";
  return { id: "cycles", title: "Where the cycles went", blocks: chartBlocks(run, cycleBreakdownChart, text) };
}

/** What one basic operation costs. */
export function operationsSection(run: Run): Section {
  const text =
    "Mean over all operations of a kind that the workloads of the run performed, the same ones under every VMM. A touch " +
    "includes the user code that runs on the page and the page faults it causes. All figures: tables/operations.csv.";
  return {
    id: "operations",
    title: "What one operation costs",
    blocks: chartBlocks(run, operationBreakdownChart, text),
  };
}

/** Host memory over time. */
export function hostMemorySection(run: Run): Section {
  const text =
    "One run of each VMM at the highest overcommit ratio that most of its block were measured at, from the boot of the guests on.";
  return { id: "host-memory", title: "Memory of the host over time", blocks: chartBlocks(run, hostMemoryChart, text) };
}

/** Memory of each VM over time, of hosts that were watched. */
export function vmMemorySection(run: Run): Section {
  const text =
    "One run of each VMM at the highest overcommit ratio of its block. The logs in the folder why of the results say, " +
    "decision by decision, who took memory and by which rule; what is drawn here is there second by second, as CSV.";
  return { id: "vm-memory", title: "Memory of each VM over time", blocks: chartBlocks(run, vmMemoryChart, text) };
}

function chartBlocks({ results }: Run, kind: ChartKind, text: string): Block[] {
  const charts = kind.draw(results);
  if (charts.length === 0) return [leftOut(kind.needs)];
  return [paragraph(text), ...charts.map((chart): Block => ({ kind: "chart", chart }))];
}
