/** What is wanted of the models as a whole. A goal that is not reached is shown, and fails nothing. */
import { percent } from "../../core/percent.ts";
import { MOST_PER_PREDICTION } from "./free-parameters.ts";
import { CLOSE, MISS } from "./validated-row.ts";
import type { ValidationSummary } from "./validation.ts";

const SHARE_WITHIN_MISS = 0.9;

export interface Goal {
  readonly goal: string;
  readonly reached: boolean;
}

/** Without a single prediction there is nothing to reach, and no goal. */
export function goals({ roles, orderings, freeParameters }: ValidationSummary): readonly Goal[] {
  const { rows, medianAbsoluteError, shareWithinMiss } = roles.prediction;
  if (rows === 0) return [];
  return [
    {
      goal: `median error of the predictions at most ${percent(CLOSE)}`,
      reached: medianAbsoluteError !== null && medianAbsoluteError <= CLOSE,
    },
    {
      goal: `at least ${percent(SHARE_WITHIN_MISS)} of the predictions within ${percent(MISS)}, or as their bound says`,
      reached: shareWithinMiss !== null && shareWithinMiss >= SHARE_WITHIN_MISS,
    },
    { goal: "every published order of systems kept", reached: orderings.every(({ lost }) => lost.length === 0) },
    {
      goal: `fewer than ${MOST_PER_PREDICTION} free parameters for each prediction, those from native columns apart`,
      reached: (freeParameters.perPrediction ?? 0) < MOST_PER_PREDICTION,
    },
  ];
}
