import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TimedDecision } from "../../src/sim/decision-log.ts";
import { vmmbench } from "./vmmbench.ts";

/** Two guests that write to all of their memory: on a host with two thirds of it, somebody has to give. */
const WORKLOAD = `
name: greedy
title: Greedy
summary: A guest that writes to page after page.
guest: { memory: 16MiB, kernel: 2MiB, swap: 16MiB, anonymous: 12MiB }
duration: 20s
activities:
  - name: requests
    arrivals: { rate: 20/s }
    request: [touch: { pages: 40, within: 12MiB, write: 100%, cycles: 3kcycles }]
`;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "vmmbench-why-"));
  writeFileSync(join(folder, "greedy.yaml"), WORKLOAD);
});
afterAll(() => rmSync(folder, { recursive: true }));

const overcommit = (out: string, ...options: string[]) => {
  const usual = ["--workload", join(folder, "greedy.yaml"), "--vms", "2", "--ratios", "0.9,1.5", "--seeds", "1,2"];
  return vmmbench(["overcommit", ...usual, "--strategy", "esx", "--quiet", "--no-report", "--out", out, ...options]);
};
const files = (out: string): string[] => readdirSync(join(out, "why")).sort();
const read = (out: string, file: string): string => readFileSync(join(out, "why", file), "utf8");

describe("--why", () => {
  it("writes the log of each host of the first seed, as NDJSON, CSV and text, and changes no result", async () => {
    const [out, plain] = [join(folder, "out"), join(folder, "plain")];
    const { code, stdout } = await overcommit(out, "--why");
    expect(code).toBe(0);
    expect(files(out).map((file) => file.replace(/-[0-9a-f]{8}\./, "."))).toEqual(
      ["0.9", "1.5"].flatMap((ratio) =>
        ["csv", "ndjson", "txt"].map((ending) => `esx-greedy-2-vms-overcommit-${ratio}-seed-1.${ending}`),
      ),
    );
    const [, , , csv, log, text] = files(out);
    const decisions = read(out, log)
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as TimedDecision);
    expect(decisions.some(({ action }) => action === "state")).toBe(true);
    expect(stdout).toContain(`why:     ${join(out, "why", text)}\n         ${decisions.length} decisions: `);
    // Each decision is in a line, and says which rule it was; some lines tell of several.
    const lines = read(out, text)
      .split("\n")
      .filter((line) => /^ +-?\d+\.\d{3} /.test(line));
    const told = lines.reduce(
      (sum, line) => sum + Number(/: ([\d,]+) times until /.exec(line)?.[1].replace(",", "") ?? 1),
      0,
    );
    expect(told).toBe(decisions.length);
    expect(lines.every((line) => line.includes(" <- "))).toBe(true);
    // A row a VM for the beginning and each of the 20 seconds, and the header.
    expect(read(out, csv).trim().split("\n").length).toBe(1 + 2 * 21);

    await overcommit(plain);
    expect(existsSync(join(plain, "why"))).toBe(false);
    expect(readFileSync(join(out, "cells.ndjson"), "utf8")).toBe(readFileSync(join(plain, "cells.ndjson"), "utf8"));

    // Asked afterwards, it runs what it needs once more: the same results and the same logs.
    const again = await overcommit(plain, "--why", "--resume");
    expect(again.code).toBe(0);
    expect(readFileSync(join(out, "cells.ndjson"), "utf8")).toBe(readFileSync(join(plain, "cells.ndjson"), "utf8"));
    for (const file of files(out)) expect(read(plain, file)).toBe(read(out, file));
  }, 60_000);

  it("draws the memory of each VM in the report of the run, and as a chart", { timeout: 60_000 }, async () => {
    const out = join(folder, "out");
    const chart = join(folder, "vm.svg");
    const { code, stderr } = await vmmbench(["chart", "vm-memory", "--results", out, "--out", chart]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(readFileSync(chart, "utf8")).toContain("Memory of each VM under esx at overcommit 1.5");
  });

  it("leaves results that check finds to be whole", async () => {
    const out = join(folder, "out");
    expect(await vmmbench(["check", out])).toEqual({ code: 0, stdout: `${out}: results of 4 cells\n`, stderr: "" });
  });

  it("says so where there is no host to log", async () => {
    const out = join(folder, "none");
    const { code, stderr } = await vmmbench([
      "run",
      "smoke",
      "--filter",
      "workload=process-churn",
      "--why",
      "--out",
      out,
    ]);
    expect(stderr).toContain(
      "--why logs decisions about the memory of hosts, and this run has no host; expected a block with vms",
    );
    expect(code).toBe(2);
    expect(existsSync(out)).toBe(false);
  });
});
