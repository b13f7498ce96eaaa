/** What memory by proportional shares can be told, and where each default comes from. */
import type { PartDefinition } from "../contract.ts";
import { ACTIVITY_PARAMETERS, type ActivityParameters } from "./activity-parameters.ts";
import { esx6States } from "./reclamation/esx-6.ts";
import { generationOf } from "./reclamation/reclamation-state.ts";

/** How often free memory is looked at. */
export const TICKS_PER_SECOND = 10;

const USUAL_HIGH_PERCENT = esx6States.states[0].percent;

export interface ProportionalSharesParameters extends ActivityParameters {
  release: number;
  idleMemoryTax: number;
  reservationPercent: number;
  limitPercent: number;
  balancePeriodSeconds: number;
  hysteresisPercent: number;
  highPercent: number;
  pageOutPagesPerSecond: number;
}

export const SHARE_PARAMETERS: PartDefinition<"allocation", ProportionalSharesParameters>["parameters"] = {
  release: {
    summary: "Release of ESX whose reclamation states apply: 2 to 4.0, 4.1, 5, or 6 and later",
    default: 2,
    unit: "1",
    min: 2,
    max: 8,
    source: "Waldspurger 2002, section 6.3",
  },
  idleMemoryTax: {
    summary: "Fraction of idle memory that may be taken; 0: pure shares",
    default: 0.75,
    unit: "1",
    min: 0,
    max: 0.99,
    source: "Waldspurger 2002, section 5.2",
    grade: "P",
  },
  reservationPercent: {
    summary: "Memory guaranteed to a VM for which nothing else is set, of configured memory",
    default: 0,
    unit: "%",
    min: 0,
    max: 100,
    source: "ESX default: no reservation",
  },
  limitPercent: {
    summary: "Most machine memory of a VM for which nothing else is set, of configured memory",
    default: 100,
    unit: "%",
    min: 1,
    max: 100,
    source: "ESX default: configured memory",
  },
  ...ACTIVITY_PARAMETERS,
  balancePeriodSeconds: {
    summary: "Period at which targets are computed anew; a change of state does it at once",
    default: 15,
    unit: "s",
    min: 0.1,
    source: "ESX, Mem.BalancePeriod",
    grade: "D",
  },
  hysteresisPercent: {
    summary:
      "How far free memory must be beyond the boundary of a better state before that is entered, of the boundary",
    default: 8,
    unit: "%",
    min: 0,
    max: 100,
    source: "assumption: Waldspurger 2002, section 6.3, says only that it is significant",
    grade: "A",
  },
  highPercent: {
    summary: "Releases from 6: boundary of the high state, of MinFree",
    default: USUAL_HIGH_PERCENT,
    unit: "%",
    min: 100,
    max: 1000,
    source: "secondary articles on vSphere 6, some of which say 300",
    grade: "2",
  },
  pageOutPagesPerSecond: {
    summary:
      "Most pages taken by force in the background, a tenth of them each tenth of a second; as many as that also whenever free memory is found low as a VM is given some",
    default: 4096,
    unit: "pages/s",
    min: 1,
    source: "assumption: 16 MiB/s, a fraction of one disk's bandwidth",
    grade: "A",
  },
};

/** What is wrong with parameters that are each right by themselves. */
export function shareProblem({
  reservationPercent,
  limitPercent,
  release,
  highPercent,
}: ProportionalSharesParameters): string | undefined {
  if (reservationPercent > limitPercent)
    return `reservationPercent: a reservation of ${reservationPercent} % is more than limitPercent, ${limitPercent}; expected at most as much`;
  if (highPercent !== USUAL_HIGH_PERCENT && generationOf(release).highIsUncertain !== true)
    return `highPercent: the high state of release ${release} has a boundary of its own; expected a release from 6 on, or no highPercent`;
  return undefined;
}
