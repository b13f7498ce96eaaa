/** What verdicts on overcommit ratios and on numbers of VMs say in the same words. */
import { percent } from "../core/percent.ts";
import type { ServiceLevel } from "../experiment/matrix.ts";
import { type MemoryControl, oscillates } from "./memory-control.ts";
import type { MemorySources } from "./memory-sources.ts";
import {
  type HostService,
  judgedOf,
  NONE_FINISHED,
  type RelativeService,
  serviceOf,
  twoDecimals,
} from "./service-level.ts";

/**
 * Of those whose latency suffers most, where a level is about throughput; `whose` where VMs are not alike. The mean of the factors
 * that the seeds have one by one, as a level of p99 latency is judged: in a quotient of means the seed with the longest latency
 * hides what becomes of all others.
 */
export function worstLatency(
  service: HostService,
  level: ServiceLevel,
): { readonly factor: number; readonly whose: string } | undefined {
  if (level.metric === "p99") return undefined;
  const all = service.groups ?? [{ of: undefined, ...service }];
  const factors = all.flatMap(({ of, p99Factor }) =>
    p99Factor === undefined || p99Factor === NONE_FINISHED
      ? []
      : [{ factor: p99Factor.estimate, whose: of === undefined ? "" : ` (${of})` }],
  );
  return factors.toSorted((a, b) => b.factor - a.factor)[0];
}

/**
 * How sure a verdict on these points is. A kind of VM that does nothing with memory for all, under some seeds or under any, is judged
 * by the others, or not at all.
 */
export function confidenceText(
  level: ServiceLevel,
  points: readonly (HostService & { readonly seeds: number })[],
): string {
  if (points.some(({ seeds }) => seeds === 1)) return "one seed, no confidence interval";
  const fewer = new Map<string, string>();
  for (const point of points) {
    for (const one of judgedOf(level, point)) {
      const note = fewerSeeds(level, one, point.seeds);
      if (note !== undefined) fewer.set(one.of ?? "", note);
    }
    for (const { of } of (point.groups ?? []).filter((group) => serviceOf(level, group) === undefined)) {
      fewer.set(of, `without ${of}, which does nothing with memory for all either`);
    }
  }
  return ["95 % confidence", ...fewer.values()].join("; ");
}

function fewerSeeds(
  level: ServiceLevel,
  one: RelativeService & { readonly of?: string },
  seeds: number,
): string | undefined {
  const figure = serviceOf(level, one);
  if (figure === undefined || figure === NONE_FINISHED || figure.n >= seeds) return undefined;
  const by = figure.n === 1 ? `1 of ${seeds} seeds, without an interval` : `${figure.n} of ${seeds} seeds`;
  const who = one.of === undefined ? "by" : `${one.of} by`;
  return `${who} ${by}: nothing is done with memory for all under the others`;
}

/** Users may not notice, but the next load may meet a VM that has just been shrunk. `where`: "at 2", "with 12". */
export function oscillationNote<Point extends { readonly ratio: number; readonly control: MemoryControl }>(
  kept: readonly Point[],
  where: (point: Point) => string,
): string {
  const restless = kept.filter(({ ratio, control }) => ratio > 1 && oscillates(control));
  if (restless.length === 0) return "";
  const [worst] = restless.toSorted((a, b) => (b.control.reversals ?? 0) - (a.control.reversals ?? 0));
  const perHour = Math.round(worst.control.reversals ?? 0).toLocaleString("en-US");
  return `, but not steadily: ${where(worst)} a VM's memory changes direction ${perHour} times an hour`;
}

interface Population {
  readonly vmsConfigured: number;
  readonly vmsEvicted?: number;
}

/** Their users lose all, whatever the sum of all requests says. */
export function evictionNote<Point extends Population>(
  kept: readonly Point[],
  where: (point: Point) => string,
): string {
  const [worst] = kept.toSorted((a, b) => (b.vmsEvicted ?? 0) - (a.vmsEvicted ?? 0));
  const evicted = worst === undefined ? undefined : evictedText(worst);
  return evicted === undefined ? "" : `, but ${where(worst)} ${evicted}`;
}

/** Undefined: no VM is. */
export function evictedText({ vmsConfigured, vmsEvicted }: Population): string | undefined {
  if (vmsEvicted === undefined) return undefined;
  return `the policy moves away or stops ${twoDecimals(vmsEvicted)} of ${twoDecimals(vmsConfigured)} VMs`;
}

interface Reclaimed {
  readonly sources: MemorySources;
}

/**
 * Less memory for each VM may do better. Where it is short from the beginning, balloons have grown before a load comes; where it
 * gets short at once, as pages that were shared are written, balloons come too late, and what they take of shared pages frees
 * nothing: the host pages by force (Waldspurger 2002, section 6.3: the hard state). `againAt`: where all of `again` are;
 * `beyond`: the first that does not keep the level, if it could be simulated; `where`: "at 2", "with 12".
 */
export function keptAgain<Point extends Reclaimed>(
  againAt: string,
  again: readonly Point[],
  beyond: Point | undefined,
  where: (point: Point) => string,
): string {
  if (again.length === 0) return "";
  const kept = `; ${againAt} the level is kept again`;
  const [first] = again;
  const isSooner = beyond !== undefined && ballooned(first) > ballooned(beyond) && swapped(first) < swapped(beyond);
  if (!isSooner) return kept;
  const now = `balloons hold ${mib(ballooned(first))} then, and the host has swapped ${mib(swapped(first))}`;
  return `${kept}: ${now} (${where(beyond)}, ${mib(ballooned(beyond))} and ${mib(swapped(beyond))})`;
}

function mib(value: number): string {
  return `${Math.round(value)} MiB`;
}

/** MiB, whatever its guests had there before. */
function ballooned({ sources }: Reclaimed): number {
  const { balloonFree, balloonCache, guestSwap } = sources.mib;
  return balloonFree + balloonCache + guestSwap;
}

function swapped({ sources }: Reclaimed): number {
  return sources.mib.hostSwap;
}

export function times(factor: number): string {
  return `${factor.toFixed(factor < 10 ? 1 : 0)} times`;
}

export function percentLeft(share: number): string {
  return percent(share, share < 0.1 ? 1 : 0);
}
