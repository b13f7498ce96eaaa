import { type Slowdown, slowdowns } from "../../analysis/slowdown.ts";
import { slowdownChart } from "../charts/slowdown.ts";
import { type Block, paragraph, type Section } from "../document.ts";
import type { Run } from "../load-run.ts";

/** Slowdown against native, with intervals. */
export function slowdownSection({ results }: Run): Section {
  const rows = slowdowns(results);
  const blocks: Block[] =
    rows.length === 0
      ? [paragraph(`Left out: it needs ${slowdownChart.needs}.`)]
      : [
          paragraph(
            "Time for the same work (idle waiting for arrivals left out) against bare metal on the same seeds: geometric " +
              "mean of the ratios, with a 95 % confidence interval from Student's t on their logarithms. Where the interval " +
              "covers 1, there is no difference. Intervals are per row, not adjusted for looking at many.",
          ),
          ...slowdownChart.draw(results).map((chart): Block => ({ kind: "chart", chart })),
          {
            kind: "table",
            caption: "Slowdown against bare metal (1 = as fast)",
            columns: ["workload", "VMM", "block", "slowdown", "95 % interval", "streams", "verdict"],
            rows: rows.map((row) => [
              row.workload,
              row.vmm,
              row.block,
              row.estimate.toFixed(4),
              interval(row),
              row.n,
              row.verdict === "one stream" ? "one stream, no interval" : row.verdict,
            ]),
          },
        ];
  return { id: "slowdown", title: "Slowdown against bare metal", blocks };
}

function interval({ low, high }: Slowdown): string {
  return low === undefined || high === undefined ? "" : `${low.toFixed(4)} to ${high.toFixed(4)}`;
}
