/**
 * XAPI squeezed: every domain gets the same fraction gamma of its range, memory is released before any is handed out, and
 * domains whose balloons are stuck are left out of the reckoning.
 */
import { SECOND_US } from "../../../core/time.ts";
import { DOM0 } from "../../host-memory/driver-domain.ts";
import { definePolicy } from "./define-policy.ts";
import {
  type Action,
  type Decision,
  heldByNobody,
  MIB,
  type Observations,
  sumOf,
  type VmObservations,
} from "./policy-contract.ts";
import {
  capOf,
  type DomainWatch,
  isSettled,
  type SqueezedPatience,
  TOLERANCE,
  watchDomain,
} from "./squeezed-domains.ts";

/** Xen's scrubber is waited for while this much is still to be cleaned: 1024 pages. */
const SCRUBBING = 4096;
const SCRUB_PAUSE_US = 0.25 * SECOND_US;
const LOOP_PAUSE_US = SECOND_US;

export interface SqueezedParameters extends Record<string, number | boolean>, SqueezedPatience {
  manageDom0: boolean;
  dom0LeastMib: number;
  emergencyPoolMib: number;
  extraMib: number;
  deadBandKib: number;
  stuckSeconds: number;
  uncooperativeSeconds: number;
}

export interface SqueezedState {
  readonly domains: ReadonlyMap<string, DomainWatch>;
  /** Amount that a request is to get, KiB, once it has been worked out. */
  readonly amount?: number | undefined;
  readonly looping: boolean;
}

/** What is left of free memory and of what domains hold beyond their minima when `wanted` is to stay free, KiB. */
export function squeezedSurplus(domains: readonly VmObservations[], free: number, wanted: number): number {
  const held = sumOf(domains, ({ actual, minimum }) => Math.max(0, actual - minimum - 2 * TOLERANCE));
  return Math.max(0, free + held - wanted);
}

/** Fraction of its range that every domain gets. Where no domain has a range it is 0. */
export function squeezedGamma(surplus: number, range: number): number {
  return range > 0 ? Math.min(1, surplus / range) : 0;
}

function rangeOf(domains: readonly VmObservations[]): number {
  return sumOf(domains, ({ minimum, maximum }) => maximum - minimum);
}

/** Target of each domain, KiB, in their order. */
export function squeezedTargets(domains: readonly VmObservations[], free: number, wanted: number): readonly number[] {
  const gamma = squeezedGamma(squeezedSurplus(domains, free, wanted), rangeOf(domains));
  return domains.map(({ minimum, maximum }) => minimum + gamma * (maximum - minimum));
}

/** The request takes part in the reckoning like a domain, and gets at least its least. */
function amountFor(
  { least, most }: { readonly least: number; readonly most: number },
  domains: readonly VmObservations[],
  free: number,
  wanted: number,
): number {
  const surplus = squeezedSurplus(domains, free, wanted + least);
  return least + squeezedGamma(surplus, rangeOf(domains) + most - least) * (most - least);
}

/** Targets and caps of one round. Those that grow wait until nobody is left who has to release. */
function round(active: readonly VmObservations[], targets: readonly number[]): { moves: Action[]; releasing: boolean } {
  const changes = active.map((vm, i) => ({ vm, kib: targets[i], releases: targets[i] < vm.actual - TOLERANCE }));
  const releasing = changes.some(({ releases }) => releases);
  const chosen = changes.filter(
    ({ vm, kib, releases }) => (!releasing || releases) && Math.abs(kib - vm.target) > TOLERANCE,
  );
  const rule = releasing ? "release" : "grow";
  const moves = chosen.flatMap(({ vm: { name }, kib }): Action[] => [
    { kind: "target", vm: name, kib, rule },
    { kind: "cap", vm: name, kib, rule },
  ]);
  return { moves, releasing };
}

/** Caps of the domains that are left out, and judgements that are new. */
function stuckActions(
  vms: readonly VmObservations[],
  inactive: readonly VmObservations[],
  domains: ReadonlyMap<string, DomainWatch>,
  before: ReadonlyMap<string, DomainWatch>,
): Action[] {
  const rule = "stuck";
  const isNew = ({ name }: VmObservations): boolean =>
    domains.get(name)?.uncooperative === true && before.get(name)?.uncooperative !== true;
  return [
    ...inactive.map((vm): Action => ({ kind: "cap", vm: vm.name, kib: capOf(vm), rule })),
    ...vms.filter(isNew).map(({ name }): Action => ({ kind: "flag", vm: name, as: "uncooperative", rule })),
  ];
}

/** What a request is told when nothing moves any more. */
function answer(amount: number, enough: boolean, inactive: readonly VmObservations[]): Action {
  const rule = "free this much";
  if (enough) return { kind: "grant", kib: amount, rule };
  const stuck = inactive.filter(({ canBalloon }) => canBalloon).map(({ name }) => name);
  const reason = stuck.length > 0 ? `these domains refused: ${stuck.join(", ")}` : "cannot free this much";
  return { kind: "refuse", reason, rule };
}

