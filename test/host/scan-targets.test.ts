/** How a pass over the lists of a control group is cut short, against what the kernel says it is for: both kinds in the same proportion. */
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { BATCH, List, ScanTargets } from "../../src/guest/scan-targets.ts";

const ALL = Object.values(List);

it("scans all that was set, in turns, if it is never enough", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(500), { minLength: 4, maxLength: 4 }), (wanted) => {
      const targets = new ScanTargets();
      for (const list of ALL) targets.set(list, wanted[list]);
      const scanned = [0, 0, 0, 0];
      while (targets.any) {
        for (const list of ALL) {
          const pages = targets.next(list);
          expect(pages).toBeLessThanOrEqual(BATCH);
          scanned[list] += pages;
        }
      }
      for (const list of [List.InactiveAnonymous, List.InactiveFile, List.ActiveFile]) {
        expect(scanned[list]).toBe(wanted[list]);
      }
    }),
  );
});

it("has one turn more of the larger kind, if less of it than of the smaller has been scanned in proportion, when it is enough", () => {
  fc.assert(
    fc.property(fc.integer({ min: 200, max: 400 }), fc.integer({ min: 500, max: 4000 }), (smaller, larger) => {
      const targets = new ScanTargets();
      targets.set(List.InactiveAnonymous, smaller);
      targets.set(List.InactiveFile, larger);
      const scanned = [0, 0, 0, 0];
      for (let turn = 0; targets.any; turn++) {
        for (const list of ALL) scanned[list] += targets.next(list);
        if (turn >= 2) targets.curtail();
      }
      expect(scanned[List.InactiveAnonymous]).toBe(3 * BATCH);
      // In whole per cent of the smaller kind, one page more than there are.
      const done = 100 - Math.floor((100 * (smaller - 3 * BATCH)) / (smaller + 1));
      const inProportion = Math.floor((larger * done) / 100);
      expect(scanned[List.InactiveFile]).toBe(Math.max(3 * BATCH, Math.min(4 * BATCH, inProportion)));
    }),
  );
});

it("stops at once when there is nothing left of one kind", () => {
  const targets = new ScanTargets();
  targets.set(List.InactiveFile, 1000);
  targets.next(List.InactiveFile);
  targets.curtail();
  expect(targets.any).toBe(false);
});
