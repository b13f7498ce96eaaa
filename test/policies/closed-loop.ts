import type { Parameters } from "../../src/vmm/contract.ts";
import type { PolicyFactory } from "../../src/vmm/memory/policies/define-policy.ts";
import type { Action, HostObservations, VmObservations } from "../../src/vmm/memory/policies/policy-contract.ts";
import { host, MIB, parametersOf } from "./observations.ts";

/** A host whose memory is all with its VMs, in use by others, or free. */
export interface LoopHost {
  readonly total: number;
  /** In use by others than the VMs, KiB. */
  readonly others: number;
  readonly rest?: Partial<HostObservations>;
}

export interface LoopVm {
  readonly vm: VmObservations;
  /** What the guest needs, KiB: what it has beyond that is unused. */
  readonly used: number;
  /** Size at which its balloon comes to rest for a target; default: the target. */
  rests?(target: number): number;
  /** Most that its balloon moves in a second, KiB. */
  readonly rate?: number;
}

export interface LoopRound {
  readonly second: number;
  readonly actual: Readonly<Record<string, number>>;
  readonly free: number;
  readonly actions: readonly Action[];
}

/** A policy on a host whose balloons obey it, second by second; statistics are fresh. */
export function runLoop<P extends Parameters, S>(
  factory: PolicyFactory<P, S>,
  { total, others, rest }: LoopHost,
  guests: readonly LoopVm[],
  seconds: number,
  parameters: Partial<P> = {},
): readonly LoopRound[] {
  const all = parametersOf(factory, parameters);
  let state = factory.policy.start(all);
  let nextUs = 0;
  let vms = guests.map(({ vm }) => vm);
  const rounds: LoopRound[] = [];
  for (let second = 0; second <= seconds; second++) {
    const free = total - others - vms.reduce((sum, { actual }) => sum + actual, 0);
    const actions: Action[] = [];
    if (second * 1e6 >= nextUs) {
      const reported = vms.map((vm, i) => {
        const unused = Math.max(0, vm.actual - guests[i].used);
        return {
          ...vm,
          guest: { atUs: second * 1e6, unused, available: unused, committed: guests[i].used, reserved: 0 },
        };
      });
      const seen = { host: host({ total, free, ...rest }), vms: reported };
      const decision = factory.policy.decide(all, seen, state, second * 1e6);
      state = decision.state;
      nextUs = second * 1e6 + (decision.nextInUs ?? factory.policy.cadenceUs);
      actions.push(...decision.actions);
    }
    rounds.push({ second, actual: Object.fromEntries(vms.map(({ name, actual }) => [name, actual])), free, actions });
    vms = vms.map((vm, i) => {
      const { rests = (target: number) => target, rate = 1024 * MIB } = guests[i];
      const given = actions.findLast((action) => action.kind === "target" && action.vm === vm.name);
      const target = given?.kind === "target" ? given.kib : vm.target;
      const step = Math.max(-rate, Math.min(rate, rests(target) - vm.actual));
      return { ...vm, target, actual: vm.actual + step };
    });
  }
  return rounds;
}

/** Targets that a VM was given, in order. */
export function targetsGiven(rounds: readonly LoopRound[], vm: string): readonly number[] {
  return rounds.flatMap(({ actions }) =>
    actions.flatMap((action) => (action.kind === "target" && action.vm === vm ? [action.kib] : [])),
  );
}

/** Sum of the changes over the net change: 1 for a way straight to the goal. */
export function oscillation(sizes: readonly number[]): number {
  const changes = sizes.slice(1).map((size, i) => Math.abs(size - sizes[i]));
  return changes.reduce((sum, change) => sum + change, 0) / Math.abs(sizes[sizes.length - 1] - sizes[0]);
}
