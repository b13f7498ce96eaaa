/**
 * What ESX makes of a host's memory before it acts: the state of free memory, and what each VM is entitled to. All of it in pages.
 */
import { KIB_PER_PAGE } from "../../../machine/page.ts";
import { SECOND_US } from "../../../core/time.ts";
import { type Claimant, minFundingTargets } from "../../allocation/min-funding.ts";
import {
  boundaries,
  type Generation,
  nextState,
  type ReclamationRule,
} from "../../allocation/reclamation/generation.ts";
import { memoryShares, vmShares } from "../../../workload/vm-settings.ts";
import { heldByNobody, type Observations, sumOf, type VmObservations } from "./policy-contract.ts";

export interface EsxParameters extends Record<string, number | boolean> {
  idleMemoryTax: number;
  balancePeriodSeconds: number;
  hysteresisPercent: number;
  pageOutPagesPerSecond: number;
}

/** What is known of a VM from call to call. */
export interface EsxVmState {
  /** Most that it has been seen to use, wherever it is now. */
  readonly peak: number;
  readonly entitled: number;
  /** What was done to it, so that it is undone when it is over. */
  readonly capped: boolean;
  readonly blocked: boolean;
  /** Its large pages are broken since large pages were last kept. */
  readonly broken: boolean;
}

export interface EsxState {
  /** Number of the state of free memory among those of the generation. */
  readonly level: number;
  readonly nextBalanceUs: number;
  readonly vms: ReadonlyMap<string, EsxVmState>;
}

export interface EsxVm {
  readonly vm: VmObservations;
  readonly resident: number;
  readonly peak: number;
  /** What it has, and what it may have at any moment without asking: pages that its balloon gave back. */
  readonly claimed: number;
  readonly entitled: number;
  /** Undefined: it is seen for the first time. */
  readonly before: EsxVmState | undefined;
}

export interface EsxReckoning {
  readonly level: number;
  readonly rule: ReclamationRule;
  /** Boundary of the state in force. */
  readonly boundary: number;
  readonly free: number;
  /** Free memory that every state aims at. */
  readonly goal: number;
  /** So little free memory calls for a look at once. */
  readonly alarm: number;
  readonly nextBalanceUs: number;
  readonly vms: readonly EsxVm[];
}

export const ESX_START: EsxState = { level: 0, nextBalanceUs: -Infinity, vms: new Map() };

/** Entitlements are divided anew once a period, and at once when the state changes or a VM comes or goes. */
export function esxReckoning(
  generation: Generation,
  parameters: EsxParameters,
  { host, vms }: Observations,
  state: EsxState,
  nowUs: number,
): EsxReckoning {
  const { highPercent, hysteresisPercent, idleMemoryTax, balancePeriodSeconds } = parameters;
  const high = typeof highPercent === "number" ? highPercent : undefined;
  const limits = boundaries(generation, host.total / KIB_PER_PAGE, high);
  const [goal, alarm] = limits;
  const free = heldByNobody(host) / KIB_PER_PAGE;
  const level = nextState(state.level, free, limits, hysteresisPercent);
  const uses = vms.map((vm) => useOf(vm, state.vms.get(vm.name)));
  const same = vms.length === state.vms.size && uses.every(({ before }) => before !== undefined);
  const isDue = !same || level !== state.level || nowUs >= state.nextBalanceUs;
  const divided = isDue ? entitlements(uses, free - goal, idleMemoryTax) : [];
  return {
    level,
    rule: generation.states[level],
    boundary: limits[level],
    free,
    goal,
    alarm,
    nextBalanceUs: isDue ? nowUs + balancePeriodSeconds * SECOND_US : state.nextBalanceUs,
    vms: uses.map((use, i) => ({ ...use, entitled: divided[i] ?? use.before?.entitled ?? use.claimed })),
  };
}

/**
 * A VM has a claim on what it uses, and on what was taken from it. Of memory that it has never touched nobody knows whether it
 * ever will: the most that it has been seen to use tells that from what a balloon has given back.
 */
function useOf(vm: VmObservations, before: EsxVmState | undefined): Omit<EsxVm, "entitled"> {
  const { actual, maximum, hostSwapped, compressed = 0 } = vm;
  const resident = vm.resident / KIB_PER_PAGE;
  const taken = (maximum - actual + hostSwapped + compressed) / KIB_PER_PAGE;
  const peak = Math.max(before?.peak ?? 0, resident + taken);
  return { vm, resident, peak, claimed: Math.max(resident, peak - taken), before };
}

/** Where there is enough for all that anybody has used, nobody is held to anything, until free memory says otherwise. */
function entitlements(uses: readonly Omit<EsxVm, "entitled">[], spare: number, tax: number): readonly number[] {
  const total = Math.max(0, sumOf(uses, ({ resident }) => resident) + spare);
  const claimants = uses.map(claimant);
  const enough = sumOf(claimants, ({ most }) => most) <= total;
  return enough ? uses.map(({ vm }) => vm.maximum / KIB_PER_PAGE) : minFundingTargets(claimants, total, tax);
}

function claimant({ vm, peak, resident }: Omit<EsxVm, "entitled">): Claimant {
  const most = Math.min(vm.maximum / KIB_PER_PAGE, peak);
  const active = vm.active === undefined ? resident : vm.active / KIB_PER_PAGE;
  // ESX's go by the size of a VM, the contract's do not. A VM without any is entitled to its minimum, and what is left over.
  const shares = Math.max(1, (memoryShares(vm.maximum / KIB_PER_PAGE) * vm.shares) / vmShares());
  return { shares, active, least: Math.min(most, vm.minimum / KIB_PER_PAGE), most };
}
