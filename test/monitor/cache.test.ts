import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Ledger } from "../../src/core/ledger.ts";
import { Cache, type CacheShape } from "../../src/machine/cache.ts";
import { Meter } from "../../src/machine/meter.ts";

const LINE_FILL = 77;
/** 16 colours of pages, 64 lines a page. */
const XEON: CacheShape = { bytes: 512 * 1024, ways: 8, lineBytes: 64 };

class Measured {
  readonly meter = new Meter();
  readonly cache: Cache;

  constructor(shape: CacheShape) {
    this.cache = new Cache(shape, LINE_FILL, this.meter);
  }

  /** Lines that were filled when `count` lines of a frame from `first` on were used. */
  fills(frame: number, first: number, count: number): number {
    this.meter.ledger = new Ledger();
    this.cache.use(frame, first, count);
    return this.meter.ledger.eventsByCause()["hardware.cache-line-fill"] ?? 0;
  }

  pass(frames: readonly number[]): number {
    return frames.reduce((sum, frame) => sum + this.fills(frame, 0, this.cache.linesPerPage), 0);
  }

  framesOf(colour: number, count: number): number[] {
    const frames: number[] = [];
    for (let frame = 0; frames.length < count; frame++) if (this.cache.colourOf(frame) === colour) frames.push(frame);
    return frames;
  }
}

/** The same by a list of lines for each set, the one used last at the end. */
class ListCache {
  readonly #sets = new Map<string, string[]>();
  readonly #ways: number;

  constructor(ways: number) {
    this.#ways = ways;
  }

  fills(colour: number, frame: number, first: number, count: number): number {
    let fills = 0;
    for (let line = first; line < first + count; line++) {
      const name = `${frame}/${line}`;
      const set = this.#sets.get(`${colour}/${line}`) ?? [];
      const others = set.filter((other) => other !== name);
      if (others.length === set.length) fills++;
      this.#sets.set(`${colour}/${line}`, [...others, name].slice(-this.#ways));
    }
    return fills;
  }
}

describe("a second-level cache", () => {
  it("fills the 64 lines of a page once, at the price of a line each", () => {
    const { cache, meter } = new Measured(XEON);
    cache.use(7, 0, 64);
    expect(meter.now).toBe(64 * LINE_FILL);
    cache.use(7, 0, 64);
    cache.use(7, 10, 5);
    expect(meter.now).toBe(64 * LINE_FILL);
  });

  it("holds eight pages of a colour, and none of nine that are used in turn", () => {
    const eight = new Measured(XEON);
    const frames = eight.framesOf(3, 8);
    expect(eight.pass(frames)).toBe(8 * 64);
    expect(eight.pass(frames)).toBe(0);
    const nine = new Measured(XEON);
    const more = nine.framesOf(3, 9);
    expect([nine.pass(more), nine.pass(more), nine.pass(more)]).toEqual([9 * 64, 9 * 64, 9 * 64]);
  });

  it("keeps apart pages of different colours", () => {
    const measured = new Measured(XEON);
    const frames = Array.from({ length: 16 }, (_, colour) => measured.framesOf(colour, 8)).flat();
    expect(measured.pass(frames)).toBe(128 * 64);
    expect(measured.pass(frames)).toBe(0);
  });

  it("replaces the line that was used longest ago", () => {
    const measured = new Measured({ bytes: 8192, ways: 2, lineBytes: 64 });
    expect(measured.pass([1, 2, 1, 3])).toBe(3 * 64);
    expect(measured.pass([1])).toBe(0);
    expect(measured.pass([2])).toBe(64);
  });

  it("gives every colour its share of the frames", () => {
    const { cache } = new Measured(XEON);
    const pages = Array.from({ length: 16 }, () => 0);
    for (let frame = 0; frame < 16_384; frame++) pages[cache.colourOf(frame)]++;
    // 1,024 a colour in the mean; five standard deviations of a binomial are 155.
    for (const count of pages) expect(Math.abs(count - 1024)).toBeLessThan(155);
  });

  it("fills the same lines as lists that are kept in order", () => {
    const use = fc.tuple(
      fc.integer({ min: 0, max: 40 }),
      fc.integer({ min: 0, max: 60 }),
      fc.integer({ min: 0, max: 4 }),
    );
    const shape = fc.constantFrom(
      { bytes: 32_768, ways: 2, lineBytes: 64 },
      { bytes: 32_768, ways: 8, lineBytes: 64 },
      { bytes: 16_384, ways: 4, lineBytes: 64 },
    );
    fc.assert(
      fc.property(shape, fc.array(use, { maxLength: 300 }), (of, uses) => {
        const measured = new Measured(of);
        const lists = new ListCache(of.ways);
        for (const [frame, first, count] of uses) {
          const colour = measured.cache.colourOf(frame);
          expect(measured.fills(frame, first, count)).toBe(lists.fills(colour, frame, first, count));
        }
      }),
    );
  });

  it("refuses a shape whose ways are not 2^n pages", () => {
    expect(() => new Measured({ bytes: 512 * 1024, ways: 3, lineBytes: 64 })).toThrow(RangeError);
  });
});
