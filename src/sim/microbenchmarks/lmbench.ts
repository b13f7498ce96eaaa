/**
 * lmbench 3.0-a3 as Barham et al. 2003 ran it on Linux 2.4 (Tables 3 to 5). What the paper doesn't say is measured on the
 * programs themselves or, for the shell's own work, inferred from the native column. `mmap lat` touches 45 pages (an 8 MB
 * file, every fourth page of its first tenth).
 *
 * Pages of the programs were counted while they ran on Linux 2.4.20 (docs/kernel-operations/linux-2.4): hello and lat_proc of lmbench 3
 * and bash 2.05, linked dynamically with glibc 2.1.3 and 2.3.2 as Red Hat built them in 2001 and 2003. Red Hat 7.2, on which the
 * paper ran, has glibc 2.2.4: means of the two are taken.
 */
import type { GuestShape } from "../../workload/compiled-workload.ts";
import { Op, type OperationStreamBuilder, SYSTEM_CALLS } from "../../workload/operation-stream.ts";
import { CONTEXT_SWITCHES, type Microbenchmark, microbenchmarksOf, oneSystemCall } from "./microbenchmark.ts";

/** Pages that a program visits from exec to its end, and those of them that it writes: 83 and 71, 17 and 10 of them. */
const HELLO = { pages: 77, written: 14 };
/**
 * The shell before it executes the program, with its locale, which the system's own environment names (LANG is en_US in Red Hat 7.2,
 * and lmbench leaves it): 216 and 238, 29 and 26 of them. Of the older library 195 and 27 were counted without a locale; what
 * reading it adds with the newer one, 21 and 2, is added.
 */
const SHELL = { pages: 227, written: 28 };
/**
 * What the shell asks of the kernel besides what the dynamic linker does: twelve files of its locale and the directory of a thirteenth
 * are opened, looked at and, but for that, mapped; then locale.alias, /etc/mtab and /proc/meminfo, each with a buffer that is mapped and
 * unmapped; a third library; the heap, which grows; masks and handlers of signals, and who and where it is.
 */
const SHELL_CALLS = [
  ["null", 21],
  ["null-io", 23],
  ["stat", 5],
  ["open-close", 17],
] as const;
const SHELL_HANDLERS = 11;
const SHELL_MAPPINGS = { made: 16, unmade: 3, heap: 6 };
/** Where they lie: behind all that is visited. */
const SHELL_MAPPING = 1024;
/**
 * What a child of lat_proc faults on when it exits, beyond what precedes every exec: pages of libraries that its parent has not been
 * through (2 and 6), and private pages that it writes (8 and 4). lat_proc itself visits 124 and 119 pages: the image that every
 * process has here, and these.
 */
const EXIT = { library: 512, read: 4, written: 6 };
/** User code of the shell itself. */
const SHELL_CYCLES = 6_425_000;
/** Pages of the heap. */
export const HEAP_PAGES = EXIT.written;
const ROUNDS = 20;
/**
 * What a process and the kernel use on its behalf in each turn, besides its array: stack and data, and the two pages in
 * which Linux 2.4 keeps task structure and kernel stack, each of them in part.
 */
const PROCESS_PAGES = 2;
/** Placements of the arrays in memory over which a context switch is averaged. */
const PLACEMENTS = 48;
/** Where files are created: behind those that are mapped. */
const NEW_FILES = 2048;
/** Pages of a file of 10 KB. */
const SMALL_FILE_PAGES = 3;

const GUEST: GuestShape = {
  memoryPages: 16_384,
  kernelPages: 1024,
  processes: 16,
  anonymousPages: HEAP_PAGES,
  residentAnonymousPages: HEAP_PAGES,
  filePages: NEW_FILES + 1024,
  residentFilePages: 2048,
  swapPages: 1024,
  threads: 1,
};

const benchmark = microbenchmarksOf({ guest: GUEST, warmUpRounds: 2, rounds: ROUNDS });

function systemCall(name: string, kind: (typeof SYSTEM_CALLS)[number], summary: string): Microbenchmark {
  return benchmark(name, summary, oneSystemCall(kind));
}

/**
 * The token passes round the processes, each of which sums its array; the cost of pipes, and of summing an array that is in
 * the cache, is not part of the figure. Every round has arrays of its own, as every repetition of lmbench has new
 * processes, so that no single placement of pages in the cache decides the figure.
 */
function contextSwitch(processes: number, kilobytes: number): Microbenchmark {
  const pages = kilobytes / 4 + PROCESS_PAGES;
  const passToken = (builder: OperationStreamBuilder, turn: number): void => {
    for (let process = 0; process < processes; process++) {
      builder.add(Op.Switch, process);
      builder.add(Op.Scan, turn * pages, pages);
    }
  };
  const anonymousPages = pages * PLACEMENTS;
  const memoryPages = 2 * GUEST.memoryPages;
  return benchmark(
    `${processes}p/${kilobytes}K`,
    `switch between ${processes} processes that sum ${kilobytes} KB each`,
    passToken,
    {
      guest: { ...GUEST, memoryPages, anonymousPages, residentAnonymousPages: 0 },
      warmUpRounds: 0,
      rounds: PLACEMENTS,
      operationsPerRound: processes,
      setUp: passToken,
    },
  );
}

function smallFile(turn: number): [page: number, pages: number] {
  return [NEW_FILES + turn * SMALL_FILE_PAGES, SMALL_FILE_PAGES];
}

