/**
 * The nanobenchmarks of Adams and Agesen 2006, section 6.3, which a minimal guest kernel runs: single instructions, empty
 * handlers, and writes of page-table entries in use; and their forkwait (section 6.2), the same work as fork of lmbench.
 */
import { INSTRUCTIONS } from "../../guest/virtual-hardware.ts";
import type { GuestShape } from "../../workload/compiled-workload.ts";
import { Op, type OperationStreamBuilder } from "../../workload/operation-stream.ts";
import { forkAndExit, HEAP_PAGES, mapLibraries } from "./lmbench.ts";
import { type Microbenchmark, microbenchmarksOf } from "./microbenchmark.ts";

const ROUNDS = 100;
/** Heap pages, all in memory: one for each round, warm-up included. */
const PAGES = 2 * ROUNDS;

const GUEST: GuestShape = {
  memoryPages: 4096,
  kernelPages: 512,
  processes: 1,
  anonymousPages: PAGES,
  residentAnonymousPages: PAGES,
  filePages: 16,
  residentFilePages: 16,
  swapPages: 64,
  threads: 1,
};

/** Operand b of Op.WriteEntry. */
const Entry = { Unchanged: 0, NotPresent: 1, Present: 2 } as const;

const nanobenchmark = microbenchmarksOf({ guest: GUEST, warmUpRounds: ROUNDS, rounds: ROUNDS });

function instruction(name: string, summary: string, which: (typeof INSTRUCTIONS)[number]): Microbenchmark {
  return nanobenchmark(name, summary, (builder) => builder.add(Op.Instruction, INSTRUCTIONS.indexOf(which), 1));
}

function writeEntry(name: string, summary: string, what: number, more?: Microbenchmark["prepare"]): Microbenchmark {
  return nanobenchmark(name, summary, (builder, turn) => builder.add(Op.WriteEntry, turn, what), {
    prepare: (builder) => {
      touchAll(builder);
      more?.(builder);
    },
  });
}

/** The table is in use: its entries have been visited, and written through. */
function touchAll(builder: OperationStreamBuilder): void {
  for (let page = 0; page < PAGES; page++) builder.add(Op.Touch, page, 1);
}

function clearAll(builder: OperationStreamBuilder): void {
  for (let page = 0; page < PAGES; page++) builder.add(Op.WriteEntry, page, Entry.NotPresent);
}

export const NANOBENCHMARKS: readonly Microbenchmark[] = [
  nanobenchmark("syscall", "into the kernel and back", (builder) => builder.add(Op.KernelEntry, 0)),
  instruction("in", "read of I/O port 0x80", "port-input"),
  instruction("cr8wr", "write of the task priority", "task-priority"),
  instruction("callret", "call and return in the kernel", "call-return"),
  nanobenchmark("pgfault", "page fault, nothing done about it", (builder) => builder.add(Op.KernelEntry, 1, PAGES)),
  nanobenchmark("divzero", "division by zero, caught", (builder) => builder.add(Op.DivideError)),
  writeEntry("ptemod-unchanged", "write of an entry in use, present as before", Entry.Unchanged),
  writeEntry("ptemod-clear", "write of an entry in use, not present afterwards", Entry.NotPresent),
  writeEntry("ptemod-set", "write of an entry, present afterwards", Entry.Present, clearAll),
  nanobenchmark("forkwait", "fork, child exits, wait", forkAndExit, {
    guest: {
      ...GUEST,
      anonymousPages: HEAP_PAGES,
      residentAnonymousPages: HEAP_PAGES,
      filePages: 64,
      residentFilePages: 64,
    },
    warmUpRounds: 20,
    prepare: mapLibraries,
  }),
];
