/** How the highest ratio that keeps the service level moves when an uncertain input is changed. */
import type { Variation } from "../experiment/matrix.ts";
import { allOvercommitCurves, type OvercommitCurve } from "./overcommit.ts";
import type { Results } from "./results.ts";
import { twoDecimals } from "./service-level.ts";

export interface VariedLimit {
  readonly side: Variation["side"];
  /** The input as it is, and as it was taken to be. */
  readonly from: string;
  readonly to: string;
  readonly limit: number;
}

export interface InputSensitivity {
  readonly input: string;
  readonly limits: readonly VariedLimit[];
  /** How far apart the lowest and the highest limit are, that of the unchanged input among them. */
  readonly swing: number;
}

/** Of one strategy on one host. */
export interface Sensitivity {
  readonly curve: OvercommitCurve;
  /** Highest ratio that keeps the level; 1 where no overcommit does. */
  readonly limit: number;
  /** By swing, the largest first. */
  readonly inputs: readonly InputSensitivity[];
  readonly sentence: string;
}

/** Of all strategies of blocks that others vary an input of. */
export function sensitivities(results: Results): Sensitivity[] {
  const { variations = new Map<string, Variation>() } = results;
  if (variations.size === 0) return [];
  const curves = allOvercommitCurves(results);
  return curves
    .filter(({ block }) => [...variations.values()].some((variation) => variation.block === block))
    .map((curve) => sensitivityOf(curve, curves, variations));
}

function sensitivityOf(
  curve: OvercommitCurve,
  curves: readonly OvercommitCurve[],
  variations: ReadonlyMap<string, Variation>,
): Sensitivity {
  const limit = limitOf(curve);
  const byInput = new Map<string, VariedLimit[]>();
  for (const [block, { block: of, input, side, from, to }] of variations) {
    const other = curves.find((one) => one.block === block && one.strategy === curve.strategy && one.vms === curve.vms);
    if (of !== curve.block || other === undefined) continue;
    byInput.set(input, [...(byInput.get(input) ?? []), { side, from, to, limit: limitOf(other) }]);
  }
  const inputs = [...byInput].map(([input, limits]): InputSensitivity => {
    const all = [limit, ...limits.map((one) => one.limit)];
    return { input, limits, swing: Math.max(...all) - Math.min(...all) };
  });
  inputs.sort((a, b) => b.swing - a.swing || (a.input < b.input ? -1 : 1));
  return { curve, limit, inputs, sentence: sentenceOf(curve.strategy, limit, inputs) };
}

function limitOf({ verdict }: OvercommitCurve): number {
  return verdict.highestRatio ?? 1;
}

function sentenceOf(strategy: string, limit: number, inputs: readonly InputSensitivity[]): string {
  const [first, second] = inputs;
  const answer = `${strategy}: the answer ${twoDecimals(limit)}`;
  if (first === undefined) return `${answer} depends on none of the inputs that were varied.`;
  if (first.swing === 0) return `${answer} stays the same whichever input is changed.`;
  const also = second !== undefined && second.swing > 0 ? `, then on ${second.input} (${limitsText(second)})` : "";
  return `${answer} hangs mostly on ${first.input}: ${limitsText(first)}${also}.`;
}

function limitsText({ limits }: InputSensitivity): string {
  return limits.map(({ to, limit }) => `${twoDecimals(limit)} with ${to}`).join(", ");
}
