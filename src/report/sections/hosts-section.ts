import { HOST_FIGURES, type HostFigure, hostRows } from "../../analysis/hosts.ts";
import { groupBy, type Results } from "../../analysis/results.ts";
import { VM_FIGURES, vmRows } from "../../analysis/vm-rows.ts";
import { type Block, paragraph, type Section } from "../document.ts";
import type { Run } from "../load-run.ts";

/** Blocks that put guests on hosts of one size; ranges of ratios have a section of their own. */
export function hostsSection({ results }: Run): Section {
  const groups = groupBy(hostRows(results), ({ block, vms, workload }) => `${block}: ${vms} VMs of ${workload}`);
  const blocks = [...groups].map(([title, rows]): Block => {
    const names = Object.keys(HOST_FIGURES) as HostFigure[];
    return {
      kind: "table",
      caption: `${title}; ${meansOver(rows[0].seeds)}`,
      columns: ["VMM", "overcommit ratio", "VMs started", ...names.map((name) => HOST_FIGURES[name])],
      rows: rows.map(({ vmm, ratio, vms, admitted, figures }) => [
        vmm,
        ratio,
        `${admitted} of ${vms}`,
        ...names.map((name) => figures[name].estimate),
      ]),
      folded: new Set(rows.map(({ ratio }) => ratio)).size > 1,
    };
  });
  const introduction =
    "Many guests share a host, and every page of theirs is simulated. The memory that a VMM keeps for itself comes on top " +
    "of the memory for VMs, so that a ratio means the same for every VMM; the last column says how much that is.";
  const none = "Left out: it needs cells with vms, which put many guests on a host.";
  return {
    id: "hosts",
    title: "Guests side by side on one host",
    blocks: blocks.length === 0 ? [paragraph(none)] : [paragraph(introduction), ...blocks, ...unlikeVms(results)],
  };
}

/** Where VMs of a host are not alike in work, settings or entitlement: each of them. */
function unlikeVms(results: Results): readonly Block[] {
  const groups = groupBy(vmRows(results), ({ block, vms, workload }) => `${block}: ${vms} VMs of ${workload}, each VM`);
  return [...groups].map(([title, rows]) => ({
    kind: "table",
    caption: `${title}; ${meansOver(rows[0].seeds)}`,
    columns: ["VMM", "overcommit ratio", "VM", ...Object.values(VM_FIGURES)],
    rows: rows.map(({ vmm, ratio, vm, figures }) => [vmm, ratio, String(vm), ...figures.map((figure) => figure ?? "")]),
    folded: true,
  }));
}

function meansOver(seeds: number): string {
  return seeds === 1 ? "one seed, mean over the measured time" : `means over ${seeds} seeds and the measured time`;
}
