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
/** Pages of a file before the one that has the places of the others (ext2: Card, Ts'o, Tweedie 1994). */
const DIRECT_PAGES = 12;
/** The number by which each client knows it: no file of its own has one so great. */
const LOAD_FILE_NUMBER = 62;
/** User code for 32 KiB, without the kernel's. Derived from Figure 2 at 256 MB, 17.79 MB/s. */
const MS_FOR_32_KIB = 1.17;

/** What a run of the load file does, by its number there. */
const DOES = [
  { op: Op.ReadFile, how: 0 },
  { op: Op.WriteFile, how: Write.Whole },
  { op: Op.WriteFile, how: Write.InPart },
  { op: Op.WriteFile, how: Write.InPartToEnd },
  { op: Op.DeleteFile, how: 0 },
  { op: Op.WriteFile, how: Write.Begun },
  { op: Op.OpenFile, how: 0 },
] as const;

/** Pages of a client's files, counted from its first, and the bytes moved. `how`: operand c. Of a file that is opened, `pages` is its number. */
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
  let [number, place] = [0, 1];
  for (const byte of inflateSync(Buffer.from(text, "base64"))) {
    number += (byte & 127) * place;
    place *= 128;
    if (byte > 127) continue;
    yield number;
    [number, place] = [0, 1];
  }
}

/** Pages that each client has for itself, and what it does; those in common are numbered from there on. */
function clientRuns(): { readonly own: number; readonly runs: readonly Run[] } {
  const [own, ...all] = numbers();
  const runs: Run[] = [];
  for (let i = 0, last = 0; i < all.length; ) {
    const [distance, kind, bytes] = all.slice(i, i + 3);
    i += 3;
    const { op, how } = DOES[kind & 7];
    const first = last + (distance >> 1) * ((distance & 1) === 1 ? -1 : 1);
    const pages = kind >> 3;
    runs.push({ op, first, pages, how: op === Op.ReadFile ? all[i++] : how, bytes: 64 * bytes });
    last = op === Op.OpenFile ? first : first + pages;
  }
  return { own, runs };
}

/**
 * The runs that are of a block of the file system: a directory, or one with the places of others. These are read by no call; what is
 * deleted after has been one since it was made.
 */
function runsOfFileSystem(runs: readonly Run[]): ReadonlySet<Run> {
  const blocks = new Set<number>();
  const found = new Set<Run>();
  for (const run of runs.toReversed()) {
    const { op, first, pages, how } = run;
    if (op === Op.DeleteFile) for (let page = first; page < first + pages; page++) blocks.delete(page);
    if (op === Op.ReadFile && how === 0) blocks.add(first);
    if (op !== Op.OpenFile && op !== Op.DeleteFile && blocks.has(first)) found.add(run);
  }
  return found;
}

const { own: CLIENT_PAGES, runs: RUNS } = clientRuns();
const OF_FILE_SYSTEM = runsOfFileSystem(RUNS);
const COMMON_PAGES = RUNS.reduce((most, { first, pages }) => Math.max(most, first + pages), 0) - CLIENT_PAGES;
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
  const places = dbenchPlaces(clients);
  const shape = {
    ...LINUX_SHAPE,
    memoryPages: mib * MIB,
    kernelPages: kernelPages(mib),
    anonymousPages: 4 * MIB,
    residentAnonymousPages: 4 * MIB,
    filePages: places.end,
    threads: clients,
    ...(memory !== undefined && { memory }),
  };
  const random = new RandomStream(seed, "dbench");
  const order = Uint32Array.from({ length: clients }, (_, client) => client);
  const stream = new OperationStreamBuilder();
  const cyclesAByte = (userMs * 1000 * megahertz) / 32_768;
  for (let time = 0; time < times; time++) {
    shuffle(order, random);
    for (const client of order) {
      const files = ((time % FILE_SETS) * clients + client) * CLIENT_PAGES;
      stream.add(Op.Request, 0, 0, 0);
      addRuns(stream, places, files, time === 0 && client === order[0], cyclesAByte);
    }
  }
  return { name: "dbench", guest: shape, stream: stream.finish(), durationUs: 0, warmupUs: 0 };
}

/** Pages of the file set: clients' files from 0 on, those of each together; then the load file, files in common, and where they end. */
export interface DbenchPlaces {
  readonly clientPages: number;
  readonly loadFile: number;
  readonly common: number;
  readonly end: number;
}

export function dbenchPlaces(clients = CLIENTS): DbenchPlaces {
  const loadFile = FILE_SETS * clients * CLIENT_PAGES;
  // One of the pages has the places of others.
  const common = loadFile + LOAD_FILE_PAGES + 1;
  return { clientPages: CLIENT_PAGES, loadFile, common, end: common + COMMON_PAGES };
}

/** Of one client, whose files begin with page `files`, until it ends. `comesFirst`: it makes the files in common, which the others find. */
function addRuns(
  stream: OperationStreamBuilder,
  { loadFile, common }: DbenchPlaces,
  files: number,
  comesFirst: boolean,
  cyclesAByte: number,
): void {
  let loaded = 0;
  const call = packReadCall({ file: LOAD_FILE_NUMBER, goesOn: false, asked: 2, whole: LOAD_FILE_PAGES - 1 });
  stream.add(Op.OpenFile, loadFile, LOAD_FILE_NUMBER, loadFile + DIRECT_PAGES);
  RUNS.forEach((run, at) => {
    const { op, first, pages, how, bytes } = run;
    for (; loaded * RUNS.length <= at * LOAD_FILE_PAGES; loaded++) {
      stream.add(Op.ReadFile, loadFile + loaded + (loaded < DIRECT_PAGES ? 0 : 1), 1, call);
    }
    const place = first < CLIENT_PAGES ? files + first : common + first - CLIENT_PAGES;
    if (op === Op.OpenFile) return stream.add(op, place, pages, bytes > 0 ? place + DIRECT_PAGES : 0);
    const makes = op === Op.WriteFile && (how === Write.Whole || how === Write.Begun);
    if (makes && first >= CLIENT_PAGES && !comesFirst) return;
    stream.add(op, place, pages, how);
    if (OF_FILE_SYSTEM.has(run)) stream.add(Op.UseBlock, place);
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
