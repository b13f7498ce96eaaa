import { SECOND_US } from "../core/time.ts";
import type { RandomStream } from "../core/random.ts";
import type { Arrivals } from "./workload.ts";

/** Arrival times in whole microseconds before `endUs`, in ascending order. */
export function arrivalTimes(arrivals: Arrivals, endUs: number, random: RandomStream): readonly number[] {
  if (arrivals.kind === "once") return arrivals.atUs < endUs ? [arrivals.atUs] : [];
  const end = Math.min(endUs, arrivals.untilUs);
  const times: number[] = [];
  if (arrivals.kind === "periodic") {
    for (let at = arrivals.fromUs + random.below(arrivals.everyUs); at < end; at += arrivals.everyUs) times.push(at);
    return times;
  }
  const meanGap = SECOND_US / arrivals.perSecond;
  for (let at = arrivals.fromUs + random.exponential(meanGap); at < end; at += random.exponential(meanGap)) {
    times.push(Math.floor(at));
  }
  return times;
}