function createSmallFile(builder: OperationStreamBuilder, turn: number): void {
  builder.add(Op.Syscall, SYSTEM_CALLS.indexOf("create-file"), 1);
  builder.add(Op.WriteFile, ...smallFile(turn));
}

/** The process that forks has libraries of which it has not been through all. */
export function mapLibraries(builder: OperationStreamBuilder): void {
  builder.add(Op.Mmap, EXIT.library, EXIT.read, 1);
}

/** The child exits, the parent goes on; what both write before it begins to exit is in the guest kernel's versions. */
export function forkAndExit(builder: OperationStreamBuilder): void {
  builder.add(Op.Fork);
  for (let page = 0; page < EXIT.read; page++) builder.add(Op.Touch, EXIT.library + page, 0);
  for (let page = 0; page < EXIT.written; page++) builder.add(Op.Touch, page, 1);
  builder.add(Op.Exit);
}

function execute(builder: OperationStreamBuilder, { pages, written }: typeof HELLO): void {
  builder.add(Op.Exec, pages, written);
}

function call(builder: OperationStreamBuilder, kind: (typeof SYSTEM_CALLS)[number], times: number): void {
  builder.add(Op.Syscall, SYSTEM_CALLS.indexOf(kind), times);
}

/** The child closes its standard output. */
function forkToExecute(builder: OperationStreamBuilder): void {
  builder.add(Op.Fork);
  call(builder, "null", 1);
}

/** The program writes to a descriptor that its parent's child has closed. */
function executeHello(builder: OperationStreamBuilder): void {
  execute(builder, HELLO);
  call(builder, "null", 1);
}

/** What it maps is visited with its image. */
function callsOfShell(builder: OperationStreamBuilder): void {
  for (const [kind, times] of SHELL_CALLS) call(builder, kind, times);
  for (let handler = 0; handler < SHELL_HANDLERS; handler++) builder.add(Op.Signal, 0);
  const { made, unmade, heap } = SHELL_MAPPINGS;
  for (let each = 0; each < made; each++) builder.add(Op.Mmap, SHELL_MAPPING + each, 1, 1);
  for (let each = 0; each < unmade; each++) builder.add(Op.Munmap, SHELL_MAPPING + each, 1);
  for (let each = 0; each < heap; each++) builder.add(Op.Mmap, SHELL_MAPPING + made, 1, 0);
}

const SELECT = systemCall("select-tcp", "select", "select on 100 TCP descriptors");

const FILES: readonly Microbenchmark[] = [
  systemCall("0k-create", "create-file", "create an empty file"),
  systemCall("0k-delete", "delete-file", "delete an empty file"),
  benchmark("10k-create", "create a file of 10 KB", createSmallFile),
  benchmark("10k-delete", "delete a file of 10 KB", (builder, turn) => builder.add(Op.DeleteFile, ...smallFile(turn)), {
    setUp: createSmallFile,
  }),
];

/** Those that no process of a particular kernel is a part of. */
export const LMBENCH_CALLS: readonly Microbenchmark[] = [SELECT, ...FILES];

export const LMBENCH: readonly Microbenchmark[] = [
  systemCall("null-call", "null", "getppid"),
  systemCall("null-io", "null-io", "read one byte of /dev/zero, write one to /dev/null: mean"),
  systemCall("stat", "stat", "stat of a file"),
  systemCall("open-close", "open-close", "open and close of a file"),
  SELECT,
  benchmark("signal-install", "sigaction", (builder) => builder.add(Op.Signal, 0)),
  benchmark("signal-handle", "signal to oneself, caught", (builder) => builder.add(Op.Signal, 1)),
  benchmark("fork-proc", "fork, child exits, wait", forkAndExit, { prepare: mapLibraries }),
  benchmark(
    "exec-proc",
    "fork, exec of a small program that exits, wait",
    (builder) => {
      forkToExecute(builder);
      executeHello(builder);
      builder.add(Op.Exit);
    },
    { prepare: mapLibraries },
  ),
  // A shell executes the last command of -c itself, without another fork (bash: ONESHOT in its configuration).
  benchmark(
    "sh-proc",
    "fork, sh -c of a small program, wait",
    (builder) => {
      forkToExecute(builder);
      execute(builder, SHELL);
      callsOfShell(builder);
      builder.add(Op.Compute, SHELL_CYCLES);
      executeHello(builder);
      builder.add(Op.Exit);
    },
    { prepare: mapLibraries },
  ),
  ...CONTEXT_SWITCHES.map(([processes, kilobytes]) => contextSwitch(processes, kilobytes)),
  ...FILES,
  benchmark("mmap-lat", "map an 8 MB file, touch 45 pages, unmap", (builder) => {
    builder.add(Op.Mmap, 1024, 2048, 1);
    for (let touch = 0; touch < 45; touch++) builder.add(Op.Touch, 1024 + 4 * touch, 1);
    builder.add(Op.Munmap, 1024, 2048);
  }),
  benchmark("prot-fault", "write to a read-only page, caught", (builder) => builder.add(Op.Touch, 0, 1), {
    prepare: (builder) => builder.add(Op.Mprotect, 0, 1, 0),
  }),
  benchmark(
    "page-fault",
    "first touch of a page of a file in memory",
    (builder, turn) => builder.add(Op.Touch, 1024 + turn, 0),
    {
      rounds: 512,
      prepare: (builder) => builder.add(Op.Mmap, 1024, 1024, 1),
    },
  ),
];
