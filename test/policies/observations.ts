import * as fc from "fast-check";
import type { HostObservations, Observations, VmObservations } from "../../src/vmm/memory/policies/policy-contract.ts";
import type { Parameters, PartFactory } from "../../src/vmm/contract.ts";
import type { Action, Decision } from "../../src/vmm/memory/policies/policy-contract.ts";
import type { PolicyFactory } from "../../src/vmm/memory/policies/define-policy.ts";

export const MIB = 1024;
export const GIB = 1024 * MIB;

export function host(values: Partial<HostObservations>): HostObservations {
  const none = { total: 64 * GIB, free: 0, reclaimable: 0, scrubbing: 0, reserved: 0 };
  const processes = { resident: 0, virtual: 0, proportional: 0 };
  return { ...none, swapTotal: 0, swapUsed: 0, swappedInPages: 0, swappedOutPages: 0, processes, ...values };
}

/** A VM whose balloon is where it should be; `unused` of what it has is free. */
export function vm(
  name: string,
  sizes: Pick<VmObservations, "actual" | "minimum" | "maximum">,
  rest: Partial<VmObservations> & {
    readonly unused?: number;
    readonly available?: number;
    readonly committed?: number;
    readonly reserved?: number;
    readonly frontswap?: number;
  } = {},
): VmObservations {
  const { unused = 0, available = unused, committed = 0, reserved = 0, frontswap, ...own } = rest;
  return {
    name,
    target: sizes.actual,
    resident: sizes.actual,
    hostSwapped: 0,
    shares: 1000,
    canBalloon: true,
    migrating: false,
    stallUs: 0,
    guest: { atUs: 0, unused, available, committed, reserved, ...(frontswap !== undefined && { frontswap }) },
    ...sizes,
    ...own,
  };
}

/** One call of a policy that has not been called before. */
export function decideOnce<P extends Parameters, S>(
  factory: PolicyFactory<P, S>,
  seen: Observations,
  parameters: Partial<P> = {},
  nowUs = 0,
): Decision<S> {
  const all = parametersOf(factory, parameters);
  return factory.policy.decide(all, seen, factory.policy.start(all), nowUs);
}

export function parametersOf<P extends Parameters, S>(factory: PolicyFactory<P, S>, parameters: Partial<P> = {}): P {
  return (factory as PartFactory<"allocation", Parameters>)(parameters as Parameters).parameters as P;
}

/** Targets by VM, KiB. */
export function targetsIn(actions: readonly Action[]): Record<string, number> {
  return Object.fromEntries(actions.flatMap((action) => (action.kind === "target" ? [[action.vm, action.kib]] : [])));
}

const fraction = fc.double({ min: 0, max: 1, noNaN: true });
const anyVm = fc
  .record({
    maximum: fc.integer({ min: 64 * MIB, max: 64 * GIB }),
    least: fraction,
    current: fraction,
    aim: fraction,
    unused: fraction,
    cached: fraction,
    committed: fc.double({ min: 0, max: 1.5, noNaN: true }),
    swapped: fraction,
    shares: fc.constantFrom(0, 1, 500, 1000, 2000),
    canBalloon: fc.boolean(),
    migrating: fc.boolean(),
    reports: fc.boolean(),
    frontswap: fc.option(fraction, { nil: undefined }),
    stallUs: fc.integer({ min: 0, max: 10_000_000 }),
  })
  .map(({ maximum, least, current, aim, unused, cached, committed, swapped, reports, frontswap, ...rest }) => {
    const minimum = Math.ceil(least * maximum);
    const actual = Math.round(minimum + current * (maximum - minimum));
    const free = unused * actual;
    const report = {
      atUs: 0,
      unused: free,
      available: free + cached * (actual - free),
      committed: committed * maximum,
      reserved: unused * 16 * MIB,
      ...(frontswap !== undefined && { frontswap: frontswap * (maximum - actual) }),
    };
    const target = Math.round(minimum + aim * (maximum - minimum));
    const hostSwapped = Math.floor(swapped * actual);
    const sizes = { minimum, maximum, actual, target, resident: actual - hostSwapped, hostSwapped };
    return { ...sizes, ...rest, ...(reports && { guest: report }) };
  });

/** Any host whose VMs fit into it, sizes within their ranges. */
export const anyObservations: fc.Arbitrary<Observations> = fc
  .record({
    vms: fc.array(anyVm, { maxLength: 6 }),
    free: fraction,
    cached: fraction,
    scrubbing: fc.constantFrom(0, 0, 512, 8192),
    swapUsed: fraction,
    merged: fraction,
    sharing: fc.option(
      fc.record({
        run: fc.boolean(),
        pagesToScan: fc.integer({ min: 1, max: 5000 }),
        sleepMs: fc.integer({ min: 1, max: 500 }),
      }),
      { nil: undefined },
    ),
  })
  .map(({ vms, free, cached, scrubbing, swapUsed, merged, sharing }) => {
    const held = vms.reduce((sum, { actual }) => sum + actual, 0);
    const freeKib = Math.round(free * 32 * GIB);
    const reclaimable = Math.round(cached * GIB);
    const total = held + freeKib + reclaimable + scrubbing + GIB;
    const swap = { swapTotal: total, swapUsed: Math.round(swapUsed * total) };
    const resident = vms.reduce((sum, one) => sum + one.resident, 0);
    const virtual = vms.reduce((sum, { maximum }) => sum + maximum, 0);
    const processes = { resident, virtual, proportional: Math.round(resident * (1 - merged / 2)) };
    return {
      host: host({ total, free: freeKib, reclaimable, scrubbing, ...swap, processes, ...(sharing && { sharing }) }),
      vms: vms.map((of, i) => ({ name: `vm${i}`, ...of })),
    };
  });
