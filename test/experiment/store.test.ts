import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { InputError } from "../../src/core/input-error.ts";
import { checkFile } from "../../src/experiment/check-file.ts";
import { cellPath, readCell, writeCell } from "../../src/experiment/cell-file.ts";
import type { Manifest } from "../../src/experiment/manifest.ts";
import { readResults, ResultsStore } from "../../src/experiment/store.ts";
import type { CellResult } from "../../src/sim/cell.ts";

const key = (n: number): string => n.toString(16).padStart(64, "0");
const cell = (n: number, rest: Partial<CellResult> = {}): CellResult => ({
  schema: 1,
  key: key(n),
  spec: { block: "b", vmm: { base: "esx", set: {}, label: 'a "quoted", label' }, workload: "w", machine: "m", seed: n },
  status: "done",
  streamDigest: "d",
  metrics: { elapsed_ms: 1.5 * n, a_metric_of_tomorrow: n },
  cycles: { idle: n },
  events: {},
  ...rest,
});
const manifest = (digest = key(0), engine = key(0), cells = [key(2), key(1)]): Manifest => ({
  schema: 1,
  digest,
  matrix: { name: "m", title: "m", file: "m.yaml", sha256: key(0), text: "" },
  blocks: [],
  workloads: {},
  machines: {},
  cells,
  versions: { vmmbench: "0", engine, node: "v20" },
  host: { platform: "linux", architecture: "x64", cpu: "", cpus: 1 },
});

const AGAIN = "; run the same command again, with --resume if it had --out";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "vmmbench-store-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("a cell's file", () => {
  it("gives back the same JSON", async () => {
    await writeCell(folder, cell(1));
    expect(await readCell(folder, key(1))).toBe(JSON.stringify(cell(1)));
    expect(readdirSync(join(folder, "cells/00"))).toEqual([`${key(1)}.json`]);
  });

  it("is not taken for whole when any byte is missing or changed", async () => {
    await writeCell(folder, cell(1));
    const path = join(folder, cellPath(key(1)));
    const whole = readFileSync(path);
    for (let length = 0; length < whole.length; length += 7) {
      writeFileSync(path, whole.subarray(0, length));
      expect(await readCell(folder, key(1))).toBeUndefined();
    }
    for (let at = 0; at < whole.length; at += 11) {
      const damaged = Buffer.from(whole);
      damaged[at] ^= 1;
      writeFileSync(path, damaged);
      expect(await readCell(folder, key(1))).toBeUndefined();
    }
  });

  it("of another cell is not taken for this one", async () => {
    await writeCell(folder, cell(1));
    writeFileSync(join(folder, cellPath(key(2))), readFileSync(join(folder, cellPath(key(1)))));
    expect(await readCell(folder, key(2))).toBeUndefined();
  });
});

