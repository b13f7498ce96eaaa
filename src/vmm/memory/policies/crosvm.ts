/** crosvm on ChromeOS, "balance available": host and guest are kept at the same distance from their critical levels. */
import { SECOND_US } from "../../../core/time.ts";
import { definePolicy } from "./define-policy.ts";
import { type Action, clamp, type HostObservations, MIB, type VmObservations } from "./policy-contract.ts";

export interface CrosvmParameters extends Record<string, number | boolean> {
  guestCriticalMib: number;
  hostCriticalPercent: number;
  guestBiasMib: number;
  fullBalloonPercent: number;
  slackMib: number;
}

/** What is remembered of a guest. */
interface GuestWatch {
  readonly criticalKib: number;
  /** Balloon that counts as full: the largest that has been seen, and a part of the guest's memory to begin with. */
  readonly fullKib: number;
  /** What the guest had available at the last look, and how full its balloon was, whole percent. */
  readonly availableKib: number;
  readonly fullPercent: number;
}
export type CrosvmState = ReadonlyMap<string, GuestWatch>;

/** All in KiB: what guest and host have available beyond their critical levels, the guest's less its bias. */
export interface Margins {
  readonly guest: number;
  readonly host: number;
  readonly bias: number;
}

/** A balloon less full than this has some to spare. */
const SPARE_PERCENT = 95;

/** By how much the balloon grows (positive) or shrinks, KiB: half of the imbalance, and neither side beyond its margin. */
export function crosvmChange({ guest, host, bias }: Margins, slack: number): number {
  return clamp((guest - bias - host) / 2, -Math.max(0, host + slack), Math.max(0, guest + slack));
}

/** Changes of up to 1 % of the smaller margin are left alone while neither side is at its critical level. */
function isWorthwhile({ guest, host, bias }: Margins): boolean {
  const above = guest - bias;
  if (above < MIB || host < MIB) return true;
  return Math.abs((above - host) / 2) > Math.min(above, host) / 100;
}

/**
 * A guest that was below its critical level at two looks in a row, and had balloon to spare, was thought to need more than it
 * does: its level becomes what it had at the first of them.
 */
function watchGuest(before: GuestWatch, available: number, balloon: number): GuestWatch {
  const fullKib = Math.max(before.fullKib, balloon);
  const fullPercent = fullKib > 0 ? Math.floor((100 * balloon) / fullKib) : 0;
  const isShort = (kib: number, percent: number): boolean => kib < before.criticalKib && percent < SPARE_PERCENT;
  const twice = isShort(available, fullPercent) && isShort(before.availableKib, before.fullPercent);
  const criticalKib = twice ? before.availableKib : before.criticalKib;
  return { criticalKib, fullKib, availableKib: available, fullPercent };
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
    fullBalloonPercent: {
      summary: "Balloon that counts as full until a larger one has been seen, of the guest's memory",
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
    const { guestCriticalMib, guestBiasMib, fullBalloonPercent, slackMib } = parameters;
    const hostMargin = marginOf(host, parameters);
    const next = new Map(state);
    const actions = vms.flatMap((vm: VmObservations): Action[] => {
      const { name, actual, minimum, maximum, guest, canBalloon } = vm;
      if (!canBalloon || guest === undefined) return [];
      const first = {
        criticalKib: guestCriticalMib * MIB,
        fullKib: (maximum * fullBalloonPercent) / 100,
        availableKib: Infinity,
        fullPercent: 0,
      };
      const watch = watchGuest(state.get(name) ?? first, guest.available, maximum - actual);
      next.set(name, watch);
      const bias = (guestBiasMib * MIB * watch.fullPercent) / 100;
      const margins = { guest: guest.available - watch.criticalKib, host: hostMargin, bias };
      if (!isWorthwhile(margins)) return [];
      const change = crosvmChange(margins, slackMib * MIB);
      const kib = clamp(actual - change, minimum, maximum);
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
