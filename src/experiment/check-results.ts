/** Is a results folder whole? Each file of a cell by its digest, what is derived from the cells by deriving it again. */
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { counted } from "../core/counted.ts";
import { InputError } from "../core/input-error.ts";
import type { CellResult } from "../sim/cell.ts";
import { cellPath, parseCell, readCell } from "./cell-file.ts";
import { CELLS, CELLS_CSV, lineOf, readManifest, readResults, RUN_AGAIN } from "./store.ts";
import { cellsCsv } from "./tables.ts";

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
  /** JSON of whole cells by key. */
  readonly cells: ReadonlyMap<string, string>;
  readonly problems: readonly string[];
  /** Files of cells that the manifest does not name: of a larger run that this one is a part of, say. */
  readonly others: number;
}

/** A finished run that was passed on may be without the files of single cells. */
async function storedCells(folder: string, keys: ReadonlySet<string>): Promise<Read> {
  const cells = new Map<string, string>();
  const problems: string[] = [];
  let others = 0;
  const entries = existsSync(join(folder, "cells")) ? await readdir(join(folder, "cells"), { recursive: true }) : [];
  for (const entry of entries.filter((name) => name.endsWith(".json")).sort()) {
    const path = join(folder, "cells", entry);
    const key = basename(entry, ".json");
    const json = keys.has(key) ? await readCell(folder, key) : undefined;
    if (!keys.has(key)) others++;
    else if (json !== undefined && parseCell(json) !== undefined) cells.set(key, json);
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
  stored: ReadonlyMap<string, string>,
): Promise<readonly string[]> {
  const lines = join(folder, CELLS);
  const different = cells.flatMap((cell, i) => {
    const json = stored.get(cell.key);
    const same = json === undefined || lineOf(JSON.parse(json) as CellResult) === lineOf(cell);
    return same ? [] : [`${lines}:${i + 1}:1: not what ${cellPath(cell.key)} says; ${DERIVE}`];
  });
  const csv = join(folder, CELLS_CSV);
  if (different.length > 0 || !existsSync(csv)) return different;
  const [found, derived] = [await readFile(csv, "utf8"), cellsCsv(cells)].map((text) => text.split("\n"));
  const line = derived.findIndex((text, i) => text !== found[i]);
  if (line === -1 && found.length === derived.length) return [];
  const at = line === -1 ? derived.length : line;
  return [`${csv}:${at + 1}:1: not what ${CELLS} says; ${DERIVE}`];
}
