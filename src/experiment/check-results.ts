/** Is a results folder whole? Each file of a cell by its digest, what is derived from the cells by deriving it again. */
import { existsSync, readFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { counted } from "../core/counted.ts";
import { InputError } from "../core/input-error.ts";
import type { CellResult } from "../sim/cell.ts";
import { cellPath, parseCell, readCell } from "./cell-file.ts";
import { CELLS, CELLS_CSV, lineOf, readManifest, readResults, RUN_AGAIN, seriesPath } from "./store.ts";
import { cellsCsv, seriesCsv } from "./csv.ts";

const ANEW = `${RUN_AGAIN}, which simulates it anew`;
const DERIVE = `${RUN_AGAIN}, which writes it anew`;

/** What the folder holds, in a few words. Throws an {@link InputError} with every file that is damaged or of another run. */
export async function checkResults(folder: string): Promise<string> {
  const { cells: keys } = await readManifest(folder);
  const stored = await storedCells(folder, new Set(keys));
  if (!existsSync(join(folder, CELLS)) && stored.problems.length > 0) throw new InputError(stored.problems);
  const { cells, problems } = await tabledCells(folder);
  const all = [...stored.problems, ...problems];
  if (all.length === 0) all.push(...(await derivedProblems(folder, cells, stored.cells)));
  if (all.length > 0) throw new InputError(all);
  const title = `results of ${counted(cells.length, "cell")}`;
  return stored.others === 0 ? title : `${title}; ${counted(stored.others, "file")} of cells of another run left out`;
}

interface Read {
  /** Whole cells by key, with their series. */
  readonly cells: ReadonlyMap<string, CellResult>;
  readonly problems: readonly string[];
  /** Files of cells that the manifest does not name: of a larger run that this one is a part of, say. */
  readonly others: number;
}

/** A finished run that was passed on may be without the files of single cells. */
async function storedCells(folder: string, keys: ReadonlySet<string>): Promise<Read> {
  const cells = new Map<string, CellResult>();
  const problems: string[] = [];
  let others = 0;
  const entries = existsSync(join(folder, "cells")) ? await readdir(join(folder, "cells"), { recursive: true }) : [];
  for (const entry of entries.filter((name) => name.endsWith(".json")).sort()) {
    const path = join(folder, "cells", entry);
    const key = basename(entry, ".json");
    if (!keys.has(key)) {
      others++;
      continue;
    }
    const json = await readCell(folder, key);
    const cell = json === undefined ? undefined : parseCell(json);
    if (cell !== undefined) cells.set(key, cell);
    else problems.push(`${path}: cut off or changed since it was written; ${ANEW}`);
  }
  return { cells, problems, others };
}

async function tabledCells(folder: string): Promise<{ cells: readonly CellResult[]; problems: readonly string[] }> {
  try {
    return { cells: (await readResults(folder)).cells, problems: [] };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return { cells: [], problems: error.problems };
  }
}

async function derivedProblems(
  folder: string,
  cells: readonly CellResult[],
  stored: ReadonlyMap<string, CellResult>,
): Promise<readonly string[]> {
  const lines = join(folder, CELLS);
  const different = cells.flatMap((cell, i) => {
    const whole = stored.get(cell.key);
    const same = whole === undefined || lineOf(whole) === lineOf(cell);
    const problems = same ? [] : [`${lines}:${i + 1}:1: not what ${cellPath(cell.key)} says; ${DERIVE}`];
    return [...problems, ...seriesProblems(folder, cell, whole)];
  });
  const csv = join(folder, CELLS_CSV);
  if (different.length > 0 || !existsSync(csv)) return different;
  const line = firstDifference(await readFile(csv, "utf8"), cellsCsv(cells));
  return line === undefined ? [] : [`${csv}:${line}:1: not what ${CELLS} says; ${DERIVE}`];
}

/** `whole`: with the series, from the cell's own file. Without it a series that was written and not cut off can still be told. */
function seriesProblems(folder: string, { key, series }: CellResult, whole: CellResult | undefined): readonly string[] {
  if (series === undefined) return [];
  const path = seriesPath(folder, key);
  if (series.rows.length === 0) return [`${path}:2:1: no figures, where every cell has some; ${DERIVE}`];
  const line = firstDifference(readFileSync(path, "utf8"), seriesCsv(whole?.series ?? series));
  if (line === undefined) return [];
  const what = whole === undefined ? "cut off or changed since it was written" : `not what ${cellPath(key)} says`;
  return [`${path}:${line}:1: ${what}; ${DERIVE}`];
}

/** The first line, from 1, in which a text differs from another; the last one, if only its end is missing. */
function firstDifference(text: string, other: string): number | undefined {
  if (text === other) return undefined;
  const lines = text.split("\n");
  const others = other.split("\n");
  const at = lines.findIndex((line, i) => line !== others[i]);
  return at === -1 ? lines.length : at + 1;
}
