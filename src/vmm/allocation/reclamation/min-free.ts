const GIB = 2 ** 18;

/** Parts of memory, pages, and what percentage of each is to be free; the last part is the rest. */
const SCALE = [
  { pages: 4 * GIB, percent: 6 },
  { pages: 8 * GIB, percent: 4 },
  { pages: 16 * GIB, percent: 2 },
  { pages: Infinity, percent: 1 },
];

/** MinFree of a host with that many pages, in pages, on the sliding scale of ESXi 5 and later (secondary articles). */
export function slidingMinFree(pages: number): number {
  let left = pages;
  let hundredths = 0;
  for (const part of SCALE) {
    const here = Math.min(left, part.pages);
    hundredths += here * part.percent;
    left -= here;
  }
  return hundredths / 100;
}
