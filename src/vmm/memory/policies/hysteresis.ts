/** How guests that balloon themselves approach a goal (xenballoond; Linux, drivers/xen/xen-selfballoon.c). */
import type { Figures } from "../../host-memory/memory-decision.ts";
import { clamp, type Decision, type GuestReport, MIB, type VmObservations } from "./policy-contract.ts";

export interface Hysteresis extends Record<string, number | boolean> {
  /** A guest goes 1 / `downHysteresis` of the way when its goal is less than it has, and 1 / `upHysteresis` when it is more. */
  downHysteresis: number;
  upHysteresis: number;
}

/** What a guest aims at, and its smallest size, KiB, by what it knows of itself and its largest size. */
export type GoalOf = (guest: GuestReport, maximum: number) => { readonly goal: number; readonly floor: number };

/** The next size of every guest. */
export function sizeThemselves(
  { downHysteresis, upHysteresis }: Hysteresis,
  vms: readonly VmObservations[],
  goalOf: GoalOf,
): Decision<undefined> {
  const actions = vms.flatMap(({ name, actual, minimum, maximum, canBalloon, guest }) => {
    if (!canBalloon || guest === undefined) return [];
    const { goal, floor } = goalOf(guest, maximum);
    const next = Math.max(towards(actual, goal, downHysteresis, upHysteresis), floor);
    return [{ kind: "target", vm: name, kib: clamp(next, minimum, maximum), rule: "self" } as const];
  });
  return { actions, state: undefined };
}

/** The goal of a guest that has reported, for a log of decisions. */
export function goalFigure(goalOf: GoalOf, vm: VmObservations | undefined): Figures {
  if (vm?.guest === undefined) return {};
  const { goal, floor } = goalOf(vm.guest, vm.maximum);
  return { goal_mib: Math.max(goal, floor) / MIB };
}

function towards(current: number, goal: number, down: number, up: number): number {
  return goal < current ? current - (current - goal) / down : current + (goal - current) / up;
}
