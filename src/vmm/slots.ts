/** The slots of a VMM, and the order of the parts that one of them holds several of. */

export const SLOTS = ["cpu", "mmu", "memory", "allocation", "scheduler", "disk", "network"] as const;

/**
 * Memory parts in the order in which a VMM prefers them, cheapest for the guest first: sharing costs it nothing, swapping by the host
 * most (Waldspurger 2002, sections 3 and 4). What steers a scanner comes before the scanner.
 */
export const MEMORY_STAGES = [
  "backing",
  "scan order",
  "scan rate",
  "sharing",
  "free pages",
  "ballooning",
  "guest swap",
  "patching",
  "compression",
  "swapping",
] as const;
