/** What the kernel knows of each open file's reads: invariants, whatever processes read. */
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { SequentialReads } from "../../src/guest/sequential-reads.ts";
import { packReadCall } from "../../src/workload/read-call.ts";

const WHOLE = 300;
/** Of the file set. */
const FIRST = 1000;

/** A call that reads so many pages of the file from page `page` on. */
const call = fc.record({ page: fc.nat(WHOLE), pages: fc.integer({ min: 1, max: 20 }), next: fc.boolean() });
type Call = typeof call extends fc.Arbitrary<infer T> ? T : never;

/** A process that reads a file, and its own memory, which nothing leaves. */
class Reader {
  readonly #reads: SequentialReads;
  readonly #process: number;
  readonly #map: number;
  readonly #memory = new Set<number>();
  #next = 0;

  /** `map`: the page of the file that says where others are, counted with it; 0: there is none. */
  constructor(reads: SequentialReads, process: number, map: number) {
    this.#reads = reads;
    this.#process = process;
    this.#map = map;
    reads.open(process, 5, FIRST, map === 0 ? 0 : FIRST + map);
  }

  /** Pages of the file that the call has read, in order. Half of all calls go on where the last one ended. */
  call({ page, pages, next }: Call): number[] {
    const first = next ? this.#next : page;
    const end = Math.min(WHOLE, first + pages);
    this.#next = end % WHOLE;
    const read: number[] = [];
    this.#reads.begin(
      this.#process,
      this.#place(first),
      packReadCall({ file: 5, goesOn: false, asked: pages + 1, whole: WHOLE }),
    );
    for (let at = first; at < end; at++) this.#use(this.#place(at), read);
    return read;
  }

  #use(place: number, read: number[]): void {
    const missing = !this.#memory.has(place);
    if (missing) this.#bring(place, read);
    if (!(missing ? this.#reads.missed(place) : this.#reads.found(place))) return;
    const { from, to, map } = this.#reads;
    for (let ahead = from; ahead < to; ahead++) if (ahead !== map) this.#bring(ahead, read);
  }

  #bring(place: number, read: number[]): void {
    if (this.#memory.has(place)) return;
    this.#memory.add(place);
    read.push(this.#page(place));
  }

  #place(page: number): number {
    return FIRST + page + (this.#map > 0 && page >= this.#map ? 1 : 0);
  }

  #page(place: number): number {
    const page = place - FIRST;
    return this.#map > 0 && page > this.#map ? page - 1 : page;
  }
}

const calls = fc.array(call, { maxLength: 40 });

it("reads of the file the same pages, in its order, wherever the page lies that says where others are", () => {
  fc.assert(
    fc.property(calls, fc.integer({ min: 1, max: WHOLE }), (made, map) => {
      const [plain, mapped] = [0, map].map((at) => new Reader(new SequentialReads(), 0, at));
      for (const each of made) expect(mapped.call(each)).toEqual(plain.call(each));
    }),
  );
});

it("reads the same for each of several processes as it does for it alone", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(4), call), { maxLength: 100 }), (made) => {
      const together = new SequentialReads();
      const readers = Array.from({ length: 5 }, (_, process) => new Reader(together, process, 12));
      const alone = readers.map(() => new Reader(new SequentialReads(), 0, 12));
      for (const [process, each] of made) expect(readers[process].call(each)).toEqual(alone[process].call(each));
    }),
  );
});

it("reads each page at most once while it is in memory, none beyond the file, and no more than two windows of 32 beyond what is asked for", () => {
  fc.assert(
    fc.property(calls, (made) => {
      const reader = new Reader(new SequentialReads(), 0, 12);
      const all = made.flatMap((each) => {
        const read = reader.call(each);
        expect(read.length).toBeLessThanOrEqual(each.pages + 2 * 32);
        return read;
      });
      expect(new Set(all).size).toBe(all.length);
      expect(all.every((page) => page >= 0 && page < WHOLE)).toBe(true);
    }),
  );
});
