import { describe, expect, it } from "vitest";
import { overheadPages } from "../../src/vmm/contract.ts";
import { esx4 } from "../../src/vmm/esx-4.ts";
import { esx5 } from "../../src/vmm/esx-5.ts";
import { esx6 } from "../../src/vmm/esx-6.ts";
import type { Vmm } from "../../src/vmm/contract.ts";

const PAGES_PER_MIB = 256;

/** MiB that the VMM keeps for a guest of one vCPU with so many MiB. */
function overhead(vmm: Vmm, mib: number): number {
  return overheadPages(vmm.overheadPerGuest, mib * PAGES_PER_MIB) / PAGES_PER_MIB;
}

describe("memory that ESX keeps for a guest", () => {
  it("follows the table of vSphere 4.0 (Resource Management Guide, table 3-2, one vCPU)", () => {
    const table = {
      256: 113.17,
      512: 116.68,
      1024: 123.73,
      2048: 137.81,
      4096: 165.98,
      16_384: 334.96,
      65_536: 1011.21,
    };
    for (const [mib, published] of Object.entries(table)) {
      expect(Math.abs(overhead(esx4, Number(mib)) / published - 1)).toBeLessThan(0.01);
    }
  });

  it("follows the table of vSphere 6.5 (Resource Management Guide, table 6-1, one vCPU)", () => {
    const table = { 256: 20.29, 1024: 25.9, 4096: 48.64, 16_384: 139.62 };
    for (const vmm of [esx5, esx6]) {
      for (const [mib, published] of Object.entries(table)) {
        expect(Math.abs(overhead(vmm, Number(mib)) / published - 1)).toBeLessThan(0.01);
      }
    }
  });
});