describe("a results folder", () => {
  it("derives tables sorted by key", async () => {
    const store = await ResultsStore.open(join(folder, "run"), manifest(), false);
    await store.add(cell(2, { series: { columns: ["time_s", "free_mib"], rows: [[0, 5]] } }));
    await store.add(cell(1, { status: "skipped", reason: "no, because", metrics: {} }));
    await store.finish();
    const lines = readFileSync(join(folder, "run/cells.ndjson"), "utf8").trimEnd().split("\n");
    expect(lines.map((line) => (JSON.parse(line) as CellResult).key)).toEqual([key(1), key(2)]);
    const csv = readFileSync(join(folder, "run/cells.csv"), "utf8").trimEnd().split("\n");
    expect(csv[0]).toBe(
      "key,block,vmm,vmm_base,workload,machine,seed,vms,overcommit,status,reason,stream_digest,elapsed_ms,a_metric_of_tomorrow",
    );
    expect(csv[1]).toBe(`${key(1)},b,"a ""quoted"", label",esx,w,m,1,,,skipped,"no, because",d,,`);
    expect(csv[2]).toBe(`${key(2)},b,"a ""quoted"", label",esx,w,m,2,,,done,,d,3,2`);
    expect(readFileSync(join(folder, `run/series/${key(2)}.csv`), "utf8")).toBe("time_s,free_mib\n0,5\n");
    const series = { columns: ["time_s", "free_mib"], rows: [[0, 5]] };
    expect(lines[1]).not.toContain("series");
    const [first, second] = lines.map((line) => JSON.parse(line) as CellResult);
    expect((await readResults(join(folder, "run"))).cells).toEqual([first, { ...second, series }]);
    writeFileSync(join(folder, `run/series/${key(2)}.csv`), "time_s,free_mib\n0,\n");
    await expect(readResults(join(folder, "run"))).rejects.toThrow(/\.csv:2:1: expected 2 numbers; found "0,"/);
  });

  it("says so, and ends, where no folder can be made", async () => {
    writeFileSync(join(folder, "file"), "");
    await expect(ResultsStore.open(join(folder, "file/a/b"), manifest(), false)).rejects.toThrow(InputError);
    if (!existsSync("/proc/self")) return;
    await expect(ResultsStore.open("/proc/none/results", manifest(), false)).rejects.toThrow(
      "/proc/none/results: cannot be written: no folder can be made there",
    );
  });

  it("touches nothing in a folder that is not empty", async () => {
    writeFileSync(join(folder, "mine.txt"), "mine");
    await expect(ResultsStore.open(folder, manifest(), false)).rejects.toThrow("the folder is not empty");
    await expect(ResultsStore.open(folder, manifest(), true)).rejects.toThrow("not a results folder");
    expect(readdirSync(folder)).toEqual(["mine.txt"]);
  });

  it("is resumed with what is whole and done, and without temporary files", async () => {
    const store = await ResultsStore.open(folder, manifest(key(0), key(0), [1, 2, 3].map(key)), false);
    await store.add(cell(1));
    await store.add(cell(2));
    await store.add(cell(3, { status: "failed", reason: "out of memory" }));
    truncateSync(join(folder, cellPath(key(2))), 100);
    writeFileSync(join(folder, "cells/00/half.json.1.tmp"), "{");
    const resumed = await ResultsStore.open(folder, manifest(key(0), key(0), [1, 2, 3].map(key)), true);
    expect([...resumed.finished]).toEqual([key(1)]);
    expect(readdirSync(folder, { recursive: true }).filter((file) => String(file).endsWith(".tmp"))).toEqual([]);
  });

  it("is not resumed with another matrix or another version", async () => {
    await ResultsStore.open(folder, manifest(), false);
    const before = readFileSync(join(folder, "manifest.json"));
    await expect(ResultsStore.open(folder, manifest(key(9), key(0), [key(7)]), true)).rejects.toThrow(
      "holds another run",
    );
    await expect(ResultsStore.open(folder, manifest(key(9), key(5)), true)).rejects.toThrow(
      "another version of the simulator",
    );
    expect(readFileSync(join(folder, "manifest.json"))).toEqual(before);
  });

  it("grows when it is part of the run, or the run of it, and keeps what is finished", async () => {
    const store = await ResultsStore.open(folder, manifest(key(9), key(0), [1, 2].map(key)), false, true);
    await store.add(cell(1));
    const grown = await ResultsStore.open(folder, manifest(key(8), key(0), [1, 2, 3].map(key)), true, true);
    expect([...grown.finished]).toEqual([key(1)]);
    expect(grown.manifest.cells).toHaveLength(3);
    const again = await ResultsStore.open(folder, manifest(key(9), key(0), [1, 2].map(key)), true, true);
    expect([...again.finished]).toEqual([key(1)]);
    for (const other of [manifest(key(7), key(0), [2, 3].map(key)), manifest(key(7), key(5), [1, 2, 3].map(key))]) {
      await expect(ResultsStore.open(folder, other, true, true)).rejects.toThrow(/holds another run|another version/);
    }
  });

  it("says so when it is absent, unfinished or damaged", async () => {
    await expect(readResults(join(folder, "no"))).rejects.toThrow("there is no such folder");
    const store = await ResultsStore.open(join(folder, "run"), manifest(), false);
    await expect(readResults(join(folder, "runn"))).rejects.toThrow(`did you mean "${join(folder, "run")}"?`);
    await expect(readResults(join(folder, "run"))).rejects.toThrow(
      `the run has not finished (there is no cells.ndjson)${AGAIN}`,
    );
    await store.add(cell(1));
    await store.add(cell(2));
    await store.finish();
    const path = join(folder, "run/cells.ndjson");
    truncateSync(path, readFileSync(path).length - 30);
    await expect(readResults(join(folder, "run"))).rejects.toThrow(`1 of the 2 cells are missing${AGAIN}`);
    writeFileSync(path, "{}\n");
    await expect(readResults(join(folder, "run"))).rejects.toThrow(`${path}:1:1: not the result of a cell`);
    writeFileSync(join(folder, "run/manifest.json"), "{}");
    await expect(readResults(join(folder, "run"))).rejects.toThrow("not the manifest");
  });
});

