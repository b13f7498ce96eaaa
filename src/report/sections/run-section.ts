import { basename, isAbsolute } from "node:path";
import { groupBy } from "../../analysis/results.ts";
import { memoryText } from "../../analysis/vm-count.ts";
import { PAGES_PER_MIB } from "../../machine/page.ts";
import { workTitle } from "../../sim/cell.ts";
import { type Block, list, paragraph, type Section } from "../document.ts";
import type { Run } from "../load-run.ts";

/** What was run: the matrix, the machine, the versions. */
export function runSection({ results, manifest }: Run): Section {
  const { matrix, versions, blocks, host } = manifest;
  const isFixed = blocks.some(({ hostPages }) => hostPages !== undefined);
  const table: Block = {
    kind: "table",
    caption: "Blocks of the matrix",
    columns: [
      "block",
      "VMMs",
      "workloads",
      "machines",
      "seeds",
      "VMs",
      "overcommit ratios",
      ...(isFixed ? ["host memory"] : []),
    ],
    rows: blocks.map((block) => [
      block.title === "" || block.title === block.name ? block.name : `${block.name}: ${block.title}`,
      block.vmms.map((vmm) => vmm.label).join(", "),
      block.workloads.map(shown).join(", "),
      block.machines.map(shown).join(", "),
      block.seeds.join(", "),
      block.vms?.join(", ") ?? "one guest, every trap",
      block.overcommit?.join(", ") ?? "",
      ...(isFixed ? [block.hostPages?.map((pages) => memoryText(pages / PAGES_PER_MIB)).join(", ") ?? ""] : []),
    ]),
  };
  return {
    id: "run",
    title: "What was run",
    blocks: [
      paragraph(
        `${matrix.title || matrix.name}: ${manifest.cells.length} cells (a cell is one VMM, one workload, one machine and ` +
          `one seed). Every VMM replayed the same operation streams.`,
      ),
      table,
      list(workloadsOf(manifest)),
      paragraph(
        `vmmbench ${versions.vmmbench} (engine ${versions.engine.slice(0, 12)}), Node.js ${versions.node}; ` +
          `matrix ${shown(matrix.file)} (SHA-256 ${matrix.sha256.slice(0, 12)}), run ${manifest.digest.slice(0, 12)}. ` +
          `It ran on ${host.cpus} CPUs (${host.platform}, ${host.architecture}); no result depends on that.`,
      ),
      streams(results.cells),
    ],
  };
}

/** Copies of a workload of which a single input was changed say the same of themselves; blocks say what it was. */
function workloadsOf({ workloads }: Run["manifest"]): readonly string[] {
  const groups = groupBy(Object.entries(workloads), ([, { title, summary }]) => `${title}. ${summary}`);
  return [...groups].map(([text, [[name], ...copies]]) => {
    if (copies.length === 0) return `${shown(name)}: ${text}`;
    return `${shown(name)}: ${text} With ${copies.length} ${copies.length === 1 ? "copy" : "copies"} that ${copies.length === 1 ? "differs" : "differ"} in one input.`;
  });
}

function streams(cells: Run["results"]["cells"]): Block {
  const groups = groupBy(
    cells.filter((cell) => cell.status === "done"),
    ({ spec }) => JSON.stringify([workTitle(spec), spec.vms ?? "", spec.seed]),
  );
  return {
    kind: "table",
    caption: "Digests of the operation streams",
    columns: ["workload", "VMs", "seed", "SHA-256", "cells that replayed it"],
    rows: [...groups.values()].map((group) => {
      const { spec, streamDigest } = group[0];
      return [workTitle(spec), spec.vms ?? 1, spec.seed, streamDigest, group.length];
    }),
    folded: true,
  };
}

/** Reports show no paths of the machine they were made on. */
export function shown(file: string): string {
  return isAbsolute(file) || file.startsWith("..") ? basename(file) : file;
}
