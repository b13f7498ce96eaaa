import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { traceStatistics } from "../../src/analysis/reference-trace.ts";
import { lruCurve, lruMisses, stackDistances } from "../../src/analysis/stack-distances.ts";
import { readInputFile } from "../../src/experiment/input-files.ts";
import { Op } from "../../src/workload/operation-stream.ts";
import { parseLackey } from "../../src/workload/readers/lackey.ts";
import { ReferenceTraceBuilder } from "../../src/workload/reference-trace.ts";
import type { ReferenceTrace } from "../../src/workload/reference-trace.ts";
import { traceToStream } from "../../src/workload/trace-stream.ts";
import { committed, hasCollection, readJson, traces } from "./data-files.ts";
import type { TracesTruth, TraceTruth } from "./data-files.ts";

function expectStatistics(trace: ReferenceTrace, truth: TraceTruth): void {
  expect(traceStatistics(trace)).toEqual({
    refs: truth.refs,
    instr: truth.instr,
    load: truth.load,
    store: truth.store,
    modify: truth.modify,
    pageCrossingRefs: truth.page_crossing_refs,
    pageTouches: truth.page_touches,
    distinctPages: truth.distinct_pages,
    distinctPagesWritten: truth.distinct_pages_written,
    distinctPagesInstr: truth.distinct_pages_instr,
    distinctPagesData: truth.distinct_pages_data,
    pageRuns: truth.page_runs,
  });
}

function expectLru(trace: ReferenceTrace, truth: TraceTruth): void {
  const frames = Object.keys(truth.lru).map(Number);
  expect(frames).toHaveLength(8);
  expect(lruCurve(stackDistances(trace), frames)).toEqual(
    frames.map((count) => ({ frames: count, misses: truth.lru[count].misses, missRatio: truth.lru[count].miss_ratio })),
  );
}

/** As one request, the stream has one touch a run, and the cycles, pages and written pages of the trace. */
function expectStream(trace: ReferenceTrace, truth: TraceTruth): void {
  const { stream, distinctPages } = traceToStream(trace, { cyclesPerInstruction: 1, referencesPerRequest: truth.refs });
  expect(stream.length).toBe(truth.page_runs + 1);
  expect(distinctPages).toBe(truth.distinct_pages);
  const written = new Set<number>();
  let cycles = 0;
  for (let i = 1; i < stream.length; i++) {
    cycles += stream.b[i] >>> 1;
    if ((stream.b[i] & 1) === 1) written.add(stream.a[i]);
  }
  expect(cycles).toBe(truth.instr);
  expect(written.size).toBe(truth.distinct_pages_written);
}

function holdsTo(truth: TracesTruth, folder: string): void {
  test.each(Object.keys(truth.traces))("trace %s", (name) => {
    const path = join(folder, truth.traces[name].file);
    const trace = parseLackey(readInputFile(path).bytes, path);
    expectStatistics(trace, truth.traces[name]);
    expectLru(trace, truth.traces[name]);
    expectStream(trace, truth.traces[name]);
  });
}

describe("the committed trace gives the published figures", () => {
  holdsTo(readJson<TracesTruth>(join(committed, "expected.json")), committed);
});

describe.skipIf(!hasCollection)("all traces give the published figures (needs the full collection)", () => {
  holdsTo(hasCollection ? readJson<TracesTruth>(join(traces, "summary.json")) : { traces: {} }, traces);
});

interface Ref {
  readonly kind: number;
  readonly page: number;
  readonly straddles: boolean;
}

const ref: fc.Arbitrary<Ref> = fc.record({
  kind: fc.integer({ min: 0, max: 3 }),
  page: fc.oneof(fc.nat(30), fc.integer({ min: 1020, max: 1030 }), fc.integer({ min: 2 ** 40, max: 2 ** 40 + 2048 })),
  straddles: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
});

function build(refs: readonly Ref[]): ReferenceTrace {
  const builder = new ReferenceTraceBuilder();
  for (const { kind, page, straddles } of refs) builder.add(kind, page, straddles);
  return builder.finish();
}

function pagesTouched(refs: readonly Ref[]): number[] {
  return refs.flatMap(({ page, straddles }) => (straddles ? [page, page + 1] : [page]));
}

