import * as fc from "fast-check";
import { expect, it } from "vitest";
import { PageDescriptors } from "../../src/guest/page-descriptors.ts";
import { REFERENCED, TwoListReplacement } from "../../src/guest/two-list-replacement.ts";

function lists(pages: number): { flags: Uint8Array; lists: TwoListReplacement } {
  const descriptors = new PageDescriptors(pages);
  descriptors.cover(pages - 1);
  return { flags: descriptors.flags, lists: new TwoListReplacement(descriptors) };
}

it("evicts in order of arrival what is never used again", () => {
  const { lists: replacement } = lists(5);
  for (const page of [3, 1, 4]) replacement.add(page);
  const order = [];
  for (let page = replacement.victim(); page >= 0; page = replacement.victim()) {
    order.push(page);
    replacement.remove(page);
  }
  expect(order).toEqual([3, 1, 4]);
});

it("keeps a hot set through a scan much longer than memory", () => {
  const { flags, lists: replacement } = lists(1000);
  const resident = new Set<number>();
  const use = (page: number): void => {
    if (resident.has(page)) flags[page] |= REFERENCED;
    else {
      if (resident.size === 30) {
        const victim = replacement.victim();
        replacement.remove(victim);
        resident.delete(victim);
      }
      replacement.add(page);
      resident.add(page);
    }
  };
  for (let round = 0; round < 90; round++) {
    for (let hot = 0; hot < 10; hot++) use(hot);
    for (let once = 0; once < 10; once++) use(10 + round * 10 + once);
  }
  for (let hot = 0; hot < 10; hot++) expect(resident.has(hot)).toBe(true);
});

it("holds every page on exactly one list and always finds a victim", () => {
  const step = fc.record({ kind: fc.constantFrom("add", "remove", "use", "evict"), page: fc.nat({ max: 19 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const { flags, lists: replacement } = lists(20);
      const resident = new Set<number>();
      for (const { kind, page } of steps) {
        if (kind === "add" && !resident.has(page)) {
          replacement.add(page);
          resident.add(page);
        } else if (kind === "remove" && resident.has(page)) {
          replacement.remove(page);
          resident.delete(page);
        } else if (kind === "use" && resident.has(page)) {
          flags[page] |= REFERENCED;
        } else if (kind === "evict") {
          const victim = replacement.victim();
          expect(resident.has(victim)).toBe(resident.size > 0);
          if (resident.delete(victim)) replacement.remove(victim);
        }
        expect(replacement.length).toBe(resident.size);
      }
    }),
  );
});
