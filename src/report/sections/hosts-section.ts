import {
  HOST_FIGURES,
  type HostFigure,
  type HostRow,
  hostRows,
  OCCASIONAL_FIGURES,
  vmsOf,
} from "../../analysis/hosts.ts";
import { blocksOfFixedHosts, groupBy, type Results } from "../../analysis/results.ts";
import { VM_FIGURES, type VmRow, vmRows } from "../../analysis/vm-rows.ts";
import { METRICS } from "../../sim/cell.ts";
import { type Block, leftOut, paragraph, type Section } from "../document.ts";
import type { Run } from "../load-run.ts";
import { type HostColumns, hostTable } from "./host-table.ts";

const HOST_COLUMNS: HostColumns<HostRow> = {
  "VMs started": ({ admitted, vms }) => `${admitted} of ${vms}`,
  ...Object.fromEntries(
    (Object.keys(HOST_FIGURES) as HostFigure[]).map((name) => [
      HOST_FIGURES[name],
      ({ figures }: HostRow) => figures[name]?.estimate,
    ]),
  ),
};

const VM_COLUMNS: HostColumns<VmRow> = {
  VM: ({ vm }) => String(vm),
  ...Object.fromEntries(Object.values(VM_FIGURES).map((title, at) => [title, ({ figures }: VmRow) => figures[at]])),
};

/** Blocks that put guests on hosts of one size; ranges of ratios have a section of their own. */
export function hostsSection({ results }: Pick<Run, "results">): Section {
  const fixed = blocksOfFixedHosts(results);
  const groups = groupBy(hostRows(results), ({ block, vms, workload }) =>
    fixed.has(block) ? `${block}: any number of VMs` : `${block}: ${vmsOf(vms, workload)}`,
  );
  const blocks = [...groups].flatMap(([title, rows]) => {
    const folded = new Set(rows.map(({ ratio }) => ratio)).size > 1;
    return [hostTable(title, rows, HOST_COLUMNS, folded), ...occasionalTable(title, rows)];
  });
  const introduction =
    "Many guests share a host, and every page of theirs is simulated. The memory that a VMM keeps for itself comes on top " +
    "of the memory for VMs, so that a ratio means the same for every VMM; the last column says how much that is.";
  return {
    id: "hosts",
    title: "Guests side by side on one host",
    blocks:
      blocks.length === 0
        ? [leftOut("cells with vms, which put many guests on a host")]
        : [paragraph(introduction), ...blocks, ...unlikeVms(results)],
  };
}

/** What hosts of a block counted that most have nothing to say about, such as kills or locks; nothing where none has. */
function occasionalTable(title: string, rows: readonly HostRow[]): readonly Block[] {
  const names = OCCASIONAL_FIGURES.filter((name) => rows.some(({ occasional }) => occasional[name] !== undefined));
  const counted = rows.filter(({ occasional }) => Object.keys(occasional).length > 0);
  if (counted.length === 0) return [];
  const heads = names.map((name) => `${METRICS[name]?.title}, ${METRICS[name]?.unit}`);
  return [
    {
      kind: "table",
      caption: `${title}, what else was counted; means over seeds`,
      columns: ["VMM", "overcommit ratio", ...heads],
      rows: counted.map(({ vmm, ratio, occasional }) => [vmm, ratio, ...names.map((name) => occasional[name] ?? "")]),
      folded: true,
    },
  ];
}

/** Where VMs of a host are not alike in work, settings or entitlement: each of them. */
function unlikeVms(results: Results): readonly Block[] {
  const groups = groupBy(vmRows(results), ({ block, vms, workload }) => `${block}: ${vmsOf(vms, workload)}, each VM`);
  return [...groups].map(([title, rows]) => hostTable(title, rows, VM_COLUMNS, true));
}
