/** How squeezed watches each domain's balloon: settled, on its way, or stuck. */
import { SECOND_US } from "../../../core/time.ts";
import { clamp, type VmObservations } from "./policy-contract.ts";

/** A balloon within this of its target has reached it, KiB. */
export const TOLERANCE = 4;

export interface DomainWatch {
  /** When it was last settled or came closer to its target, and how large it was when last seen. */
  readonly movedUs: number;
  readonly actual: number;
  /** When it was last settled. */
  readonly settledUs: number;
  /** Takes part in the proportional division. */
  readonly active: boolean;
  readonly uncooperative: boolean;
}

export interface SqueezedPatience {
  readonly stuckSeconds: number;
  readonly uncooperativeSeconds: number;
}

export function isSettled({ actual, target }: VmObservations): boolean {
  return Math.abs(actual - target) <= TOLERANCE;
}

/** Domains start as cooperative, and whoever moves is active again. */
export function watchDomain(
  patience: SqueezedPatience,
  vm: VmObservations,
  before: DomainWatch | undefined,
  nowUs: number,
): DomainWatch {
  const settled = isSettled(vm);
  const distance = (size: number): number => Math.abs(size - vm.target);
  const moved = before === undefined || settled || distance(vm.actual) < distance(before.actual);
  const movedUs = moved ? nowUs : before.movedUs;
  const settledUs = before === undefined || settled ? nowUs : before.settledUs;
  return {
    movedUs,
    actual: vm.actual,
    settledUs,
    active: nowUs - movedUs <= patience.stuckSeconds * SECOND_US,
    uncooperative: vm.canBalloon && nowUs - settledUs > patience.uncooperativeSeconds * SECOND_US,
  };
}

/** Most a stuck domain may have: it can never grow later, behind everybody's back. */
export function capOf({ target, actual, minimum, maximum }: VmObservations): number {
  return clamp(Math.min(target, actual), minimum, maximum);
}
