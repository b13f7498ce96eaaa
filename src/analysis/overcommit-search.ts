/**
 * Where the limit of a strategy lies more exactly than what was measured tells: halve the gap between the highest value
 * that keeps the service level and the lowest that does not, or go further up while none has failed.
 */
import type { OvercommitCurve } from "./overcommit.ts";
import type { VmCountCurve } from "./vm-count.ts";

/** How far up a search goes, and the step by which it leaves what was measured. */
export const HIGHEST_RATIO = 16;
const STEP_UP = 1.5;

/**
 * The ratio to be measured next; undefined: the limit is known to within `precision`, or beyond what is
 * searched. A ratio at which hosts cannot be simulated counts as one that does not keep the level.
 */
export function nextRatio(
  { points, failedRatios = [], verdict }: OvercommitCurve,
  precision: number,
): number | undefined {
  const compared = points.filter(({ throughput }) => throughput !== undefined).map(({ ratio }) => ratio);
  const failing = Math.min(verdict.failingRatio ?? Infinity, ...failedRatios);
  // Even the host that all others are compared with may fail, because not all VMs start on it.
  return next(compared, compared.filter((ratio) => ratio < failing).at(-1), failing, precision, HIGHEST_RATIO);
}

/** The number of VMs to be measured next, `most` at most; otherwise as {@link nextRatio}. No VM at all always fits. */
export function nextVmCount({ points, failedCounts = [], verdict }: VmCountCurve, most: number): number | undefined {
  const compared = points.filter(({ throughput }) => throughput !== undefined).map(({ vms }) => vms);
  const failing = Math.min(verdict.failing ?? Infinity, ...failedCounts);
  return next(compared, compared.filter((vms) => vms < failing).at(-1) ?? 0, failing, 1, most);
}

/** `measured` in ascending order, `kept` the highest of it below `failing`. */
function next(
  measured: readonly number[],
  kept: number | undefined,
  failing: number,
  step: number,
  most: number,
): number | undefined {
  const highest = measured.at(-1);
  if (highest === undefined || kept === undefined) return undefined;
  if (failing === Infinity) {
    return highest >= most ? undefined : Math.min(most, multiple(highest * STEP_UP, step));
  }
  const middle = multiple((kept + failing) / 2, step);
  const isBetween = middle > kept && middle < failing;
  return isBetween && failing - kept > 1.001 * step ? middle : undefined;
}

/** A whole number of steps, as short in decimals as the step is. */
function multiple(value: number, step: number): number {
  return Number((Math.round(value / step) * step).toFixed(4));
}
