/**
 * The inputs of an overcommit answer that are least certain, each halved and doubled: blocks of a matrix that differ from the one
 * in question by a changed VMM parameter, or by a changed copy of its workload or machine.
 */
import type { Manifest } from "./manifest.ts";
import type { MatrixBlock } from "./matrix.ts";
import { SIDES, variedBlock } from "./varied-block.ts";
import { machineBlocks } from "./varied-machine.ts";
import { workloadBlocks } from "./varied-workload.ts";

/** VMM parameters that are varied, where a strategy has the part; together where they bound the same thing. */
const PARAMETERS = [
  { input: "scan rate", part: "page-sharing", names: ["pagesPerSecond", "pagesPerSecondPerVm"], unit: "pages/s" },
  { input: "scan rate", part: "ksm", names: ["pagesToScan"], unit: "pages at a time" },
  { input: "balloon speed", part: "ballooning", names: ["pagesPerSecond"], unit: "pages/s" },
  // The driver polls once a second. Xen's has no such bound: it goes as fast as the guest's vCPU.
  {
    input: "balloon speed",
    part: "vmware-balloon",
    names: ["mostFreePages", "leastReclaimedPages", "mostReclaimedPages", "rateStep", "mostReturnedPages"],
    unit: "pages/s",
  },
] as const;

export interface VariedBlocks {
  readonly blocks: readonly MatrixBlock[];
  /** What could not be varied, and why. */
  readonly left: readonly string[];
}

/**
 * Blocks beside `block`, which has one workload and one machine; changed files go to `folder`, and `described` is the block in
 * the manifest. Paths of matrices are relative to `matrixFolder`.
 */
export function variedBlocks(
  block: MatrixBlock,
  described: Manifest["blocks"][number],
  matrixFolder: string,
  folder: string,
): VariedBlocks {
  const left: string[] = [];
  const blocks = [
    ...parameterBlocks(block, described),
    ...workloadBlocks(block, matrixFolder, folder, left),
    ...machineBlocks(block, matrixFolder, folder),
  ];
  return { blocks, left };
}

/** Strategies without the part are left out: nothing changes for them. */
function parameterBlocks(block: MatrixBlock, described: Manifest["blocks"][number]): MatrixBlock[] {
  const inputs = [...new Set(PARAMETERS.map(({ input }) => input))];
  return inputs.flatMap((input) =>
    SIDES.flatMap(([side, factor]) => {
      let from = "";
      let to = "";
      const vmms = block.vmms.flatMap((choice, i) => {
        const memory = (described.vmms[i].parts.memory ?? {}) as Record<string, Record<string, number> | undefined>;
        const found = PARAMETERS.find((one) => one.input === input && memory[one.part] !== undefined);
        if (found === undefined) return [];
        const values = found.names.map((name) => memory[found.part]?.[name] ?? 0);
        from ||= `${values[0]} ${found.unit}`;
        to ||= `${values[0] * factor} ${found.unit}`;
        const set = found.names.map((name, at) => [`memory.${found.part}.${name}`, values[at] * factor]);
        return [{ ...choice, set: { ...choice.set, ...Object.fromEntries(set) } }];
      });
      return vmms.length === 0 ? [] : [variedBlock(block, { input, side, from, to }, { vmms })];
    }),
  );
}