const problemsOf = async (): Promise<readonly string[]> => {
  const told = await checkFile(folder).catch((error: unknown) => error);
  if (!(told instanceof InputError)) throw new Error(`expected problems, found ${String(told)}`);
  return told.problems;
};
const finished = async (): Promise<ResultsStore> => {
  const store = await ResultsStore.open(folder, manifest(), true);
  for (const n of [1, 2]) await store.add(cell(n));
  await store.finish();
  return store;
};
const edit = (file: string, change: (text: string) => string): void => {
  const path = join(folder, file);
  const text = readFileSync(path, "utf8");
  expect(change(text)).not.toBe(text);
  writeFileSync(path, change(text));
};

const broken = (n: number): string =>
  `${join(folder, cellPath(key(n)))}: cut off or changed since it was written${AGAIN}, which simulates it anew`;
const line = (n: number): string => `${JSON.stringify(cell(n))}\n`;

describe("check of a results folder", () => {
  beforeEach(async () => {
    await ResultsStore.open(folder, manifest(), false);
  });

  it("finds nothing in a whole one, and none of the files that may be absent", async () => {
    await finished();
    expect(await checkFile(folder)).toBe("results of 2 cells");
    rmSync(join(folder, "cells"), { recursive: true });
    rmSync(join(folder, "cells.csv"));
    expect(await checkFile(folder)).toBe("results of 2 cells");
  });

  it("names each cell's file that is cut off or changed, before and after the run has ended, and resuming mends it", async () => {
    const store = await ResultsStore.open(folder, manifest(), true);
    await store.add(cell(1));
    truncateSync(join(folder, cellPath(key(1))), 100);
    expect(await problemsOf()).toEqual([broken(1)]);
    await finished();
    truncateSync(join(folder, cellPath(key(1))), 0);
    edit(cellPath(key(2)), (text) => text.replace('"idle":2', '"idle":3'));
    expect(await problemsOf()).toEqual([broken(1), broken(2)]);
    expect((await ResultsStore.open(folder, manifest(), true)).finished.size).toBe(0);
    await finished();
    expect(await checkFile(folder)).toBe("results of 2 cells");
  });

  it("names each line of the table that is no cell, has no figures, stands twice or is of another run", async () => {
    await finished();
    const whole = readFileSync(join(folder, "cells.ndjson"), "utf8");
    const wrong = async (text: string): Promise<readonly string[]> => {
      writeFileSync(join(folder, "cells.ndjson"), text);
      return (await problemsOf()).map((problem) => problem.replace(AGAIN, "").replace(/^.*cells\./, ""));
    };
    const damaged = "not the result of a cell; the file is damaged";
    expect(await wrong(`{"schema":1}\n${line(2).slice(0, 90)}\n`)).toEqual([
      `ndjson:1:1: ${damaged}`,
      `ndjson:2:1: ${damaged}`,
    ]);
    for (const metrics of ["{}", '{"elapsed_ms":null}', '{"elapsed_ms":"3"}', "7"]) {
      const [first, second] = whole.trimEnd().split("\n");
      const without = second.replace(/"metrics":{[^}]*}/, `"metrics":${metrics}`);
      expect(await wrong(`${first}\n${without}\n`)).toEqual([`ndjson:2:1: ${damaged}`]);
    }
    expect(await wrong(line(1) + line(1) + line(3))).toEqual([
      `ndjson:2:1: cell ${key(1)} stands here twice`,
      `ndjson:3:1: cell ${key(3)} is none of this run`,
    ]);
  });

  it("finds figures in the tables that the cells do not have", async () => {
    await finished();
    edit("cells.ndjson", (text) => text.replace('"elapsed_ms":1.5', '"elapsed_ms":1.6'));
    expect(await problemsOf()).toEqual([
      `${join(folder, "cells.ndjson")}:1:1: not what ${cellPath(key(1))} says${AGAIN}, which writes it anew`,
    ]);
    await finished();
    edit("cells.csv", (text) => text.replace(",3,", ",4,"));
    expect(await problemsOf()).toEqual([
      `${join(folder, "cells.csv")}:3:1: not what cells.ndjson says${AGAIN}, which writes it anew`,
    ]);
    await finished();
    truncateSync(join(folder, "cells.csv"), 10);
    expect((await problemsOf())[0]).toContain("cells.csv:1:1: not what cells.ndjson says");
  });

  it("finds series that are not those of the cells, or that were cut off; they may be absent", async () => {
    const store = await ResultsStore.open(folder, manifest(), true);
    const series = { columns: ["time_s", "free_mib"], rows: [1, 2, 3].map((time) => [time, 512.5 + time]) };
    for (const n of [1, 2]) await store.add(cell(n, { series }));
    const file = `series/${key(1)}.csv`;
    const problemsAfter = async (change: (text: string) => string): Promise<readonly string[]> => {
      await store.finish();
      expect(await checkFile(folder)).toBe("results of 2 cells");
      edit(file, change);
      return (await problemsOf()).map((problem) => problem.replace(join(folder, file), ""));
    };
    const untrue = `not what ${cellPath(key(1))} says${AGAIN}, which writes it anew`;
    const empty = `:2:1: no figures, where every cell has some${AGAIN}, which writes it anew`;
    expect(await problemsAfter((text) => text.replace("514.5", "514.6"))).toEqual([`:3:1: ${untrue}`]);
    expect(await problemsAfter((text) => text.replace("3,515.5\n", ""))).toEqual([`:4:1: ${untrue}`]);
    expect(await problemsAfter(() => "")).toEqual([empty]);
    await store.finish();
    rmSync(join(folder, file));
    expect(await checkFile(folder)).toBe("results of 2 cells");

    // Without the cells' files a row that is gone leaves no trace, but half a row does.
    const whole = "time_s,free_mib\n1,513.5\n2,514.5\n3,515.5\n";
    rmSync(join(folder, "cells"), { recursive: true });
    const problemsWith = async (text: string): Promise<readonly string[]> => {
      writeFileSync(join(folder, file), text);
      return (await problemsOf()).map((problem) => problem.replace(join(folder, file), ""));
    };
    expect(await problemsWith("")).toEqual([empty]);
    expect(await problemsWith("time_s,free_mib\n")).toEqual([empty]);
    expect(await problemsWith(whole.slice(0, -3))).toEqual([
      `:4:1: cut off or changed since it was written${AGAIN}, which writes it anew`,
    ]);
    writeFileSync(join(folder, file), whole);
    expect(await checkFile(folder)).toBe("results of 2 cells");
  });

  it("says where results are near a folder that is none", async () => {
    await finished();
    await expect(checkFile(join(folder, "cells"))).rejects.toThrow(
      `it has no manifest.json; did you mean "${folder}"?`,
    );
    const parent = join(folder, "several");
    for (const name of ["a", "b"]) await ResultsStore.open(join(parent, "of", name), manifest(), false);
    await expect(checkFile(join(parent, "of"))).rejects.toThrow(
      `; expected one of 2, such as "${join(parent, "of/a")}"`,
    );
  });

  it("tells of files of cells that are of another run, which do no harm", async () => {
    const store = await finished();
    await store.add(cell(3));
    expect(await checkFile(folder)).toBe("results of 2 cells; 1 file of cells of another run left out");
  });
});
