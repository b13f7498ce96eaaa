/** VMs of one host that run different workloads. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { requireIdenticalWork } from "../../src/analysis/results.ts";
import { parseMix } from "../../src/cli/workload-option.ts";
import { digest } from "../../src/core/digest.ts";
import { InputError } from "../../src/core/input-error.ts";
import { compileGuests, loadWorkload } from "../../src/experiment/documents/load.ts";
import { overcommitMatrix } from "../../src/experiment/overcommit-matrix.ts";
import { expandMatrix } from "../../src/experiment/cells.ts";
import { readMatrix } from "../../src/experiment/matrix.ts";
import { planMatrix } from "../../src/experiment/plan.ts";
import { runCell } from "../../src/experiment/run-cell.ts";
import { type CellResult, workloadOf } from "../../src/sim/cell.ts";
import { RequestSource } from "../../src/sim/request-source.ts";
import { Op, OperationStreamBuilder } from "../../src/workload/operation-stream.ts";
import { vmmbench } from "../cli/vmmbench.ts";

const workload = (name: string, memory: string, seconds: string, work: string): string => `
name: ${name}
title: Small
summary: For a test.
guest: { memory: ${memory}, kernel: 4MiB, anonymous: 4MiB, swap: 8MiB, threads: 2 }
${seconds}
${work}`;
const OPEN =
  "activities: [{ name: a, arrivals: { rate: 40/s }, request: [{ compute: { mean: 1Mcycles, spread: exponential } }] }]";
const CLOSED =
  "closed-loop: { requests: 40 }\nactivities: [{ name: a, request: [{ compute: { mean: 4Mcycles, spread: exponential } }] }]";

let folder: string;
const file = (name: string): string => join(folder, name);
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "vmmbench-mix-"));
  writeFileSync(file("open.yaml"), workload("open", "16MiB", "duration: 3s\nwarmup: 1s", OPEN));
  writeFileSync(file("closed.yaml"), workload("closed", "32MiB", "", CLOSED));
  writeFileSync(file("namesake.yaml"), workload("open", "16MiB", "duration: 3s", OPEN));
});
afterAll(() => rmSync(folder, { recursive: true }));

const block = (name: string, settings: string): string =>
  `  - { name: ${name}, vmms: [esx, xen-pv], workloads: [./open.yaml], machines: [xeon-2.4-sosp03], seeds: [1], vms: [4], overcommit: [0.8], settings: ${settings} }\n`;
const matrix = (...blocks: string[]): string => `name: m\nblocks:\n${blocks.join("")}`;
const MIX = "[{ vms: 2..3, workload: ./closed.yaml }]";

async function run(text: string): Promise<readonly CellResult[]> {
  const { cells } = await planMatrix(text, file("m.yaml"));
  return Promise.all(cells.map((cell) => runCell(cell)));
}

async function problemsOf(settings: string): Promise<readonly string[]> {
  try {
    await planMatrix(matrix(block("b", settings)), file("m.yaml"));
  } catch (error) {
    if (error instanceof InputError) return error.problems;
    throw error;
  }
  return [];
}

describe("a mix of workloads on one host", () => {
  it("replays, under every VMM, what each VM would do among its like", async () => {
    const cells = await run(matrix(block("mixed", MIX), block("alike", "[{ vms: 2..3 }]")));
    expect(cells.map(({ status, reason }) => [status, reason])).toEqual(cells.map(() => ["done", undefined]));
    const [open, closed] = ["open.yaml", "closed.yaml"].map((name) => compileGuests(loadWorkload(file(name)), 1, 4));
    const digests = [open[0], open[1], closed[2], closed[3]].map(({ stream }) => stream.digest);
    for (const cell of cells.slice(0, 2)) expect(cell.streamDigest).toBe(digest(digests.join(" ")));
    // Hosts with different mixes are no contradiction; two that differ under one mix are.
    expect(() => requireIdenticalWork(cells)).not.toThrow();
    const other = { ...cells[0], streamDigest: "x" };
    expect(() => requireIdenticalWork([...cells.slice(1), other])).toThrow("open.yaml, with closed.yaml in VMs 2 to 3");
  });

  it("has figures of each group, which add up to those of its VMs and of the host", async () => {
    for (const { groups, vms, metrics } of await run(matrix(block("mixed", MIX)))) {
      const [others, own] = groups?.rows ?? [];
      expect([others[0], others[1], own[0], own[1]]).toEqual([-1, 2, 0, 2]);
      expect(others[2] + own[2]).toBe(metrics.requests_done);
      expect(others[3] + own[3]).toBeCloseTo(metrics.throughput_rps, 9);
      const done = (vms?.rows ?? []).map((row) => row[2]);
      expect([others[2], own[2]]).toEqual([done[0] + done[1], done[2] + done[3]]);
      const mean = (others[2] * others[4] + own[2] * own[4]) / metrics.requests_done;
      expect(mean).toBeCloseTo(metrics.latency_mean_ms, 9);
    }
  });

  it("keeps a workload without a duration going as long as the others take", async () => {
    const [{ groups, series }] = await run(matrix(block("mixed", MIX)));
    // 40 requests of 4 Mcycles would be over after some 40 ms on two processors, before anything is measured.
    expect(groups?.rows[1][2]).toBeGreaterThan(400);
    expect(series?.rows.at(-1)?.[0]).toBe(3);
  });

  it("is part of a cell's key, with all that the files say", async () => {
    const keyOf = async (settings: string): Promise<string> =>
      (await planMatrix(matrix(block("b", settings)), file("m.yaml"))).cells[0].key;
    const [plain, mixed, fewer] = [
      await keyOf("[{ vms: 2..3 }]"),
      await keyOf(MIX),
      await keyOf("[{ vms: 3, workload: ./closed.yaml }]"),
    ];
    expect(new Set([plain, mixed, fewer]).size).toBe(3);
    writeFileSync(file("closed.yaml"), `${workload("closed", "32MiB", "", CLOSED)}\n# another text\n`);
    expect(await keyOf(MIX)).not.toBe(mixed);
    expect(await keyOf("[{ vms: 2..3 }]")).toBe(plain);
  });

  it("that cannot be is refused in one sentence", async () => {
    const problem = async (settings: string): Promise<string> => {
      const problems = await problemsOf(settings);
      expect(problems).toHaveLength(1);
      return problems[0];
    };
    expect(await problem("[{ vms: 3, workload: typicl-server }]")).toMatch(
      /m\.yaml:3:\d+: blocks\[0\]\.settings\[0\]\.workload: there is no workload "typicl-server"; did you mean "typical-server"\?$/,
    );
    expect(await problem("[{ vms: 3, workload: ./namesake.yaml }]")).toContain(
      './namesake.yaml and ./open.yaml both have the name "open"; expected two names on one host',
    );
    // A VM of 32 MiB may have that much, one of 16 not; the host has (2 * 16 + 2 * 32) / 0.8 = 120 MiB.
    expect(await problemsOf("[{ vms: 2..3, workload: ./closed.yaml, memory: { reservation: 32MiB } }]")).toEqual([]);
    expect(await problem("[{ vms: 2..3, memory: { reservation: 32MiB } }]")).toContain(
      "VMs 2 to 3: a reservation of 32MiB is more than configured memory, 16MiB",
    );
  });
});

/** Requests that arrive half a second after these. */
const given = (at: number[]) => {
  const stream = new OperationStreamBuilder();
  for (const seconds of at) {
    stream.add(Op.Request, seconds, 500_000, 1);
    stream.add(Op.Compute, 1);
  }
  return stream.finish();
};

