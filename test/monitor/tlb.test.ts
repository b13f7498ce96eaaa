import * as fc from "fast-check";
import { expect, it } from "vitest";
import { entryOf, Pte } from "../../src/machine/page-tables.ts";
import { NOT_IN_TLB, Tlb } from "../../src/machine/tlb.ts";

/** The same as lists, most recently used page first. */
class ListTlb {
  readonly #sets: { page: number; entry: number }[][];
  readonly #ways: number;

  constructor(entries: number, ways: number) {
    this.#ways = ways;
    this.#sets = Array.from({ length: entries / ways }, () => []);
  }

  lookup(page: number): number | undefined {
    const set = this.#setOf(page);
    const at = set.findIndex((item) => item.page === page);
    if (at === -1) return undefined;
    const [item] = set.splice(at, 1);
    set.unshift(item);
    return item.entry;
  }

  insert(page: number, entry: number): void {
    this.invalidate(page);
    const set = this.#setOf(page);
    set.unshift({ page, entry });
    if (set.length > this.#ways) set.pop();
  }

  invalidate(page: number): void {
    const set = this.#setOf(page);
    const at = set.findIndex((item) => item.page === page);
    if (at !== -1) set.splice(at, 1);
  }

  /** Keeps what has one of these bits. */
  flush(kept: number): void {
    for (const set of this.#sets) set.splice(0, set.length, ...set.filter(({ entry }) => (entry & kept) !== 0));
  }

  #setOf(page: number): { page: number; entry: number }[] {
    return this.#sets[page % this.#sets.length];
  }
}

const action = fc.oneof(
  { weight: 10, arbitrary: fc.record({ kind: fc.constant("lookup" as const), page: fc.integer({ min: 0, max: 40 }) }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("insert" as const), page: fc.integer({ min: 0, max: 40 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("global" as const), page: fc.integer({ min: 0, max: 40 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("invalidate" as const), page: fc.integer({ min: 0, max: 40 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("flush" as const), page: fc.constant(0) }) },
);

it.each([
  { entries: 8, ways: 8 },
  { entries: 8, ways: 2 },
  { entries: 4, ways: 1 },
  { entries: 64, ways: 64 },
])("hits and replaces as LRU lists do: $entries entries, $ways ways", ({ entries, ways }) => {
  fc.assert(
    fc.property(fc.array(action, { minLength: 50, maxLength: 200, size: "max" }), (actions) => {
      const tlb = new Tlb(entries, ways);
      const model = new ListTlb(entries, ways);
      actions.forEach(({ kind, page }, step) => {
        // Pages far apart share the low bits that the TLB remembers places by.
        const far = page * 1024 + (page % 3);
        const entry = entryOf(step, kind === "global" ? Pte.Present | Pte.Global : Pte.Present);
        if (kind === "lookup") {
          const slot = tlb.lookup(far);
          expect(slot === -1 ? undefined : tlb.entries[slot]).toBe(model.lookup(far));
        } else if (kind === "flush") {
          tlb.flush();
          model.flush(Pte.Global);
        } else if (kind === "invalidate") {
          tlb.invalidate(far);
          model.invalidate(far);
        } else {
          tlb.insert(far, entry);
          model.insert(far, entry);
        }
      });
    }),
  );
});

/** Pages of eight in large pages of four, two of them with the same place among small ones. */
const largeAction = fc.record({
  kind: fc.constantFrom("translate", "translate", "insert", "insert-large", "invalidate", "flush"),
  page: fc.nat({ max: 7 }).map((n) => (n >> 2) * 1024 + (n & 3)),
});

/** Above all small pages, in the set that the number of the large page says. */
const largeNumber = (page: number): number => 2 ** 31 + (page >>> 2);

it.each([
  { entries: 4, ways: 4 },
  { entries: 4, ways: 2 },
])("holds small and large pages side by side as LRU lists do: $entries entries, $ways ways", ({ entries, ways }) => {
  fc.assert(
    fc.property(fc.array(largeAction, { minLength: 30, maxLength: 100, size: "max" }), (actions) => {
      const tlb = new Tlb(entries, ways);
      const model = new ListTlb(entries, ways);
      actions.forEach(({ kind, page }, step) => {
        const entry = entryOf(4 * step, Pte.Present);
        if (kind === "translate") {
          const small = model.lookup(page);
          const large = small === undefined ? model.lookup(largeNumber(page)) : undefined;
          const expected = small === undefined ? large && (large >>> 8) + (page & 3) : small >>> 8;
          expect(tlb.translate(page, false)).toBe(expected ?? NOT_IN_TLB);
          expect(tlb.translate(page, true)).toBe(NOT_IN_TLB);
        } else if (kind === "insert") {
          tlb.insert(page, entry);
          model.insert(page, entry);
        } else if (kind === "insert-large") {
          tlb.insertLarge(page, 2, entry);
          model.insert(largeNumber(page), entry);
        } else if (kind === "invalidate") {
          tlb.invalidate(page);
          model.invalidate(page);
          model.invalidate(largeNumber(page));
        } else {
          tlb.flush();
          model.flush(Pte.Global);
        }
      });
    }),
  );
});

/** Flags of entries: the kernel's own, user code's, global ones of both. */
const FLAGS = [0, 0, Pte.User, Pte.Global, Pte.Global | Pte.User];
const crossing = fc.record({
  kind: fc.constantFrom(
    "lookup",
    "insert",
    "insert",
    "insert",
    "invalidate",
    "flush",
    "flush-all",
    "flush-kernel",
    "flush-kernel",
  ),
  page: fc.nat({ max: 12 }),
  flags: fc.constantFrom(...FLAGS),
  isCode: fc.boolean(),
});

it.each([
  { entries: 8, ways: 8 },
  { entries: 8, ways: 2 },
  { entries: 4, ways: 1 },
  { entries: 256, ways: 4 },
])(
  "drops what is neither user code's nor global as LRU lists do: $entries entries, $ways ways",
  ({ entries, ways }) => {
    fc.assert(
      fc.property(fc.array(crossing, { minLength: 40, maxLength: 200, size: "max" }), (actions) => {
        // Translations of code apart from those of data, both of which go.
        const code = new Tlb(4, 2);
        const tlb = new Tlb(entries, ways, code);
        const models = [new ListTlb(entries, ways), new ListTlb(4, 2)];
        actions.forEach(({ kind, page, flags, isCode }, step) => {
          const [held, model] = isCode ? [code, models[1]] : [tlb, models[0]];
          if (kind === "insert") {
            held.insert(page, entryOf(step, Pte.Present | flags));
            model.insert(page, entryOf(step, Pte.Present | flags));
          } else if (kind === "invalidate") {
            held.invalidate(page);
            model.invalidate(page);
          } else if (kind === "flush-kernel") {
            tlb.flushKernel();
            for (const each of models) each.flush(Pte.Global | Pte.User);
          } else if (kind === "flush") {
            tlb.flush();
            for (const each of models) each.flush(Pte.Global);
          } else if (kind === "flush-all") {
            tlb.flushAll();
            for (const each of models) each.flush(0);
          } else {
            const slot = held.lookup(page);
            expect(slot === -1 ? undefined : held.entries[slot]).toBe(model.lookup(page));
          }
        });
        // All that is held, page by page.
        for (const [held, model] of [[tlb, models[0]] as const, [code, models[1]] as const]) {
          for (let page = 0; page <= 12; page++) {
            const slot = held.lookup(page);
            expect(slot === -1 ? undefined : held.entries[slot]).toBe(model.lookup(page));
          }
        }
      }),
      { numRuns: 200 },
    );
  },
);

it("refuses a number of sets that is no power of two", () => {
  expect(() => new Tlb(12, 4)).toThrow("power of two");
});
