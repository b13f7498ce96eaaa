/** Exact counts over a memory reference trace. */
import { sum } from "../core/sum.ts";
import { Reference, SECOND_PAGE } from "../workload/reference-trace.ts";
import type { ReferenceTrace } from "../workload/reference-trace.ts";

export interface TraceStatistics {
  /** References: instr + load + store + modify. */
  readonly refs: number;
  readonly instr: number;
  readonly load: number;
  readonly store: number;
  /** References that both read and write. */
  readonly modify: number;
  /** References that straddle a page boundary. */
  readonly pageCrossingRefs: number;
  /** refs + pageCrossingRefs: a straddling reference counts once for each of its pages, low page first. */
  readonly pageTouches: number;
  readonly distinctPages: number;
  /** Pages with at least one store or modify. */
  readonly distinctPagesWritten: number;
  readonly distinctPagesInstr: number;
  /** Pages with at least one load, store or modify. */
  readonly distinctPagesData: number;
  /** Length of the sequence of touched pages after collapsing consecutive equal pages. */
  readonly pageRuns: number;
}

const USED_BY = { instruction: 1, data: 2, write: 4 } as const;
/** What a touch makes of its page, by kind of reference. */
const USE = new Uint8Array(4);
USE[Reference.Instruction] = USED_BY.instruction;
USE[Reference.Load] = USED_BY.data;
USE[Reference.Store] = USED_BY.data | USED_BY.write;
USE[Reference.Modify] = USED_BY.data | USED_BY.write;

/** The exact counts of a trace. LRU misses: see {@link stackDistances}. */
export function traceStatistics(trace: ReferenceTrace): TraceStatistics {
  const byKind = new Float64Array(2 * SECOND_PAGE);
  const use = new Uint8Array(trace.pageNumbers.length);
  let pageRuns = 0;
  let previous = -1;
  for (let i = 0; i < trace.length; i++) {
    const kind = trace.kind[i];
    const page = trace.page[i];
    byKind[kind]++;
    use[page] |= USE[kind & ~SECOND_PAGE];
    if (page !== previous) pageRuns++;
    previous = page;
  }
  const [instr, load, store, modify, ...secondPages] = byKind;
  return {
    refs: instr + load + store + modify,
    instr,
    load,
    store,
    modify,
    pageCrossingRefs: sum(secondPages),
    pageTouches: trace.length,
    distinctPages: use.length,
    distinctPagesWritten: pagesUsedBy(use, USED_BY.write),
    distinctPagesInstr: pagesUsedBy(use, USED_BY.instruction),
    distinctPagesData: pagesUsedBy(use, USED_BY.data),
    pageRuns,
  };
}

function pagesUsedBy(use: Uint8Array, flag: number): number {
  return use.reduce((count, flags) => count + ((flags & flag) === 0 ? 0 : 1), 0);
}
