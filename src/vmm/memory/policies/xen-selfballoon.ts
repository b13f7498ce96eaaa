/**
 * Linux xen-selfballoon (removed in 5.3): the kernel of each guest sizes it to its commit charge and a reserve. Where the
 * hypervisor keeps pages of its swap device (memory.frontswap), it makes room for these as well, and brings them back.
 */
import { SECOND_US } from "../../../core/time.ts";
import { definePolicy } from "./define-policy.ts";
import { goalFigure, type GoalOf, type Hysteresis, sizeThemselves } from "./hysteresis.ts";
import { MIB } from "./policy-contract.ts";
import { type QuietGuests, shrinkThemselves } from "./self-shrink.ts";

export interface XenSelfballoonParameters extends Hysteresis {
  reservedPercent: number;
  selfshrinking: boolean;
  inertia: number;
  frontswapHysteresis: number;
}

/**
 * Smallest size of a guest, MB, by its usable memory and what its kernel keeps free for itself. The pieces do not join exactly;
 * the source has them so.
 */
export function selfballoonFloor(usableMb: number, reserveMb: number): number {
  if (usableMb < 16) return reserveMb + usableMb;
  if (usableMb < 64) return reserveMb + 16 + (usableMb - 16) / 2;
  if (usableMb < 512) return reserveMb + 40 + (usableMb - 40) / 8;
  return reserveMb + 99 + (usableMb - 99) / 32;
}

export const xenSelfballoon = definePolicy<XenSelfballoonParameters, QuietGuests>({
  name: "xen-selfballoon",
  summary: "Linux xen-selfballoon: each guest sizes itself to its commit charge every 5 s, shrinking by an eighth.",
  side: "guest",
  source: "Linux up to 5.2, drivers/xen/xen-selfballoon.c",
  grade: "S",
  cadenceUs: 5 * SECOND_US,
  balloons: true,
  signals: ["vm.actual", "guest.committed", "guest.reserved", "guest.frontswap"],
  parameters: {
    downHysteresis: {
      summary: "A guest goes this part of the way down in each round: 8 is an eighth",
      default: 8,
      unit: "1",
      min: 1,
      source: "drivers/xen/xen-selfballoon.c",
      grade: "S",
    },
    upHysteresis: {
      summary: "And this part of the way up: 1 is all of it",
      default: 1,
      unit: "1",
      min: 1,
      source: "drivers/xen/xen-selfballoon.c",
      grade: "S",
    },
    reservedPercent: {
      summary: "Kept on top of the commit charge and the kernel's reserve, of the guest's memory",
      default: 0,
      unit: "%",
      min: 0,
      max: 100,
      source: "drivers/xen/xen-selfballoon.c, selfballoon_reserved_mb",
      grade: "S",
    },
    selfshrinking: {
      summary: "A guest brings pages back that the hypervisor keeps of its swap device, and has room for them",
      default: true,
      source: "Documentation/admin-guide/kernel-parameters.txt, tmem.selfshrinking",
      grade: "D",
    },
    inertia: {
      summary: "Rounds in which frontswap was not empty and did not grow, with the last of which a guest begins to",
      default: 3,
      unit: "rounds",
      min: 1,
      source: "drivers/xen/xen-selfballoon.c, frontswap_inertia",
      grade: "S",
    },
    frontswapHysteresis: {
      summary: "It brings back this part of them in each round, and all once they are so many pages: 20 is a twentieth",
      default: 20,
      unit: "1",
      min: 1,
      source: "drivers/xen/xen-selfballoon.c, frontswap_hysteresis",
      grade: "S",
    },
  },
  start: () => new Map(),
  decide(parameters, { vms }, before) {
    const { actions } = sizeThemselves(parameters, vms, goal(parameters));
    if (!parameters.selfshrinking) return { actions, state: before };
    const shrinks = shrinkThemselves(parameters, vms, before);
    return { actions: [...actions, ...shrinks.actions], state: shrinks.state };
  },
  figures: (parameters, _seen, _state, _nowUs, vm) => goalFigure(goal(parameters), vm),
});

/** The guest steps towards its goal, and not below the floor. */
function goal({ reservedPercent, selfshrinking }: XenSelfballoonParameters): GoalOf {
  return ({ committed, reserved, frontswap = 0 }, maximum) => ({
    goal: committed + reserved + (maximum * reservedPercent) / 100 + (selfshrinking ? frontswap : 0),
    floor: selfballoonFloor((maximum - reserved) / MIB, reserved / MIB) * MIB,
  });
}
