/** Proxmox VE auto-ballooning: the host is kept at 80 % used; each VM moves by at most 100 MiB a round. */
import { SECOND_US } from "../../../core/time.ts";
import { definePolicy } from "./define-policy.ts";
import { clamp, MIB, type Observations, sumOf, type VmObservations } from "./policy-contract.ts";

export interface ProxmoxParameters extends Record<string, number | boolean> {
  targetPercent: number;
  deadBandMib: number;
  stepMib: number;
  comfortablePercent: number;
  cachesCountAsUsed: boolean;
}

/** Memory to hand out (positive) or to get back (negative), KiB. */
export function proxmoxGoal(parameters: ProxmoxParameters, { host }: Observations): number {
  const available = host.free + (parameters.cachesCountAsUsed ? 0 : host.reclaimable);
  return (host.total * parameters.targetPercent) / 100 - (host.total - available);
}

/**
 * Sizes of the VMs of one list after `goal` has been distributed over it as far as it goes, KiB. A VM beyond its part, or at
 * a bound, or at its step limit is done; what it did not take is distributed again over the others.
 */
function proxmoxDistribution(list: readonly VmObservations[], goal: number, step: number): Map<string, number> {
  const sizes = new Map(list.map(({ name, actual }) => [name, actual]));
  const sizeOf = (vm: VmObservations): number => sizes.get(vm.name) ?? vm.actual;
  const direction = Math.sign(goal);
  let rest = goal;
  let open = list;
  while (open.length > 0 && rest * direction > 0) {
    const pool = sumOf(open, (vm) => sizeOf(vm) - vm.minimum) + rest;
    const shares = sumOf(open, (vm) => vm.shares);
    const stillOpen: VmObservations[] = [];
    let moved = false;
    for (const vm of open) {
      const part = vm.minimum + Math.floor((pool * vm.shares) / shares);
      const bounded = clamp(clamp(part, vm.minimum, vm.maximum), vm.actual - step, vm.actual + step);
      const change = bounded - sizeOf(vm);
      if (change * direction <= 0) continue;
      sizes.set(vm.name, bounded);
      rest -= change;
      moved = true;
      if (bounded === part) stillOpen.push(vm);
    }
    if (!moved || stillOpen.length === open.length) break;
    open = stillOpen;
  }
  return sizes;
}

/** Neither without a driver that reports or a minimum, nor on its way to another host, nor with shares of 0. */
function isEligible({ canBalloon, guest, minimum, migrating, shares }: VmObservations): boolean {
  return canBalloon && guest !== undefined && minimum > 0 && !migrating && shares > 0;
}

export const proxmox = definePolicy<ProxmoxParameters, undefined>({
  name: "proxmox",
  summary: "Proxmox VE: balloons keep the host at 80 % used, by shares, VMs in distress last to shrink.",
  side: "host",
  source: "Proxmox VE, PVE/AutoBalloon.pm, PVE/Service/pvestatd.pm",
  grade: "S",
  cadenceUs: 10 * SECOND_US,
  balloons: true,
  signals: ["host.free", "host.reclaimable", "vm.actual", "vm.driver", "vm.shares", "guest.unused"],
  parameters: {
    targetPercent: {
      summary: "Part of the host's memory that is to be in use; fixed in older versions",
      default: 80,
      unit: "%",
      min: 0,
      max: 100,
      source: "node option ballooning-target",
      grade: "S",
    },
    deadBandMib: {
      summary: "Nothing is done for less than this",
      default: 10,
      unit: "MiB",
      min: 0,
      source: "PVE/Service/pvestatd.pm",
      grade: "S",
    },
    stepMib: {
      summary: "Most that a VM changes in one round",
      default: 100,
      unit: "MiB",
      min: 1,
      source: "PVE/AutoBalloon.pm",
      grade: "S",
    },
    comfortablePercent: {
      summary: "A VM with more free memory than this, of its minimum, is shrunk first",
      default: 25,
      unit: "%",
      min: 0,
      source: "PVE/AutoBalloon.pm",
      grade: "S",
    },
    cachesCountAsUsed: {
      summary: "Variant: memory that the host could reclaim counts as used, as users of older versions reported",
      default: false,
      source: "current versions: used = total - available, src/PVE/ProcFSTools.pm",
      grade: "S",
    },
  },
  start: () => undefined,
  decide(parameters, seen) {
    const goal = proxmoxGoal(parameters, seen);
    if (Math.abs(goal) <= parameters.deadBandMib * MIB) return { actions: [], state: undefined };
    const all = seen.vms.filter(isEligible);
    const isComfortable = ({ guest, minimum, actual }: VmObservations): boolean =>
      (guest?.unused ?? 0) > (minimum * parameters.comfortablePercent) / 100 && actual >= minimum;
    const first = all.filter((vm) => isComfortable(vm) === goal < 0);
    for (const list of [first, all]) {
      const sizes = proxmoxDistribution(list, goal, parameters.stepMib * MIB);
      const changed = list.filter(({ name, actual }) => sizes.get(name) !== actual);
      if (changed.length === 0) continue;
      const rule = goal > 0 ? "grow" : "shrink";
      const actions = changed.map(
        ({ name }) => ({ kind: "target", vm: name, kib: sizes.get(name) ?? 0, rule }) as const,
      );
      return { actions, state: undefined };
    }
    return { actions: [], state: undefined };
  },
  figures: (parameters, seen) => ({ to_hand_out_mib: proxmoxGoal(parameters, seen) / MIB }),
});