/** LRU as a list, most recent page first. */
function naiveMisses(pages: readonly number[], frames: number): number {
  const list: number[] = [];
  let misses = 0;
  for (const page of pages) {
    const at = list.indexOf(page);
    if (at >= 0) list.splice(at, 1);
    else misses++;
    list.unshift(page);
    list.length = Math.min(list.length, frames);
  }
  return misses;
}

describe("LRU misses", () => {
  test("are those of a list kept in order of use, at every size", () => {
    fc.assert(
      fc.property(fc.array(ref, { maxLength: 4000, size: "max" }), fc.integer({ min: 1, max: 70 }), (refs, frames) => {
        expect(lruMisses(stackDistances(build(refs)), frames)).toBe(naiveMisses(pagesTouched(refs), frames));
      }),
      { numRuns: 40 },
    );
  });

  test("survive many compactions of the window of time slots", () => {
    const refs = Array.from({ length: 50_000 }, (_, i) => ({ kind: 1, page: (i * i) % 1009, straddles: false }));
    const distances = stackDistances(build(refs));
    for (const frames of [1, 7, 100, 504, 505, 506]) {
      expect(lruMisses(distances, frames)).toBe(naiveMisses(pagesTouched(refs), frames));
    }
  });
});

/** Touches as plain objects, one a reference and page, collapsed afterwards. */
function naiveTouches(
  refs: readonly Ref[],
  perRequest: number,
): { page: number; instructions: number; write: boolean }[][] {
  const requests: { page: number; instructions: number; write: boolean }[][] = [];
  refs.forEach(({ kind, page, straddles }, index) => {
    if (index % perRequest === 0) requests.push([]);
    const touches = requests[requests.length - 1];
    for (const touched of straddles ? [page, page + 1] : [page]) {
      if (touches.at(-1)?.page !== touched) touches.push({ page: touched, instructions: 0, write: false });
      const last = touches[touches.length - 1];
      if (kind === 0 && touched === page) last.instructions++;
      if (kind >= 2) last.write = true;
    }
  });
  return requests;
}

describe("traceToStream", () => {
  test("collapses references as a naive model does, and packs 4 MiB areas in order of address", () => {
    const perRequest = fc.integer({ min: 1, max: 50 });
    fc.assert(
      fc.property(fc.array(ref, { minLength: 1, maxLength: 300 }), perRequest, (refs, referencesPerRequest) => {
        const { stream, pages } = traceToStream(build(refs), { cyclesPerInstruction: 3, referencesPerRequest });
        const areas = [...new Set(pagesTouched(refs).map((page) => Math.floor(page / 1024)))].sort((a, b) => a - b);
        const packed = (page: number): number => areas.indexOf(Math.floor(page / 1024)) * 1024 + (page % 1024);
        const expected = naiveTouches(refs, referencesPerRequest).flatMap((touches) => [
          [Op.Request, 0, 0, 0],
          ...touches.map(({ page, instructions, write }) => [
            Op.Touch,
            packed(page),
            instructions * 6 + (write ? 1 : 0),
            0,
          ]),
        ]);
        const actual = Array.from(stream.op, (op, i) => [op, stream.a[i], stream.b[i], stream.c[i]]);
        expect(actual).toEqual(expected);
        expect(pages).toBe(Math.max(...pagesTouched(refs).map(packed)) + 1);
      }),
    );
  });

  test("keeps the total of fractional cycles", () => {
    const refs = Array.from({ length: 1000 }, (_, i) => ({ kind: 0, page: i % 7, straddles: false }));
    const { stream } = traceToStream(build(refs), { cyclesPerInstruction: 1.37 });
    expect(stream.b.reduce((total, b) => total + (b >>> 1), 0)).toBe(1370);
  });

  test.each([
    [{ cyclesPerInstruction: 0 }, "cycles per instruction: expected a positive number, found 0"],
    [{ cyclesPerInstruction: Number.NaN }, "cycles per instruction: expected a positive number, found NaN"],
    [
      { cyclesPerInstruction: 1, referencesPerRequest: -5 },
      "references per request: expected a positive number, found -5",
    ],
    [
      { cyclesPerInstruction: 1, referencesPerRequest: 1.5 },
      "references per request: expected a whole number, found 1.5",
    ],
    [{ cyclesPerInstruction: 1e6 }, "expected a product of at most 2147483647"],
  ])("refuses %o", (options, message) => {
    expect(() => traceToStream(build([{ kind: 0, page: 1, straddles: false }]), options)).toThrow(message);
  });
});
