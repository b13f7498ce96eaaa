/** crosvm on ChromeOS, "balance available": host and guest are kept at the same distance from their critical levels. */
import { definePolicy } from "./define-policy.ts";
import { type Action, clamp, type HostObservations, MIB, SECOND_US, type VmObservations } from "./policy-contract.ts";

export interface CrosvmParameters extends Record<string, number | boolean> {
  guestCriticalMib: number;
  hostCriticalPercent: number;
  guestBiasMib: number;
  maximumBalloonPercent: number;
  slackMib: number;
}

/** Critical level of each guest, KiB, and what it had available when it last fell below it, if it did. */
export type CrosvmState = ReadonlyMap<string, { readonly criticalKib: number; readonly seenKib?: number }>;

/** All in KiB: what guest and host have available beyond their critical levels, the guest's less its bias. */
export interface Margins {
  readonly guest: number;
  readonly host: number;
  readonly bias: number;
}

/** By how much the balloon grows (positive) or shrinks, KiB: half of the imbalance, and neither side beyond its margin. */
export function crosvmChange({ guest, host, bias }: Margins, slack: number): number {
  return clamp((guest - bias - host) / 2, -Math.max(0, host + slack), Math.max(0, guest + slack));
}

/** Small changes are left alone while neither side is at its critical level. */
function isWorthwhile(change: number, { guest, host }: Margins): boolean {
  if (guest < MIB || host < MIB) return change !== 0;
  return Math.abs(change) > Math.min(guest, host) / 100;
}

type Watch = CrosvmState extends ReadonlyMap<string, infer W> ? W : never;

/** A guest that was twice below its critical level, and had balloon to spare, was thought to need more than it does. */
function watchGuest(watch: Watch, available: number, fullness: number): Watch {
  if (available >= watch.criticalKib || fullness >= 0.95) return watch;
  if (watch.seenKib === undefined) return { ...watch, seenKib: available };
  return { criticalKib: watch.seenKib };
}

export const crosvm = definePolicy<CrosvmParameters, CrosvmState>({
  name: "crosvm",
  summary: "crosvm: the balloon moves half of the imbalance between what the guest and what the host has to spare.",
  side: "host",
  source: "ChromiumOS platform2, vm_tools/concierge/balloon_policy.cc",
  grade: "S",
  cadenceUs: SECOND_US,
  balloons: true,
  signals: ["host.free", "host.reclaimable", "vm.actual", "guest.available"],
  parameters: {
    guestCriticalMib: {
      summary: "Available memory at which a guest is in distress, to begin with",
      default: 400,
      unit: "MiB",
      min: 0,
      source: "balloon_policy.cc",
      grade: "S",
    },
    hostCriticalPercent: {
      summary: "Available memory at which the host is in distress",
      default: 5.2,
      unit: "%",
      min: 0,
      max: 100,
      source: "assumption: the host's low-memory margin, which depends on the device",
      grade: "A",
    },
    guestBiasMib: {
      summary: "What the guest is to have more than the host when its balloon is full",
      default: 0,
      unit: "MiB",
      min: 0,
      source: "assumption: configured per guest",
      grade: "A",
    },
    maximumBalloonPercent: {
      summary: "Largest balloon, of the guest's memory",
      default: 75,
      unit: "%",
      min: 1,
      max: 100,
      source: "balloon_policy.cc",
      grade: "S",
    },
    slackMib: {
      summary: "How far beyond its margin either side may be driven",
      default: 10,
      unit: "MiB",
      min: 0,
      source: "balloon_policy.cc",
      grade: "S",
    },
  },
  start: () => new Map(),
  decide(parameters, { host, vms }, state) {
    const { guestCriticalMib, guestBiasMib, maximumBalloonPercent, slackMib } = parameters;
    const hostMargin = marginOf(host, parameters);
    const next = new Map(state);
    const actions = vms.flatMap((vm: VmObservations): Action[] => {
      const { name, actual, minimum, maximum, guest, canBalloon } = vm;
      if (!canBalloon || guest === undefined) return [];
      const largest = (maximum * maximumBalloonPercent) / 100;
      const fullness = (maximum - actual) / largest;
      const watch = watchGuest(state.get(name) ?? { criticalKib: guestCriticalMib * MIB }, guest.available, fullness);
      next.set(name, watch);
      const bias = guestBiasMib * MIB * fullness;
      const margins = { guest: guest.available - watch.criticalKib, host: hostMargin, bias };
      const change = crosvmChange(margins, slackMib * MIB);
      if (!isWorthwhile(change, margins)) return [];
      const kib = clamp(actual - change, Math.max(minimum, maximum - largest), maximum);
      if (kib === vm.target) return [];
      return [{ kind: "target", vm: name, kib, rule: change > 0 ? "inflate" : "deflate" }];
    });
    return { actions, state: next };
  },
  figures(parameters, { host }, state, _nowUs, vm) {
    const margin = { host_margin_mib: marginOf(host, parameters) / MIB };
    if (vm?.guest === undefined) return margin;
    const criticalKib = state.get(vm.name)?.criticalKib ?? parameters.guestCriticalMib * MIB;
    return { ...margin, guest_margin_mib: (vm.guest.available - criticalKib) / MIB };
  },
});

/** What the host has available beyond its critical level, KiB. */
function marginOf(host: HostObservations, { hostCriticalPercent }: CrosvmParameters): number {
  return host.free + host.reclaimable - (host.total * hostCriticalPercent) / 100;
}
