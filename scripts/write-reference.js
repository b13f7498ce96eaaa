/**
 * The default run of this version, as it is committed: results/reference and reports/reference. What can be derived from
 * the rest (cells one by one, most series, PNG pictures) or differs from run to run (wall-clock times) is left out.
 */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const results = join(root, "results/reference");
const report = join(root, "reports/reference");

rmSync(results, { recursive: true, force: true });
rmSync(report, { recursive: true, force: true });
execFileSync(process.execPath, ["bin/vmmbench.js", "run", "default", "--out", "results/reference"], {
  cwd: root,
  stdio: "inherit",
});

rmSync(join(results, "cells"), { recursive: true });
rmSync(join(results, "timing.json"));
const cells = readFileSync(join(results, "cells.ndjson"), "utf8")
  .trimEnd()
  .split("\n")
  .map((line) => JSON.parse(line));
// The charts of a host's memory show the first seed at the highest ratio.
const seed = Math.min(...cells.map(({ spec }) => spec.seed));
const highest = (block) => Math.max(...cells.filter((c) => c.spec.block === block).map((c) => c.spec.overcommit ?? 0));
for (const { key, spec } of cells) {
  const shown = spec.vms !== undefined && spec.seed === seed && spec.overcommit === highest(spec.block);
  if (!shown) rmSync(join(results, "series", `${key}.csv`), { force: true });
}
for (const file of readdirSync(join(report, "charts"))) {
  if (file.endsWith(".png")) rmSync(join(report, "charts", file));
}
