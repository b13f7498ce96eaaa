/** The logs of a run that was asked why, as text beside the logs. */
import { readDecisions, whyPath } from "../experiment/decision-files.ts";
import { writeOutput } from "../experiment/output-files.ts";
import { cellTitle } from "../experiment/run.ts";
import type { CellResult } from "../sim/cell.ts";
import { countText, decisionsText } from "./decisions-text.ts";

export interface DecisionsFile {
  /** Of the text; the log itself has the ending ndjson. */
  readonly path: string;
  readonly title: string;
  /** How many decisions of each kind. */
  readonly counts: string;
}

/** One for each cell that was watched, in the order of the cells. */
export async function writeDecisions(folder: string, cells: readonly CellResult[]): Promise<readonly DecisionsFile[]> {
  const files: DecisionsFile[] = [];
  for (const cell of cells) {
    const decisions = readDecisions(folder, cell);
    if (decisions === undefined) continue;
    const path = whyPath(folder, cell, "txt");
    const title = cellTitle(cell);
    await writeOutput(path, decisionsText(title, decisions));
    files.push({ path, title, counts: countText(decisions) });
  }
  return files;
}
