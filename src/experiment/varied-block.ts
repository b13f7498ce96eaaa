/** One block beside another, which differs from it by a changed input. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { stringify } from "yaml";
import type { MatrixBlock, Variation } from "./matrix.ts";

export type Side = Variation["side"];
/** Each side, and what it multiplies an input by. */
export const SIDES: readonly (readonly [Side, number])[] = [
  ["lower", 0.5],
  ["higher", 2],
];

/**
 * The block with changes, named after the input that has been changed. `suffix` tells it from another block with the same input
 * and side.
 */
export function variedBlock(
  block: MatrixBlock,
  variation: Omit<Variation, "block">,
  changes: Partial<MatrixBlock>,
  suffix = "",
): MatrixBlock {
  const { input, side, to } = variation;
  const name = `${input.replaceAll(" ", "-")}-${side}${suffix}`;
  return {
    ...block,
    ...changes,
    name,
    title: `${block.title}; ${input}: ${to}`,
    varies: { block: block.name, ...variation },
  };
}

/** Write a changed copy of a workload or machine. Returns its path as a matrix in `matrixFolder` names it. */
export function writeCopy(document: object, folder: string, matrixFolder: string, name: string): string {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), stringify(document));
  const path = relative(matrixFolder, join(folder, name));
  return path.startsWith("..") ? path : `./${path}`;
}
