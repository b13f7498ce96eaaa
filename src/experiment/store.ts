/**
 * A results folder: `manifest.json`, one file a cell while the run goes on, and tables derived from them at its end.
 * A run that was killed loses no finished cell and can be resumed.
 */
import { existsSync, readFileSync } from "node:fs";
import { readdir, readFile, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { InputError } from "../core/input-error.ts";
import { nearestName } from "../core/nearest-name.ts";
import type { CellResult } from "../sim/cell.ts";
import { readTimeline } from "./decision-files.ts";
import { parseCell, readCell, writeCell } from "./cell-file.ts";
import { makeFolder, writeDurably } from "./output-files.ts";
import { type Manifest, manifestSchema } from "./manifest.ts";
import { cellsCsv, parseSeries, seriesCsv } from "./csv.ts";

const MANIFEST = "manifest.json";
export const CELLS = "cells.ndjson";
export const CELLS_CSV = "cells.csv";
const SERIES = "series";
/** What whoever has an unfinished or damaged folder is told to do. */
export const RUN_AGAIN = "run the same command again, with --resume if it had --out";

export class ResultsStore {
  readonly folder: string;
  readonly manifest: Manifest;
  /** Keys of the cells that need not be run again. */
  readonly finished: ReadonlySet<string>;

  private constructor(folder: string, manifest: Manifest, finished: ReadonlySet<string>) {
    this.folder = folder;
    this.manifest = manifest;
    this.finished = finished;
  }

  /**
   * Begin a run in a new or empty folder, or go on with it when `resume` is set; `grows`: the run in the folder may be a
   * part of this one, or this one of it. Throws an {@link InputError}, without having touched anything, when the folder
   * holds something else or the results of another matrix or version.
   */
  static async open(folder: string, manifest: Manifest, resume: boolean, grows = false): Promise<ResultsStore> {
    const entries = await entriesOf(folder);
    if (entries.length === 0) {
      await makeFolder(folder);
      await writeManifest(folder, manifest);
      return new ResultsStore(folder, manifest, new Set());
    }
    if (!resume) {
      throw new InputError(
        `${folder}: the folder is not empty; continue the run in it with --resume, or give another folder with --out`,
      );
    }
    const present = await readManifest(folder);
    if (!(grows && isPartOf(present, manifest))) requireSameRun(folder, present, manifest);
    await removeTemporaryFiles(folder);
    // The same cells, but titles in the matrix may have been mended.
    await writeManifest(folder, manifest);
    return new ResultsStore(folder, manifest, await finishedCells(folder, manifest.cells));
  }

  /** Store one finished cell, durably. */
  async add(cell: CellResult): Promise<void> {
    await writeCell(this.folder, cell);
  }

  /** Derive the tables from the cells' files, sorted by key. Gives all results. */
  async finish(): Promise<readonly CellResult[]> {
    const cells: CellResult[] = [];
    for (const key of [...this.manifest.cells].sort()) {
      const json = await readCell(this.folder, key);
      if (json === undefined) throw new Error(`cell ${key} was stored and cannot be read back`);
      cells.push(JSON.parse(json) as CellResult);
    }
    await makeFolder(join(this.folder, SERIES));
    for (const { key, series } of cells) {
      if (series !== undefined) await writeDurably(seriesPath(this.folder, key), seriesCsv(series));
    }
    await writeDurably(join(this.folder, CELLS_CSV), cellsCsv(cells));
    await writeDurably(join(this.folder, CELLS), cells.map(lineOf).join(""));
    return cells;
  }
}

export interface StoredResults {
  readonly folder: string;
  readonly manifest: Manifest;
  /** Sorted by key. */
  readonly cells: readonly CellResult[];
}

/** Read the results of a finished run. Throws an {@link InputError} when the folder is not one, or the run has not finished. */
export async function readResults(folder: string): Promise<StoredResults> {
  const manifest = await readManifest(folder);
  const path = join(folder, CELLS);
  if (!existsSync(path)) {
    throw new InputError(`${folder}: the run has not finished (there is no ${CELLS}); ${RUN_AGAIN}`);
  }
  const lines = (await readFile(path, "utf8")).split("\n").slice(0, -1);
  const cells = parseCells(lines, manifest, path).map((cell) => withTables(cell, folder));
  const missing = manifest.cells.length - cells.length;
  if (missing > 0)
    throw new InputError(`${path}: ${missing} of the ${manifest.cells.length} cells are missing; ${RUN_AGAIN}`);
  return { folder, manifest, cells };
}

/** One cell a line, each once. Throws an {@link InputError} with every line that is none of the run. */
function parseCells(lines: readonly string[], manifest: Manifest, path: string): readonly CellResult[] {
  const expected = new Set(manifest.cells);
  const problems: string[] = [];
  const cells = lines.flatMap((line, i) => {
    const cell = parseCell(line);
    if (cell !== undefined && expected.delete(cell.key)) return [cell];
    const what = cell === undefined ? "not the result of a cell; the file is damaged" : unexpected(cell, manifest);
    problems.push(`${path}:${i + 1}:1: ${what}; ${RUN_AGAIN}`);
    return [];
  });
  if (problems.length > 0) throw new InputError(problems);
  return cells;
}

function unexpected({ key }: CellResult, manifest: Manifest): string {
  return manifest.cells.includes(key) ? `cell ${key} stands here twice` : `cell ${key} is none of this run`;
}

/** Figures only: series, and what a VM's memory was by the second, are tables of their own. */
export function lineOf(cell: CellResult): string {
  return `${JSON.stringify({ ...cell, series: undefined, timeline: undefined })}\n`;
}

export function seriesPath(folder: string, key: string): string {
  return join(folder, SERIES, `${key}.csv`);
}

/** A folder that was passed on without (some of) its series is still a results folder. */
function withTables(cell: CellResult, folder: string): CellResult {
  const path = seriesPath(folder, cell.key);
  const timeline = readTimeline(folder, cell);
  return {
    ...cell,
    ...(existsSync(path) && { series: parseSeries(readFileSync(path, "utf8"), path) }),
    ...(timeline && { timeline }),
  };
}

/** Throws an {@link InputError} when the folder has none, or one that cannot be read. */
export async function readManifest(folder: string): Promise<Manifest> {
  const path = join(folder, MANIFEST);
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch {
    throw new InputError(await noResults(folder));
  }
  try {
    return manifestSchema.parse(JSON.parse(text));
  } catch {
    throw new InputError(`${path}: not the manifest of a results folder that this version of vmmbench can read`);
  }
}

async function writeManifest(folder: string, manifest: Manifest): Promise<void> {
  await writeDurably(join(folder, MANIFEST), `${JSON.stringify(manifest, undefined, 2)}\n`);
}

async function noResults(folder: string): Promise<string> {
  if (existsSync(folder)) return `${folder}: not a results folder: it has no ${MANIFEST}${await resultsNear(folder)}`;
  const parent = dirname(folder);
  const nearest = nearestName(basename(folder), await entriesOf(parent).catch(() => []));
  return `${folder}: there is no such folder${nearest === undefined ? "" : `; did you mean "${join(parent, nearest)}"?`}`;
}

/** Whoever names a folder of results folders, or a folder in one, is told which there are. */
async function resultsNear(folder: string): Promise<string> {
  const near = [dirname(folder), ...(await entriesOf(folder).catch(() => [])).map((entry) => join(folder, entry))];
  const [first, ...others] = near.filter((path) => existsSync(join(path, MANIFEST)));
  if (first === undefined) return "";
  return others.length === 0
    ? `; did you mean "${first}"?`
    : `; expected one of ${others.length + 1}, such as "${first}"`;
}

/** One of the two has all cells of the other, under the same engine. */
function isPartOf(present: Manifest, wanted: Manifest): boolean {
  if (present.versions.engine !== wanted.versions.engine) return false;
  const [few, many] = [present.cells, wanted.cells].sort((a, b) => a.length - b.length);
  const all = new Set(many);
  return few.every((key) => all.has(key));
}

function requireSameRun(folder: string, present: Manifest, wanted: Manifest): void {
  if (present.digest === wanted.digest) return;
  const same = JSON.stringify(present.cells) === JSON.stringify(wanted.cells);
  const what = same
    ? `was begun with another version of the simulator (engine ${present.versions.engine.slice(0, 8)}, this is ${wanted.versions.engine.slice(0, 8)})`
    : `holds another run: matrix "${present.matrix.name}" with ${present.cells.length} cells, or its inputs have changed since`;
  throw new InputError(`${folder}: ${what}; give another folder with --out`);
}

async function finishedCells(folder: string, keys: readonly string[]): Promise<ReadonlySet<string>> {
  const finished = new Set<string>();
  for (const key of keys) {
    const json = await readCell(folder, key);
    // A failure may have come from the machine it ran on (memory); whoever resumes wants it tried again.
    if (json !== undefined && (JSON.parse(json) as CellResult).status !== "failed") finished.add(key);
  }
  return finished;
}

async function removeTemporaryFiles(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true })) {
    if (entry.endsWith(".tmp")) await rm(join(folder, entry), { force: true });
  }
}

async function entriesOf(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return [];
    if (code === "ENOTDIR") throw new InputError(`${folder}: is a file; expected a folder`);
    throw error;
  }
}