/** The domains that it decides about. */
function managed({ manageDom0, dom0LeastMib }: SqueezedParameters, vms: readonly VmObservations[]): VmObservations[] {
  if (!manageDom0) return vms.filter(({ name }) => name !== DOM0);
  return vms.map((vm) => (vm.name === DOM0 ? { ...vm, minimum: Math.min(dom0LeastMib * MIB, vm.maximum) } : vm));
}

function decide(
  parameters: SqueezedParameters,
  { host, vms: seen, request }: Observations,
  state: SqueezedState,
  nowUs: number,
): Decision<SqueezedState> {
  const vms = managed(parameters, seen);
  if (host.scrubbing >= SCRUBBING) return { actions: [], state, nextInUs: SCRUB_PAUSE_US };
  const domains = new Map(vms.map((vm) => [vm.name, watchDomain(parameters, vm, state.domains.get(vm.name), nowUs)]));
  const isActive = ({ name, canBalloon }: VmObservations): boolean => canBalloon && domains.get(name)?.active === true;
  const active = vms.filter(isActive);
  const inactive = vms.filter((vm) => !isActive(vm));
  const stuck = stuckActions(vms, inactive, domains, state.domains);

  const free = heldByNobody(host);
  const reserve = (parameters.emergencyPoolMib + parameters.extraMib) * MIB;
  const amount = request && (state.amount ?? amountFor(request, active, free, reserve));
  const wanted = reserve + (amount ?? 0);
  const isBalanced = free >= wanted && free - wanted < parameters.deadBandKib;
  if (isBalanced && amount === undefined && !state.looping) {
    return { actions: stuck, state: { domains, looping: false } };
  }
  const { moves, releasing } = round(active, squeezedTargets(active, free, wanted));
  const looping = moves.length > 0 || releasing || active.some((vm) => !isSettled(vm));
  if (looping) {
    return { actions: [...stuck, ...moves], state: { domains, amount, looping }, nextInUs: LOOP_PAUSE_US };
  }
  const answers = amount === undefined ? [] : [answer(amount, free >= wanted, inactive)];
  return { actions: [...stuck, ...answers], state: { domains, looping } };
}

export const squeezed = definePolicy<SqueezedParameters, SqueezedState>({
  name: "squeezed",
  summary: "XAPI squeezed: every domain has the same fraction of its range; release comes before growth.",
  side: "host",
  source: "XAPI, ocaml/squeezed/lib/squeeze.ml, ocaml/squeezed/src/squeeze_xen.ml",
  grade: "S",
  cadenceUs: 10 * SECOND_US,
  balloons: true,
  signals: ["dom0", "host.free", "vm.actual", "vm.driver"],
  answersRequests: true,
  parameters: {
    manageDom0: {
      summary: "dom0 has a part of its range like any other domain",
      default: false,
      source: "ocaml/squeezed/src/squeeze_xen.ml: dom0 is left alone",
      grade: "S",
    },
    dom0LeastMib: {
      summary: "dom0's dynamic minimum, where it is managed",
      default: 1024,
      unit: "MiB",
      min: 0,
      source: "ocaml/squeezed/src/squeeze_xen.ml",
      grade: "S",
    },
    emergencyPoolMib: {
      summary: "Memory kept free for the hypervisor; older releases: 1 MiB",
      default: 64,
      unit: "MiB",
      min: 0,
      source: "ocaml/squeezed/src/squeeze_xen.ml",
      grade: "S",
    },
    extraMib: {
      summary: "Memory kept free on top of that",
      default: 8,
      unit: "MiB",
      min: 0,
      source: "ocaml/squeezed/src/squeeze_xen.ml",
      grade: "S",
    },
    deadBandKib: {
      summary: "Nothing is balanced while free memory exceeds what is wanted by less than this",
      default: 512,
      unit: "KiB",
      min: 0,
      source: "ocaml/squeezed/src/squeezed.ml",
      grade: "S",
    },
    stuckSeconds: {
      summary: "A balloon that does not move for longer is left out",
      default: 5,
      unit: "s",
      min: 0.1,
      source: "ocaml/squeezed/lib/squeeze.ml",
      grade: "S",
    },
    uncooperativeSeconds: {
      summary: "A domain away from its target for longer is called uncooperative",
      default: 20,
      unit: "s",
      min: 0.1,
      source: "ocaml/squeezed/lib/squeeze.ml",
      grade: "S",
    },
  },
  hostParameters: {
    admissionReserveMib: {
      summary: "Memory of the host that is not admitted to VMs",
      default: 72,
      unit: "MiB",
      min: 0,
      source: "what is kept free: emergencyPoolMib and extraMib",
      grade: "S",
    },
  },
  start: () => ({ domains: new Map(), looping: false }),
  decide,
  figures(parameters, { host, vms }, state, nowUs) {
    const active = managed(parameters, vms).filter((vm) => {
      return vm.canBalloon && watchDomain(parameters, vm, state.domains.get(vm.name), nowUs).active;
    });
    const wanted = (parameters.emergencyPoolMib + parameters.extraMib) * MIB + (state.amount ?? 0);
    const surplus = squeezedSurplus(active, heldByNobody(host), wanted);
    return {
      wanted_free_mib: wanted / MIB,
      surplus_mib: surplus / MIB,
      gamma: squeezedGamma(surplus, rangeOf(active)),
      active_domains: active.length,
    };
  },
});
