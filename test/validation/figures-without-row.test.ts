import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { FIGURES_WITHOUT_ROW } from "../../src/analysis/validation/figures-without-row.ts";
import { loadPublishedFigures } from "../../src/analysis/validation/published-figures.ts";
import { VALIDATION_SETS } from "../../src/analysis/validation/registry.ts";
import { withoutRowBlocks } from "../../src/report/validation-tables.ts";
import { readJson } from "../inputs/data-files.ts";

const COLLECTION = join(import.meta.dirname, "../../../shared/reference/published-results.json");
const withRow = new Set(VALIDATION_SETS.flatMap(({ rows }) => rows.map(({ id }) => id)));
const committed = [...loadPublishedFigures().keys()];

const patterns = FIGURES_WITHOUT_ROW.flatMap(({ ids }) => ids);

/** Whether a pattern, in which `*` stands for anything, is about an id. */
function isAbout(pattern: string, id: string): boolean {
  const parts = pattern.split("*").map((part) => part.replaceAll(".", "\\."));
  return new RegExp(`^${parts.join(".+")}$`).test(id);
}

/** Ids that have neither a row nor a reason, or both, or more than one reason. */
function unsettled(ids: readonly string[]): string[] {
  return ids.filter((id) => {
    const reasons = patterns.filter((pattern) => isAbout(pattern, id)).length;
    return reasons + (withRow.has(id) ? 1 : 0) !== 1;
  });
}

describe("published figures", () => {
  it("have either a row or one reason why they have none", () => {
    expect(unsettled(committed)).toEqual([]);
  });

  it("are found out where they have neither, or both", () => {
    expect(unsettled(["aa06.text.nothing", "oc.mpa"])).toEqual(["aa06.text.nothing"]);
    expect(isAbout("a.*", "a.b.c")).toBe(true);
    expect(isAbout("a.*.c", "a.b.d")).toBe(false);
    expect(isAbout("a.b", "axb")).toBe(false);
  });

  it("without a row are shown with the reason, each group once", () => {
    const text = JSON.stringify(withoutRowBlocks());
    for (const { reason } of FIGURES_WITHOUT_ROW) expect(text).toContain(reason);
    expect(new Set(patterns).size).toBe(patterns.length);
  });
});

describe.skipIf(!existsSync(COLLECTION))("all figures that were collected (needs the full collection)", () => {
  const collected = existsSync(COLLECTION) ? readJson<{ id: string }[]>(COLLECTION).map(({ id }) => id) : [];
  const all = [...new Set([...collected, ...committed])];

  it("have either a row or one reason why they have none", () => {
    expect(collected.length).toBeGreaterThan(committed.length / 2);
    expect(unsettled(all)).toEqual([]);
  });

  it("leave no reason without a figure, and are counted", () => {
    expect(patterns.filter((pattern) => !all.some((id) => isAbout(pattern, id)))).toEqual([]);
    const counted = FIGURES_WITHOUT_ROW.map(
      ({ ids }) => all.filter((id) => ids.some((each) => isAbout(each, id))).length,
    );
    expect(FIGURES_WITHOUT_ROW.map(({ ids, figures }) => [ids.join(), figures])).toEqual(
      FIGURES_WITHOUT_ROW.map(({ ids }, index) => [ids.join(), counted[index]]),
    );
  });
});
