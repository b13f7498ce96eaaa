/** In a sentence: how far a strategy can go before users notice, and what happens beyond. */
import type { ServiceLevel } from "../experiment/matrix.ts";
import { busyNote } from "./busiest-resource.ts";
import type { OvercommitPoint } from "./overcommit-point.ts";
import {
  keepsLevel,
  levelText,
  NONE_FINISHED,
  serviceOf,
  surelyLosesLevel,
  twoDecimals,
  worstService,
} from "./service-level.ts";
import {
  confidenceText,
  evictedText,
  evictionNote,
  keptAgain,
  oscillationNote,
  percentLeft,
  times,
  worstLatency,
} from "./verdict-notes.ts";

export interface OvercommitVerdict {
  /** Highest ratio up to which the service level is kept; absent when there is none or none measured. */
  readonly highestRatio?: number;
  /** Lowest ratio measured at which it is not kept. */
  readonly failingRatio?: number;
  /** No ratio fails, so that the limit lies beyond. */
  readonly open: boolean;
  readonly sentence: string;
}

/** The roomiest host is short of memory already, so that there is nothing to compare with. */
export function withheldVerdict(strategy: string, ratio: number): OvercommitVerdict {
  const sentence =
    `${strategy}: no verdict: its roomiest host (ratio ${twoDecimals(ratio)}) is short of memory already, with what the VMM ` +
    "itself needs; add a lower ratio to compare with.";
  return { open: false, sentence };
}

/**
 * `points` by ascending ratio; `failed`: the lowest ratio at which hosts could not be simulated. A level counts as kept at a
 * ratio when it is kept at all lower ones, too.
 */
export function overcommitVerdict(
  strategy: string,
  points: readonly OvercommitPoint[],
  level: ServiceLevel,
  failed = Infinity,
): OvercommitVerdict {
  const measured = points.filter((point) => serviceOf(level, point) !== undefined);
  if (measured.length === 0) {
    return { open: true, sentence: `${strategy}: ${nothingToCompare(points)}, so no verdict.` };
  }
  const beyond = measured.find((point) => !isKept(level, point));
  const end = Math.min(beyond?.ratio ?? Infinity, failed);
  const kept = measured.filter(({ ratio }) => ratio < end);
  const highest = kept.filter((point) => point.ratio > 1).at(-1);
  const confidence = confidenceText(level, measured);
  const again = measured.filter((point) => point.ratio > end && isKept(level, point));
  const first = firstFailure(beyond, failed, level);
  const againAt = `at ${again.map(({ ratio }) => twoDecimals(ratio)).join(" and ")}, with less memory,`;
  const more = keptAgain(againAt, again, beyond?.ratio === end ? beyond : undefined, atRatio);
  const busy = busyNote(measured[0].busiest, `at ratio ${twoDecimals(measured[0].ratio)}`);
  const failingRatio = beyond === undefined ? {} : { failingRatio: beyond.ratio };
  const each = measured[0].groups === undefined ? "" : " for each kind of VM";
  if (highest === undefined) {
    const unsure = beyond !== undefined && allStart(beyond) && !surelyLosesLevel(level, beyond);
    const verb = again.length > 0 ? "counts as keeping" : unsure ? "is sure to keep" : "keeps";
    const lower = again.length > 0 ? ", because a ratio counts only if all lower ones keep it" : "";
    const sentence = `${strategy}: no overcommit ${verb} ${levelText(level)}${each} (${confidence})${lower}${first}${more}${busy}.`;
    return { ...failingRatio, open: false, sentence };
  }
  const limit = `${twoDecimals(highest.ratio)}${first === "" ? ", the highest ratio measured" : ""}`;
  const note = `${latencyNote(points, highest, level)}${evictionNote(kept, atRatio)}${oscillationNote(kept, atRatio)}`;
  const stays = levelText(level, "stays ");
  const sentence = `${strategy}: ${stays}${each} up to ${limit} (${confidence})${note}${first}${more}${busy}.`;
  return { highestRatio: highest.ratio, ...failingRatio, open: first === "", sentence };
}

function nothingToCompare([lowest]: readonly OvercommitPoint[]): string {
  if (lowest === undefined || lowest.ratio > 1) return "no uncommitted host (ratio 1.0 or less) to compare with";
  const none = lowest.vmsAdmitted === 0 ? " (no VM starts; --why tells by which rule)" : "";
  return `the host at ratio ${twoDecimals(lowest.ratio)} gives nothing to compare with${none}`;
}

function atRatio({ ratio }: OvercommitPoint): string {
  return `at ${twoDecimals(ratio)}`;
}

function firstFailure(beyond: OvercommitPoint | undefined, failed: number, level: ServiceLevel): string {
  if (failed < (beyond?.ratio ?? Infinity)) return `; at ${twoDecimals(failed)}, the host cannot be simulated`;
  return beyond === undefined ? "" : `; at ${twoDecimals(beyond.ratio)}, ${lossOf(beyond, level)}`;
}

function isKept(level: ServiceLevel, point: OvercommitPoint): boolean {
  return keepsLevel(level, point) && allStart(point);
}

/** Fewer VMs may do as much together, on a slow disk for instance; those left out do nothing all the same. */
function allStart({ vmsAdmitted, vmsConfigured }: OvercommitPoint): boolean {
  return vmsAdmitted >= vmsConfigured;
}

function lossOf(point: OvercommitPoint, level: ServiceLevel): string {
  const worst = worstService(level, point);
  const whose = (word: string): string => (worst.of === undefined ? "" : ` ${word} ${worst.of}`);
  const service = serviceOf(level, worst);
  const started = `only ${twoDecimals(point.vmsAdmitted)} of ${twoDecimals(point.vmsConfigured)} VMs start`;
  const gone = [allStart(point) ? [] : started, evictedText(point) ?? []].flat();
  const admitted = gone.length === 0 ? "" : ` (${gone.join("; ")})`;
  const unsure = `on average, but the seeds differ too much to be sure; more of them would tell${admitted}`;
  if (service === NONE_FINISHED) return `${NONE_FINISHED}${whose("by")}${admitted}`;
  const figure = service?.estimate ?? 0;
  if (level.metric === "p99") {
    if (keepsLevel(level, point)) return started;
    if (!surelyLosesLevel(level, point))
      return `${worst.of === undefined ? "it" : `that of ${worst.of}`} is ${times(figure)} ${unsure}`;
    return `p99 latency${whose("of")} is ${times(figure)} the uncommitted one${admitted}`;
  }
  if (keepsLevel(level, point))
    return `${started}, though these do ${percentLeft(point.throughput?.estimate ?? figure)} of the work`;
  if (!surelyLosesLevel(level, point)) return `${percentLeft(figure)} remains${whose("for")} ${unsure}`;
  return `${percentLeft(figure)} of it remains${whose("for")}${admitted}`;
}

function latencyNote([roomiest]: readonly OvercommitPoint[], at: OvercommitPoint, level: ServiceLevel): string {
  const worst = worstLatency(at, level);
  if (worst === undefined) return "";
  if (worst.factor < 1.1) return ", p99 latency as before";
  return `, p99 latency ${times(worst.factor)} that of ratio ${twoDecimals(roomiest.ratio)}${worst.whose}`;
}
