/**
 * Which contents are similar, and how small the difference is. Nothing about that was measured on the guests whose contents are
 * known by fingerprint alone; what is known is how it was in three VMs of 512 MB with Windows XP, Debian and Slackware
 * (Gupta et al. 2010, Difference Engine, section 3.2): of 195,224 different contents 144,497 could be told as a patch of at
 * most 2 KiB to one of the other 50,727, and a patch had 1,070 bytes on average.
 *
 * Here contents come in families of that mean size, and any two of a family are similar. Members have consecutive ids: pages
 * that lie side by side in memory, or were written one after the other. Patches are spread evenly around their mean.
 */
import { PAGE_BYTES } from "./page.ts";

const DIFFERENT_CONTENTS = 195_224;
const REFERENCES = 50_727;
const MEAN_PATCH_BYTES = 1070;
const LARGEST_PATCH_BYTES = PAGE_BYTES / 2;
const SMALLEST_PATCH_BYTES = 2 * MEAN_PATCH_BYTES - LARGEST_PATCH_BYTES;

/** The family of a content: equal exactly if two contents are similar. */
export function familyOf(content: number): number {
  return Math.floor((content * REFERENCES) / DIFFERENT_CONTENTS);
}

/** Bytes of a patch that makes a content of its family's reference; none if they are equal. */
export function patchBytes(content: number, reference: number): number {
  if (content === reference) return 0;
  // A hash that spreads consecutive ids evenly.
  const part = (Math.imul(content, 0x9e37_79b1) >>> 0) / 2 ** 32;
  return Math.round(SMALLEST_PATCH_BYTES + part * (LARGEST_PATCH_BYTES - SMALLEST_PATCH_BYTES));
}
