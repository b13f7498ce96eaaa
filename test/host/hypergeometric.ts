/** The hypergeometric distribution: how many of `draws` pages, drawn without replacement, are among `marked` of `total`. */

/** Probability of each count from 0 to `draws`; `draws` at most `total`. */
export function hypergeometric(total: number, marked: number, draws: number): Float64Array {
  const weights = new Float64Array(draws + 1);
  const least = Math.max(0, draws - (total - marked));
  const most = Math.min(draws, marked);
  const mode = Math.min(most, Math.max(least, Math.round((draws * marked) / total)));
  weights[mode] = 1;
  for (let k = mode; k < most; k++) weights[k + 1] = weights[k] * step(total, marked, draws, k);
  for (let k = mode - 1; k >= least; k--) weights[k] = weights[k + 1] / step(total, marked, draws, k);
  const sum = weights.reduce((a, b) => a + b);
  return weights.map((weight) => weight / sum);
}

/** P(k + 1) / P(k). */
function step(total: number, marked: number, draws: number, k: number): number {
  return ((marked - k) / (k + 1)) * ((draws - k) / (total - marked - draws + k + 1));
}

export interface Moments {
  readonly mean: number;
  readonly variance: number;
  /** Fourth moment about the mean. */
  readonly fourth: number;
}

/** Moments of a value that takes `values[i]` with probability `probabilities[i]`. */
export function moments(values: ArrayLike<number>, probabilities: ArrayLike<number>): Moments {
  const expected = (f: (value: number) => number): number => {
    let sum = 0;
    for (let i = 0; i < probabilities.length; i++) sum += probabilities[i] * f(values[i]);
    return sum;
  };
  const mean = expected((value) => value);
  return { mean, variance: expected((value) => (value - mean) ** 2), fourth: expected((value) => (value - mean) ** 4) };
}
