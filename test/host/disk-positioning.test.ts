import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Disk } from "../../src/machine/disk.ts";
import { PAGE_BYTES } from "../../src/machine/page.ts";
import { DOM0_SWAP_PAGE, guestAreaPage, METADATA_PAGE } from "../../src/sim/disk-areas.ts";

const MEGAHERTZ = 1000;
const MEAN_US = 7700;
const FULL_US = 13_500;
const PAGES = 1_000_000;

/** Cycles from one page to another, reading neither: the transfer of a page takes one cycle in a million. */
function move(from: number, to: number, stroke: { positioningUs: number; pages: number } | undefined): number {
  const disk = { positioningUs: MEAN_US, megabytesPerSecond: 1e9, ...(stroke && { stroke }) };
  const medium = new Disk({ megahertz: MEGAHERTZ, disk });
  const there = medium.serve(0, from - 1, 1);
  return medium.serve(there, to, 1) - there;
}

describe("positioning of a disk", () => {
  const stroke = { positioningUs: FULL_US, pages: PAGES };

  it("takes the mean time on average over all pairs of places", () => {
    const PLACES = 200;
    let sum = 0;
    for (let from = 0; from < PLACES; from++) {
      for (let to = 0; to < PLACES; to++) sum += move(1 + (from * PAGES) / PLACES, 2 + (to * PAGES) / PLACES, stroke);
    }
    expect(sum / PLACES ** 2 / MEGAHERTZ / MEAN_US).toBeCloseTo(1, 2);
  });

  it("takes the time of a full stroke from one end to the other", () => {
    expect(move(1, PAGES, stroke) / MEGAHERTZ).toBeCloseTo(FULL_US, 0);
  });

  it("takes longer the farther it is, and no longer than the mean to a place that is not on it", () => {
    const place = fc.integer({ min: 1, max: PAGES - 1 });
    fc.assert(
      fc.property(place, place, place, (at, near, far) => {
        fc.pre(at !== near && at !== far && Math.abs(near - at) <= Math.abs(far - at));
        expect(move(at, near, stroke)).toBeLessThanOrEqual(move(at, far, stroke));
        expect(move(at, at + PAGES, stroke)).toBe(MEAN_US * MEGAHERTZ);
      }),
    );
  });

  it("takes the mean wherever to where no stroke is given, and nothing to where it is", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: PAGES }), fc.integer({ min: 1, max: PAGES }), (from, to) => {
        expect(move(from, to, undefined)).toBe(from === to ? 0 : MEAN_US * MEGAHERTZ);
      }),
    );
    expect(move(5, 5, stroke)).toBe(0);
  });
});

it("takes the mean between any two areas of a host's disk, on the largest that a machine may have", () => {
  const stroke = { positioningUs: FULL_US, pages: (256 * 2 ** 30) / PAGE_BYTES };
  const guests = [0, 1, 300].flatMap((guest) => [guestAreaPage(guest, false), guestAreaPage(guest, true)]);
  const areas = [0, DOM0_SWAP_PAGE, METADATA_PAGE, ...guests];
  for (const from of areas) {
    for (const to of areas) {
      if (from !== to) expect(move(1 + from, 1 + to, stroke)).toBe(MEAN_US * MEGAHERTZ);
    }
  }
});
