import { ESX_41_STATES } from "./esx-4.1.ts";
import type { Generation } from "./generation.ts";
import { slidingMinFree } from "./min-free.ts";

/** ESXi 5: the states of 4.1, of a MinFree that grows slower than memory. */
export const esx5States: Generation = {
  release: 5,
  source: "ESXi 5, Mem.MinFreePct: secondary articles",
  base: slidingMinFree,
  states: ESX_41_STATES,
};
