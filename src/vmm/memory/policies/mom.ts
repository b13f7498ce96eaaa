/** oVirt MOM: the default ballooning rules. All guests are shrunk while the host is short of memory, and grown otherwise. */
import { SECOND_US } from "../../../core/time.ts";
import { definePolicy } from "./define-policy.ts";
import { type Action, MIB, type Observations, sumOf, type VmObservations } from "./policy-contract.ts";

export interface MomParameters extends Record<string, number | boolean> {
  hostPressure: number;
  hostCritical: number;
  guestFree: number;
  maximumChange: number;
  minimumChange: number;
  samples: number;
  samplePeriodSeconds: number;
  policyPeriodSeconds: number;
  liftToMinimum: boolean;
}

interface Sample {
  readonly hostFree: number;
  /** By VM; a guest without statistics is missing. */
  readonly guests: ReadonlyMap<string, { readonly actual: number; readonly unused: number }>;
}

export interface MomState {
  /** Oldest first. */
  readonly history: readonly Sample[];
  readonly nextPolicyUs: number;
}

/** One guest as the rules see it; KiB. */
export interface MomGuest {
  readonly current: number;
  /** Mean size less mean unused memory. */
  readonly used: number;
  readonly minimum: number;
  readonly maximum: number;
}

/** New size of a guest on a host short of memory, KiB; undefined: it stays as it is. `free`: fraction of the host. */
export function momShrink(parameters: MomParameters, guest: MomGuest, free: number): number | undefined {
  const { hostPressure, hostCritical, guestFree, maximumChange, minimumChange } = parameters;
  const { current, used, minimum } = guest;
  // At the critical threshold the wanted free fraction is zero or negative: the guest is driven into its own swap.
  const wanted = free <= hostCritical ? free - hostCritical : (guestFree * free) / hostPressure;
  const size = Math.max((1 - maximumChange) * current, minimum, used + wanted * current);
  return size <= current && current - size > minimumChange * current ? size : undefined;
}

/** New size of a guest on a host with memory to spare. The largest change is here the least one: growth is not held back. */
export function momGrow(parameters: MomParameters, guest: MomGuest): number | undefined {
  const { guestFree, maximumChange, minimumChange } = parameters;
  const { current, used, minimum, maximum } = guest;
  if (current >= maximum) return undefined;
  const wanted = Math.max((1 + maximumChange) * current, minimum, used + guestFree * current);
  const size = Math.min(wanted, maximum);
  return Math.abs(size - current) > minimumChange * current ? size : undefined;
}

function takeSample({ host, vms }: Observations): Sample {
  const reported = vms.flatMap(({ name, actual, guest }) =>
    guest === undefined ? [] : [[name, { actual, unused: guest.unused }] as const],
  );
  return { hostFree: (host.free + host.reclaimable) / host.total, guests: new Map(reported) };
}

function guestOf(vm: VmObservations, history: readonly Sample[]): MomGuest | undefined {
  const samples = history.flatMap(({ guests }) => guests.get(vm.name) ?? []);
  if (samples.length === 0 || vm.guest === undefined) return undefined;
  const used = sumOf(samples, ({ actual, unused }) => actual - unused) / samples.length;
  return { current: vm.actual, used, minimum: vm.minimum, maximum: vm.maximum };
}

export const mom = definePolicy<MomParameters, MomState>({
  name: "mom",
  summary: "oVirt MOM: every guest shrinks while less than 20 % of the host is free, and grows otherwise.",
  side: "host",
  source: "oVirt MOM, doc/balloon.rules, doc/mom-balloon+ksm.conf",
  grade: "S",
  cadenceUs: 5 * SECOND_US,
  balloons: true,
  signals: ["host.free", "host.reclaimable", "vm.actual", "guest.unused"],
  parameters: {
    hostPressure: fraction("Guests are shrunk while less of the host than this is free", 0.2),
    hostCritical: fraction("Guests are driven into their own swap when this much of the host is free", 0.05),
    guestFree: fraction("Free memory a guest is to have, of its size", 0.2),
    maximumChange: fraction("Most that a guest shrinks in one round, and least that it grows, of its size", 0.05),
    minimumChange: fraction("Smaller changes are not made, of the guest's size", 0.0025),
    samples: {
      summary: "Samples that means are taken over",
      default: 10,
      unit: "samples",
      min: 1,
      source: "doc/mom-balloon+ksm.conf",
      grade: "S",
    },
    samplePeriodSeconds: seconds("Time between two samples", 5),
    policyPeriodSeconds: seconds("Time between two runs of the rules", 10),
    liftToMinimum: {
      summary: "Variant balloon-qos.rules: a guest below its minimum is first lifted to it",
      default: false,
      source: "doc/balloon-qos.rules",
      grade: "S",
    },
  },
  problem({ hostPressure, hostCritical, maximumChange, minimumChange }) {
    if (hostCritical > hostPressure) {
      return `hostCritical: ${hostCritical} of the host is more than hostPressure, ${hostPressure}; expected at most as much`;
    }
    if (minimumChange > maximumChange) {
      return `minimumChange: ${minimumChange} of a guest is more than maximumChange, ${maximumChange}, and none would ever shrink; expected at most as much`;
    }
    return undefined;
  },
  start: () => ({ history: [], nextPolicyUs: -Infinity }),
  decide(parameters, seen, state, nowUs) {
    const nextInUs = parameters.samplePeriodSeconds * SECOND_US;
    const history = [...state.history, takeSample(seen)].slice(-parameters.samples);
    if (nowUs < state.nextPolicyUs) return { actions: [], state: { ...state, history }, nextInUs };
    const free = sumOf(history, ({ hostFree }) => hostFree) / history.length;
    const actions = seen.vms.flatMap((vm): Action[] => {
      const guest = vm.canBalloon ? guestOf(vm, history) : undefined;
      if (guest === undefined) return [];
      const { current, minimum } = guest;
      const act = (rule: string, kib: number | undefined): Action[] =>
        kib === undefined ? [] : [{ kind: "target", vm: vm.name, kib, rule }];
      if (parameters.liftToMinimum && current < minimum) return act("lift to minimum", minimum);
      return free < parameters.hostPressure
        ? act("shrink", momShrink(parameters, guest, free))
        : act("grow", momGrow(parameters, guest));
    });
    const nextPolicyUs = nowUs + parameters.policyPeriodSeconds * SECOND_US;
    return { actions, state: { history, nextPolicyUs }, nextInUs };
  },
  figures(parameters, seen, state, _nowUs, vm) {
    const history = [...state.history, takeSample(seen)].slice(-parameters.samples);
    const free = sumOf(history, ({ hostFree }) => hostFree) / history.length;
    const guest = vm && guestOf(vm, history);
    return { mean_host_free_percent: 100 * free, ...(guest && { mean_used_mib: guest.used / MIB }) };
  },
});

function fraction(summary: string, value: number) {
  return { summary, default: value, unit: "1", min: 0, max: 1, source: "doc/balloon.rules", grade: "S" } as const;
}

function seconds(summary: string, value: number) {
  return { summary, default: value, unit: "s", min: 0.1, source: "doc/mom-balloon+ksm.conf", grade: "S" } as const;
}
