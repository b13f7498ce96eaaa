/** How many operations a workload will compile to, roughly: a slip in a rate must not fill the memory. */
import { SECOND_US } from "../../core/time.ts";
import type { StepDocument } from "./step-schema.ts";
import type { ActivityDocument, WorkloadDocument } from "./workload-schema.ts";

/** Operations in the mean, by activity. */
export function operationEstimates(document: WorkloadDocument): readonly number[] {
  const { activities = [], duration = 0, "closed-loop": loop } = document;
  return activities.map(({ arrivals, share = 1, request }) => {
    const requests = loop === undefined ? requestsIn(arrivals ?? {}, duration) : loop.requests * share;
    return requests * (1 + operationsOf(request));
  });
}

function requestsIn(
  { rate, every, from = 0, until }: NonNullable<ActivityDocument["arrivals"]>,
  duration: number,
): number {
  const window = Math.max(0, Math.min(duration, until ?? duration) - from);
  if (rate !== undefined) return (rate * window) / SECOND_US;
  return every === undefined ? 1 : window / every;
}

function operationsOf(steps: readonly StepDocument[]): number {
  return steps.reduce((sum, { touch, fork, syscall, times, chance = 1 }) => {
    const once = touch?.pages ?? (fork === undefined ? 1 : 2 + operationsOf(fork));
    return sum + chance * (syscall === undefined ? times * once : 1);
  }, 0);
}
