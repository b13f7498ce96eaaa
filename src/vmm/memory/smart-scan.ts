/**
 * KSM's smart scan: a page that was scanned in vain is left out of some passes, of more the older it is (Linux,
 * `Documentation/admin-guide/mm/ksm.rst`, smart_scan). What is remembered of a page is one byte, 0 for a page that is new:
 * its age in passes, and above that the number of passes still to leave out.
 */

/** Passes left out after one that scans, by age; younger than 3, a page gets the two visits that merging takes. */
const PASSES_LEFT_OUT = Uint8Array.of(0, 0, 0, 1, 2, 2, 4, 4, 4, 8);
/** From here on age makes no difference. */
const OLDEST = PASSES_LEFT_OUT.length - 1;
const AGE_BITS = 4;
const AGE_MASK = 2 ** AGE_BITS - 1;

/** Whether the page, which is not merged, is left out of this pass. */
export function isLeftOut(state: number): boolean {
  return state >>> AGE_BITS > 0;
}

/** What is to be remembered of the page after this pass, left out or not. */
export function afterPass(state: number): number {
  const age = state & AGE_MASK;
  const leftOut = state >>> AGE_BITS;
  const older = Math.min(age + 1, OLDEST);
  return older | ((leftOut > 0 ? leftOut - 1 : PASSES_LEFT_OUT[age]) << AGE_BITS);
}
