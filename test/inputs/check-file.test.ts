import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { checkFile } from "../../src/experiment/check-file.ts";

it("counts a reference across a page boundary once", async () => {
  const folder = mkdtempSync(join(tmpdir(), "vmmbench-check-"));
  const file = join(folder, "straddling.lackey");
  writeFileSync(file, "I  1000,4\n L 1ffe,4\n S 3000,8\n");
  expect(await checkFile(file)).toBe("reference trace of 3 references");
  rmSync(folder, { recursive: true });
});

describe("a matrix", () => {
  const folder = mkdtempSync(join(tmpdir(), "vmmbench-check-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const check = (vmms: string, vms = "vms: [2], overcommit: [1]"): Promise<string> => {
    const file = join(folder, "m.yaml");
    const block = `{ name: b, vmms: ${vmms}, workloads: [idle-debian], machines: [xeon-2.4-sosp03], seeds: [1], ${vms} }`;
    writeFileSync(file, `name: m\nblocks: [${block}]\n`);
    return checkFile(file);
  };

  it("is told by its cells", async () => {
    expect(await check("[esx]")).toBe("matrix of 1 cell");
    expect(await check("[esx, xen-pv]")).toBe("matrix of 2 cells");
  });

  it("says which of its cells would be skipped, and why", async () => {
    expect(await check("[esx, native]")).toBe(
      "matrix of 2 cells, 1 of which would be skipped: 1 of native: native runs at most 1 guest, not 2",
    );
  });

  it("is wrong when every cell would be skipped", async () => {
    const damon = "{ xen-pv: { allocation: damon-reclaim }, as: damon }";
    await expect(check(`[native, ${damon}]`)).rejects.toThrow(
      /m\.yaml: every one of its 2 cells would be skipped: 1 of native: native runs at most 1 guest, not 2; 1 of damon: xen-pv allocates memory by damon-reclaim, which goes by what only host-swap shows/,
    );
    await expect(check("[native]")).rejects.toThrow("its only cell would be skipped");
  });

  it("is wrong where a VM's traffic has a peak below its average", async () => {
    await expect(
      check("[{ esx: { network.averageKilobits: 800, network.peakKilobits: 400 }, as: shaped }]"),
    ).rejects.toThrow(
      "vmkernel peakKilobits: a peak of 400 kbit/s is less than averageKilobits, 800; expected at least as much, or 0",
    );
    await expect(
      check("[{ esx: { network: { vmkernel: { peakKilobits: 7, averageKilobits: 8 } } }, as: shaped }]"),
    ).rejects.toThrow("a peak of 7");
    expect(await check("[{ esx: { network.averageKilobits: 800 }, as: shaped }]")).toBe("matrix of 1 cell");
    expect(await check("[{ esx: { network.averageKilobits: 800, network.peakKilobits: 800 }, as: shaped }]")).toBe(
      "matrix of 1 cell",
    );
  });
});
