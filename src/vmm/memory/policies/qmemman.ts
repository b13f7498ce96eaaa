/**
 * Qubes OS qmemman: all memory is handed out, in proportion to what each domain would like to have by its own report. Donors
 * are shrunk before acceptors grow.
 */
import { SECOND_US } from "../../../core/time.ts";
import { definePolicy } from "./define-policy.ts";
import { type Action, type Decision, heldByNobody, MIB, type Observations, sumOf } from "./policy-contract.ts";
import { domainOf, type QmemmanDomain, type QmemmanParameters, qmemmanTargets } from "./qmemman-balance.ts";

/** Pauses between looks at donors, before acceptors grow whatever has come of them. */
const POLL_US = 0.1 * SECOND_US;
const POLLS = 5;
/** A request is given up when less than 100 MB/s, over 3 s, comes of it. */
const PATIENCE_US = 3 * SECOND_US;
const LEAST_KIB_PER_SECOND = 100_000_000 / 1024;

interface Transfer {
  readonly polls: number;
  /** Size of each donor when it was asked, and what it was asked for. */
  readonly donors: ReadonlyMap<string, { readonly actual: number; readonly target: number }>;
  readonly growing: readonly Action[];
}

export interface QmemmanState {
  /** Newest report that has been acted on. */
  readonly reportUs: number;
  readonly transfer?: Transfer | undefined;
  /** Size at which a domain got stuck; it is not counted on until it has another. */
  readonly stuck: ReadonlyMap<string, number>;
  /** Free memory when the request's progress was last looked at. */
  readonly request?: { readonly sinceUs: number; readonly free: number } | undefined;
}

const target = (vm: string, kib: number, rule: string): Action => ({ kind: "target", vm, kib, rule });

/** Whether it matters enough: a domain in need gains, the hypervisor is short, or much would move. */
function isWorthwhile(
  parameters: QmemmanParameters,
  domains: readonly QmemmanDomain[],
  targets: readonly number[],
  free: number,
): boolean {
  const gain = parameters.gainMib * MIB;
  const reserve = parameters.reserveMib * MIB;
  const gains = domains.some((domain, i) => domain.actual < domain.preferred && targets[i] - domain.actual > gain);
  const moved = sumOf(
    domains.map((domain, i) => Math.abs(targets[i] - domain.actual)),
    (kib) => kib,
  );
  return gains || free < reserve - gain || moved + Math.abs(free - reserve) > parameters.transferMib * MIB;
}

function balance(
  parameters: QmemmanParameters,
  domains: readonly QmemmanDomain[],
  free: number,
  state: QmemmanState,
): Decision<QmemmanState> {
  const targets = qmemmanTargets(domains, free - parameters.reserveMib * MIB, parameters.ignoredSurplusMib * MIB);
  if (!isWorthwhile(parameters, domains, targets, free)) return { actions: [], state };
  const shrinking = domains.flatMap((domain, i) =>
    targets[i] < domain.actual ? [{ domain, target: targets[i] }] : [],
  );
  const growing = domains.flatMap(({ name, actual }, i) =>
    targets[i] > actual ? [target(name, targets[i], "grow")] : [],
  );
  if (shrinking.length === 0) return { actions: growing, state };
  const donors = new Map(
    shrinking.map(({ domain, target: kib }) => [domain.name, { actual: domain.actual, target: kib }]),
  );
  return {
    actions: shrinking.map(({ domain, target: kib }) => target(domain.name, kib, "shrink")),
    state: { ...state, transfer: { polls: 0, donors, growing } },
    nextInUs: POLL_US,
  };
}

/** Donors give in the background; acceptors grow when they are done or have been waited for long enough. */
function awaitDonors(
  transfer: Transfer,
  domains: readonly QmemmanDomain[],
  state: QmemmanState,
): Decision<QmemmanState> {
  const waiting = domains.filter(({ name, actual }) => actual > (transfer.donors.get(name)?.target ?? Infinity) + 1);
  if (waiting.length > 0 && transfer.polls < POLLS) {
    return {
      actions: [],
      state: { ...state, transfer: { ...transfer, polls: transfer.polls + 1 } },
      nextInUs: POLL_US,
    };
  }
  const unmoved = waiting.filter(({ name, actual }) => actual === transfer.donors.get(name)?.actual);
  const stuck = new Map([...state.stuck, ...unmoved.map(({ name, actual }) => [name, actual] as const)]);
  const flags = unmoved.map(({ name }): Action => ({ kind: "flag", vm: name, as: "no progress", rule: "poll" }));
  // Who was to grow may have gone in the meantime.
  const growing = transfer.growing.filter((action) => "vm" in action && domains.some(({ name }) => name === action.vm));
  return { actions: [...flags, ...growing], state: { ...state, stuck, transfer: undefined } };
}

