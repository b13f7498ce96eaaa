/** Which cells have no result, and why, by who was asked for. */
import { counted } from "../core/counted.ts";
import { type CellResult, type CellStatus, workTitle } from "../sim/cell.ts";
import { distinct, groupBy } from "./results.ts";

/** Cells of one VMM on the same work and machine that were skipped, or that failed. */
export interface NotDone {
  /** How results call the VMM. */
  readonly strategy: string;
  readonly block: string;
  /** See {@link workTitle}. */
  readonly work: string;
  readonly machine: string;
  readonly status: Exclude<CellStatus, "done">;
  /** In the order of the cells, each once. */
  readonly reasons: readonly string[];
  readonly cells: number;
  /** All cells of this VMM on the same work and machine. */
  readonly of: number;
}

/** In order of first appearance. */
export function notDone(cells: readonly CellResult[]): NotDone[] {
  return [...groupBy(cells, workKey).values()].flatMap((all) => {
    const [{ spec }] = all;
    return (["skipped", "failed"] as const).flatMap((status): NotDone[] => {
      const without = all.filter((cell) => cell.status === status);
      if (without.length === 0) return [];
      const reasons = distinct(without, ({ reason = "no reason given" }) => reason);
      const whose = { strategy: spec.vmm.label, block: spec.block, work: workTitle(spec), machine: spec.machine };
      return [{ ...whose, status, reasons, cells: without.length, of: all.length }];
    });
  });
}

function workKey({ spec }: CellResult): string {
  return JSON.stringify([spec.block, spec.vmm.label, spec.workload, workTitle(spec), spec.machine]);
}

/** One sentence, in the manner of a verdict. A search may fail at many ratios, each with figures of its own: the first reason is told. */
export function notDoneSentence({ strategy, status, reasons: [reason, ...others], cells, of }: NotDone): string {
  const which = cells === of ? `no result, ${status}` : `${cells} of ${counted(of, "cell")} ${status}`;
  const more = others.length === 0 ? "" : ` (and ${counted(others.length, "other reason")})`;
  return `${strategy}: ${which}: ${reason}${more}`;
}
