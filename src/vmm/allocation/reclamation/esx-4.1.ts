import type { Generation, ReclamationRule } from "./generation.ts";

/** Large pages are broken when pages of theirs are about to be swapped (VMware KB 1021095). */
export const ESX_41_STATES: readonly ReclamationRule[] = [
  { name: "high", percent: 100, largePages: "kept", balloon: false, paged: "nobody", blocks: false },
  { name: "soft", percent: 64, largePages: "kept", balloon: true, paged: "VMs without a balloon", blocks: false },
  { name: "hard", percent: 32, largePages: "broken", balloon: true, paged: "everybody", blocks: false },
  { name: "low", percent: 16, largePages: "broken", balloon: true, paged: "everybody", blocks: true },
];

/** ESX 4.1: percentages of MinFree, which is 6 % of all memory. */
export const esx41States: Generation = {
  release: 4.1,
  source: "ESX 4.1, Mem.MinFreePct 6; states: secondary articles",
  base: (pages) => (6 * pages) / 100,
  states: ESX_41_STATES,
};
