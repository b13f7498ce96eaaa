/** How many VMs a host holds, as text: the tables of overcommit by number of VMs, and the answers. */
import { groupBy } from "../analysis/results.ts";
import { memoryText, type VmCountCurve, vmCountSentence } from "../analysis/vm-count.ts";
import { pointTables } from "./overcommit-table.ts";
import { fileTitle } from "../sim/cell.ts";
import { textTable } from "./text-table.ts";

export function vmCountText(curves: readonly VmCountCurve[]): string {
  const groups = groupBy(
    curves,
    ({ workloads, machine, hostMib }) =>
      `VMs of ${workloads.map(fileTitle).join(" and ")} on ${memoryText(hostMib)} of ${fileTitle(machine)}`,
  );
  return [...groups].map(([title, of]) => `${title}\n\n${comparison(of)}`).join("\n");
}

function comparison(curves: readonly VmCountCurve[]): string {
  const answers = textTable([
    ["how many VMs", "kept", "not ruled out", "overcommit"],
    ...curves.map(({ strategy, points, verdict: { most, atMost, open } }) => {
      const kept = points.find(({ vms }) => vms === most);
      const more = atMost === undefined || most === undefined || atMost <= most ? "" : `up to ${atMost}`;
      return [strategy, `${most ?? "-"}${open ? " or more" : ""}`, more, kept?.ratio.toFixed(2) ?? "-"];
    }),
  ]);
  const tables = pointTables(curves, "by number of VMs", ({ vms }) => vms);
  return `${tables}\n${answers}\n${curves.map(vmCountSentence).join("\n")}\n`;
}