describe("a request source that starts over", () => {
  it("repeats arrivals one period later each time, and ends if it has none", () => {
    const source = new RequestSource(given([0, 2]), 1, 0, 3e6);
    const begins = Array.from({ length: 5 }, () => source.begins(source.take(), 0) / 1e6);
    expect(begins).toEqual([0.5, 2.5, 3.5, 5.5, 6.5]);
    expect(new RequestSource(given([]), 1, 0, 3e6).take()).toBe(-1);
  });

  it("does not repeat without a period", () => {
    const source = new RequestSource(given([0, 2]), 1);
    expect([source.take(), source.take(), source.take(), source.take()]).toEqual([0, 1, -1, -1]);
  });
});

describe("a mix on the command line", () => {
  it("is a number of VMs behind each workload", () => {
    expect(parseMix(undefined)).toBeUndefined();
    expect(parseMix(["typical-server", "./my:odd.yaml"])).toBeUndefined();
    expect(parseMix(["typical-server:6,./mine.yaml:2"])).toEqual([
      { workload: "typical-server", vms: 6 },
      { workload: "./mine.yaml", vms: 2 },
    ]);
  });

  it.each([
    [["a:6,b"], 'expected a workload and how many VMs run it, as in typical-server:6,file-server:2; found "b"'],
    [["a:6,b:0"], 'found "b:0"'],
    [["a:2.5"], 'expected a workload and how many VMs run it, as in typical-server:6,file-server:2; found "a:2.5"'],
    [["a:-1"], 'found "a:-1"'],
    [["a:6,"], 'found ""'],
    [["a:6,a:2"], '"a" is there twice in "a:6,a:2"'],
    [["a:6", "b"], 'a mix of workloads, "a:6", makes up the whole host; expected no other workload'],
  ])("is refused in one sentence: %j", (values, sentence) => {
    expect(() => parseMix(values)).toThrow(InputError);
    expect(() => parseMix(values)).toThrow(sentence);
  });

  it("becomes the VMs of a matrix, each with its workload", () => {
    const text =
      "name: m\nmachines: [x]\nblocks: [{ name: b, vmms: [esx], workloads: [w], vms: [8], overcommit: [0.9, 2] }]\n";
    const counts = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(counts, (numbers) => {
        const mix = numbers.map((vms, i) => ({ workload: `w${i}`, vms }));
        const [spec] = expandMatrix(readMatrix(overcommitMatrix(text, "m.yaml", { mix }), "m.yaml").matrix);
        const each = Array.from({ length: spec.vms ?? 0 }, (_, vm) => workloadOf(spec, vm));
        expect(each).toEqual(mix.flatMap((part) => Array<string>(part.vms).fill(part.workload)));
      }),
    );
    const busy = text.replace("vms: [8]", "vms: [8], settings: [{ vms: 0 }]");
    expect(() => overcommitMatrix(busy, "m.yaml", { mix: [{ workload: "w", vms: 2 }] })).toThrow(
      "has settings for single VMs already",
    );
  });

  it("says how many VMs there are, so that nothing else may", async () => {
    const { code, stderr } = await vmmbench([
      "overcommit",
      "--workload",
      "typical-server:6,file-server:2",
      "--vms",
      "8",
    ]);
    expect(stderr).toContain("--vms: a mix of workloads says how many VMs there are; expected no --vms with it");
    expect(code).toBe(2);
  });
});
