/**
 * dbench 1.2 with 40 clients, the version of the time of Waldspurger 2002, block by block: what its load file (client.txt of October
 * 2001, 96,535 lines) makes each client do to the blocks of its files, in pages of 4 KiB. How its runs were made of the load file, and
 * where their blocks lie: docs/dbench.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { inflateSync } from "node:zlib";
import { PACKAGE_ROOT } from "../../experiment/catalogue.ts";
import { RandomStream } from "../../core/random.ts";
import { PAGES_PER_MIB as MIB } from "../../machine/page.ts";
import type { CompiledWorkload } from "../../workload/compiled-workload.ts";
import { Op, OperationStreamBuilder, Write } from "../../workload/operation-stream.ts";
import { packReadCall } from "../../workload/read-call.ts";
import type { MemorySettings } from "../../workload/vm-settings.ts";
import { LINUX_SHAPE } from "./esx02-guests.ts";

const CLIENTS = 40;
/** The load file itself, which all clients read as they go. */
const LOAD_FILE_PAGES = 1006;
/** User code for 32 KiB, without the kernel's. Derived from Figure 2 at 256 MB, 17.79 MB/s. */
const MS_FOR_32_KIB = 1.07;

/** What a run of the load file does, by its number there. */
const DOES = [
  { op: Op.ReadFile, how: 0 },
  { op: Op.WriteFile, how: Write.Whole },
  { op: Op.WriteFile, how: Write.InPart },
  { op: Op.WriteFile, how: Write.InPartToEnd },
  { op: Op.DeleteFile, how: 0 },
  { op: Op.WriteFile, how: Write.Begun },
] as const;

/** Pages of a client's files, counted from its first, and the bytes moved. `how`: operand c. */
interface Run {
  readonly op: number;
  readonly first: number;
  readonly pages: number;
  readonly how: number;
  readonly bytes: number;
}

/** The numbers of the file: seven bits each, and one that says whether another seven follow. */
function* numbers(): Generator<number, undefined> {
  const text = readFileSync(join(PACKAGE_ROOT, "validation/dbench-client.txt"), "ascii");
  let [number, shift] = [0, 0];
  for (const byte of inflateSync(Buffer.from(text, "base64"))) {
    number |= (byte & 127) << shift;
    shift += 7;
    if (byte > 127) continue;
    yield number;
    [number, shift] = [0, 0];
  }
}

function clientRuns(): readonly Run[] {
  const all = [...numbers()];
  const runs: Run[] = [];
  for (let i = 0, last = 0; i < all.length; ) {
    const [distance, kind, bytes] = all.slice(i, i + 3);
    i += 3;
    const { op, how } = DOES[kind & 7];
    const first = last + (distance >> 1) * ((distance & 1) === 1 ? -1 : 1);
    const pages = kind >> 3;
    runs.push({ op, first, pages, how: op === Op.ReadFile ? all[i++] : how, bytes: 64 * bytes });
    last = first + pages;
  }
  return runs;
}

const RUNS = clientRuns();
const CLIENT_PAGES = RUNS.reduce((most, { first, pages }) => Math.max(most, first + pages), 0);
/** A client is one request: dbench.c (create_procs) starts them together, each goes on by itself, and it waits until all have ended. */
export const DBENCH_REQUESTS = CLIENTS;
/** What it counts for a client (dbench.c, main). */
export const MEGABYTES_A_REQUEST = 132;
/** When it begins anew, in other files: one client may have begun before another one has deleted the last. */
const FILE_SETS = 2;

export interface Dbench {
  /** {@link CLIENTS} of them by default. */
  readonly clients?: number;
  /** How often all of it is done; once by default. */
  readonly times?: number;
  /** Of the order in which clients get on. */
  readonly seed?: number;
  /** User code for 32 KiB, in milliseconds; {@link MS_FOR_32_KIB} by default. */
  readonly userMs?: number;
  /** Of the machine it runs on. */
  readonly megahertz: number;
  /** Configured memory; a kernel has tables for all of it. */
  readonly mib?: number;
  readonly memory?: MemorySettings;
}

/** Until all of it is done, from an empty page cache; the order in which clients begin is another one with each seed. */
export function dbench({
  clients = CLIENTS,
  times = 1,
  seed = 1,
  userMs = MS_FOR_32_KIB,
  megahertz,
  mib = 256,
  memory,
}: Dbench): CompiledWorkload {
  const shape = {
    ...LINUX_SHAPE,
    memoryPages: mib * MIB,
    kernelPages: kernelPages(mib),
    anonymousPages: 4 * MIB,
    residentAnonymousPages: 4 * MIB,
    filePages: FILE_SETS * clients * CLIENT_PAGES + LOAD_FILE_PAGES,
    threads: clients,
    ...(memory === undefined ? {} : { memory }),
  };
  const random = new RandomStream(seed, "dbench");
  const order = Uint32Array.from({ length: clients }, (_, client) => client);
  const loadFile = FILE_SETS * clients * CLIENT_PAGES;
  const stream = new OperationStreamBuilder();
  for (let time = 0; time < times; time++) {
    shuffle(order, random);
    for (const client of order) {
      const files = ((time % FILE_SETS) * clients + client) * CLIENT_PAGES;
      stream.add(Op.Request, 0, 0, 0);
      addRuns(stream, files, loadFile, (userMs * 1000 * megahertz) / 32_768);
    }
  }
  return { name: "dbench", guest: shape, stream: stream.finish(), durationUs: 0, warmupUs: 0 };
}

/** Of one client, whose files begin with page `files`, until it ends. */
function addRuns(stream: OperationStreamBuilder, files: number, loadFile: number, cyclesAByte: number): void {
  let loaded = 0;
  RUNS.forEach(({ op, first, pages, how, bytes }, run) => {
    for (; loaded * RUNS.length <= run * LOAD_FILE_PAGES; loaded++) {
      const call = { opened: loaded === 0, asked: 2, before: loaded, left: LOAD_FILE_PAGES - loaded };
      stream.add(Op.ReadFile, loadFile + loaded, 1, packReadCall(call));
    }
    stream.add(op, files + first, pages, how);
    if (bytes > 0) stream.add(Op.Compute, Math.round(cyclesAByte * bytes));
  });
}

/** Fisher and Yates. */
function shuffle(numbers: Uint32Array, random: RandomStream): void {
  for (let i = numbers.length - 1; i > 0; i--) {
    const other = random.below(i + 1);
    [numbers[i], numbers[other]] = [numbers[other], numbers[i]];
  }
}

/**
 * Linux 2.4.0 for one processor, by its sources: a struct page of 64 bytes for each page of memory; hash tables for the page
 * cache (4), names (4) and inodes (2), buffers (1), connections and ports (2 and 2) and routes (1/4).
 */
const KERNEL_BYTES_A_PAGE = 79.25;

function kernelPages(mib: number): number {
  return 12 * MIB - Math.round(((256 - mib) * MIB * KERNEL_BYTES_A_PAGE) / 4096);
}
