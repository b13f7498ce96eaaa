import { describe, expect, it } from "vitest";
import { esx } from "../../src/vmm/esx.ts";
import { pageSharing } from "../../src/vmm/memory/page-sharing.ts";
import { scanRate } from "../../src/vmm/memory/scan-rate.ts";
import { buildHost, profile } from "./fixtures.ts";

const PAGES_PER_MIB = 256;

/** Pages that a host with VMs of these sizes scans in so many seconds, when every VM is to be scanned once in an hour. */
function scanned(pages: readonly number[], seconds: number): number {
  const host = buildHost({ ...esx, memory: [pageSharing({ passMinutes: 60 })] }, 1000);
  for (const size of pages) host.memory.addVm(size);
  for (let tenth = 0; tenth < 10 * seconds; tenth++) host.mechanisms[0].work();
  return host.memory.pagesScanned;
}

describe("the scan rate of ESX 3 and later", () => {
  it("scans each VM once in an hour, whatever its size", () => {
    expect(scanned([3600], 100)).toBe(100);
    expect(scanned([3600, 7200], 100)).toBe(300);
  });

  it("loses no fraction of a page", () => {
    expect(Math.abs(scanned([1000], 3600) - 1000)).toBeLessThanOrEqual(1);
  });

  it("does not go beyond 4 MB/s for each GHz of the host", () => {
    const slow = { ...profile, megahertz: 10, cores: 2 };
    const rate = scanRate({ passMinutes: 60, pagesPerSecond: 0, pagesPerSecondPerVm: 0 }, slow);
    const vms = [1, 1, 2].map((part, index) => ({ index, pages: part * 3600 * 1024 }));
    const pages = [0, 0, 0];
    for (let tenth = 0; tenth < 1000; tenth++) rate.scan(vms, 10, ({ index }) => pages[index]++);
    const most = 100 * 4 * PAGES_PER_MIB * 0.02;
    expect(pages).toEqual([most / 4, most / 4, most / 2]);
  });
});