/** Memory for a domain that is to start: donors give in proportion to what they have beyond their preference. */
function request(
  parameters: QmemmanParameters,
  domains: readonly QmemmanDomain[],
  free: number,
  amount: number,
  state: QmemmanState,
  nowUs: number,
): Decision<QmemmanState> {
  const rule = "request";
  const done: QmemmanState = { ...state, request: undefined, transfer: undefined };
  const missing = amount * parameters.overheadFactor + parameters.reserveMib * MIB - free;
  if (missing <= 0) return { actions: [{ kind: "grant", kib: amount, rule }], state: done };
  const refuse = (reason: string): Decision<QmemmanState> => ({
    actions: [{ kind: "refuse", reason, rule }],
    state: done,
  });
  if (state.request === undefined) {
    const donors = domains.filter(({ actual, preferred }) => actual > preferred);
    const surplus = sumOf(donors, ({ actual, preferred }) => actual - preferred);
    const wanted = missing * parameters.safetyFactor;
    if (wanted > surplus) return refuse("the domains have not enough beyond their preference");
    const actions = donors.map(({ name, actual, preferred }) =>
      target(name, actual - (wanted * (actual - preferred)) / surplus, rule),
    );
    return { actions, state: { ...done, request: { sinceUs: nowUs, free } }, nextInUs: POLL_US };
  }
  const { sinceUs, free: before } = state.request;
  if (nowUs - sinceUs < PATIENCE_US) return { actions: [], state, nextInUs: POLL_US };
  const rate = (free - before) / ((nowUs - sinceUs) / SECOND_US);
  if (rate < LEAST_KIB_PER_SECOND) return refuse("the domains give memory too slowly");
  return { actions: [], state: { ...state, request: { sinceUs: nowUs, free } }, nextInUs: POLL_US };
}

function decide(
  parameters: QmemmanParameters,
  { host, vms, request: wanted }: Observations,
  state: QmemmanState,
  nowUs: number,
): Decision<QmemmanState> {
  const reported = vms.filter(({ canBalloon, guest }) => canBalloon && guest !== undefined);
  const stuck = new Map(
    [...state.stuck].filter(([name, size]) => vms.some((vm) => vm.name === name && vm.actual === size)),
  );
  const domains = reported.map((vm) => domainOf(parameters, vm));
  const reliable = domains.filter(({ name }) => !stuck.has(name));
  const free = heldByNobody(host);
  const known = { ...state, stuck };
  if (wanted !== undefined) return request(parameters, reliable, free, wanted.least, known, nowUs);
  if (known.transfer !== undefined) return awaitDonors(known.transfer, domains, known);
  const reportUs = Math.max(-Infinity, ...reported.map(({ guest }) => guest?.atUs ?? -Infinity));
  if (reportUs <= state.reportUs) return { actions: [], state: known };
  return balance(parameters, reliable, free, { ...known, reportUs });
}

export const qmemman = definePolicy<QmemmanParameters, QmemmanState>({
  name: "qmemman",
  summary: "Qubes OS qmemman: all memory is handed out, in proportion to 1.3 times what each domain uses.",
  side: "host",
  source: "Qubes OS, qubes/qmemman/algo.py, qubes/qmemman/systemstate.py",
  grade: "S",
  cadenceUs: SECOND_US,
  balloons: true,
  signals: ["dom0", "host.free", "vm.actual", "vm.driver", "guest.available"],
  answersRequests: true,
  parameters: {
    usedFactor: ratio("A domain prefers this many times what it uses", 1.3),
    leastPreferredMib: mebibytes("Least that a domain prefers", 200),
    dom0ExtraMib: mebibytes("What dom0 prefers on top", 350),
    ignoredSurplusMib: mebibytes("Smaller surpluses are not taken when memory is short", 10),
    gainMib: mebibytes("Gain of a domain in need, or lack of the reserve, that is worth acting on", 15),
    transferMib: mebibytes("Transfer in all that is worth acting on", 150),
    reserveMib: mebibytes("Kept free in the hypervisor", 50),
    safetyFactor: ratio("Donors are asked for this many times what a request lacks", 1.05),
    overheadFactor: ratio("Memory a domain takes beyond its size, as a factor", 1.00781),
  },
  start: () => ({ reportUs: -Infinity, stuck: new Map() }),
  decide,
  figures: (parameters, _seen, _state, _nowUs, vm) =>
    vm?.guest === undefined ? {} : { preferred_mib: domainOf(parameters, vm).preferred / MIB },
});

function ratio(summary: string, value: number) {
  return { summary, default: value, unit: "1", min: 1, source: "qubes/qmemman/algo.py", grade: "S" } as const;
}

function mebibytes(summary: string, value: number) {
  return { summary, default: value, unit: "MiB", min: 0, source: "qubes/qmemman/algo.py", grade: "S" } as const;
}
