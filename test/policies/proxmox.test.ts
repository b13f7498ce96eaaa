import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { proxmox, proxmoxGoal } from "../../src/vmm/memory/policies/proxmox.ts";
import { anyObservations, decideOnce, GIB, host, MIB, parametersOf, targetsIn, vm } from "./observations.ts";

const parameters = parametersOf(proxmox);
const hostUsing = (used: number) => host({ total: 64 * GIB, free: (64 - used) * GIB });
const sizes = (minimum: number, actual: number, maximum: number) => ({
  minimum: minimum * GIB,
  actual: actual * GIB,
  maximum: maximum * GIB,
});

describe("Proxmox auto-ballooning", () => {
  it("gets 100 MiB from each comfortable VM while the host is over its target", () => {
    const vms = [vm("a", sizes(2, 8, 8), { unused: 4 * GIB }), vm("b", sizes(4, 8, 8), { unused: 4 * GIB })];
    const seen = { host: hostUsing(60), vms };
    expect(proxmoxGoal(parameters, seen)).toBeCloseTo(-8.8 * GIB, 0);
    expect(targetsIn(decideOnce(proxmox, seen).actions)).toEqual({ a: 8 * GIB - 100 * MIB, b: 8 * GIB - 100 * MIB });
  });

  it("lets only the pressed VM grow, by 100 MiB", () => {
    const pressed = vm("a", sizes(2, 2, 8), { unused: 0.2 * GIB });
    const comfortable = vm("b", sizes(4, 4, 8), { unused: 2 * GIB });
    const seen = { host: hostUsing(40), vms: [pressed, comfortable] };
    expect(targetsIn(decideOnce(proxmox, seen).actions)).toEqual({ a: 2 * GIB + 100 * MIB });
  });

  it("shrinks VMs in distress when no other is left", () => {
    const vms = [vm("a", sizes(2, 2, 8), { unused: 2 * GIB }), vm("b", sizes(4, 6, 8), { unused: 0 })];
    expect(targetsIn(decideOnce(proxmox, { host: hostUsing(60), vms }).actions)).toEqual({ b: 6 * GIB - 100 * MIB });
  });

  it("divides by shares what is above the minima", () => {
    const grown = sizes(1, 1.05, 8);
    const vms = [vm("a", grown, { unused: 0, shares: 3000 }), vm("b", grown, { unused: 0, shares: 1000 })];
    // Goal 60 MiB, pool 0.1 GiB + 60 MiB = 162.4 MiB: 121.8 to a, 40.6 to b, which has 51.2 already and leaves; a then
    // takes all of what is left: 60 - (121.8 - 51.2) < 0, nothing.
    const seen = { host: host({ total: 64 * GIB, free: 12.8 * GIB + 60 * MIB }), vms };
    const { a, ...others } = targetsIn(decideOnce(proxmox, seen).actions);
    expect(others).toEqual({});
    expect(Math.abs(a - (GIB + 121.8 * MIB))).toBeLessThan(1);
  });

  it("does nothing within 10 MiB of its target", () => {
    const vms = [vm("a", sizes(2, 4, 8))];
    for (const off of [-10, 10]) {
      const seen = { host: host({ total: 64 * GIB, free: 12.8 * GIB + off * MIB }), vms };
      expect(decideOnce(proxmox, seen).actions).toEqual([]);
    }
  });

  it("counts caches of the host as used only as a variant", () => {
    const seen = { host: host({ total: 64 * GIB, free: 2 * GIB, reclaimable: 20 * GIB }), vms: [] };
    expect(proxmoxGoal(parameters, seen)).toBeCloseTo(9.2 * GIB, 0);
    expect(proxmoxGoal({ ...parameters, cachesCountAsUsed: true }, seen)).toBeCloseTo(-10.8 * GIB, 0);
  });

  it("moves nobody by more than 100 MiB or against its goal, and never touches VMs with shares of 0", () => {
    fc.assert(
      fc.property(anyObservations, (seen) => {
        const targets = targetsIn(decideOnce(proxmox, seen).actions);
        const goal = proxmoxGoal(parameters, seen);
        for (const { name, actual, shares, migrating, canBalloon, guest } of seen.vms) {
          const change = (targets[name] ?? actual) - actual;
          expect(Math.abs(change)).toBeLessThanOrEqual(100 * MIB);
          expect(change * goal).toBeGreaterThanOrEqual(0);
          if (shares === 0 || migrating || !canBalloon || guest === undefined) expect(targets).not.toHaveProperty(name);
        }
      }),
    );
  });
});
