import type { Generation } from "./generation.ts";
import { slidingMinFree } from "./min-free.ts";

/**
 * vSphere 6 and later: high is four times MinFree (some articles say three); below it large pages that hold equal pages are
 * broken, below MinFree ("clear") all of them, before any balloon grows. Balloons stand still while memory is paged.
 */
export const esx6States: Generation = {
  release: 6,
  source: "vSphere 6: secondary articles",
  base: slidingMinFree,
  highIsUncertain: true,
  states: [
    {
      name: "high",
      percent: 400,
      largePages: "broken where they hold equal pages",
      balloon: false,
      paged: "nobody",
      blocks: false,
    },
    { name: "clear", percent: 100, largePages: "broken", balloon: false, paged: "nobody", blocks: false },
    { name: "soft", percent: 64, largePages: "broken", balloon: true, paged: "VMs without a balloon", blocks: false },
    { name: "hard", percent: 32, largePages: "broken", balloon: false, paged: "everybody", blocks: false },
    { name: "low", percent: 16, largePages: "broken", balloon: false, paged: "everybody", blocks: true },
  ],
};
