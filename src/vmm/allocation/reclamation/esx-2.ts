import type { Generation } from "./generation.ts";

/**
 * ESX 2 to 4.0: percentages of all memory. Balloons in soft, paging besides them from hard on (VMware, Understanding Memory
 * Resource Management in VMware ESX Server, 2009, section 3.5), where large pages are broken.
 */
export const esx2States: Generation = {
  release: 2,
  source: "Waldspurger 2002, section 6.3",
  base: (pages) => pages,
  states: [
    { name: "high", percent: 6, largePages: "kept", balloon: false, paged: "nobody", blocks: false },
    { name: "soft", percent: 4, largePages: "kept", balloon: true, paged: "VMs without a balloon", blocks: false },
    { name: "hard", percent: 2, largePages: "broken", balloon: true, paged: "everybody", blocks: false },
    { name: "low", percent: 1, largePages: "broken", balloon: true, paged: "everybody", blocks: true },
  ],
};
