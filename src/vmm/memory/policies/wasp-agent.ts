/** wasp-agent (OpenShift Virtualization): VMs may be swapped out, and one is moved away when that begins to hurt. */
import { SECOND_US } from "../../../core/time.ts";
import { definePolicy } from "./define-policy.ts";
import { type Action, type Decision, type HostObservations, MIB, type VmObservations } from "./policy-contract.ts";

export interface WaspAgentParameters extends Record<string, number | boolean> {
  overcommitPercent: number;
  trafficPagesPerSecond: number;
  swapFactor: number;
  windowSeconds: number;
  decisionSeconds: number;
  largestFirst: boolean;
}

interface Sample {
  readonly atUs: number;
  readonly swappedInPages: number;
  readonly swappedOutPages: number;
}

export interface WaspAgentState {
  /** Oldest first, no older than the window. */
  readonly samples: readonly Sample[];
  readonly nextDecisionUs: number;
  readonly open: boolean;
}

/** Memory that is set aside for a VM, KiB. */
export function waspReservation(memory: number, overcommitPercent: number): number {
  return (memory * 100) / overcommitPercent;
}

/** Most of the node's swap space that a VM may fill, KiB: none where all its memory is set aside. */
export function waspSwapLimit(
  memory: number,
  reservation: number,
  host: Pick<HostObservations, "total" | "swapTotal">,
): number {
  return reservation < memory ? (host.swapTotal * reservation) / host.total : 0;
}

/** Memory and swap in use beyond which the node is short, KiB. */
export function waspLimit(host: Pick<HostObservations, "total" | "swapTotal">, swapFactor: number): number {
  return host.total + swapFactor * host.swapTotal;
}

/** Pages are read and written back at a high rate: both, for one alone may be a VM that starts or goes idle. */
function isThrashing(samples: readonly Sample[], pagesPerSecond: number): boolean {
  const [first, last] = [samples[0], samples[samples.length - 1]];
  const seconds = (last.atUs - first.atUs) / SECOND_US;
  const rates = [last.swappedInPages - first.swappedInPages, last.swappedOutPages - first.swappedOutPages];
  return rates.every((pages) => pages > pagesPerSecond * seconds);
}

/** The VM to move away: over its swap limit, over its reservation, low priority, large; or large before low priority. */
function victim(
  vms: readonly VmObservations[],
  host: HostObservations,
  parameters: WaspAgentParameters,
): string | undefined {
  const ranked = vms.map((vm) => {
    const reservation = waspReservation(vm.maximum, parameters.overcommitPercent);
    const beyond = vm.resident + vm.hostSwapped - reservation;
    const overLimit = vm.hostSwapped > waspSwapLimit(vm.maximum, reservation, host) ? 1 : 0;
    const overReservation = vm.resident > reservation ? 1 : 0;
    const last = parameters.largestFirst ? [beyond, -vm.shares] : [-vm.shares, beyond];
    return { name: vm.name, rank: [overLimit, overReservation, ...last] };
  });
  ranked.sort((a, b) => {
    const i = a.rank.findIndex((value, at) => value !== b.rank[at]);
    return i < 0 ? 0 : b.rank[i] - a.rank[i];
  });
  return ranked[0]?.name;
}

