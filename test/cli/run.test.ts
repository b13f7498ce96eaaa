import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { commandLine } from "../../src/cli/command-line.ts";
import { InputError } from "../../src/core/input-error.ts";
import type { CellResult } from "../../src/sim/cell.ts";
import { ROOT, start, vmmbench } from "./vmmbench.ts";

const WORKLOAD = `
name: tiny
title: Tiny
summary: Some forks, faults, files and packets.
guest: { memory: 16MiB, kernel: 2MiB, swap: 16MiB, anonymous: 8MiB, resident: 4MiB, files: 4MiB, cached-files: 1MiB }
duration: 2s
activities:
  - name: requests
    arrivals: { rate: 20/s }
    request:
      - syscall: stat
      - compute: { mean: 500kcycles, spread: exponential }
      - touch: { pages: 20, within: 8MiB, write: 50% }
      - read-file: { pages: 2 }
      - send: 4KiB
`;
const MATRIX = `
name: tiny
machines: [xeon-2.4-sosp03]
blocks:
  - name: guest
    vmms: [native, esx, xen-pv, { esx: { memory.page-sharing: off } }]
    workloads: [./tiny.yaml]
    seeds: 1..8
  - name: host
    vmms: [native, esx, xen-pv, { xen-pv: { memory.page-sharing: on }, as: xen-pv with sharing }]
    workloads: [./tiny.yaml]
    seeds: [1, 2]
    vms: [3]
    overcommit: [1, 1.5]
`;
const CELLS = 4 * 8 + 4 * 2 * 2;

let folder: string;
const at = (name: string): string => join(folder, name);
const file = (name: string, text: string): string => {
  writeFileSync(at(name), text);
  return at(name);
};
const run = (out: string, ...options: string[]) => [
  "run",
  at("matrix.yaml"),
  "--out",
  at(out),
  "--no-report",
  ...options,
];
const read = (name: string): string => readFileSync(at(name), "utf8");
const sha256 = (name: string): string => createHash("sha256").update(read(name)).digest("hex");
const stored = (out: string): string[] =>
  existsSync(at(`${out}/cells`))
    ? readdirSync(at(`${out}/cells`), { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".json"))
    : [];

