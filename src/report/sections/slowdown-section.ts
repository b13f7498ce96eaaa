import { type Slowdown, slowdowns } from "../../analysis/slowdown.ts";
import { slowdownChart } from "../charts/slowdown.ts";
import { type Block, leftOut, paragraph, type Section } from "../document.ts";
import type { Run } from "../load-run.ts";

/** Slowdown against native, with intervals. */
export function slowdownSection({ results }: Run): Section {
  const rows = slowdowns(results);
  const blocks: Block[] =
    rows.length === 0
      ? [leftOut(slowdownChart.needs)]
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
              row.estimate.toFixed(decimals(row)),
              interval(row),
              row.n,
              row.verdict === "one stream" ? "one stream, no interval" : row.verdict,
            ]),
          },
        ];
  return { id: "slowdown", title: "Slowdown against bare metal", blocks };
}

function interval(row: Slowdown): string {
  const { low, high } = row;
  return low === undefined || high === undefined
    ? ""
    : [low, high].map((end) => end.toFixed(decimals(row))).join(" to ");
}

const FEWEST_DECIMALS = 4;
const MOST_DECIMALS = 8;

/** So many that no figure beside 1 is shown as 1: a verdict of "slower" beside "1.0000 to 1.0000" is none to believe. */
function decimals({ estimate, low = estimate, high = estimate }: Slowdown): number {
  let digits = FEWEST_DECIMALS;
  const looksLikeOne = (value: number): boolean => value !== 1 && Number(value.toFixed(digits)) === 1;
  while (digits < MOST_DECIMALS && [estimate, low, high].some(looksLikeOne)) digits++;
  return digits;
}
