/** What users were promised, and whether a measured point keeps it at 95 % confidence. */
import type { ServiceLevel } from "../experiment/matrix.ts";
import { type Estimate, meanEstimate, ratioEstimate } from "./statistics.ts";

export const DEFAULT_SERVICE_LEVEL: ServiceLevel = { metric: "throughput", bound: 0.95 };

/** In place of a latency where a host finished no request under one of the seeds: no other seed makes up for it. */
export const NONE_FINISHED = "no request is finished";

/** Against the uncommitted host, on the same seeds. */
export interface RelativeService {
  readonly throughput?: Estimate;
  readonly p99Factor?: Estimate | typeof NONE_FINISHED;
}

/** Of the VMs of one kind: "file-server in VMs 6 to 7". */
export interface GroupService extends RelativeService {
  readonly of: string;
}

/** Of all VMs of a host together; `groups`: of each kind, where they are not alike. */
export interface HostService extends RelativeService {
  readonly groups?: readonly GroupService[];
}

/** The figure that the level is about. */
export function serviceOf(
  { metric }: ServiceLevel,
  service: RelativeService,
): Estimate | typeof NONE_FINISHED | undefined {
  return metric === "throughput" ? service.throughput : service.p99Factor;
}

/** Of throughput against another host's, seed by seed. A host on which nothing runs has no logarithm: then the plain mean. */
export function throughputEstimate(relative: readonly number[]): Estimate {
  return relative.every((value) => value > 0) ? ratioEstimate(relative) : meanEstimate(relative);
}

/** Of p99 latency against another host's, seed by seed. */
export function factorEstimate(factors: readonly number[]): Estimate | typeof NONE_FINISHED {
  return factors.includes(Infinity) ? NONE_FINISHED : ratioEstimate(factors);
}

/** None where the other host has no latency, infinite where only that one has. */
export function latencyFactor(now: number | undefined, before: number | undefined): number[] {
  return before !== undefined && before > 0 ? [(now ?? Infinity) / before] : [];
}

/** Whether all that is judged of a host keeps the level: see {@link judgedOf}. */
export function keepsLevel(level: ServiceLevel, service: HostService): boolean {
  return judgedOf(level, service).every((one) => keeps(level, one));
}

/** Whether the level is lost for certain, by one kind of VMs at least. */
export function surelyLosesLevel(level: ServiceLevel, service: HostService): boolean {
  return judgedOf(level, service).some((one) => surelyLoses(level, one));
}

/** What a host loses the level by, or comes nearest to losing it by; `of` where its VMs are not alike. */
export function worstService(level: ServiceLevel, service: HostService): RelativeService & { readonly of?: string } {
  const all = judgedOf(level, service);
  const lost = all.filter((one) => surelyLoses(level, one));
  const badness = (one: RelativeService): number => {
    const figure = serviceOf(level, one);
    if (figure === undefined || figure === NONE_FINISHED) return Infinity;
    if (lost.length > 0) return level.metric === "throughput" ? -figure.estimate : figure.estimate;
    return level.metric === "throughput" ? -(figure.low ?? figure.estimate) : (figure.high ?? figure.estimate);
  };
  return (lost.length > 0 ? lost : all).reduce((worst, one) => (badness(one) > badness(worst) ? one : worst));
}

/**
 * Where VMs are not alike, each kind by itself: in the sum of all requests, those who have most of them hide what becomes of the
 * others. A kind that does nothing on the uncommitted host either says nothing.
 */
export function judgedOf(
  level: ServiceLevel,
  { groups = [], ...all }: HostService,
): readonly (RelativeService & { readonly of?: string })[] {
  const compared = groups.filter((group) => serviceOf(level, group) !== undefined);
  return compared.length > 0 ? compared : [all];
}

/** The same in words, for whoever explains a table; empty where VMs are alike. */
export function eachKindNote(services: readonly HostService[]): string {
  const areUnlike = services.some(({ groups }) => groups !== undefined);
  return areUnlike ? " Where VMs are not alike, each kind of them has to keep the level by itself." : "";
}

/** The end of the interval that is nearer to the bound decides; without an interval the estimate itself. */
function keeps(level: ServiceLevel, service: RelativeService): boolean {
  const figure = serviceOf(level, service);
  if (figure === undefined || figure === NONE_FINISHED) return false;
  return level.metric === "throughput"
    ? (figure.low ?? figure.estimate) >= level.bound
    : (figure.high ?? figure.estimate) <= level.bound;
}

/** Even the end of the interval that is farther from the bound is beyond it. */
function surelyLoses(level: ServiceLevel, service: RelativeService): boolean {
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
