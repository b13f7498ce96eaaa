import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { entryOf, frameOf, PAGE_TABLE_FORMATS, PageTableMemory, Pte } from "../../src/machine/page-tables.ts";
import type { PageTableFormat } from "../../src/machine/page-tables.ts";

const UPPER = Pte.Present | Pte.Writable | Pte.User;

/** Maps pages the way an operating system does, taking frames for tables from 1 up. */
class Mapper {
  readonly memory: PageTableMemory;
  readonly root = 0;
  #nextFrame = 1;

  constructor(format: PageTableFormat) {
    this.memory = new PageTableMemory(format, 4096);
    this.memory.create(this.root);
  }

  map(page: number, entry: number): void {
    let table = this.root;
    for (let level = this.memory.format.levels - 1; level > 0; level--) {
      const index = this.memory.indexAt(page, level);
      if ((this.memory.read(table, index) & Pte.Present) === 0) {
        const lower = this.#nextFrame++;
        this.memory.create(lower);
        this.memory.write(table, index, entryOf(lower, UPPER));
      }
      table = frameOf(this.memory.read(table, index));
    }
    this.memory.write(table, this.memory.indexAt(page, 0), entry);
  }
}

describe.each(Object.values(PAGE_TABLE_FORMATS))("page tables of $name", (format) => {
  const pages = fc.integer({ min: 0, max: format.name === "ia32" ? 2 ** 20 - 1 : 2 ** 32 - 2 });
  const entries = fc.record({
    frame: fc.integer({ min: 0, max: 2 ** 24 - 1 }),
    flags: fc.integer({ min: 0, max: 255 }),
  });

  it("translates exactly the pages that have been mapped", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(pages, entries), { maxLength: 40 }), fc.array(pages), (mappings, others) => {
        const mapper = new Mapper(format);
        const expected = new Map<number, number>();
        for (const [page, { frame, flags }] of mappings) {
          mapper.map(page, entryOf(frame, flags));
          expected.set(page, frame * 256 + flags);
        }
        for (const page of [...expected.keys(), ...others]) {
          const position = mapper.memory.walk(mapper.root, page);
          const found = position === -1 ? 0 : mapper.memory.words[position];
          expect(found).toBe(expected.get(page) ?? 0);
        }
      }),
    );
  });

  it("has as many levels and entries as the architecture manuals say", () => {
    const memory = new PageTableMemory(format, 1);
    const right = { ia32: [2, 1024], "ia32-pae": [3, 512], "x86-64": [4, 512] };
    expect([format.levels, memory.entriesPerTable]).toEqual(right[format.name]);
  });

  it("reuses the room of a table that was given up, and empties it", () => {
    const memory = new PageTableMemory(format, 8);
    memory.create(3);
    memory.write(3, 7, entryOf(1, UPPER));
    const before = memory.position(3, 7);
    memory.destroy(3);
    expect(memory.isTable(3)).toBe(false);
    memory.create(5);
    expect(memory.position(5, 7)).toBe(before);
    expect(memory.read(5, 7)).toBe(0);
    expect(() => memory.read(3, 0)).toThrow("not a page table");
  });
});
