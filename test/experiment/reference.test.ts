import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, it } from "vitest";
import { planRun } from "../../src/experiment/plan.ts";
import { readResults } from "../../src/experiment/store.ts";

const root = resolve(import.meta.dirname, "../..");
const files = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((file) => join(root, folder, file));

it("the committed reference is the default run of this version (npm run reference makes it anew)", async () => {
  const { manifest } = await planRun(join(root, "experiments/default.yaml"));
  const reference = await readResults(join(root, "results/reference"));
  expect(reference.manifest.digest).toBe(manifest.digest);
  expect(reference.cells.filter(({ status }) => status !== "done")).toEqual([]);
});

it("the committed reference stays small and names no path of a machine", () => {
  const all = [...files("results/reference"), ...files("reports/reference")].filter((file) => statSync(file).isFile());
  expect(all.reduce((sum, file) => sum + statSync(file).size, 0)).toBeLessThan(4e6);
  expect(all.filter((file) => readFileSync(file, "utf8").includes(root))).toEqual([]);
});