/** What the command would print, one line each. */
async function problemsOf(words: readonly string[]): Promise<readonly string[]> {
  try {
    await commandLine(words).parseAsync();
  } catch (error) {
    if (error instanceof InputError) return error.problems;
    throw error;
  }
  throw new Error("the input was accepted");
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "vmmbench-run-"));
  file("tiny.yaml", WORKLOAD);
  file("matrix.yaml", MATRIX);
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("vmmbench run", () => {
  it("gives every cell a result; bare metal is skipped where it has several guests", async () => {
    const { code, stdout, stderr } = await vmmbench(run("one", "--workers", "1", "--quiet"));
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toContain(`${CELLS} cells`);
    const cells = read("one/cells.ndjson")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as CellResult);
    expect(cells).toHaveLength(CELLS);
    const skipped = cells.filter(({ status }) => status === "skipped");
    expect(skipped.map(({ spec, reason }) => [spec.vmm.label, reason])).toEqual(
      Array.from({ length: 4 }, () => ["native", "native runs at most 1 guest, not 3"]),
    );
    expect(cells.filter(({ status }) => status === "failed").map(({ reason }) => reason)).toEqual([]);
    const digests = new Map(cells.map(({ spec, streamDigest }) => [`${spec.seed}/${spec.vms}/${streamDigest}`, spec]));
    // One operation stream per seed for the single guest and one set per seed for the host; skipped cells have none.
    expect([...digests.keys()].filter((id) => !id.endsWith("/"))).toHaveLength(8 + 2);
  });

  it("gives the same bytes with two workers", async () => {
    expect((await vmmbench(run("two", "--workers", "2"))).code).toBe(0);
    for (const name of ["cells.ndjson", "cells.csv"]) expect(sha256(`two/${name}`)).toBe(sha256(`one/${name}`));
    expect(readdirSync(at("two/series"))).toEqual(readdirSync(at("one/series")));
  });

  it("gives the same bytes when it was killed and resumed, with a damaged cell", async () => {
    const { child, ended } = start(run("killed", "--workers", "1"));
    while (stored("killed").length < 10) await pause(5);
    child.kill("SIGKILL");
    await ended;
    const left = stored("killed");
    expect(left.length).toBeLessThan(CELLS);
    expect(existsSync(at("killed/cells.ndjson"))).toBe(false);
    writeFileSync(at(`killed/cells/${left[0]}`), "half a ce");

    const refused = await vmmbench(run("killed"));
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/^\S+: the folder is not empty; continue the run in it with --resume[^\n]*\n$/);

    const resumed = await vmmbench(run("killed", "--workers", "2", "--resume"));
    expect(resumed.code).toBe(0);
    expect(resumed.stdout).toContain(`${CELLS} cells, ${left.length - 1} of them from an earlier run`);
    expect(sha256("killed/cells.ndjson")).toBe(sha256("one/cells.ndjson"));
  });

  it("stops in order on Ctrl-C and says how to go on", async () => {
    const { child, ended } = start(run("stopped, it's here", "--workers", "1"));
    while (stored("stopped, it's here").length < 5) await pause(5);
    child.kill("SIGINT");
    const { code, stderr } = await ended;
    expect(code).toBe(130);
    expect(stderr).toContain(
      `interrupted: ${stored("stopped, it's here").length} of ${CELLS} cells are stored in ${at("stopped, it's here")}`,
    );
    const [, command = ""] = /^continue with: (.+)$/m.exec(stderr) ?? [];
    // Where it was typed, and in a folder whose name a shell would take apart.
    expect(command).toContain(` run ${at("matrix.yaml")} --out `);
    const pasted = spawnSync("sh", ["-c", command], { cwd: ROOT, encoding: "utf8" });
    expect(pasted.status).toBe(0);
    expect(sha256("stopped, it's here/cells.ndjson")).toBe(sha256("one/cells.ndjson"));
  });

  it("does not resume the results of another matrix", async () => {
    const other = file("other.yaml", MATRIX.replace("1..8", "1..7"));
    const before = read("one/manifest.json");
    const { code, stderr } = await vmmbench(["run", other, "--out", at("one"), "--resume", "--no-report"]);
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /^\S+: holds another run: matrix "tiny" with 48 cells, [^\n]*; give another folder with --out\n$/,
    );
    expect(read("one/manifest.json")).toBe(before);
  });

  it("can be imported by name, the way modules of users do it", async () => {
    const { esx } = (await import(import.meta.resolve("vmmbench"))) as { esx: { name: string } };
    expect(esx.name).toBe("esx");
  });

  it("runs some cells only", async () => {
    const filters = ["--filter", "vmm=native", "--filter", "vmm=esx", "--filter", "seed=3", "--filter", "block=guest"];
    expect((await vmmbench(run("some", ...filters))).code).toBe(0);
    const lines = read("some/cells.ndjson").trimEnd().split("\n");
    expect(lines).toHaveLength(2);
    for (const line of lines) expect(read("one/cells.ndjson").includes(line)).toBe(true);
  });

  it("takes VMMs and parts from modules outside the package", async () => {
    const built = new URL("../../dist/vmm/library.js", import.meta.url).href;
    file(
      "mine.js",
      `import { defineVmm, esx } from "${built}"; export const mine = defineVmm({ ...esx, name: "mine", title: "Mine" });`,
    );
    file(
      "partition.js",
      `import { definePart, staticPartition } from "${built}";
       export const half = definePart({ ...staticPartition.definition, name: "half" });`,
    );
    file(
      "outside.yaml",
      MATRIX.replace(
        "[native, esx, xen-pv, { esx: { memory.page-sharing: off } }]",
        "[./mine.js, { esx: { allocation: ./partition.js } }]",
      ),
    );
    const { code, stderr } = await vmmbench([
      "run",
      at("outside.yaml"),
      "--out",
      at("outside"),
      "--no-report",
      "--filter",
      "seed=1",
      "--filter",
      "block=guest",
    ]);
    expect(code, stderr).toBe(0);
    const manifest = JSON.parse(read("outside/manifest.json")) as {
      blocks: { vmms: { title: string; parts: object }[] }[];
    };
    expect(manifest.blocks[0].vmms.map(({ title }) => title)).toEqual(["Mine", expect.any(String)]);
    expect(manifest.blocks[0].vmms[1].parts).toHaveProperty("allocation.half");
  });
});

