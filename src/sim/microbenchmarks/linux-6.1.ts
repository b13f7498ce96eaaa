/**
 * Elementary operations of Linux 6.1 as a static program runs them in a loop: those of the measured instruction counts. What
 * the counts don't say is inferred from the native ones and from traces of the real programs: a static C program has 16 private
 * pages, 120 pages of code in eight windows of 16 and 32 of constants in two, the shell about 282 in 18 and 75 in five; the user
 * code of a context switch from its growth with the array that is summed.
 */
import type { GuestShape } from "../../workload/compiled-workload.ts";
import { Op, type OperationStreamBuilder, SYSTEM_CALLS } from "../../workload/operation-stream.ts";
import { CONTEXT_SWITCHES, type Microbenchmark, microbenchmarksOf, oneSystemCall } from "./microbenchmark.ts";

const PAGES_PER_MB = 256;
/** Those of the real program's loop as it was compiled (docs/kernel-operations): user code, which no VMM changes. */
const LOOP = { turns: 1000, instructions: 4 };
const MPROTECT_TURNS = 100;
/**
 * The mapping that the benchmarks make and unmake, apart from memory that is there from the beginning. It begins in the middle
 * of a page table and of what a fault maps around it, because mappings are placed at random page by page (arch_mmap_rnd): 4 MB
 * are nearly always in three tables and in 65 windows of 16 pages, as 65 minor faults of file_fault_4MB say.
 */
const MAPPING = 0x80f8;
/**
 * Memory that is protected lies in two tables: half of the boots, the one of the counts for KVM among them, where a second table
 * costs 20,000 instructions a turn (434,000 and 454,000 in boots of either kind).
 */
const PROTECTED = 0x8184;
const MAPPED_PAGES = 4 * PAGES_PER_MB;
/** Two instructions for each int of 4 bytes. */
const INSTRUCTIONS_PER_KB = 512.6;

const GUEST: GuestShape = {
  memoryPages: 65_536,
  kernelPages: 4096,
  processes: 1,
  anonymousPages: MAPPING + 64 * PAGES_PER_MB,
  residentAnonymousPages: 0,
  filePages: MAPPED_PAGES,
  residentFilePages: MAPPED_PAGES,
  swapPages: 1024,
  threads: 1,
};

const PROGRAM = { pages: 169, privatePages: 16, relocated: 4, heapPages: 2 };
/** The same as it is when it has made its preparations and runs the operations. */
const PARENT = { ...PROGRAM, pages: 172, privatePages: 19 };
const SHELL = { pages: 378, privatePages: 20, relocated: 7, heapPages: 4 };
/** The shell's own work. */
const SHELL_INSTRUCTIONS = 64_984;

const benchmark = microbenchmarksOf({ guest: GUEST, warmUpRounds: 20, rounds: 20 });

function systemCall(name: string, kind: (typeof SYSTEM_CALLS)[number], summary: string): Microbenchmark {
  return benchmark(name, summary, oneSystemCall(kind));
}

function call(builder: OperationStreamBuilder, kind: (typeof SYSTEM_CALLS)[number]): void {
  builder.add(Op.Syscall, SYSTEM_CALLS.indexOf(kind), 1);
}

function exec(builder: OperationStreamBuilder, { pages, privatePages, relocated, heapPages }: typeof PROGRAM): void {
  builder.add(Op.Exec, pages, privatePages, relocated + 256 * heapPages);
}

/** Operations of a process that is such a static program itself. */
function byProgram(name: string, summary: string, round: (builder: OperationStreamBuilder) => void): Microbenchmark {
  return benchmark(name, summary, round, { prepare: (builder) => exec(builder, PARENT) });
}

/** Map, touch every `stride`-th page, unmap; the figure is per touch, or per page where every page is touched. */
function mapping(name: string, summary: string, stride: number, isFile: boolean): Microbenchmark {
  const round = (builder: OperationStreamBuilder): void => {
    builder.add(Op.Mmap, MAPPING, MAPPED_PAGES, isFile ? 1 : 0);
    for (let page = 0; page < MAPPED_PAGES; page += stride) builder.add(Op.Touch, MAPPING + page, isFile ? 0 : 1);
    builder.add(Op.Munmap, MAPPING, MAPPED_PAGES);
  };
  return benchmark(name, summary, round, { operationsPerRound: MAPPED_PAGES / stride, warmUpRounds: 2, rounds: 2 });
}

/** The memory is written once, before the first fork. */
function forkWithMemory(megabytes: number): Microbenchmark {
  const pages = megabytes * PAGES_PER_MB;
  return benchmark(`fork_exit_rss_${megabytes}MB`, `fork and exit of a process with ${megabytes} MB of memory`, fork, {
    warmUpRounds: 4,
    rounds: 4,
    prepare: (builder) => {
      exec(builder, PARENT);
      builder.add(Op.Mmap, MAPPING, pages, 0);
      for (let page = 0; page < pages; page++) builder.add(Op.Touch, MAPPING + page, 1);
    },
  });
}

