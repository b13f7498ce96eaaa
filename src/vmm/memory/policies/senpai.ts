/** Senpai: the memory of each VM is lowered until it just begins to wait for it, and raised fast when it waits longer. */
import { SECOND_US } from "../../../core/time.ts";
import { definePolicy } from "./define-policy.ts";
import { type Action, clamp, MIB } from "./policy-contract.ts";

export interface SenpaiParameters extends Record<string, number | boolean> {
  stallTargetUs: number;
  intervalSeconds: number;
  maximumProbe: number;
  maximumBackoff: number;
  leastMib: number;
  mostMib: number;
}

interface Limit {
  readonly kib: number;
  /** Stall time of the VM and time of the last adjustment. */
  readonly stallUs: number;
  readonly sinceUs: number;
}
export type SenpaiState = ReadonlyMap<string, Limit>;

/** By how much a stall of more than the target raises the limit, relative to it: quadratic, and at once. */
export function senpaiBackoff({ stallTargetUs, maximumBackoff }: SenpaiParameters, stallUs: number): number {
  return Math.min((stallUs / stallTargetUs / 20) ** 2, maximumBackoff);
}

/** By how much a quiet interval lowers the limit, relative to it. */
export function senpaiProbe({ stallTargetUs, maximumProbe }: SenpaiParameters, stallUs: number): number {
  return Math.min((stallTargetUs / Math.max(stallUs, 1) / 10) ** 2 * maximumProbe, maximumProbe);
}

export const senpai = definePolicy<SenpaiParameters, SenpaiState>({
  name: "senpai",
  summary: "Senpai: limits probe downwards until a VM stalls for 10 ms in 6 s, and back off when it does.",
  side: "host",
  source: "Senpai, senpai.py",
  grade: "S",
  cadenceUs: SECOND_US,
  balloons: false,
  // A limit that nobody can enforce limits nothing: Senpai is for hosts that page what is above it.
  countsOnSwap: true,
  signals: ["vm.stall"],
  parameters: {
    stallTargetUs: {
      summary: "Time lost to memory that is aimed at in an interval",
      default: 10_000,
      unit: "us",
      min: 1,
      source: "senpai.py",
      grade: "S",
    },
    intervalSeconds: {
      summary: "Time without adjustment after which the limit is lowered",
      default: 6,
      unit: "s",
      min: 0.1,
      source: "senpai.py",
      grade: "S",
    },
    maximumProbe: {
      summary: "Most that the limit is lowered at once, relative to it",
      default: 0.01,
      unit: "1",
      min: 0,
      max: 1,
      source: "senpai.py",
      grade: "S",
    },
    maximumBackoff: {
      summary: "Most that the limit is raised at once, relative to it",
      default: 1,
      unit: "1",
      min: 0,
      source: "senpai.py",
      grade: "S",
    },
    leastMib: { summary: "Lowest limit", default: 100, unit: "MiB", min: 1, source: "senpai.py", grade: "S" },
    mostMib: { summary: "Highest limit", default: 102_400, unit: "MiB", min: 1, source: "senpai.py", grade: "S" },
  },
  problem: ({ leastMib, mostMib }) =>
    leastMib > mostMib
      ? `leastMib: a lowest limit of ${leastMib} MiB is more than mostMib, ${mostMib}; expected at most as much`
      : undefined,
  start: () => new Map(),
  decide(parameters, { vms }, state, nowUs) {
    const { stallTargetUs, intervalSeconds, leastMib, mostMib } = parameters;
    const bounded = (kib: number): number => Math.floor(clamp(kib, leastMib * MIB, mostMib * MIB) / 4) * 4;
    const actions: Action[] = [];
    const next = new Map<string, Limit>();
    for (const { name, resident, stallUs } of vms) {
      const limit = state.get(name) ?? { kib: bounded(resident), stallUs, sinceUs: nowUs };
      const stalled = stallUs - limit.stallUs;
      const backsOff = stalled > stallTargetUs;
      const probes = !backsOff && nowUs - limit.sinceUs >= intervalSeconds * SECOND_US;
      const factor = backsOff ? 1 + senpaiBackoff(parameters, stalled) : 1 - senpaiProbe(parameters, stalled);
      const adjusted = backsOff || probes ? { kib: bounded(limit.kib * factor), stallUs, sinceUs: nowUs } : limit;
      next.set(name, adjusted);
      const rule = state.has(name) ? (backsOff ? "back off" : "probe") : "start";
      if (adjusted !== state.get(name)) actions.push({ kind: "cap", vm: name, kib: adjusted.kib, rule });
    }
    return { actions, state: next };
  },
  figures(_parameters, _seen, state, nowUs, vm) {
    const limit = vm && state.get(vm.name);
    if (vm === undefined || limit === undefined) return {};
    const stalledMs = (vm.stallUs - limit.stallUs) / 1000;
    return { cap_mib: limit.kib / MIB, stalled_since_ms: stalledMs, since_s: (nowUs - limit.sinceUs) / SECOND_US };
  },
});
