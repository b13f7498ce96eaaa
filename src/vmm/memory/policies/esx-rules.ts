/**
 * ESX's memory management as a controller of any VMM: what VMs are entitled to by shares and activity, and how it is taken from
 * those that have more, by the state of free memory (Waldspurger 2002, sections 5 and 6). The generations differ in their states.
 *
 * It looks ten times a second, and as soon as a VM is given memory while free memory is low, as ESX does; which frame a fault finds
 * where none is free, and in whose memory, is up to the host. Large pages are broken VM by VM; which of them hold equal pages only the host knows, so
 * that ESX 6 here breaks none in the high state. Reservations are the minima that an administrator sets for all policies alike.
 *
 * Where the host cannot page by force, or its swap space is full, balloons grow in the states in which ESX pages, and no VM is
 * blocked: it could never come down to what it is entitled to.
 */
import { SECOND_US } from "../../../core/time.ts";
import { KIB_PER_PAGE } from "../../../machine/page.ts";
import type { Parameter } from "../../contract.ts";
import type { Generation, ReclamationRule } from "../../allocation/reclamation/generation.ts";
import { SHARE_PARAMETERS, TICKS_PER_SECOND } from "../../allocation/share-parameters.ts";
import { definePolicy, type PolicyFactory } from "./define-policy.ts";
import {
  ESX_START,
  type EsxParameters,
  esxReckoning,
  type EsxReckoning,
  type EsxState,
  type EsxVm,
} from "./esx-entitlements.ts";
import { type Action, clamp, type Decision, type HostObservations, MIB, type Policy } from "./policy-contract.ts";

const CADENCE_US = SECOND_US / TICKS_PER_SECOND;

/** In all generations from ESX 3 on. */
export const SAMPLED_EACH_MINUTE: NonNullable<Policy["hostParameters"]> = {
  samplePeriodSeconds: {
    summary: "Period of the activity sample",
    default: 60,
    unit: "s",
    min: 0.1,
    source: "ESX 3 and later, Mem.SamplePeriod",
    grade: "D",
  },
};

interface EsxGeneration extends Pick<Policy, "name" | "summary" | "source" | "grade" | "hostParameters"> {
  readonly generation: Generation;
  readonly parameters?: Readonly<Record<string, Parameter<number>>>;
}

/** What is done to a VM in this call. */
interface Measures {
  readonly vm: EsxVm;
  /** Pages that are taken from it by force. */
  readonly paged: number;
  readonly blocked: boolean;
  readonly broken: boolean;
}

export function esxController({
  generation,
  parameters,
  ...described
}: EsxGeneration): PolicyFactory<EsxParameters, EsxState> {
  return definePolicy<EsxParameters, EsxState>({
    ...described,
    side: "host",
    cadenceUs: CADENCE_US,
    balloons: true,
    signals: ["host.free", "host.swap", "vm.actual", "vm.driver", "vm.shares", "vm.active"],
    parameters: {
      idleMemoryTax: SHARE_PARAMETERS.idleMemoryTax,
      balancePeriodSeconds: SHARE_PARAMETERS.balancePeriodSeconds,
      hysteresisPercent: SHARE_PARAMETERS.hysteresisPercent,
      pageOutPagesPerSecond: SHARE_PARAMETERS.pageOutPagesPerSecond,
      ...parameters,
    },
    start: () => ESX_START,
    decide(values, seen, state, nowUs) {
      const reckoning = esxReckoning(generation, values, seen, state, nowUs);
      return decide(reckoning, canSwap(seen.host), values, nowUs);
    },
    figures(values, seen, state, nowUs, vm) {
      const { boundary, goal, vms } = esxReckoning(generation, values, seen, state, nowUs);
      const of = vms.find((one) => one.vm === vm);
      const pages = { boundary_mib: boundary, free_goal_mib: goal, ...(of && pagesOf(of)) };
      return Object.fromEntries(Object.entries(pages).map(([name, value]) => [name, (value * KIB_PER_PAGE) / MIB]));
    },
  });
}

function pagesOf({ entitled, claimed, peak }: EsxVm) {
  return { entitled_mib: entitled, claimed_mib: claimed, most_used_mib: peak };
}

function canSwap({ swapTotal, swapUsed }: HostObservations): boolean {
  return swapUsed < swapTotal;
}

