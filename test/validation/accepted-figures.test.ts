/** The committed figures and docs are those of this version, and nothing got worse. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import {
  acceptedFiguresText,
  ACCEPTED_FILE,
  loadAcceptedFigures,
  worsened,
} from "../../src/analysis/validation/accepted-figures.ts";
import { loadPublishedFigures } from "../../src/analysis/validation/published-figures.ts";
import { VALIDATION_SETS } from "../../src/analysis/validation/registry.ts";
import { validate } from "../../src/analysis/validation/validation.ts";
import { PACKAGE_ROOT } from "../../src/experiment/catalogue.ts";
import { validationFiles } from "../../src/report/validation-document.ts";

const now = validate(VALIDATION_SETS, loadPublishedFigures());

it("every row of every source is simulated", () => {
  expect(now.rows.filter(({ simulated }) => simulated === null).map(({ id, reason }) => `${id}: ${reason}`)).toEqual(
    [],
  );
});

it("no figure got worse than the committed one by more than the tolerance, and no order was lost", () => {
  expect(worsened(loadAcceptedFigures(), now)).toEqual([]);
});

it("validation/figures.json and docs/validation.md are current (npm run validation writes them)", async () => {
  expect(readFileSync(ACCEPTED_FILE, "utf8")).toBe(acceptedFiguresText(now));
  for (const [file, text] of await validationFiles(now)) {
    expect(readFileSync(join(PACKAGE_ROOT, "docs", file), "utf8"), file).toBe(text);
  }
});

it("every row that is more than 40 % off says why", () => {
  const text = readFileSync(join(PACKAGE_ROOT, "docs/validation.md"), "utf8");
  expect(text).not.toContain("no reason is known");
});
