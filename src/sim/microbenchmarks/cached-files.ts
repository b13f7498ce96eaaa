/** Reads and writes of a page of a file that is in memory. */
import type { GuestShape } from "../../workload/compiled-workload.ts";
import { Op } from "../../workload/operation-stream.ts";
import { type Microbenchmark, microbenchmarksOf } from "./microbenchmark.ts";

const CALLS = 100;
const PAGES_PER_CALL = 32;
const FILE_PAGES = 1024;

/** A gigabyte and a half: on IA-32 the file is where the kernel has to map it to get at it. */
const GUEST: GuestShape = {
  memoryPages: (1536 * 1024) / 4,
  kernelPages: 512,
  processes: 1,
  anonymousPages: 16,
  residentAnonymousPages: 16,
  filePages: FILE_PAGES,
  residentFilePages: FILE_PAGES,
  swapPages: 64,
  threads: 1,
};

const benchmark = microbenchmarksOf({ guest: GUEST, warmUpRounds: 2, rounds: CALLS });

function sequential(name: "read" | "write", op: number): Microbenchmark {
  return benchmark(
    `cached-${name}-sequential`,
    `${name} the next page of a file in memory, 32 at a time, in a guest of 1.5 GiB`,
    (builder, turn) => builder.add(op, (turn * PAGES_PER_CALL) % FILE_PAGES, PAGES_PER_CALL),
    { operationsPerRound: PAGES_PER_CALL },
  );
}

export const CACHED_FILES: readonly Microbenchmark[] = [
  sequential("read", Op.ReadFile),
  sequential("write", Op.WriteFile),
];