function decide(
  reckoning: EsxReckoning,
  swaps: boolean,
  { pageOutPagesPerSecond }: EsxParameters,
  nowUs: number,
): Decision<EsxState> {
  const { level, rule, nextBalanceUs, alarm } = reckoning;
  const budget = swaps ? Math.ceil(pageOutPagesPerSecond / TICKS_PER_SECOND) : 0;
  const measures = measuresOf(reckoning, swaps, budget);
  const growing = rule.balloon || (!swaps && rule.paged === "everybody");
  const state: EsxState = {
    level,
    nextBalanceUs,
    vms: new Map(
      measures.map(({ vm: { vm, peak, entitled }, paged, blocked, broken }) => [
        vm.name,
        { peak, entitled, capped: paged > 0, blocked, broken },
      ]),
    ),
  };
  const actions = measures.flatMap((of) => actionsOn(of, rule.name, growing));
  const nextInUs = Math.max(1, Math.min(CADENCE_US, nextBalanceUs - nowUs));
  return { actions, state, nextInUs, alarmBelow: alarm * KIB_PER_PAGE };
}

/** Whoever is furthest above what it is entitled to comes first, as long as free memory is below the goal. */
function measuresOf({ rule, free, goal, vms }: EsxReckoning, swaps: boolean, budget: number): readonly Measures[] {
  const order = [...vms].sort((a, b) => excess(b) - excess(a));
  const isShort = free < goal;
  const next =
    rule.largePages === "broken" && isShort ? order.find(({ before }) => before?.broken !== true) : undefined;
  const wasBroken = ({ before }: EsxVm): boolean => rule.largePages === "broken" && before?.broken === true;
  let left = Math.min(budget, Math.max(0, goal - free));
  return order.map((vm) => {
    const paged = mayBePaged(vm, rule) ? clamp(excess(vm), 0, left) : 0;
    left -= paged;
    const blocked = rule.blocks && swaps && excess(vm) > paged;
    return { vm, paged, blocked, broken: vm === next || wasBroken(vm) };
  });
}

function excess({ resident, entitled }: EsxVm): number {
  return resident - entitled;
}

function mayBePaged({ vm }: EsxVm, { paged }: ReclamationRule): boolean {
  return paged === "everybody" || (paged === "VMs without a balloon" && !vm.canBalloon);
}

function actionsOn(measures: Measures, state: string, growing: boolean): readonly Action[] {
  const { vm: of, paged, blocked, broken } = measures;
  const { name, maximum } = of.vm;
  const { before, resident } = of;
  const actions: Action[] = [...balloon(of, state, growing)];
  if (broken && before?.broken !== true)
    actions.push({ kind: "break", vm: name, rule: `${state}: large pages broken` });
  if (paged > 0) {
    actions.push({ kind: "cap", vm: name, kib: (resident - paged) * KIB_PER_PAGE, rule: `${state}: paged out` });
  } else if (before?.capped === true) {
    actions.push({ kind: "cap", vm: name, kib: maximum, rule: `${state}: paged no longer` });
  }
  if (blocked !== (before?.blocked ?? false)) {
    const rule = blocked ? `${state}: blocked above its entitlement` : `${state}: let run again`;
    actions.push({ kind: "block", vm: name, blocked, rule });
  }
  return actions;
}

/**
 * A balloon of the size that leaves the VM what it is entitled to, of what it uses: one that takes pages which the guest has
 * never touched has taken nothing, and must take more. Balloons shrink in any state; where they may not grow they stop.
 */
function balloon({ vm, claimed, entitled }: EsxVm, state: string, growing: boolean): readonly Action[] {
  if (!vm.canBalloon) return [];
  const wanted = vm.actual + (entitled - claimed) * KIB_PER_PAGE;
  const kib = clamp(growing ? wanted : Math.max(wanted, vm.actual), vm.minimum, vm.maximum);
  if (Math.floor(kib / KIB_PER_PAGE) === Math.floor(vm.target / KIB_PER_PAGE)) return [];
  const rule = kib < vm.actual ? "ballooned" : kib > vm.actual ? "given back" : "balloon stands still";
  return [{ kind: "target", vm: vm.name, kib, rule: `${state}: ${rule}` }];
}
