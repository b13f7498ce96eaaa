/** What is told of the decisions of proportional shares. Memory here in pages, in the figures in MiB. */
import { PAGES_PER_MIB } from "../../machine/page.ts";
import type { MemoryDecision } from "../host-memory/memory-decision.ts";
import type { VmMemory } from "../host-memory/vm-memory.ts";
import type { Claimant } from "./min-funding.ts";
import type { ReclamationRule } from "./reclamation/generation.ts";
import type { HostReclamation } from "./reclamation/reclamation-state.ts";

export const BY = "proportional-shares";

/** `boundary`: that of the state which is in force now. */
export function stateChange(
  before: ReclamationRule,
  now: ReclamationRule,
  free: number,
  boundary: number,
  marginPercent: number,
): MemoryDecision {
  const worse = now.percent < before.percent;
  return {
    by: BY,
    rule: worse ? "free memory is below the boundary" : "free memory is beyond the boundary by the margin",
    action: "state",
    outcome: {
      state: now.name,
      balloons_may_grow: now.balloon,
      paged: now.paged,
      large_pages: now.largePages,
      blocks_vms_above_target: now.blocks,
    },
    inputs: {
      state: before.name,
      free_mib: mib(free),
      boundary_mib: mib(boundary),
      ...(!worse && { margin_percent: marginPercent }),
    },
  };
}

/** What all VMs' targets are computed from. */
export interface Division {
  readonly total: number;
  readonly free: number;
  readonly goal: number;
  readonly tax: number;
  /** All that anybody has ever used fits, so that nobody is held to a target. */
  readonly enough: boolean;
}

export function newTarget(vm: VmMemory, target: number, of: Claimant, division: Division): MemoryDecision {
  const { total, free, goal, tax, enough } = division;
  return {
    by: BY,
    rule: enough ? "enough for all" : "min-funding revocation, idle memory taxed",
    vm: vm.number,
    action: "target",
    outcome: { target_mib: mib(target) },
    inputs: {
      previous_target_mib: mib(vm.target),
      shares: of.shares,
      active_mib: mib(of.active),
      claimed_mib: mib(vm.claimed),
      least_mib: mib(of.least),
      most_mib: mib(of.most),
      to_divide_mib: mib(total),
      free_mib: mib(free),
      free_goal_mib: mib(goal),
      ...(!enough && { idle_memory_tax: tax }),
    },
  };
}

export function largePagesBroken(
  vm: VmMemory,
  regions: number,
  { rule: { name: state }, goal }: HostReclamation,
  free: number,
): MemoryDecision {
  return {
    by: BY,
    rule: "the state has large pages broken until free memory is at the goal",
    vm: vm.number,
    action: "break large pages",
    outcome: { broken_regions: regions },
    inputs: { state, free_mib: mib(free), free_goal_mib: mib(goal) },
  };
}

export function blocking(vm: VmMemory, state: string): MemoryDecision {
  return {
    by: BY,
    rule: vm.blocked ? "the state stops VMs above their target" : "the VM or the state is below its bound again",
    vm: vm.number,
    action: vm.blocked ? "block" : "unblock",
    outcome: {},
    inputs: { state, machine_mib: mib(vm.machine), target_mib: mib(vm.target) },
  };
}

export function mib(pages: number): number {
  return pages / PAGES_PER_MIB;
}
