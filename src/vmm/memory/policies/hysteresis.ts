/** How guests that balloon themselves approach a goal (xenballoond; Linux, drivers/xen/xen-selfballoon.c). */
import { clamp, type Decision, type VmObservations } from "./policy-contract.ts";

export interface Hysteresis extends Record<string, number | boolean> {
  /** A guest goes 1 / `downHysteresis` of the way when its goal is less than it has, and 1 / `upHysteresis` when it is more. */
  downHysteresis: number;
  upHysteresis: number;
}

/** The next size of every guest. `goalOf`: what one aims at, KiB, by what its processes have been promised and its largest size. */
export function sizeThemselves(
  { downHysteresis, upHysteresis }: Hysteresis,
  vms: readonly VmObservations[],
  goalOf: (committed: number, maximum: number) => number,
): Decision<undefined> {
  const actions = vms.flatMap(({ name, actual, minimum, maximum, canBalloon, guest }) => {
    if (!canBalloon || guest === undefined) return [];
    const next = towards(actual, goalOf(guest.committed, maximum), downHysteresis, upHysteresis);
    return [{ kind: "target", vm: name, kib: clamp(next, minimum, maximum), rule: "self" } as const];
  });
  return { actions, state: undefined };
}

function towards(current: number, goal: number, down: number, up: number): number {
  return goal < current ? current - (current - goal) / down : current + (goal - current) / up;
}
