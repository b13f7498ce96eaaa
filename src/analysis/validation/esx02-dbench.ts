/**
 * dbench 1.2 with 40 clients, the version of the time of Waldspurger 2002: what its load file makes each client do, counted
 * from that file (client.txt of October 2001, 96,535 lines), in pages of 4 KiB. A client fills a directory with files, then
 * goes round the programs of an office seven times and a bit more (the numbers are those of the second round), and deletes
 * everything.
 */
import { RandomStream } from "../../core/random.ts";
import { PAGES_PER_MIB as MIB } from "../../machine/page.ts";
import type { CompiledWorkload } from "../../workload/compiled-workload.ts";
import { Op, OperationStreamBuilder } from "../../workload/operation-stream.ts";
import type { MemorySettings } from "../../workload/vm-settings.ts";
import { LINUX_SHAPE } from "./esx02-guests.ts";

/** What a program does in one visit. */
interface Program {
  /** Documents that are there from the beginning, of 64 pages each. */
  readonly documents: number;
  /** Pages of them that it reads. */
  readonly reads: number;
  /** Pages of new files that stay until the round is over, and of those that it deletes itself. */
  readonly keeps: number;
  readonly scratches: number;
  /** Pages' worth of bytes that it writes over what it has just written, or reads of it. */
  readonly again: number;
}

const DOCUMENT_PAGES = 64;
/** In order: WORD, ACCESS, EXCEL, WORDPRO, PWRPNT, COREL, PM, PARADOX. */
const PROGRAMS: readonly Program[] = [
  { documents: 3, reads: 5, keeps: 9, scratches: 9, again: 60 },
  { documents: 1, reads: 2, keeps: 27, scratches: 1, again: 66 },
  { documents: 2, reads: 4, keeps: 189, scratches: 55, again: 121 },
  { documents: 3, reads: 28, keeps: 373, scratches: 9, again: 218 },
  { documents: 5, reads: 50, keeps: 40, scratches: 80, again: 52 },
  { documents: 11, reads: 43, keeps: 26, scratches: 0, again: 185 },
  { documents: 3, reads: 6, keeps: 71, scratches: 0, again: 4 },
  { documents: 20, reads: 19, keeps: 8, scratches: 13, again: 180 },
];
/** Three files; between two visits their beginnings are overwritten, next time read. */
const SEED_FILES = [80, 256, 409];
const SEED_PAGES = [31, 63, 127];
const FILLER_PAGES = 5 * 256;
const ROUNDS = 7;
/** Of the last, unfinished round. */
const LAST_VISITS = 4;

const CLIENTS = 40;
/** A client goes on in runs of 32 KiB; its own operations have 3.6 KB in the mean. */
const RUN_PAGES = 8;
/** The load file itself, which all clients read as they go. */
const LOAD_FILE_PAGES = 1006;
/** User code for a run, without the kernel's. Derived from Figure 2 at 256 MB, 17.79 MB/s. */
const RUN_MS = 1.17;

/** One run of pages, or the deletion of a file; pages are counted from the first of the client's. */
interface Step {
  readonly op: typeof Op.ReadFile | typeof Op.WriteFile | typeof Op.DeleteFile;
  readonly first: number;
  readonly pages: number;
}

/** Files of a client, by their first page. */
interface Layout {
  readonly documents: readonly number[];
  readonly news: readonly number[];
  readonly seeds: readonly number[];
  readonly filler: number;
  readonly pages: number;
}

function layout(): Layout {
  let pages = 0;
  const place = (count: number): number => {
    pages += count;
    return pages - count;
  };
  const documents = PROGRAMS.map((program) => place(DOCUMENT_PAGES * program.documents));
  const news = PROGRAMS.map(({ keeps, scratches }) => place(keeps + scratches));
  const seeds = SEED_FILES.map(place);
  return { documents, news, seeds, filler: place(FILLER_PAGES), pages };
}

const LAYOUT = layout();

function runs(op: Step["op"], first: number, pages: number): Step[] {
  return Array.from({ length: Math.ceil(pages / RUN_PAGES) }, (_, i) => {
    return { op, first: first + i * RUN_PAGES, pages: Math.min(RUN_PAGES, pages - i * RUN_PAGES) };
  });
}

/** All files are there before the work begins. */
function filling(): Step[] {
  return [
    ...runs(Op.WriteFile, LAYOUT.filler, FILLER_PAGES),
    ...PROGRAMS.flatMap(({ documents }, i) => runs(Op.WriteFile, LAYOUT.documents[i], DOCUMENT_PAGES * documents)),
    ...SEED_FILES.flatMap((pages, i) => runs(Op.WriteFile, LAYOUT.seeds[i], pages)),
  ];
}

