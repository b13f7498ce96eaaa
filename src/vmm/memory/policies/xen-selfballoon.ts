/** Linux xen-selfballoon (removed in 5.3): the kernel of each guest sizes it to its commit charge and a reserve. */
import { definePolicy } from "./define-policy.ts";
import { goalFigure, type GoalOf, type Hysteresis, sizeThemselves } from "./hysteresis.ts";
import { MIB, SECOND_US } from "./policy-contract.ts";

export interface XenSelfballoonParameters extends Hysteresis {
  reservedPercent: number;
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

export const xenSelfballoon = definePolicy<XenSelfballoonParameters, undefined>({
  name: "xen-selfballoon",
  summary: "Linux xen-selfballoon: each guest sizes itself to its commit charge every 5 s, shrinking by an eighth.",
  side: "guest",
  source: "Linux up to 5.2, drivers/xen/xen-selfballoon.c",
  grade: "S",
  cadenceUs: 5 * SECOND_US,
  balloons: true,
  signals: ["vm.actual", "guest.committed", "guest.reserved"],
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
  },
  start: () => undefined,
  decide: (parameters, { vms }) => sizeThemselves(parameters, vms, goal(parameters)),
  figures: (parameters, _seen, _state, _nowUs, vm) => goalFigure(goal(parameters), vm),
});

/** The guest steps towards its goal, and not below the floor. */
function goal({ reservedPercent }: XenSelfballoonParameters): GoalOf {
  return ({ committed, reserved }, maximum) => ({
    goal: committed + reserved + (maximum * reservedPercent) / 100,
    floor: selfballoonFloor((maximum - reserved) / MIB, reserved / MIB) * MIB,
  });
}
