import * as fc from "fast-check";
import { expect, test } from "vitest";
import { FileMappings } from "../../src/guest/file-mappings.ts";
import type { Replacement } from "../../src/guest/guest-pages.ts";

const PAGES = 4;
const PROCESSES = 8;

/** What FileMappings asks of replacement: a bit for each page that says that somebody used it, and how many uses have been counted. */
class OneBitAPage {
  readonly used = new Set<number>();
  counted = 0;

  isKnownUsed(ppn: number): boolean {
    return this.used.has(ppn);
  }

  use(ppn: number): void {
    this.used.add(ppn);
  }

  useText(ppn: number): void {
    this.used.add(ppn);
  }

  useByCall(): void {
    this.counted++;
  }

  unmap(ppn: number): void {
    if (this.used.delete(ppn)) this.counted++;
  }
}

test("a process that ends counts what its page table says, as if each had one of its own with accessed bits", () => {
  const step = fc.record({
    kind: fc.constantFrom("use", "use", "use", "end", "reset", "evict"),
    process: fc.nat({ max: PROCESSES - 1 }),
    page: fc.nat({ max: PAGES - 1 }),
    text: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120, size: "max" }), (steps) => {
      const replacement = new OneBitAPage();
      const mappings = new FileMappings(replacement as unknown as Replacement, PAGES);
      /** By process, the pages that it maps and whether their accessed bits are set. */
      const tables = Array.from({ length: PROCESSES }, () => new Map<number, boolean>());
      let counted = 0;
      for (const { kind, process, page, text } of steps) {
        if (kind === "use") {
          mappings.add(page, process);
          mappings.use(page, 100 + page, text, process);
          tables[process].set(page, true);
        } else if (kind === "end") {
          for (let each = 0; each < PAGES; each++) {
            if (mappings.has(each, process)) mappings.unmap(each, 100 + each, process);
          }
          for (const accessed of tables[process].values()) counted += accessed ? 1 : 0;
          tables[process].clear();
        } else if (kind === "reset") {
          replacement.used.delete(100 + page);
          for (const table of tables) if (table.has(page)) table.set(page, false);
        } else {
          replacement.used.delete(100 + page);
          mappings.delete(page);
          for (const table of tables) table.delete(page);
        }
        expect(replacement.counted).toBe(counted);
        for (let each = 0; each < PAGES; each++) {
          expect(tables.map((_, of) => mappings.has(each, of))).toEqual(tables.map((table) => table.has(each)));
          expect(mappings.isMapped(each)).toBe(tables.some((table) => table.has(each)));
          const users = tables.filter((table) => table.get(each) === true).length;
          expect(replacement.used.has(100 + each)).toBe(users > 0);
          if (users > 0) expect(mappings.isUsedBySeveral(each)).toBe(users > 1);
        }
      }
    }),
    { numRuns: 300, seed: 7 },
  );
});