describe("bad input", () => {
  const cases: readonly [string, () => string[], RegExp][] = [
    [
      "a matrix that isn't there",
      () => ["run", at("matrx.yaml")],
      /matrx\.yaml: no such file; did you mean "\S+matrix\.yaml"\?$/,
    ],
    ["a matrix by a wrong name", () => ["run", "smok"], /^there is no experiment "smok"; did you mean "smoke"\?$/],
    ["an empty matrix", () => ["run", file("empty.yaml", "")], /empty\.yaml: byte offset 0: the file is empty$/],
    ["no YAML", () => ["run", file("no.yaml", "a: [1")], /no\.yaml:\d+:\d+: not valid YAML/],
    [
      "a misspelt VMM",
      () => ["run", file("a.yaml", MATRIX.replace("[native, esx", "[native, exs"))],
      /a\.yaml:6:20: blocks\[0\]\.vmms\[1\]: there is no VMM "exs"; did you mean "esx"\?$/,
    ],
    [
      "a misspelt part",
      () => ["run", file("b.yaml", MATRIX.replace("page-sharing: off", "page-shraing: off"))],
      /b\.yaml:6:\d+: blocks\[0\]\S* unknown part "page-shraing" in slot memory; did you mean "page-sharing"\?$/,
    ],
    [
      "a misspelt workload",
      () => ["run", file("c.yaml", MATRIX.replace("[./tiny.yaml]", "[tipical-server]"))],
      /c\.yaml:7:17: blocks\[0\]\.workloads\[0\]: there is no workload "tipical-server"; did you mean "typical-server"\?$/,
    ],
    [
      "a misspelt machine",
      () => ["run", file("d.yaml", MATRIX.replace("2.4-sosp03", "2.4-sosp04"))],
      /d\.yaml:\d+:\d+: blocks\[0\]\.machines\[0\]: there is no machine "xeon-2\.4-sosp04"; did you mean "xeon-2\.4-sosp03"\?/,
    ],
    [
      "a workload with a wrong size",
      () => {
        file("wrong.yaml", WORKLOAD.replace("16MiB", "16M"));
        return ["run", file("e.yaml", MATRIX.replaceAll("./tiny.yaml", "./wrong.yaml"))];
      },
      /wrong\.yaml:5:18: guest\.memory: "16M" has the unknown unit "M"; did you mean 16MiB\?$/,
    ],
    [
      "a module that isn't there",
      () => ["run", file("f.yaml", MATRIX.replace("[native, esx", "[native, ./no.js"))],
      /f\.yaml:6:20: blocks\[0\]\.vmms\[1\]: \.\/no\.js: the module cannot be loaded: /,
    ],
    [
      "a matrix that is not text",
      () => {
        writeFileSync(at("binary.yaml"), Buffer.from([0xff, 0xfe, 0x00, 0x62]));
        return ["run", at("binary.yaml")];
      },
      /binary\.yaml: not a text file; expected YAML in UTF-8$/,
    ],
    ["no workers", () => run("bad", "--workers", "0"), /^--workers: expected a whole number from 1 to 256; found "0"$/],
    [
      "a filter that leaves nothing",
      () => run("bad", "--filter", "seed=77"),
      /^--filter: no cell has seed "77"; (did you mean|expected one of)/,
    ],
    [
      "a misspelt value of a filter",
      () => run("bad", "--filter", "vmm=exs"),
      /^--filter: no cell has vmm "exs"; did you mean "esx"\?$/,
    ],
    [
      "a filter on nothing",
      () => run("bad", "--filter", "vm=1"),
      /^--filter: unknown axis "vm"; did you mean "vmm"\?$/,
    ],
    [
      "a filter on what every object answers to",
      () => run("bad", "--filter", "constructor=1"),
      /^--filter: unknown axis "constructor"; expected one of: block, machine, overcommit, seed, vmm, vms, workload$/,
    ],
    [
      "a file for a folder",
      () => ["run", at("matrix.yaml"), "--out", at("tiny.yaml")],
      /tiny\.yaml: is a file; expected a folder$/,
    ],
    ["no results", () => ["check", at("a-folder")], /a-folder: not a results folder: it has no manifest\.json$/],
    ["a file of no kind", () => ["check", file("x.txt", "x")], /x\.txt: unknown kind of file/],
  ];
  for (const [what, words, expected] of cases) {
    it(`gets one clear sentence, and nothing is written: ${what}`, async () => {
      mkdirSync(at("a-folder"), { recursive: true });
      const options = words();
      const before = readdirSync(folder, { recursive: true, encoding: "utf8" }).toSorted();
      const problems = await problemsOf(options);
      expect(problems[0]).toMatch(expected);
      for (const problem of problems) expect(problem).not.toContain("\n");
      expect(readdirSync(folder, { recursive: true, encoding: "utf8" }).toSorted()).toEqual(before);
    });
  }

  it("ends the command with 2, one line and no stack", async () => {
    const place = mkdtempSync(join(folder, "cwd-"));
    const outcome = await vmmbench(["run", file("g.yaml", MATRIX.replace("vmms", "vmm"))], place);
    expect([outcome.code, outcome.stdout]).toEqual([2, ""]);
    expect(outcome.stderr).toMatch(/^\S+g\.yaml:6:5: blocks\[0\]: unknown key "vmm"; did you mean "vmms"\?\n$/);
    expect(readdirSync(place)).toEqual([]);
  });

  it("says once where a module of the user's names files that nobody can follow", async () => {
    const library = pathToFileURL(join(ROOT, "dist/vmm/library.js")).href;
    file(
      "computing.js",
      `import { xenPv } from "${library}";\nimport("./" + "half.js");\nexport const mine = { ...xenPv, name: "mine" };`,
    );
    file("half.js", "export {};");
    const matrix = file("h.yaml", MATRIX.replace("[native, esx", "[./computing.js, esx"));
    const words = [
      "run",
      matrix,
      "--filter",
      "vmm=computing",
      "--filter",
      "seed=1",
      "--filter",
      "block=guest",
      "--no-report",
      "--quiet",
    ];
    const { code, stderr } = await vmmbench([...words, "--out", at("computing")], folder);
    expect([code, stderr]).toEqual([
      0,
      "computing.js:2: computes the path of a file; what changes in that file is not noticed, so that finished cells stay as they are\n",
    ]);
  });

  it("shows all problems of a matrix at once", async () => {
    const text = MATRIX.replace("[native, esx", "[native, exs").replace("[./tiny.yaml]", "[nothing-like-it]");
    expect(await problemsOf(["run", file("two.yaml", text)])).toHaveLength(2);
  });
});
