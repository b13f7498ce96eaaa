/**
 * The inputs of an overcommit answer that are least certain, each halved and doubled, or as another source has it: blocks of a
 * matrix that differ from the one in question by a changed VMM parameter, or by a changed copy of its workload or machine.
 */
import type { Manifest } from "./manifest.ts";
import type { MatrixBlock } from "./matrix.ts";
import { machineBlocks } from "./varied-machine.ts";
import { parameterBlocks } from "./varied-parameters.ts";
import { workloadBlocks } from "./varied-workload.ts";

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
    ...parameterBlocks(block, described, left),
    ...workloadBlocks(block, matrixFolder, folder, left),
    ...machineBlocks(block, matrixFolder, folder),
  ];
  return { blocks, left };
}
