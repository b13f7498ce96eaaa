import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { NotDone } from "../../src/analysis/not-done.ts";
import type { OvercommitCurve } from "../../src/analysis/overcommit.ts";
import type { VmCountCurve } from "../../src/analysis/vm-count.ts";
import { ROOT, vmmbench } from "./vmmbench.ts";

/** A guest that cannot swap: its balloon does not get far, and Xen has nothing that takes the rest by force. */
const WORKLOAD = `
name: small
title: Small
summary: A guest without swap space.
guest: { memory: 16MiB, kernel: 4MiB, anonymous: 4MiB }
duration: 2s
activities:
  - name: requests
    arrivals: { rate: 20/s }
    request: [compute: 1Mcycles]
`;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "vmmbench-overcommit-"));
  writeFileSync(join(folder, "small.yaml"), WORKLOAD);
});
afterAll(() => rmSync(folder, { recursive: true }));

const overcommit = (...options: string[]) => {
  const workload = join(folder, "small.yaml");
  const usual = ["--workload", workload, "--vms", "2", "--seeds", "1", "--strategy", "xen-balloon"];
  return vmmbench(["overcommit", ...usual, "--quiet", "--no-report", ...options]);
};

const overcommitVms = (...options: string[]) => {
  const usual = ["--workload", join(folder, "small.yaml"), "--seeds", "1", "--strategy", "xen-balloon"];
  return vmmbench(["overcommit", ...usual, "--quiet", "--no-report", ...options]);
};

