/** How many VMs a strategy keeps on a host before users notice, and what happens with more. */
import type { ServiceLevel } from "../experiment/matrix.ts";
import { busyNote } from "./busiest-resource.ts";
import {
  type HostService,
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
import type { RoomyHost, VmCountPoint } from "./vm-count.ts";

export interface VmCountVerdict {
  /** Highest number of VMs up to which the service level is kept; 0: none; absent: nothing to compare with. */
  readonly most?: number;
  /** Lowest number of VMs measured with which it is not kept. */
  readonly failing?: number;
  /** The seeds do not tell whether up to so many are kept; absent: no number measured loses the level for certain. */
  readonly atMost?: number;
  /** No number measured fails, so that the limit lies beyond. */
  readonly open: boolean;
  /** What follows the answer in a sentence. */
  readonly reason: string;
}

/** `points` by ascending number of VMs; `failed`: the lowest number with which hosts could not be simulated. */
export function vmCountVerdict(
  points: readonly VmCountPoint[],
  level: ServiceLevel,
  failed = Infinity,
): VmCountVerdict {
  const measured = points.filter((point) => serviceOf(level, point) !== undefined);
  if (measured.length === 0) {
    const reason = "no verdict: no host that has memory for all VMs, with what the VMM itself needs, to compare with";
    return { open: true, reason };
  }
  const beyond = measured.find((point) => !isKept(level, point));
  const end = Math.min(beyond?.vms ?? Infinity, failed);
  const kept = measured.filter(({ vms }) => vms < end);
  const again = measured.filter((point) => point.vms > end && isKept(level, point));
  const most = kept.at(-1)?.vms ?? 0;
  const lost = measured.find((point) => point.vms > most && isSurelyLost(level, point))?.vms ?? Infinity;
  const atMost = Math.min(lost, failed) - 1;
  const first = firstFailure(beyond, failed, level);
  const againWith = `with ${again.map(({ vms }) => vms).join(" and ")},`;
  const more = keptAgain(againWith, again, beyond?.vms === end ? beyond : undefined, withVms);
  const onlyAfterAll = more === "" ? "" : ", but a number counts only if all lower ones keep it";
  return {
    most,
    ...(beyond !== undefined && { failing: beyond.vms }),
    ...(Number.isFinite(atMost) && { atMost }),
    open: first === "",
    reason:
      most === 0
        ? `${first.replace(/^; /, "")}${more}${onlyAfterAll}`
        : answered(kept, level, atMost, `${first}${more}`),
  };
}

function withVms({ vms }: VmCountPoint): string {
  return `with ${vms}`;
}

function answered(kept: readonly VmCountPoint[], level: ServiceLevel, atMost: number, first: string): string {
  const last = kept[kept.length - 1];
  const { vms, ratio, work, kinds, roomy } = last;
  const mix = work.length > 1 ? `${kinds.map((kind) => `${kind.vms} of ${kind.of}`).join(", ")}; ` : "";
  const open = first === "" ? ", the most measured" : "";
  const unsure = Number.isFinite(atMost) && atMost > vms ? `; up to ${atMost} are not ruled out` : "";
  const sure = `${confidenceText(level, kept)}${unsure}`;
  const others = busyNote(kept[0].roomy?.busiest, withVms(kept[0]));
  const notes = `${latencyNote(last, level)}${roomNote(roomy, level)}${evictionNote(kept, withVms)}${oscillationNote(kept, withVms)}`;
  const stays = levelText(level, "stays ");
  return ` (${mix}overcommit ${twoDecimals(ratio)}${open}): ${stays} (${sure})${notes}${first}${others}`;
}

function isKept(level: ServiceLevel, point: VmCountPoint): boolean {
  return keepsLevel(level, point) && allStart(point) && !lacksOthers(level, point);
}

function isSurelyLost(level: ServiceLevel, point: VmCountPoint): boolean {
  return surelyLosesLevel(level, point) || !allStart(point) || lacksOthers(level, point);
}

/** VMs that are left out do nothing. */
function allStart({ vmsAdmitted, vmsConfigured }: VmCountPoint): boolean {
  return vmsAdmitted >= vmsConfigured;
}

/** Memory for all does not help. Other VMs do other work, so that only what the seeds are sure of counts. */
function lacksOthers(level: ServiceLevel, { roomy }: VmCountPoint): boolean {
  return roomy !== undefined && surelyLosesLevel(level, roomy);
}

function firstFailure(beyond: VmCountPoint | undefined, failed: number, level: ServiceLevel): string {
  if (failed < (beyond?.vms ?? Infinity)) return `; with ${failed}, the host cannot be simulated`;
  return beyond === undefined ? "" : `; with ${beyond.vms}, ${lossOf(beyond, level)}`;
}

function lossOf(point: VmCountPoint, level: ServiceLevel): string {
  if (!allStart(point)) return `only ${twoDecimals(point.vmsAdmitted)} start`;
  const { roomy } = point;
  if (roomy !== undefined && lacksOthers(level, point)) {
    const { resource, percent } = roomy.busiest;
    const left = figureText(level, roomy, `${level.metric === "p99" ? "" : "per VM "}with ${roomy.fewest}`);
    return `${left}, with memory for all, too (${resource} ${Math.round(percent)} % busy)`;
  }
  const evicted = evictedText(point);
  const text = `${figureText(level, point, "with memory for all")}${evicted === undefined ? "" : ` (${evicted})`}`;
  return surelyLosesLevel(level, point)
    ? text
    : `${text} on average, and the seeds differ too much to be sure; more of them would tell`;
}

function figureText(level: ServiceLevel, service: HostService, against: string): string {
  const worst = worstService(level, service);
  const figure = serviceOf(level, worst);
  if (figure === NONE_FINISHED) return `${NONE_FINISHED}${worst.of === undefined ? "" : ` by ${worst.of}`}`;
  const { estimate = 0 } = figure ?? {};
  const whose = worst.of === undefined ? "" : ` of ${worst.of}`;
  return level.metric === "p99"
    ? `p99 latency${whose} is ${times(estimate)} that ${against}`
    : `throughput${whose} is ${percentLeft(estimate)} of that ${against}`;
}

function latencyNote(point: VmCountPoint, level: ServiceLevel): string {
  const worst = worstLatency(point, level);
  if (worst === undefined) return "";
  return worst.factor < 1.1
    ? ", p99 latency as with memory for all"
    : `, p99 latency ${times(worst.factor)} that with memory for all${worst.whose}`;
}

/** What more VMs do to each other where memory is not short, as far as the level does not rule it out for certain. */
function roomNote(roomy: RoomyHost | undefined, level: ServiceLevel): string {
  if (roomy === undefined) return "";
  const fewest = roomy.fewest === 1 ? "1 VM" : `${roomy.fewest} VMs`;
  if (level.metric === "p99") {
    const { of, p99Factor } = worstService(level, roomy);
    if (p99Factor === undefined || p99Factor === NONE_FINISHED || p99Factor.estimate <= level.bound) return "";
    const factor = `${times(p99Factor.estimate)} that with ${fewest} on average${of === undefined ? "" : ` (${of})`}`;
    return `, though with memory for all, too, it is ${factor}, of which the seeds are not sure`;
  }
  const worst = worstLatency(roomy, level);
  if (worst === undefined || worst.factor < 1.5) return "";
  return `, which itself is ${times(worst.factor)} that with ${fewest}${worst.whose}`;
}