/** The documents' beginnings are read, the new files written once, and then again in turn. */
function visit(program: number): Step[] {
  const { documents, reads, keeps, scratches, again } = PROGRAMS[program];
  const first = LAYOUT.news[program];
  const read = Array.from({ length: documents }, (_, i) => {
    const pages = Math.floor(((i + 1) * reads) / documents) - Math.floor((i * reads) / documents);
    return runs(Op.ReadFile, LAYOUT.documents[program] + i * DOCUMENT_PAGES, pages);
  });
  const written = runs(Op.WriteFile, first, keeps + scratches);
  const over: Step[] = [];
  for (let left = again; left > 0; left -= RUN_PAGES) {
    const { first, pages } = written[over.length % written.length];
    over.push({ op: Op.WriteFile, first, pages: Math.min(pages, left) });
  }
  const deleted: Step = { op: Op.DeleteFile, first: first + keeps, pages: scratches };
  return [...read.flat(), ...written, ...over, ...(scratches > 0 ? [deleted] : [])];
}

/** Overwritten and read in turn; the first time they are read as a whole. */
function seeds(round: number, turn: number): Step[] {
  const op = turn % 2 === 0 ? Op.WriteFile : Op.ReadFile;
  const sizes = round === 0 && turn === 1 ? SEED_FILES : SEED_PAGES;
  return LAYOUT.seeds.flatMap((first, i) => runs(op, first, sizes[i]));
}

function workInRound(round: number, visits: number): Step[] {
  const steps = Array.from({ length: visits }, (_, i) => {
    return [...visit(i), ...(i < PROGRAMS.length - 1 ? seeds(round, i) : [])];
  });
  const kept = PROGRAMS.slice(0, visits).map(({ keeps }, i): Step => {
    return { op: Op.DeleteFile, first: LAYOUT.news[i], pages: keeps };
  });
  return [...steps.flat(), ...kept];
}

function clearing(): Step[] {
  const { documents, seeds: seedFiles, filler } = LAYOUT;
  const files = [
    ...PROGRAMS.map((program, i) => [documents[i], DOCUMENT_PAGES * program.documents]),
    ...SEED_FILES.map((pages, i) => [seedFiles[i], pages]),
    [filler, FILLER_PAGES],
  ];
  return files.map(([first, pages]): Step => ({ op: Op.DeleteFile, first, pages }));
}

/** What one client does, run by run: deletions go with the run before them. */
function clientRuns(): readonly (readonly Step[])[] {
  const rounds = Array.from({ length: ROUNDS }, (_, round) => workInRound(round, PROGRAMS.length));
  const together: Step[][] = [];
  for (const step of [...filling(), ...rounds.flat(), ...workInRound(ROUNDS, LAST_VISITS), ...clearing()]) {
    if (step.op === Op.DeleteFile) together[together.length - 1].push(step);
    else together.push([step]);
  }
  return together;
}

const RUNS = clientRuns();
const CLIENT_PAGES = RUNS.reduce((sum, [{ pages }]) => sum + pages, 0);
/** A client is one request: dbench.c (create_procs) starts them together, each goes on by itself, and it waits until all have ended. */
export const DBENCH_REQUESTS = CLIENTS;
export const MEGABYTES_A_REQUEST = (CLIENT_PAGES * 4096) / 1e6;
/** When it begins anew, in other files: one client may have begun before another one has deleted the last. */
const FILE_SETS = 2;

export interface Dbench {
  /** {@link CLIENTS} of them by default. */
  readonly clients?: number;
  /** How often all of it is done; once by default. */
  readonly times?: number;
  /** Of the order in which clients get on. */
  readonly seed?: number;
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
    filePages: FILE_SETS * clients * LAYOUT.pages + LOAD_FILE_PAGES,
    threads: clients,
    ...(memory === undefined ? {} : { memory }),
  };
  const random = new RandomStream(seed, "dbench");
  const order = Uint32Array.from({ length: clients }, (_, client) => client);
  const loadFile = FILE_SETS * clients * LAYOUT.pages;
  const stream = new OperationStreamBuilder();
  for (let time = 0; time < times; time++) {
    shuffle(order, random);
    for (const client of order) {
      const files = ((time % FILE_SETS) * clients + client) * LAYOUT.pages;
      stream.add(Op.Request, 0, 0, 0);
      RUNS.forEach((steps, run) => {
        const loaded = Math.floor((run * LOAD_FILE_PAGES) / RUNS.length);
        stream.add(Op.ReadFile, loadFile + loaded, 1);
        for (const { op, first, pages } of steps) stream.add(op, files + first, pages, 0);
        stream.add(Op.Compute, Math.round((RUN_MS * 1000 * megahertz * steps[0].pages) / RUN_PAGES));
      });
    }
  }
  return { name: "dbench", guest: shape, stream: stream.finish(), durationUs: 0, warmupUs: 0 };
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