describe("vmmbench overcommit", () => {
  it("looks below a ratio at which a host cannot be simulated, and says why", { timeout: 60_000 }, async () => {
    const out = join(folder, "search");
    const { code, stdout, stderr } = await overcommit("--ratios", "0.9,1.25", "--search", "--json", "--out", out);
    const { curves, controlUnits } = JSON.parse(stdout) as { curves: OvercommitCurve[]; controlUnits: object };
    // The names alone do not say of all figures what they are in.
    expect(controlUnits).toMatchObject({ reversals: "per VM and hour", doublePaged: "pages" });
    expect(Object.keys(controlUnits)).toEqual(expect.arrayContaining(Object.keys(curves[0].points[0].control)));
    const [{ points, failedRatios = [], verdict }] = curves;
    expect(verdict.failingRatio).toBeUndefined();
    expect(points.slice(0, 3).map(({ ratio }) => ratio)).toEqual([0.9, 1.25, 1.9]);
    const limit = points.at(-1)?.ratio ?? 0;
    expect(failedRatios[0]).toBeGreaterThan(limit);
    expect(failedRatios[0] - limit).toBeLessThan(0.051);
    expect(verdict.sentence).toContain(`; at ${failedRatios[0]}, the host cannot be simulated`);
    expect(stderr).toMatch(/failed: workload "small": xen-pv starts 2 VMs ballooned .*expected an overcommit ratio of/);
    expect(code).toBe(1);
  });

  it("finds how many VMs a host holds, and goes on where it was interrupted", { timeout: 60_000 }, async () => {
    const out = join(folder, "vms");
    const options = ["--search", "vms", "--host-memory", "48MiB", "--json", "--out", out];
    const first = await overcommitVms(...options);
    const { vmCounts } = JSON.parse(first.stdout) as { vmCounts: (VmCountCurve & { sentence: string })[] };
    expect(first.stdout).toContain('"controlUnits":{"reversals":"per VM and hour"');
    const [{ points, verdict, failedCounts = [], sentence }] = vmCounts;
    // Three fit; half of them, and half as many more, are measured with them. Each can be ballooned to 8.4 MiB.
    expect(points.slice(0, 3).map(({ vms }) => vms)).toEqual([1, 3, 5]);
    expect(points.every(({ vms, ratio }) => Math.abs(ratio - (16 * vms) / 48) < 1e-4)).toBe(true);
    expect([verdict.most, verdict.open]).toEqual([failedCounts[0] - 1, false]);
    expect(sentence).toContain(`xen-balloon keeps ${verdict.most} VMs of 16 MiB on 48 MiB (`);
    expect(first.code).toBe(1);

    // As after a kill: some cells are not there, the search has to find its way again.
    const cells = readdirSync(join(out, "cells"), { recursive: true, encoding: "utf8" }).filter((name) =>
      name.endsWith(".json"),
    );
    for (const name of cells.slice(0, cells.length / 2)) rmSync(join(out, "cells", name));
    const again = await overcommitVms(...options, "--resume");
    expect(JSON.parse(again.stdout)).toEqual(JSON.parse(first.stdout));
  });

  it("says so when there is nothing to compare", async () => {
    const { code, stderr } = await overcommit("--ratios", "1", "--out", join(folder, "one"));
    expect(stderr).toContain("--ratios: expected two ratios or more");
    expect(code).toBe(2);
  });

  it("says before it begins what will be skipped, and takes strategies with a comma between them", {
    timeout: 60_000,
  }, async () => {
    // Bare metal has one guest at a time.
    const asked = ["--policy", "mom", "--vmm", "native", "--strategy", "xen-static,xen-balloon", "--ratios", "0.9,1"];
    const usual = ["--workload", join(folder, "small.yaml"), "--vms", "2", "--seeds", "1", "--no-report", "--json"];
    const { stdout, stderr } = await vmmbench(["overcommit", ...usual, ...asked, "--out", join(folder, "skipped")]);
    expect(stderr.split("\n")[0]).toBe("to be skipped: 2 of 6 cells, of mom: native runs at most 1 guest, not 2");
    const { curves, notDone } = JSON.parse(stdout) as { curves: OvercommitCurve[]; notDone: NotDone[] };
    expect(curves.map(({ strategy }) => strategy)).toEqual(["xen-static", "xen-balloon"]);
    const reason = "native runs at most 1 guest, not 2";
    expect(notDone).toMatchObject([{ strategy: "mom", status: "skipped", reasons: [reason], cells: 2, of: 2 }]);
  });

  it("names a strategy without a result with the verdicts of the others", { timeout: 60_000 }, async () => {
    const asked = ["--policy", "mom", "--vmm", "native", "--ratios", "0.9,1"];
    const { stdout } = await overcommit(...asked, "--out", join(folder, "no-result"));
    expect(stdout).toContain("\nmom: no result, skipped: native runs at most 1 guest, not 2\nresults: ");
  });

  it("says what will be skipped only when nothing else is refused", async () => {
    const asked = ["--policy", "mom", "--vmm", "native", "--strategy", "xen-static", "--ratios", "0.9,1"];
    const refused: [string[], string][] = [
      [["--workers", "0"], '--workers: expected a whole number from 1 to 256; found "0"\n'],
      [["--workers", "10000"], '--workers: expected a whole number from 1 to 256; found "10000"\n'],
      [["--out", ROOT], `${ROOT}: the folder is not empty;`],
    ];
    for (const [options, sentence] of refused) {
      const { code, stderr } = await vmmbench(["overcommit", "--seeds", "1", ...asked, ...options]);
      expect([code, stderr.startsWith(sentence)]).toEqual([2, true]);
    }
  });

  it.skipIf("typescript" in process.features && process.features.typescript !== false)(
    "says of a policy in TypeScript what is expected instead",
    async () => {
      const { code, stderr } = await vmmbench(["overcommit", "--policy", "./src/vmm/memory/policies/mom.ts"]);
      expect(stderr).toContain(`; Node.js ${process.version} runs no TypeScript: expected a .js file`);
      expect(code).toBe(2);
    },
  );

  it("refuses a ratio that is there twice", async () => {
    const { code, stderr } = await overcommit("--ratios", "1,1.5,1.50");
    expect(stderr).toContain('--ratios: 1.5 is there twice in "1,1.5,1.50"');
    expect(code).toBe(2);
  });

  it.each([
    [["--workload", "none-such-at-all"], '--workload: there is no workload "none-such-at-all"; expected one of: '],
    [["--workload", "typical-server:1,./none.yaml:1"], "--workload: none.yaml: no such file"],
    [
      ["--machine", "xeon-2.4-sosp04"],
      '--machine: there is no machine "xeon-2.4-sosp04"; did you mean "xeon-2.4-sosp03"?',
    ],
  ])("says which option names what there is not: %j", async (options, sentence) => {
    const { code, stderr } = await vmmbench(["overcommit", ...options]);
    expect(stderr.startsWith(sentence)).toBe(true);
    expect(code).toBe(2);
  });

  it("refuses more than one precision", async () => {
    const { code, stderr } = await overcommit("--search", "--precision", "0.05,0.1");
    expect(stderr).toContain('--precision: expected a number from 0.01 to 1; found "0.05,0.1"');
    expect(code).toBe(2);
  });
});
