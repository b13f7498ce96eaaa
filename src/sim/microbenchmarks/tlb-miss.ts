/**
 * What a TLB miss costs: pages are visited in turn, more of them than any TLB holds, so that each visit is a walk of the page
 * tables; natively of one dimension, with nested paging of two (Bhargava et al. 2008).
 */
import { Op } from "../../workload/operation-stream.ts";
import type { Microbenchmark } from "./microbenchmark.ts";

/** Those of 8 MiB; TLBs of the machine profiles have 1,536 entries at most. */
const PAGES = 2048;

export const TLB_MISS: readonly Microbenchmark[] = [
  {
    name: "tlb-miss",
    summary: `read of one of ${PAGES} pages in turn: a TLB miss each`,
    guest: {
      memoryPages: 16_384,
      kernelPages: 2048,
      processes: 1,
      anonymousPages: PAGES,
      residentAnonymousPages: PAGES,
      filePages: 64,
      residentFilePages: 64,
      swapPages: 1024,
      threads: 1,
    },
    warmUpRounds: 2,
    rounds: 2,
    operationsPerRound: PAGES,
    prepare: (builder) => {
      for (let page = 0; page < PAGES; page++) builder.add(Op.Touch, page, 1);
    },
    round: (builder) => {
      for (let page = 0; page < PAGES; page++) builder.add(Op.Touch, page, 0);
    },
  },
];
