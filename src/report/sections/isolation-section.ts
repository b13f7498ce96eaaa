import { counted } from "../../core/counted.ts";
import { type IsolationRow, isolationRows } from "../../analysis/isolation.ts";
import { groupBy } from "../../analysis/results.ts";
import { NONE_FINISHED } from "../../analysis/service-level.ts";
import type { Estimate } from "../../analysis/statistics.ts";
import { isolationChart } from "../charts/isolation.ts";
import { type Block, leftOut, paragraph, type Section } from "../document.ts";
import type { Run } from "../load-run.ts";
import { type HostColumns, hostTable } from "./host-table.ts";
import { fileTitle } from "../../sim/cell.ts";

/** Hosts on which single VMs are not like the others: these and their neighbours, apart. */
export function isolationSection({ results }: Run): Section {
  const rows = isolationRows(results);
  const text =
    "Some VMs of these hosts have work, faults or settings of their own. Their figures and those of the others are apart, and " +
    "what both lose is against the same VMs, under the same seeds, on the host on which all are alike. A VMM isolates its " +
    "VMs as far as the others lose nothing.";
  const blocks =
    rows.length === 0
      ? [leftOut(isolationChart.needs)]
      : [
          paragraph(text),
          ...isolationChart.draw(results).map((chart): Block => ({ kind: "chart", chart })),
          ...tables(rows),
        ];
  return { id: "isolation", title: "What a VM does to the others", blocks };
}

function tables(rows: readonly IsolationRow[]): readonly Block[] {
  const groups = groupBy(
    rows,
    ({ block, vms, workload, machine }) => `${block}: ${counted(vms, "VM")} of ${workload}, ${fileTitle(machine)}`,
  );
  return [...groups].map(([title, own]) => hostTable(title, own, COLUMNS, true));
}

const COLUMNS: HostColumns<IsolationRow> = {
  particular: ({ fault }) => fault,
  VMs: ({ of }) => of,
  "VMs started": ({ started }) => started,
  "requests/s": ({ throughputRps }) => throughputRps.estimate,
  "mean latency, ms": ({ latencyMeanMs }) => latencyMeanMs?.estimate,
  "p99 latency, ms": ({ latencyP99Ms }) => latencyP99Ms?.estimate,
  "throughput lost, %": ({ against }) => against?.lossPercent.estimate.toFixed(2),
  "times the mean latency": ({ against }) => factor(against?.meanFactor),
  "times the p99 latency": ({ against }) => factor(against?.p99Factor),
};

function factor(figure: Estimate | typeof NONE_FINISHED | undefined): string {
  if (figure === undefined || figure === NONE_FINISHED) return figure ?? "";
  return figure.estimate < 10 ? figure.estimate.toFixed(2) : Math.round(figure.estimate).toLocaleString("en-US");
}
