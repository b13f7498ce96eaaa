/** The overcommit comparison as text: what is kept, how long the slowest wait, where the memory comes from. */
import type { OvercommitCurve, OvercommitPoint } from "../analysis/overcommit.ts";
import { MEMORY_SOURCES } from "../analysis/memory-sources.ts";
import { groupBy } from "../analysis/results.ts";
import { textTable } from "./text-table.ts";

const MISSING = "-";

export function overcommitText(curves: readonly OvercommitCurve[]): string {
  const groups = groupBy(curves, ({ workload, vms, machine }) => `${vms} VMs of ${workload} on ${machine}`);
  return [...groups].map(([title, of]) => `${title}\n\n${comparison(of)}`).join("\n");
}

function comparison(curves: readonly OvercommitCurve[]): string {
  const ratios = curves[0].points.map(({ ratio }) => String(ratio));
  const table = (title: string, cell: (point: OvercommitPoint) => string): string =>
    textTable([[title, ...ratios], ...curves.map(({ strategy, points }) => [strategy, ...points.map(cell)])]);
  return [
    table("throughput against the uncommitted host, by ratio", throughput),
    table("VMs started", ({ vmsAdmitted }) => vmsAdmitted.toFixed(0)),
    table("p99 latency, ms", ({ latencyP99Ms }) => latencyP99Ms?.estimate.toFixed(1) ?? MISSING),
    sources(curves),
    `${curves.map(({ verdict }) => verdict.sentence).join("\n")}\n`,
  ].join("\n");
}

function throughput({ throughput }: OvercommitPoint): string {
  if (throughput === undefined) return MISSING;
  const { estimate, low, high } = throughput;
  const half = low === undefined || high === undefined ? "" : ` ± ${((high - low) / 2).toFixed(3)}`;
  return `${estimate.toFixed(3)}${half}`;
}

/** At the highest ratio, where the differences are largest. */
function sources(curves: readonly OvercommitCurve[]): string {
  const last = curves.flatMap(({ strategy, points }) => points.slice(-1).map((point) => ({ strategy, point })));
  const { ratio } = last[0].point;
  const header = [`where the memory came from at ratio ${ratio}, MiB`, ...MEMORY_SOURCES.map(({ title }) => title)];
  const rows = last.map(({ strategy, point }) => [
    strategy,
    ...MEMORY_SOURCES.map(({ key }) => point.sources.mib[key].toFixed(0)),
  ]);
  return textTable([header, ...rows]);
}
