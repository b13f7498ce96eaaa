/**
 * The validation of this version, as it is committed: validation/figures.json, docs/validation.md and its chart. Refuses when
 * figures got worse than the committed ones; `npm run validation -- --accept` takes them all the same.
 */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { ACCEPTED_FILE, acceptedFiguresText, loadAcceptedFigures, worsened } from "../dist/analysis/validation/accepted-figures.js";
import { loadPublishedFigures } from "../dist/analysis/validation/published-figures.js";
import { VALIDATION_SETS } from "../dist/analysis/validation/registry.js";
import { validate } from "../dist/analysis/validation/validation.js";
import { validationFiles } from "../dist/report/validation-document.js";

const root = resolve(import.meta.dirname, "..");
const validation = validate(VALIDATION_SETS, loadPublishedFigures());
const worse = existsSync(ACCEPTED_FILE) ? worsened(loadAcceptedFigures(), validation) : [];
for (const sentence of worse) console.error(sentence);
if (worse.length > 0 && !process.argv.includes("--accept")) {
  console.error(`${worse.length} figures got worse; nothing is written. To accept that: npm run validation -- --accept`);
  process.exit(1);
}
writeFileSync(ACCEPTED_FILE, acceptedFiguresText(validation));
mkdirSync(join(root, "docs/charts"), { recursive: true });
for (const [file, text] of await validationFiles(validation)) writeFileSync(join(root, "docs", file), text);
