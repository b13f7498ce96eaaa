/** Reads and writes of a page of a file that is in memory. */
import { PAGES_PER_MIB } from "../../machine/page.ts";
import type { GuestShape } from "../../workload/compiled-workload.ts";
import { Op } from "../../workload/operation-stream.ts";
import { type Microbenchmark, microbenchmarksOf } from "./microbenchmark.ts";

const CALLS = 100;
const PAGES_PER_CALL = 32;
const FILE_PAGES = 1024;
/** The whole file, twice, and two calls: a kernel that leaves as many pages mapped as the file has does so then. */
const WARM_UP = (2 * FILE_PAGES) / PAGES_PER_CALL + 2;

function guestOf(mib: number): GuestShape {
  return {
    memoryPages: mib * PAGES_PER_MIB,
    kernelPages: 512,
    processes: 1,
    anonymousPages: 16,
    residentAnonymousPages: 16,
    filePages: FILE_PAGES,
    residentFilePages: FILE_PAGES,
    swapPages: 64,
    threads: 1,
  };
}

/** `guest`: of what size, and what else is to be said of it. */
function sequential(name: string, verb: "read" | "write", mib: number, guest: string): Microbenchmark {
  const op = verb === "read" ? Op.ReadFile : Op.WriteFile;
  return microbenchmarksOf({ guest: guestOf(mib), warmUpRounds: WARM_UP, rounds: CALLS })(
    name,
    `${verb} the next page of a file in memory, 32 at a time, in a guest of ${guest}`,
    (builder, turn) => builder.add(op, (turn * PAGES_PER_CALL) % FILE_PAGES, PAGES_PER_CALL),
    { operationsPerRound: PAGES_PER_CALL },
  );
}

/**
 * With a gigabyte and a half, the file is where a kernel on IA-32 has to map it to get at it. With 800 MiB it has to do so only where
 * so much of its own part of the address space is the hypervisor's that the rest has no room for them: below Xen with PAE.
 */
export const CACHED_FILES: readonly Microbenchmark[] = [
  sequential("cached-read-sequential", "read", 1536, "1.5 GiB"),
  sequential("cached-write-sequential", "write", 1536, "1.5 GiB"),
  sequential("file-read-800mib", "read", 800, "800 MiB, which has high memory on Xen with PAE alone"),
];
