/** What is told of the decisions of a policy: its rule, and of what it saw the signals that it says it reads. */
import { SECOND_US } from "../../core/time.ts";
import { KIB_PER_PAGE, PAGES_PER_MIB } from "../../machine/page.ts";
import type { Parameters } from "../contract.ts";
import { DOM0 } from "../host-memory/driver-domain.ts";
import type { Figures, MemoryDecision } from "../host-memory/memory-decision.ts";
import {
  type Action,
  MIB,
  type Observations,
  type Policy,
  type Signal,
  type VmObservations,
} from "../memory/policies/policy-contract.ts";

/** What a policy was called with. */
export interface PolicyCall<S> {
  readonly seen: Observations;
  readonly before: S;
  readonly nowUs: number;
}

type Told = Record<string, number | boolean | undefined>;

/** Figures by the signal they come from; a VM's are asked for only where the action is about one. */
const OF_HOST: { readonly [S in Signal]?: (seen: Observations) => Told } = {
  "host.free": ({ host: { free, total, scrubbing, reserved } }) => ({
    host_free_mib: free / MIB,
    host_total_mib: total / MIB,
    host_scrubbing_mib: scrubbing > 0 ? scrubbing / MIB : undefined,
    host_reserved_mib: reserved > 0 ? reserved / MIB : undefined,
  }),
  "host.reclaimable": ({ host }) => ({ host_reclaimable_mib: host.reclaimable / MIB }),
  "host.swap": ({ host: { swapTotal, swapUsed, swappedInPages, swappedOutPages } }) => ({
    host_swap_mib: swapTotal / MIB,
    host_swap_used_mib: swapUsed / MIB,
    host_swapped_in_pages: swappedInPages,
    host_swapped_out_pages: swappedOutPages,
  }),
  "processes.resident": ({ host }) => ({ processes_resident_mib: host.processes.resident / MIB }),
  "processes.virtual": ({ host }) => ({ processes_virtual_mib: host.processes.virtual / MIB }),
  "processes.proportional": ({ host }) => ({ processes_proportional_mib: host.processes.proportional / MIB }),
  "host.sharing": ({ host: { sharing } }) => ({
    scans: sharing?.run,
    scanned_each_time_pages: sharing?.pagesToScan,
    sleep_ms: sharing?.sleepMs,
  }),
};

const OF_VM: { readonly [S in Signal]?: (vm: VmObservations) => Told } = {
  "vm.driver": ({ canBalloon }) => ({ can_balloon: canBalloon }),
  "vm.shares": ({ shares }) => ({ shares }),
  "vm.stall": ({ stallUs }) => ({ stalled_ms: stallUs / 1000 }),
  "vm.cold": ({ cold }) => ({ cold_mib: cold === undefined ? undefined : cold / MIB }),
  "vm.active": ({ active }) => ({ active_mib: active === undefined ? undefined : active / MIB }),
  "guest.unused": ({ guest }) => ({ guest_unused_mib: guest && guest.unused / MIB }),
  "guest.available": ({ guest }) => ({ guest_available_mib: guest && guest.available / MIB }),
  "guest.committed": ({ guest }) => ({ guest_committed_mib: guest && guest.committed / MIB }),
  "guest.frontswap": ({ guest }) => ({ guest_frontswap_mib: guest?.frontswap && guest.frontswap / MIB }),
};

export function actionTaken<P extends Parameters, S>(
  policy: Policy<P, S>,
  parameters: P,
  { seen, before, nowUs }: PolicyCall<S>,
  action: Action,
  taken: Figures = {},
): MemoryDecision {
  const vm = "vm" in action ? seen.vms.find(({ name }) => name === action.vm) : undefined;
  const inputs = {
    ...Object.assign({}, ...policy.signals.map((signal) => OF_HOST[signal]?.(seen))),
    ...(vm && sizesOf(vm)),
    ...(vm && Object.assign({}, ...policy.signals.map((signal) => OF_VM[signal]?.(vm)))),
    ...(vm?.guest && policy.signals.some((signal) => signal.startsWith("guest.")) && ageOf(vm.guest.atUs, nowUs)),
    ...policy.figures?.(parameters, seen, before, nowUs, vm),
  } as Told;
  return {
    by: policy.name,
    rule: action.rule,
    ...(vm && { vm: vm.name === DOM0 ? DOM0 : Number(vm.name.slice(2)) }),
    action: action.kind === "block" && !action.blocked ? "unblock" : action.kind,
    outcome: { ...outcomeOf(action), ...taken },
    inputs: Object.fromEntries(Object.entries(inputs).filter(([, value]) => value !== undefined)) as Figures,
  };
}

/** Pages whose number is not limited are not told. */
export function admissionRefused(
  by: string,
  vm: number,
  refused: number,
  limits: Readonly<Record<"usable" | "most" | "claimed" | "needed" | "minimumPercent", number>>,
): MemoryDecision {
  const { usable, most, claimed, needed, minimumPercent } = limits;
  const beyondRatio = claimed > most;
  return {
    by,
    rule: beyondRatio ? "what VMs are configured with exceeds the admission ratio" : "the VMs' minima must fit",
    vm,
    action: "refuse",
    outcome: { refused_vms: refused },
    inputs: {
      usable_mib: usable / PAGES_PER_MIB,
      ...(beyondRatio
        ? { configured_mib: claimed / PAGES_PER_MIB, most_mib: most / PAGES_PER_MIB }
        : { needed_mib: needed / PAGES_PER_MIB, minimum_percent: minimumPercent }),
    },
  };
}

function sizesOf({ actual, target, minimum, maximum, resident, hostSwapped }: VmObservations): Told {
  return {
    size_mib: actual / MIB,
    target_mib: target / MIB,
    minimum_mib: minimum / MIB,
    maximum_mib: maximum / MIB,
    resident_mib: resident / MIB,
    host_swapped_mib: hostSwapped / MIB,
  };
}

function ageOf(atUs: number, nowUs: number): Told {
  return { guest_report_age_s: (nowUs - atUs) / SECOND_US };
}

/** Whole pages, as it is carried out. */
function outcomeOf(action: Action): Figures {
  switch (action.kind) {
    case "target":
    case "cap":
      return { [`${action.kind}_mib`]: wholePages(action.kib) };
    case "reclaim":
      return { asked_mib: wholePages(action.kib) };
    case "shrink-frontswap":
      return { frontswap_mib: wholePages(action.kib) };
    case "grant":
      return { granted_mib: action.kib / MIB };
    case "flag":
      return { as: action.as };
    case "refuse":
      return { reason: action.reason };
    case "admission":
      return { open: action.open };
    case "sharing":
      return { scans: action.run, scanned_each_time_pages: Math.floor(action.pagesToScan), sleep_ms: action.sleepMs };
    default:
      return {};
  }
}

function wholePages(kib: number): number {
  return Math.floor(kib / KIB_PER_PAGE) / PAGES_PER_MIB;
}
