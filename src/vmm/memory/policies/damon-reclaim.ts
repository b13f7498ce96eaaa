/**
 * DAMON proactive reclaim (Linux): regions found unused for 120 s go to swap while the host is moderately short of memory, the
 * oldest of each VM first. Where more is cold than may be taken, VMs give in proportion; the kernel takes the oldest of all.
 * Its pages are watched only while it is active.
 */
import { SECOND_US } from "../../../core/time.ts";
import { definePolicy } from "./define-policy.ts";
import { type Action, MIB, sumOf } from "./policy-contract.ts";

export interface DamonReclaimParameters extends Record<string, number | boolean> {
  highPercent: number;
  midPercent: number;
  lowPercent: number;
  quotaMib: number;
  quotaMs: number;
  watermarkPeriodSeconds: number;
}

export interface DamonReclaimState {
  readonly active: boolean;
  readonly nextCheckUs: number;
}

/** Starts below the middle watermark, and stops above the high one or below the low one, where reclaim proper takes over. */
export function damonIsActive(parameters: DamonReclaimParameters, active: boolean, freePercent: number): boolean {
  const { highPercent, midPercent, lowPercent } = parameters;
  if (freePercent > highPercent || freePercent < lowPercent) return false;
  return active || freePercent < midPercent;
}

export const damonReclaim = definePolicy<DamonReclaimParameters, DamonReclaimState>({
  name: "damon-reclaim",
  summary: "DAMON: regions whose samples were unused for 120 s go to swap, 128 MiB a second, while 20 to 50 % is free.",
  side: "host",
  source: "Linux, mm/damon/reclaim.c, Documentation/mm/damon/design.rst",
  grade: "S",
  cadenceUs: SECOND_US,
  balloons: false,
  signals: ["host.free", "vm.cold"],
  parameters: {
    highPercent: watermark("Reclaim stops when more of the host is free", 50),
    midPercent: watermark("Reclaim starts when less of the host is free", 40),
    lowPercent: watermark("Reclaim stops when less of the host is free", 20),
    quotaMib: {
      summary: "Most that is reclaimed in a second",
      default: 128,
      unit: "MiB",
      min: 1,
      source: "mm/damon/reclaim.c",
      grade: "S",
    },
    quotaMs: {
      summary: "Most CPU time that reclaim takes in a second",
      default: 10,
      unit: "ms",
      min: 0.1,
      source: "mm/damon/reclaim.c",
      grade: "S",
    },
    watermarkPeriodSeconds: {
      summary: "Time between two looks at free memory",
      default: 5,
      unit: "s",
      min: 0.1,
      source: "mm/damon/reclaim.c",
      grade: "S",
    },
  },
  problem({ highPercent, midPercent, lowPercent }) {
    if (midPercent > highPercent) return wrongOrder("midPercent", midPercent, "highPercent", highPercent);
    if (lowPercent > midPercent) return wrongOrder("lowPercent", lowPercent, "midPercent", midPercent);
    return undefined;
  },
  start: () => ({ active: false, nextCheckUs: -Infinity }),
  decide(parameters, { host, vms }, state, nowUs) {
    const isDue = nowUs >= state.nextCheckUs;
    const active = isDue ? damonIsActive(parameters, state.active, (100 * host.free) / host.total) : state.active;
    const nextCheckUs = isDue ? nowUs + parameters.watermarkPeriodSeconds * SECOND_US : state.nextCheckUs;
    const cold = sumOf(vms, (vm) => vm.cold ?? 0);
    const part = active && cold > 0 ? Math.min(1, (parameters.quotaMib * MIB) / cold) : 0;
    const actions = vms.flatMap((vm): Action[] => {
      const kib = part * (vm.cold ?? 0);
      // Each VM has its part of the time.
      const mostUs = (1000 * parameters.quotaMs * (vm.cold ?? 0)) / cold;
      return kib > 0 ? [{ kind: "reclaim", vm: vm.name, kib, mostUs, rule: "cold" }] : [];
    });
    return { actions, state: { active, nextCheckUs }, watchesAges: active };
  },
  figures: (_parameters, { vms }) => ({ cold_of_all_mib: sumOf(vms, (vm) => vm.cold ?? 0) / MIB }),
});

function watermark(summary: string, value: number) {
  return { summary, default: value, unit: "%", min: 0, max: 100, source: "mm/damon/reclaim.c", grade: "S" } as const;
}

function wrongOrder(name: string, value: number, higherName: string, higher: number): string {
  return `${name}: ${value} % is more than ${higherName}, ${higher} %; expected low, mid and high in rising order`;
}