function fork(builder: OperationStreamBuilder): void {
  builder.add(Op.Fork);
  builder.add(Op.Exit);
}

function contextSwitch(processes: number, kilobytes: number): Microbenchmark {
  return benchmark(
    `ctx_${processes}p_${kilobytes}k`,
    `token round ${processes} processes by pipes, each sums ${kilobytes} KB`,
    (builder) => {
      for (let process = 0; process < processes; process++) {
        call(builder, "pipe");
        builder.add(Op.Switch, process);
        if (kilobytes > 0) builder.add(Op.Compute, Math.round(kilobytes * INSTRUCTIONS_PER_KB));
      }
    },
    { operationsPerRound: processes, guest: { ...GUEST, processes } },
  );
}

/** For a count of instructions alone: what the turn takes on a real processor hangs on how it overlaps with the next. */
export const USER_LOOP = benchmark(
  "user_loop",
  "user code alone: an empty counting loop; per turn",
  (builder) => builder.add(Op.Compute, LOOP.turns * LOOP.instructions),
  { operationsPerRound: LOOP.turns },
);

export const LINUX_6_1: readonly Microbenchmark[] = [
  systemCall("null_syscall", "null", "getppid"),
  systemCall("read_dev_zero", "null-io", "read one byte of /dev/zero"),
  systemCall("stat", "stat", "stat of a file"),
  systemCall("open_close", "open-close", "open and close of a file"),
  benchmark("sig_install", "sigaction", (builder) => builder.add(Op.Signal, 0)),
  benchmark("sig_handle", "signal to oneself, caught", (builder) => builder.add(Op.Signal, 1)),
  byProgram("fork_exit", "fork, child exits, wait", fork),
  byProgram("fork_exec", "fork, exec of a static program that exits, wait", (builder) => {
    builder.add(Op.Fork);
    exec(builder, PROGRAM);
    builder.add(Op.Exit);
  }),
  byProgram("vfork_exec", "vfork, exec of a static program that exits, wait", (builder) => {
    builder.add(Op.Fork, 1);
    exec(builder, PROGRAM);
    builder.add(Op.Exit);
  }),
  byProgram("fork_sh", "fork, shell that executes a static program, wait", (builder) => {
    builder.add(Op.Fork);
    exec(builder, SHELL);
    builder.add(Op.Compute, SHELL_INSTRUCTIONS);
    exec(builder, PROGRAM);
    builder.add(Op.Exit);
  }),
  mapping("anon_fault_4MB", "map 4 MB, write each page, unmap; per page", 1, false),
  mapping("file_fault_4MB", "map a file of 4 MB, read each page, unmap; per page", 1, true),
  mapping("file_fault_sparse", "the same with a touch each 64 KiB; per touch", 16, true),
  benchmark("mmap_munmap_4MB", "map and unmap 4 MB of a file without touching", (builder) => {
    builder.add(Op.Mmap, MAPPING, MAPPED_PAGES, 1);
    builder.add(Op.Munmap, MAPPING, MAPPED_PAGES);
  }),
  benchmark(
    "prot_fault",
    "write to a read-only page, caught; the handler jumps out and restores the signal mask",
    (builder) => {
      call(builder, "null");
      builder.add(Op.Touch, MAPPING, 1);
    },
    {
      prepare: (builder) => {
        builder.add(Op.Mmap, MAPPING, 1, 0);
        builder.add(Op.Touch, MAPPING, 1);
        builder.add(Op.Mprotect, MAPPING, 1, 0);
      },
    },
  ),
  benchmark(
    "mprotect_1MB_rw_touch",
    "make 256 pages read-only and writable again, write each; mapped and written anew once in 100 turns",
    // 2.56 minor faults a turn were counted: 256 in 100 turns. The trace of two turns has five flushes: two a turn, so that pages
    // were there when they were first protected, and that of munmap.
    (builder, turn) => {
      if (turn === 0) {
        builder.add(Op.Mmap, PROTECTED, PAGES_PER_MB, 0);
        for (let page = 0; page < PAGES_PER_MB; page++) builder.add(Op.Touch, PROTECTED + page, 1);
      }
      builder.add(Op.Mprotect, PROTECTED, PAGES_PER_MB, 0);
      builder.add(Op.Mprotect, PROTECTED, PAGES_PER_MB, 1);
      for (let page = 0; page < PAGES_PER_MB; page++) builder.add(Op.Touch, PROTECTED + page, 1);
      if (turn === MPROTECT_TURNS - 1) builder.add(Op.Munmap, PROTECTED, PAGES_PER_MB);
    },
    { warmUpRounds: 0, rounds: MPROTECT_TURNS },
  ),
  ...[1, 4, 16, 64].map(forkWithMemory),
  ...CONTEXT_SWITCHES.map(([processes, kilobytes]) => contextSwitch(processes, kilobytes)),
];
