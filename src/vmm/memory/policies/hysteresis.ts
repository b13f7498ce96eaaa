/** How guests that balloon themselves approach a goal (xenballoond; Linux, drivers/xen/xen-selfballoon.c). */

/** The next size: a part of the way, 1 / `down` when it is less than now and 1 / `up` when it is more. */
export function towards(current: number, goal: number, down: number, up: number): number {
  return goal < current ? current - (current - goal) / down : current + (goal - current) / up;
}
