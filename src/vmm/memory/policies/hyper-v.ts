/**
 * Hyper-V Dynamic Memory: every VM is to have its commit charge and a buffer. The protocol of the guest's driver is known from
 * Linux; the balancer's step sizes are not published.
 */
import { SECOND_US } from "../../../core/time.ts";
import { definePolicy } from "./define-policy.ts";
import { type Action, clamp, MIB, sumOf, type VmObservations } from "./policy-contract.ts";

export interface HyperVParameters extends Record<string, number | boolean> {
  bufferPercent: number;
  hostReserveMib: number;
  stepPercent: number;
  firstReportSeconds: number;
}

/** When each VM's driver was first seen, by name. */
export type HyperVState = ReadonlyMap<string, number>;

/** Balloons of Hyper-V are made of 2 MiB. */
const UNIT = 2 * MIB;

/** Memory that the driver leaves to the guest, MiB, by the guest's size. */
export function hyperVFloor(totalMib: number): number {
  if (totalMib < 128) return 8 + totalMib / 2;
  if (totalMib < 512) return 40 + totalMib / 4;
  if (totalMib < 2048) return 104 + totalMib / 8;
  if (totalMib < 8192) return 232 + totalMib / 16;
  return 488 + totalMib / 32;
}

/** What the driver posts, KiB: the commit charge, with the balloon and the floor in it. */
export function hyperVReport({
  committed,
  ballooned,
  maximum,
}: Record<"committed" | "ballooned" | "maximum", number>): number {
  return committed + ballooned + hyperVFloor(maximum / MIB) * MIB;
}

interface Claim {
  readonly vm: VmObservations;
  /** Sizes to which VMs are brought one after the other, smallest first: minimum, demand, demand and buffer. */
  readonly levels: readonly [number, number, number];
}

/** The balloon is memory that the VM does not have: the host takes it out of the report again. The floor is that of what it has. */
function claimOf(vm: VmObservations, bufferPercent: number): Claim | undefined {
  const { guest, actual, minimum, maximum, present = maximum } = vm;
  if (guest === undefined || !vm.canBalloon) return undefined;
  const ballooned = present - actual;
  const demand = hyperVReport({ committed: guest.committed, ballooned, maximum: present }) - ballooned;
  const wanted = clamp(demand * (1 + bufferPercent / 100), minimum, maximum);
  return { vm, levels: [minimum, clamp(demand, minimum, maximum), wanted] };
}

/** Sizes that `available` allows, KiB: level by level, within a level by weight, and equal weights by what they lack. */
function hyperVSizes(claims: readonly Claim[], available: number): ReadonlyMap<string, number> {
  const sizes = new Map(claims.map(({ vm, levels }) => [vm.name, levels[0]]));
  let rest = available - sumOf(claims, ({ levels }) => levels[0]);
  const weights = [...new Set(claims.map(({ vm }) => vm.shares))].sort((a, b) => b - a);
  for (const level of [1, 2] as const) {
    for (const weight of weights) {
      const group = claims.filter(({ vm }) => vm.shares === weight);
      const lacks = sumOf(group, ({ levels }) => levels[level] - levels[level - 1]);
      const part = lacks > 0 ? clamp(rest / lacks, 0, 1) : 0;
      for (const { vm, levels } of group) {
        sizes.set(vm.name, (sizes.get(vm.name) ?? 0) + part * (levels[level] - levels[level - 1]));
      }
      rest -= part * lacks;
    }
  }
  return sizes;
}

/** The driver never lets a balloon take what the guest's floor needs. */
function nextSize({ actual, maximum, present = maximum, guest }: VmObservations, wanted: number, step: number): number {
  const aim = actual + (wanted - actual) * step;
  if (aim >= actual) return actual + Math.floor((aim - actual) / UNIT) * UNIT;
  const spare = Math.max(0, (guest?.available ?? 0) - hyperVFloor(present / MIB) * MIB);
  return actual - Math.floor(Math.min(actual - aim, spare) / UNIT) * UNIT;
}

export const hyperV = definePolicy<HyperVParameters, HyperVState>({
  name: "hyper-v",
  summary: "Hyper-V Dynamic Memory: every VM has its commit charge and 20 %, by weight where that does not fit.",
  side: "host",
  source: "Linux, drivers/hv/hv_balloon.c (guest); Microsoft, Set-VMMemory, Msvm_MemorySettingData (host)",
  grade: "2",
  cadenceUs: SECOND_US,
  balloons: true,
  signals: ["host.free", "vm.actual", "vm.shares", "guest.available", "guest.committed"],
  parameters: {
    bufferPercent: {
      summary: "Memory on top of a VM's demand",
      default: 20,
      unit: "%",
      min: 5,
      max: 2000,
      source: "Set-VMMemory -Buffer; the default is from secondary sources",
      grade: "2",
    },
    hostReserveMib: {
      summary: "Kept free on the host",
      default: 0,
      unit: "MiB",
      min: 0,
      source: "assumption: the host's own memory is not part of what VMs get",
      grade: "A",
    },
    stepPercent: {
      summary: "Part of the way that a VM goes in one round; not published",
      default: 100,
      unit: "%",
      min: 1,
      max: 100,
      source: "assumption: all of it, at the speed of the driver",
      grade: "A",
    },
    firstReportSeconds: {
      summary: "Time from when a VM's driver is there to its first report; until then the VM keeps its size",
      default: 45,
      unit: "s",
      min: 0,
      source: "Linux, drivers/hv/hv_balloon.c",
      grade: "S",
    },
  },
  hostParameters: {
    statisticsPeriodSeconds: {
      summary: "Time between two reports of a guest on its memory",
      default: 1,
      unit: "s",
      min: 0.1,
      source: "Linux, drivers/hv/hv_balloon.c",
      grade: "S",
    },
  },
  start: () => new Map(),
  decide({ bufferPercent, hostReserveMib, stepPercent, firstReportSeconds }, { host, vms }, state, nowUs) {
    const drivers = vms.filter(({ canBalloon }) => canBalloon);
    const since = new Map(drivers.map(({ name }) => [name, state.get(name) ?? nowUs]));
    const reporting = drivers.filter(
      ({ name }) => nowUs - (since.get(name) ?? nowUs) >= firstReportSeconds * SECOND_US,
    );
    const claims = reporting.map((vm) => claimOf(vm, bufferPercent)).filter((claim) => claim !== undefined);
    const available = host.free - hostReserveMib * MIB + sumOf(claims, ({ vm }) => vm.resident);
    const sizes = hyperVSizes(claims, available);
    const actions = claims.flatMap(({ vm }): Action[] => {
      const size = nextSize(vm, sizes.get(vm.name) ?? vm.actual, stepPercent / 100);
      const kib = clamp(size, vm.minimum, vm.maximum);
      return kib === vm.target
        ? []
        : [{ kind: "target", vm: vm.name, kib, rule: kib < vm.actual ? "balloon" : "give back" }];
    });
    return { actions, state: since };
  },
  figures({ bufferPercent }, _seen, _state, _nowUs, vm) {
    const levels = vm && claimOf(vm, bufferPercent)?.levels;
    return levels === undefined ? {} : { demand_mib: levels[1] / MIB, wanted_mib: levels[2] / MIB };
  },
});
