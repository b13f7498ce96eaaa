/** A reference trace as a workload: one process that touches the trace's pages in order. */
import { InputError } from "../core/input-error.ts";
import { Op, OperationStreamBuilder } from "./operation-stream.ts";
import type { OperationStream } from "./operation-stream.ts";
import { Reference, SECOND_PAGE } from "./reference-trace.ts";
import type { ReferenceTrace } from "./reference-trace.ts";

/** Pages under one last-level page table of IA-32: 1,024 entries, 4 MiB. */
const PAGES_PER_AREA = 1024;
const REFERENCES_PER_REQUEST = 100_000;
/** Cycles share a 32-bit operand with the write flag. */
const MAX_CYCLES = 2 ** 31 - 1;

export interface TraceStreamOptions {
  /** User cycles a traced instruction takes, TLB misses and faults apart; need not be whole. */
  readonly cyclesPerInstruction: number;
  /** References in one request of the closed loop, the last request perhaps less. */
  readonly referencesPerRequest?: number;
}

export interface TraceStream {
  readonly stream: OperationStream;
  /** Size of the process in pages: the highest page touched plus one. */
  readonly pages: number;
  /** How many of them are touched. */
  readonly distinctPages: number;
}

/**
 * Consecutive references to the same page become one {@link Op.Touch}, a write if any of them writes; every
 * `referencesPerRequest` references begin a request without think time. Throws an {@link InputError} on options that are
 * not positive, on a fraction of a reference, or on options so large that the
 * cycles of one request might not fit an operand.
 */
export function traceToStream(trace: ReferenceTrace, options: TraceStreamOptions): TraceStream {
  const { cyclesPerInstruction, referencesPerRequest = REFERENCES_PER_REQUEST } = options;
  requirePositive("cycles per instruction", cyclesPerInstruction);
  requirePositive("references per request", referencesPerRequest);
  if (!Number.isInteger(referencesPerRequest)) {
    throw new InputError(`references per request: expected a whole number, found ${referencesPerRequest}`);
  }
  if (cyclesPerInstruction * referencesPerRequest > MAX_CYCLES) {
    throw new InputError(
      `${referencesPerRequest} references per request of ${cyclesPerInstruction} cycles each; ` +
        `expected a product of at most ${MAX_CYCLES}`,
    );
  }
  const page = packAreas(trace.pageNumbers);
  const stream = emitTouches(trace, page, cyclesPerInstruction, referencesPerRequest);
  return {
    stream,
    pages: page.reduce((highest, number) => Math.max(highest, number + 1), 0),
    distinctPages: page.length,
  };
}

function emitTouches(
  trace: ReferenceTrace,
  page: Uint32Array,
  cyclesPerInstruction: number,
  referencesPerRequest: number,
): OperationStream {
  const builder = new OperationStreamBuilder();
  let references = 0;
  let instructions = 0;
  let cyclesDone = 0;
  let write = 0;
  for (let i = 0; i < trace.length; i++) {
    const kind = trace.kind[i];
    if ((kind & SECOND_PAGE) === 0) {
      if (references++ % referencesPerRequest === 0) builder.add(Op.Request);
      if (kind === Reference.Instruction) instructions++;
    }
    if ((kind & Reference.Store) !== 0) write = 1;
    if (!runEnds(trace, i, references % referencesPerRequest === 0)) continue;
    // Rounding the running total, not each run, keeps the whole exact to a cycle.
    const cyclesByNow = Math.floor(instructions * cyclesPerInstruction);
    builder.add(Op.Touch, page[trace.page[i]], (cyclesByNow - cyclesDone) * 2 + write);
    cyclesDone = cyclesByNow;
    write = 0;
  }
  return builder.finish();
}

/** Whether touch `i` is the last of its page in a row, or of its request. */
function runEnds(trace: ReferenceTrace, i: number, requestFull: boolean): boolean {
  if (i + 1 === trace.length || trace.page[i + 1] !== trace.page[i]) return true;
  return requestFull && (trace.kind[i + 1] & SECOND_PAGE) === 0;
}

/**
 * New page numbers, by page of the trace: each aligned 4 MiB area in use gets the next one from 0 up, in order of address.
 * Sparse 64-bit address spaces then fit a 32-bit one, and pages that shared a page table on IA-32 still do.
 */
export function packAreas(pageNumbers: Float64Array): Uint32Array {
  const areas = [...new Set(Array.from(pageNumbers, (number) => Math.floor(number / PAGES_PER_AREA)))];
  areas.sort((a, b) => a - b);
  const rank = new Map(areas.map((area, index) => [area, index]));
  return Uint32Array.from(pageNumbers, (number) => {
    const area = rank.get(Math.floor(number / PAGES_PER_AREA)) ?? 0;
    return area * PAGES_PER_AREA + (number % PAGES_PER_AREA);
  });
}

function requirePositive(name: string, value: number): void {
  if (!(value > 0 && Number.isFinite(value))) {
    throw new InputError(`${name}: expected a positive number, found ${value}`);
  }
}