export const waspAgent = definePolicy<WaspAgentParameters, WaspAgentState>({
  name: "wasp-agent",
  summary: "wasp-agent: no balloon; VMs go to swap, and one VM at a time is moved away when the host thrashes.",
  side: "host",
  source: "OpenShift Virtualization, wasp-agent, docs/configuration.md, pkg/wasp",
  grade: "S",
  cadenceUs: SECOND_US,
  balloons: false,
  countsOnSwap: true,
  signals: ["host.free", "host.reclaimable", "host.swap", "vm.shares"],
  parameters: {
    overcommitPercent: {
      summary: "Memory of VMs, of what is set aside for them",
      default: 150,
      unit: "%",
      min: 100,
      source: "docs/configuration.md, an example",
      grade: "D",
    },
    trafficPagesPerSecond: {
      summary: "Swap-in and swap-out rate beyond which, both exceeding it, the host thrashes",
      default: 1000,
      unit: "pages/s",
      min: 0,
      source: "the project's build configuration",
      grade: "S",
    },
    swapFactor: {
      summary: "Part of the swap space that may be in use when all memory is",
      default: 0.8,
      unit: "1",
      min: 0,
      max: 1,
      source: "the project's build configuration",
      grade: "S",
    },
    windowSeconds: { ...seconds("Time that rates are taken over", 30), min: 5 },
    decisionSeconds: seconds("Time between two decisions, and least time that rates are taken over", 5),
    largestFirst: {
      summary: "Variant: size counts before priority when a VM is chosen; the order differs between versions",
      default: false,
      source: "pkg/wasp/pod-ranker/rank_utils.go; which versions do which is not known",
      grade: "A",
    },
  },
  problem: ({ windowSeconds, decisionSeconds }) =>
    decisionSeconds > windowSeconds
      ? `decisionSeconds: ${decisionSeconds} s are more than windowSeconds, ${windowSeconds}, and nothing would ever be decided; expected at most as many`
      : undefined,
  start: () => ({ samples: [], nextDecisionUs: -Infinity, open: true }),
  decide(parameters, { host, vms }, state, nowUs): Decision<WaspAgentState> {
    const { trafficPagesPerSecond, swapFactor, windowSeconds, decisionSeconds } = parameters;
    const { swappedInPages, swappedOutPages } = host;
    const since = nowUs - windowSeconds * SECOND_US;
    const all = [...state.samples, { atUs: nowUs, swappedInPages, swappedOutPages }];
    const samples = all.filter(({ atUs }) => atUs >= since);
    const covered = nowUs - samples[0].atUs;
    if (nowUs < state.nextDecisionUs || covered < decisionSeconds * SECOND_US) {
      return { actions: [], state: { ...state, samples } };
    }
    const nextDecisionUs = nowUs + decisionSeconds * SECOND_US;
    const traffic = isThrashing(samples, trafficPagesPerSecond);
    const used = usedOf(host);
    const utilization = used > waspLimit(host, swapFactor);
    const open = !traffic && !utilization;
    const rule = traffic ? "traffic" : utilization ? "utilization" : "relief";
    const admission: Action[] = open === state.open ? [] : [{ kind: "admission", open, rule }];
    if (open) return { actions: admission, state: { samples, nextDecisionUs, open } };
    const name = victim(vms, host, parameters);
    const eviction: Action[] = name === undefined ? [] : [{ kind: "evict", vm: name, rule }];
    return { actions: [...admission, ...eviction], state: { samples: [], nextDecisionUs, open } };
  },
  figures(parameters, { host }, { samples }, nowUs, vm) {
    const first = samples.find(({ atUs }) => atUs >= nowUs - parameters.windowSeconds * SECOND_US);
    const perSecond = (pages: number): number => (pages * SECOND_US) / Math.max(1, nowUs - (first?.atUs ?? 0));
    return {
      memory_and_swap_used_mib: usedOf(host) / MIB,
      memory_and_swap_limit_mib: waspLimit(host, parameters.swapFactor) / MIB,
      ...(first && {
        swapped_in_pages_per_s: perSecond(host.swappedInPages - first.swappedInPages),
        swapped_out_pages_per_s: perSecond(host.swappedOutPages - first.swappedOutPages),
      }),
      ...(vm && { set_aside_mib: waspReservation(vm.maximum, parameters.overcommitPercent) / MIB }),
    };
  },
});

/** Memory and swap space in use, KiB. */
function usedOf(host: HostObservations): number {
  return host.total - host.free - host.reclaimable + host.swapUsed;
}

function seconds(summary: string, value: number) {
  return { summary, default: value, unit: "s", min: 0.1, source: "pkg/wasp/shortage-detector", grade: "S" } as const;
}
