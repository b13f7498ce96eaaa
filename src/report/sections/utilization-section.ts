import { RESOURCES, TOLERANCE_POINTS, type Utilization, utilizations } from "../../analysis/utilization.ts";
import { type Block, leftOut, list, paragraph, type Section } from "../document.ts";
import type { Run } from "../load-run.ts";
import { fileTitle } from "../../sim/cell.ts";

/** How busy the workloads keep bare metal. */
export function utilizationSection({ results }: Run): Section {
  const rows = utilizations(results);
  const blocks: Block[] =
    rows.length === 0
      ? [leftOut("monitor cells (a block without vms) of native")]
      : [
          ...rows.filter((row) => row.checks.length > 0).flatMap(checkBlocks),
          {
            kind: "table",
            caption: "Utilization on bare metal, % (mean over seeds)",
            columns: ["workload", "machine", ...RESOURCES.map(({ name }) => name), "seeds"],
            rows: rows.map((row) => [
              row.workload,
              fileTitle(row.machine),
              ...RESOURCES.map(({ name }) => row.percent[name]?.estimate.toFixed(2) ?? ""),
              row.seeds,
            ]),
          },
          paragraph(
            "Workloads without open-loop arrivals run as fast as they can: their CPU or disk is busy all the time.",
          ),
        ];
  return { id: "utilization", title: "How busy the workloads keep bare metal", blocks };
}

function checkBlocks({ workload, checks }: Utilization): Block[] {
  const all = checks.every((check) => check.holds);
  const verdict = all ? "All of its stated figures hold" : "Not all of its stated figures hold";
  return [
    paragraph(
      `${workload} stands for a typical server. ${verdict} on bare metal (tolerance ${TOLERANCE_POINTS} percentage points):`,
    ),
    list(
      checks.map(
        ({ resource, expected, measured, holds }) =>
          `${resource}: stated ${expected}, measured ${measured.toFixed(2)} %: ${holds ? "holds" : "does not hold"}`,
      ),
    ),
  ];
}
