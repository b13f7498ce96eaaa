/** What users were promised, and whether a measured point keeps it at 95 % confidence. */
import type { ServiceLevel } from "../experiment/matrix.ts";
import type { Estimate } from "./statistics.ts";

export const DEFAULT_SERVICE_LEVEL: ServiceLevel = { metric: "throughput", bound: 0.95 };

/** In place of a latency where a host finished no request under one of the seeds: no other seed makes up for it. */
export const NONE_FINISHED = "no request is finished";

/** Against the uncommitted host, on the same seeds. */
export interface RelativeService {
  readonly throughput?: Estimate;
  readonly p99Factor?: Estimate | typeof NONE_FINISHED;
}

/** The figure that the level is about. */
export function serviceOf(
  { metric }: ServiceLevel,
  service: RelativeService,
): Estimate | typeof NONE_FINISHED | undefined {
  return metric === "throughput" ? service.throughput : service.p99Factor;
}

/** The end of the interval that is nearer to the bound decides; without an interval the estimate itself. */
export function keepsLevel(level: ServiceLevel, service: RelativeService): boolean {
  const figure = serviceOf(level, service);
  if (figure === undefined || figure === NONE_FINISHED) return false;
  return level.metric === "throughput"
    ? (figure.low ?? figure.estimate) >= level.bound
    : (figure.high ?? figure.estimate) <= level.bound;
}

/** Whether the level is lost for certain: even the end of the interval that is farther from the bound is beyond it. */
export function surelyLosesLevel(level: ServiceLevel, service: RelativeService): boolean {
  const figure = serviceOf(level, service);
  if (figure === undefined) return false;
  if (figure === NONE_FINISHED) return true;
  return level.metric === "throughput"
    ? (figure.high ?? figure.estimate) < level.bound
    : (figure.low ?? figure.estimate) > level.bound;
}

/** "throughput within 5 %", "p99 latency within 2 times the uncommitted one"; `verb` goes before "within". */
export function levelText({ metric, bound }: ServiceLevel, verb = ""): string {
  if (metric === "throughput") return `throughput ${verb}within ${lossText(bound)}`;
  return `p99 latency ${verb}within ${twoDecimals(bound)} times the uncommitted one`;
}

/** "2.5 %" of throughput that may be lost where a share of 0.975 is to be left. */
export function lossText(share: number): string {
  return `${twoDecimals(100 * (1 - share))} %`;
}

/** At most two decimals: "1.5", "16". */
export function twoDecimals(value: number): string {
  return String(Math.round(value * 100) / 100);
}
