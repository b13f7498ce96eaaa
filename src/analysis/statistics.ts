/** Estimates with confidence intervals. Everything random is drawn from our own streams, so that reports repeat exactly. */
import { mean, quantileSorted, sampleStandardDeviation } from "simple-statistics";
import type { RandomStream } from "../core/random.ts";

const CONFIDENCE = 0.95;

/** An estimate from `n` independent values; one value alone has no interval. */
export interface Estimate {
  readonly estimate: number;
  readonly n: number;
  readonly low?: number;
  readonly high?: number;
}

/** Arithmetic mean with Student's t interval. Throws a RangeError without values. */
export function meanEstimate(values: readonly number[], confidence = CONFIDENCE): Estimate {
  // Sorted, so that the sum, and with it the last digit of the result, does not depend on the order of the values.
  const sorted = ascending(values);
  const estimate = mean(sorted);
  const n = sorted.length;
  if (n === 1) return { estimate, n };
  const half = (studentQuantile(0.5 + confidence / 2, n - 1) * sampleStandardDeviation(sorted)) / Math.sqrt(n);
  return { estimate, n, low: estimate - half, high: estimate + half };
}

/**
 * Geometric mean of positive ratios, with Student's t interval on their logarithms: "twice as slow" and "twice as fast"
 * are equally far from 1 (Fleming and Wallace 1986). Throws a RangeError without values or for one that is not positive.
 */
export function ratioEstimate(ratios: readonly number[], confidence = CONFIDENCE): Estimate {
  const wrong = ratios.find((ratio) => !(ratio > 0));
  if (wrong !== undefined) throw new RangeError(`a ratio must be positive, got ${wrong}`);
  const logs = meanEstimate(ratios.map(Math.log), confidence);
  const { low, high } = logs;
  const estimate = Math.exp(logs.estimate);
  if (low === undefined || high === undefined) return { estimate, n: logs.n };
  return { estimate, n: logs.n, low: Math.exp(low), high: Math.exp(high) };
}

/**
 * Percentile bootstrap interval of a statistic (Efron 1979). For few values it is too narrow; from about ten on it needs
 * no assumption about their distribution. `statistic` gets its values in ascending order.
 */
export function bootstrapEstimate(
  values: readonly number[],
  statistic: (sorted: number[]) => number,
  random: RandomStream,
  { resamples = 2000, confidence = CONFIDENCE } = {},
): Estimate {
  const sorted = ascending(values);
  const n = sorted.length;
  const estimate = statistic(sorted);
  if (n === 1) return { estimate, n };
  const draw = (): number => statistic(ascending(Array.from({ length: n }, () => sorted[random.below(n)])));
  const statistics = ascending(Array.from({ length: resamples }, draw));
  const low = quantileSorted(statistics, 0.5 - confidence / 2);
  const high = quantileSorted(statistics, 0.5 + confidence / 2);
  return { estimate, n, low, high };
}

/** Whether an interval contains a value; without an interval nothing can be said: false. */
export function covers(estimate: Estimate, value: number): boolean {
  const { low, high } = estimate;
  return low !== undefined && high !== undefined && low <= value && value <= high;
}

/** Quantile of Student's t distribution: the t with P(T <= t) = `probability`, 0 < probability < 1. */
export function studentQuantile(probability: number, degreesOfFreedom: number): number {
  if (probability < 0.5) return -studentQuantile(1 - probability, degreesOfFreedom);
  let low = 0;
  let high = 1;
  while (studentCumulative(high, degreesOfFreedom) < probability) high *= 2;
  for (let step = 0; step < 100 && high - low > 1e-13 * high; step++) {
    const middle = (low + high) / 2;
    if (studentCumulative(middle, degreesOfFreedom) < probability) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/**
 * P(T <= t) for t >= 0 and a whole number of degrees of freedom, as the finite trigonometric series of Abramowitz and
 * Stegun (1964), 26.7.3 and 26.7.4.
 */
function studentCumulative(t: number, degreesOfFreedom: number): number {
  const angle = Math.atan(t / Math.sqrt(degreesOfFreedom));
  const cosine = Math.cos(angle);
  const odd = degreesOfFreedom % 2 === 1;
  let term = odd ? cosine : 1;
  let sum = degreesOfFreedom === 1 ? 0 : term;
  for (let k = odd ? 3 : 2; k <= degreesOfFreedom - 2; k += 2) {
    term *= ((k - 1) / k) * cosine * cosine;
    sum += term;
  }
  const within = odd ? (2 / Math.PI) * (angle + Math.sin(angle) * sum) : Math.sin(angle) * sum;
  return 0.5 + within / 2;
}

function ascending(values: readonly number[]): number[] {
  if (values.length === 0) throw new RangeError("no values to estimate from");
  return [...values].sort((a, b) => a - b);
}
