import { type IsolationRow, isolationRows } from "../../analysis/isolation.ts";
import { groupBy } from "../../analysis/results.ts";
import { NONE_FINISHED } from "../../analysis/service-level.ts";
import type { Estimate } from "../../analysis/statistics.ts";
import { isolationChart } from "../charts/isolation.ts";
import { type Block, paragraph, type Section } from "../document.ts";
import type { Run } from "../load-run.ts";

/** Hosts on which single VMs are not like the others: these and their neighbours, apart. */
export function isolationSection({ results }: Run): Section {
  const rows = isolationRows(results);
  const text =
    "Some VMs of these hosts have work, faults or settings of their own. Their figures and those of the others are apart, and " +
    "what both lose is against the same VMs, under the same seeds, on the host on which all are alike. A VMM isolates its " +
    "VMs as far as the others lose nothing.";
  const blocks =
    rows.length === 0
      ? [paragraph(`Left out: it needs ${isolationChart.needs}.`)]
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
    ({ block, vms, workload, machine }) => `${block}: ${vms} VMs of ${workload}, ${machine}`,
  );
  return [...groups].map(([title, own]) => ({
    kind: "table",
    caption: `${title}; ${own[0].seeds === 1 ? "one seed" : `means over ${own[0].seeds} seeds`}`,
    columns: [
      "VMM",
      "overcommit ratio",
      "particular",
      "VMs",
      "VMs started",
      "requests/s",
      "mean latency, ms",
      "p99 latency, ms",
      "throughput lost, %",
      "times the mean latency",
      "times the p99 latency",
    ],
    rows: own.map((row) => [
      row.vmm,
      row.ratio,
      row.fault,
      row.of,
      row.started,
      row.throughputRps.estimate,
      row.latencyMeanMs?.estimate ?? "",
      row.latencyP99Ms?.estimate ?? "",
      row.against?.lossPercent.estimate.toFixed(2) ?? "",
      factor(row.against?.meanFactor),
      factor(row.against?.p99Factor),
    ]),
    folded: true,
  }));
}

function factor(figure: Estimate | typeof NONE_FINISHED | undefined): string {
  if (figure === undefined || figure === NONE_FINISHED) return figure ?? "";
  return figure.estimate.toFixed(figure.estimate < 10 ? 2 : 0);
}
