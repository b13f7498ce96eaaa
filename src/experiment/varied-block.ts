/** A block of a matrix beside another one, from which it differs in one input. */
import type { MatrixBlock, Variation } from "./matrix.ts";

export type Side = Variation["side"];
export const SIDES: readonly (readonly [Side, number])[] = [
  ["lower", 0.5],
  ["higher", 2],
];

/** `suffix`: what tells its name from that of another block with the same input and side. */
export function varied(
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
