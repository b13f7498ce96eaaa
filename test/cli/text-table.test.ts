import { expect, it } from "vitest";
import { foldedTable, textTable } from "../../src/cli/text-table.ts";

it("folds a table that is wider than a terminal, with its first column in each part", () => {
  const ratios = Array.from({ length: 30 }, (_, i) => (1 + i / 20).toFixed(2));
  const rows = [
    ["throughput, by ratio", ...ratios],
    ["esx", ...ratios.map(() => "1.000 ± 0.000")],
    ["xen-static", ...ratios.map(() => "-")],
  ];
  const parts = foldedTable(rows).split("\n\n");
  const lines = parts.map((part) => part.trimEnd().split("\n"));
  expect(Math.max(...lines.flat().map((line) => line.length))).toBeLessThanOrEqual(120);
  for (const part of lines) expect(part.map((line) => line.split(/ {2,}/)[0])).toEqual(rows.map(([first]) => first));
  expect(lines.flatMap(([header]) => header.split(/ {2,}/).slice(1))).toEqual(ratios);
});

it("leaves a table as it is that a terminal has room for", () => {
  const rows = [
    ["a", "b", "c"],
    ["1", "2", "3"],
  ];
  expect(foldedTable(rows)).toBe(textTable(rows));
});
