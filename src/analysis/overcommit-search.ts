/**
 * Where the limit of a strategy lies more exactly than the ratios measured tell: halve the gap between the highest ratio
 * that keeps the service level and the lowest that does not, or go further up while none has failed.
 */
import type { OvercommitCurve } from "./overcommit.ts";

/** How far up a search goes, and the step by which it leaves the ratios measured. */
const HIGHEST_RATIO = 16;
const STEP_UP = 1.5;

/**
 * The ratio to be measured next; undefined: the limit is known to within `precision`, or beyond what is
 * searched. A ratio at which hosts cannot be simulated counts as one that does not keep the level.
 */
export function nextRatio(
  { points, failedRatios = [], verdict }: OvercommitCurve,
  precision: number,
): number | undefined {
  const compared = points.filter(({ throughput }) => throughput !== undefined);
  if (compared.length === 0) return undefined;
  const failingRatio = Math.min(verdict.failingRatio ?? Infinity, ...failedRatios);
  if (failingRatio === Infinity) {
    const highest = compared[compared.length - 1].ratio;
    return highest >= HIGHEST_RATIO ? undefined : Math.min(HIGHEST_RATIO, multiple(highest * STEP_UP, precision));
  }
  const kept = compared.filter(({ ratio }) => ratio < failingRatio).at(-1);
  // Even the host that all others are compared with fails, because not all VMs start on it.
  if (kept === undefined) return undefined;
  const middle = multiple((kept.ratio + failingRatio) / 2, precision);
  const isBetween = middle > kept.ratio && middle < failingRatio;
  return isBetween && failingRatio - kept.ratio > 1.001 * precision ? middle : undefined;
}

/** A whole number of steps, as short in decimals as the step is. */
function multiple(ratio: number, step: number): number {
  return Number((Math.round(ratio / step) * step).toFixed(4));
}
