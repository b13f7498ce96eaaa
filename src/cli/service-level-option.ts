import { InputError } from "../core/input-error.ts";
import type { ServiceLevel } from "../experiment/matrix.ts";

const FORMS =
  "throughput=95% (the least share of the uncommitted throughput) or p99=2x (the most times its p99 latency)";

/** `throughput=95%` or `p99=2x` of an option. Throws an {@link InputError} that says what was expected. */
export function parseServiceLevel(option: string, text: string): ServiceLevel {
  const [, share] = /^throughput=([0-9]+(?:\.[0-9]+)?)%$/.exec(text) ?? [];
  if (share !== undefined && Number(share) > 0 && Number(share) <= 100) {
    return { metric: "throughput", bound: Number(share) / 100 };
  }
  const [, factor] = /^p99=([0-9]+(?:\.[0-9]+)?)x$/.exec(text) ?? [];
  if (factor !== undefined && Number(factor) >= 1 && Number(factor) <= 1e6) {
    return { metric: "p99", bound: Number(factor) };
  }
  throw new InputError(`${option}: expected ${FORMS}; found "${text}"`);
}
