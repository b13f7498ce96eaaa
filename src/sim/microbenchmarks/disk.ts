/** Reads and writes of a page of a file that is not in memory, the disk's own time included. */
import type { GuestShape } from "../../workload/compiled-workload.ts";
import { Op } from "../../workload/operation-stream.ts";
import { type Microbenchmark, microbenchmarksOf } from "./microbenchmark.ts";

const ROUNDS = 100;
/** Pages between two that are read or written: neither is the next one on disk nor read ahead. */
const STRIDE = 64;
const WAIT_UNTIL_ON_DISK = 1;

const GUEST: GuestShape = {
  memoryPages: 8192,
  kernelPages: 512,
  processes: 1,
  anonymousPages: 16,
  residentAnonymousPages: 16,
  filePages: 2 * STRIDE * ROUNDS,
  residentFilePages: 0,
  swapPages: 64,
  threads: 1,
};

const benchmark = microbenchmarksOf({ guest: GUEST, warmUpRounds: 2, rounds: ROUNDS });

/** Pages of one read-ahead. */
const CLUSTER = 32;

export const DISK: readonly Microbenchmark[] = [
  benchmark("disk-read-4k", "read a page of a file, 64 on from the one before on disk", (builder, turn) =>
    builder.add(Op.ReadFile, turn * STRIDE, 1),
  ),
  benchmark(
    "disk-write-4k",
    "write a page of a file, 64 on from the one before on disk, and wait for it",
    (builder, turn) => builder.add(Op.WriteFile, turn * STRIDE, 1, WAIT_UNTIL_ON_DISK),
  ),
  benchmark(
    "disk-read-sequential",
    "read the next page of a file, 32 read ahead",
    (builder, turn) => builder.add(Op.ReadFile, turn * CLUSTER, CLUSTER),
    { operationsPerRound: CLUSTER },
  ),
  benchmark(
    "disk-write-sequential",
    "write the next page of a file, 32 at a time, and wait for them",
    (builder, turn) => builder.add(Op.WriteFile, turn * CLUSTER, CLUSTER, WAIT_UNTIL_ON_DISK),
    { operationsPerRound: CLUSTER },
  ),
];
