import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { minFundingTargets } from "../../src/vmm/allocation/min-funding.ts";
import { proportionalShares } from "../../src/vmm/allocation/proportional-shares.ts";
import { staticPartition } from "../../src/vmm/allocation/static-partition.ts";
import { esx } from "../../src/vmm/esx.ts";
import { VMMS } from "../../src/vmm/registry.ts";
import { xenPv } from "../../src/vmm/xen-pv.ts";
import { ballooning } from "../../src/vmm/memory/ballooning.ts";
import { hostSwap } from "../../src/vmm/memory/host-swap.ts";
import { IDLE_TAX_RHO } from "./esx-vectors.ts";
import { buildHost } from "./fixtures.ts";

const PAGES_PER_MB = 256;

/** Waldspurger 2002, Figure 7: VMs of 256 MB with equal shares; active memory is the mean of the paper's own estimates. */
function megabytes(tax: number, total: number, actives: readonly number[]): number[] {
  const claimants = actives.map((activeMb) => ({
    shares: 1,
    active: activeMb * PAGES_PER_MB,
    least: 0,
    most: 256 * PAGES_PER_MB,
  }));
  return minFundingTargets(claimants, total * PAGES_PER_MB, tax).map((pages) => pages / PAGES_PER_MB);
}

describe("idle memory tax", () => {
  it("of 75 % settles where the published experiment does: 101 and 243 MB", () => {
    const [idle, busy] = megabytes(0.75, 101.3 + 243.4, [9.5, 200.6]);
    expect(Math.abs(idle - 101.3)).toBeLessThan(2);
    expect(Math.abs(busy - 243.4)).toBeLessThan(2);
  });

  it("of 0 splits by shares alone: 179 and 179 MB", () => {
    expect(megabytes(0, 358, [9.5, 175.6])).toEqual([179, 179]);
  });

  // rho = S / (P (f + 4 (1 - f))) for S = P: the division gives back the S that the published rho was reckoned with.
  it.each(IDLE_TAX_RHO)(
    "at 0.75 makes a VM of which a part of %s is active pay %s shares for a page",
    (activePart, rho) => {
      const total = 1_000_000;
      const vm = (active: number) => ({ shares: 1000, active, least: 0, most: total });
      // The other one uses all it has: it has the pages that its shares buy at the price of the first, so 1 / rho as many.
      const alone = (total * rho) / (1 + rho);
      const [own, other] = minFundingTargets([vm(activePart * alone), vm(total)], total, 0.75);
      expect(own / other).toBeCloseTo(rho, 4);
    },
  );

  it("gives every VM within its bounds the same shares per cost, by the published formula", () => {
    const claimant = fc.record({
      shares: fc.integer({ min: 1, max: 4 }),
      active: fc.integer({ min: 0, max: 50_000 }),
      least: fc.integer({ min: 0, max: 5000 }),
      most: fc.integer({ min: 5000, max: 60_000 }),
    });
    fc.assert(
      fc.property(
        fc.array(claimant, { minLength: 1, maxLength: 8 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.constantFrom(0, 0.5, 0.75),
        (vms, part, tax) => {
          const least = vms.reduce((sum, { least }) => sum + least, 0);
          const most = vms.reduce((sum, { most }) => sum + most, 0);
          const total = Math.round(least + part * (most - least));
          const targets = minFundingTargets(vms, total, tax);
          const given = targets.reduce((sum, pages) => sum + pages, 0);
          expect(given).toBeLessThanOrEqual(total);
          expect(given).toBeGreaterThan(total - 1 - vms.length);
          const rho = vms.map(({ shares, active }, i) => {
            const f = Math.min(1, active / targets[i]);
            return shares / (targets[i] * (f + (1 - f) / (1 - tax)));
          });
          const inside = vms.map(
            ({ least, most }, i) => targets[i] > least + 1 && targets[i] < most - 1 && targets[i] > 1000,
          );
          const prices = rho.filter((_, i) => inside[i]);
          if (prices.length > 1) expect(Math.max(...prices) / Math.min(...prices)).toBeLessThan(1.01);
        },
      ),
    );
  });
});

describe("admission", () => {
  const requests = Array.from({ length: 8 }, () => ({ pages: 1000 }));

  it("of a static partition starts what fits", () => {
    const { allocation } = buildHost({ ...xenPv, allocation: staticPartition() }, 10);
    expect(allocation.admit(requests, 8000)).toEqual(Array(8).fill(1000));
    expect(allocation.admit(requests, 7999)).toEqual(Array(7).fill(1000));
    expect(allocation.admit(requests, 4000)).toEqual(Array(4).fill(1000));
  });

  it("of a ballooned partition gives everybody the same, down to the minimum", () => {
    const { allocation } = buildHost(
      { ...xenPv, allocation: staticPartition({ balloon: true, minimumPercent: 50 }) },
      10,
    );
    expect(allocation.admit(requests, 6000)).toEqual(Array(8).fill(750));
    expect(allocation.admit(requests, 3000)).toEqual(Array(6).fill(500));
  });

  it("of a ballooned partition never gives more than there is, whatever sizes are asked for", () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 9 });
    fc.assert(
      fc.property(
        sizes,
        fc.integer({ min: 0, max: 20_000 }),
        fc.integer({ min: 1, max: 100 }),
        (asked, free, percent) => {
          const part = staticPartition({ balloon: true, minimumPercent: percent });
          const { allocation } = buildHost({ ...xenPv, allocation: part }, 10);
          const given = allocation.admit(
            asked.map((pages) => ({ pages })),
            free,
          );
          expect(given.reduce((sum, pages) => sum + pages, 0)).toBeLessThanOrEqual(free);
          for (const [i, pages] of given.entries()) {
            expect(pages).toBeLessThanOrEqual(asked[i]);
            expect(pages).toBeGreaterThanOrEqual((asked[i] * percent) / 100);
          }
        },
      ),
      // Minima are rounded up: eight of 3 pages and one of 250.
      { seed: 42, examples: [[[...Array<number>(8).fill(10), 1000], 274, 25]] },
    );
  });

  it("needs a balloon driver to be ballooned", () => {
    const { allocation } = buildHost({ ...xenPv, memory: [], allocation: staticPartition({ balloon: true }) }, 10);
    expect(allocation.admit(requests, 6080).length).toBe(6);
  });

  it("by shares starts everybody whose reservation there is room for", () => {
    const { allocation } = buildHost({ ...esx, memory: [hostSwap()] }, 10);
    expect(allocation.admit(requests, 4000)).toEqual(Array(8).fill(500));
    const reserving = proportionalShares({ reservationPercent: 50 });
    const half = buildHost({ ...esx, memory: [hostSwap()], allocation: reserving }, 10);
    expect(half.allocation.admit(requests, 2999).length).toBe(5);
    expect(half.allocation.admit(requests, 3000).length).toBe(6);
  });

  it("by shares promises no more than there is where the host has no swap space", () => {
    const { allocation } = buildHost({ ...esx, memory: [ballooning()] }, 10);
    expect(allocation.admit(requests, 8000)).toEqual(Array(8).fill(1000));
    expect(allocation.admit(requests, 7999)).toEqual(Array(7).fill(1000));
  });
});

describe("a VMM of the package that takes memory by force", () => {
  const hosts = VMMS.map((vmm) => ({ name: vmm.name, host: buildHost(vmm, 100) }));
  const forced = hosts.filter(({ host }) => host.mechanisms.some(({ kind }) => kind === "forced"));

  it.each(forced)("has not set aside all memory of its VMs before: $name", ({ host }) => {
    expect(host.allocation.populates).toBe(false);
  });

  it("is that of VMware, or one whose host is Linux", () => {
    const names = ["esx-3", "esx-4", "esx-5", "esx-6", "esx", "kvm-shadow", "kvm", "uml", "workstation"];
    expect(forced.map(({ name }) => name)).toEqual(names);
  });
});
