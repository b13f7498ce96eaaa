/**
 * One finished cell on disk: `{"sha256":"<of the cell's JSON>","cell":<the cell's JSON>}` and a newline.
 *
 * The digest makes half-written and damaged files recognizable, and the cell's JSON goes into `cells.ndjson` unchanged,
 * so that a resumed run gives the same bytes as an uninterrupted one.
 */
import { createHash } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { CellResult } from "../sim/cell.ts";
import { RESULT_SCHEMA } from "./cells.ts";
import { writeDurably } from "./output-files.ts";

const HEAD = '{"sha256":"';
const MIDDLE = '","cell":';
const TAIL = "}\n";
const DIGEST_LENGTH = 64;

/** Where the cell with this key is kept, relative to the results folder. */
export function cellPath(key: string): string {
  return join("cells", key.slice(0, 2), `${key}.json`);
}

/** Store a cell so that it is there whole or not at all: temporary name, sync, rename. */
export async function writeCell(resultsDir: string, cell: CellResult): Promise<void> {
  const path = join(resultsDir, cellPath(cell.key));
  const json = JSON.stringify(cell);
  await mkdir(dirname(path), { recursive: true });
  await writeDurably(path, HEAD + sha256(json) + MIDDLE + json + TAIL);
}

/** The JSON text of a stored cell, or undefined when there is none or the file is damaged. */
export async function readCell(resultsDir: string, key: string): Promise<string | undefined> {
  let text: string;
  try {
    text = await readFile(join(resultsDir, cellPath(key)), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  const start = HEAD.length + DIGEST_LENGTH + MIDDLE.length;
  const json = text.slice(start, -TAIL.length);
  return text === HEAD + sha256(json) + MIDDLE + json + TAIL && json.includes(`"key":"${key}"`) ? json : undefined;
}

/** A cell from its JSON, or undefined where the text is none: cut off, of something else, or done without figures. */
export function parseCell(json: string): CellResult | undefined {
  try {
    const cell = JSON.parse(json) as Partial<CellResult>;
    return isWhole(cell) ? cell : undefined;
  } catch {
    return undefined;
  }
}

/** A cell that was skipped or has failed has a reason in place of figures. */
function isWhole(cell: Partial<CellResult>): cell is CellResult {
  const { schema, key, spec, status, reason, metrics, cycles, events } = cell;
  if (schema !== RESULT_SCHEMA || typeof key !== "string" || typeof spec !== "object") return false;
  if (![metrics, cycles, events].every(isFigures)) return false;
  if (status === "done") return Object.keys(metrics ?? {}).length > 0;
  return (status === "skipped" || status === "failed") && typeof reason === "string";
}

function isFigures(value: unknown): value is Readonly<Record<string, number>> {
  return typeof value === "object" && value !== null && Object.values(value).every(Number.isFinite);
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
