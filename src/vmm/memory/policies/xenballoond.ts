/** xenballoond, mode self: a daemon in each Xen guest sizes it to what its processes have been promised. */
import { SECOND_US } from "../../../core/time.ts";
import { definePolicy } from "./define-policy.ts";
import { goalFigure, type GoalOf, type Hysteresis, sizeThemselves } from "./hysteresis.ts";
import { MIB } from "./policy-contract.ts";

/** Smallest size of a guest, MB, by its largest: a straight line in each range, the lines joined. */
export function xenballoondFloor(maximumMb: number): number {
  if (maximumMb < 125) return 8 + maximumMb / 2;
  if (maximumMb < 500) return 40 + maximumMb / 4;
  if (maximumMb < 2000) return 104 + maximumMb / 8;
  return 296 + maximumMb / 32;
}

/** The floor is part of what is aimed at. */
const goalOf: GoalOf = ({ committed }, maximum) => ({
  goal: Math.max(committed, xenballoondFloor(maximum / MIB) * MIB),
  floor: 0,
});

export const xenballoond = definePolicy<Hysteresis, undefined>({
  name: "xenballoond",
  summary: "xenballoond: each guest sizes itself to its commit charge, growing at once and shrinking slowly.",
  side: "guest",
  source: "Xen, tools/xenballoon/xenballoond and xenballoon.conf (older releases)",
  grade: "S",
  cadenceUs: SECOND_US,
  balloons: true,
  signals: ["vm.actual", "guest.committed"],
  parameters: {
    downHysteresis: {
      summary: "A guest goes this part of the way down in each round: 10 is a tenth",
      default: 10,
      unit: "1",
      min: 1,
      source: "xenballoon.conf",
      grade: "S",
    },
    upHysteresis: {
      summary: "And this part of the way up: 1 is all of it",
      default: 1,
      unit: "1",
      min: 1,
      source: "xenballoon.conf",
      grade: "S",
    },
  },
  hostParameters: {
    statisticsPeriodSeconds: {
      summary: "Time between two readings of the commit charge; the daemon is in the guest and reads it every round",
      default: 1,
      unit: "s",
      min: 0.1,
      source: "tools/xenballoon/xenballoond",
      grade: "S",
    },
  },
  start: () => undefined,
  decide: (parameters, { vms }) => sizeThemselves(parameters, vms, goalOf),
  figures: (_parameters, _seen, _state, _nowUs, vm) => goalFigure(goalOf, vm),
});
