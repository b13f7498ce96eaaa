/** The guests of Matthews et al. 2007: servers, of which one has a process beside it that takes all it can get. */
import { locate } from "../../experiment/catalogue.ts";
import { compileGuest, type LoadedWorkload, loadWorkload } from "../../experiment/documents/load.ts";
import type { CompiledWorkload, GuestShape } from "../../workload/compiled-workload.ts";
import { Op, type OperationStream, OperationStreamBuilder } from "../../workload/operation-stream.ts";

/**
 * The source has Apache with PHP and clients of SPECweb2005; which of its three workloads, and how many sessions, is not known, and
 * that it is little assumed.
 */
const SERVER = "typical-server";
const SERVERS = 4;
const SEED = 1;
/** SPECweb2005, TIME_GOOD of its workloads e-commerce and support: a page is good up to 3 s after it was asked for. In banking it is 2 s. */
const GOOD_US = 3e6;

/** The second process of its guest: a server does not touch memory of the hog. */
const HOG_PROCESS = 1;

/** What takes all it can get: a workload, and requests of it that are more than can be done in the time. */
export interface Hog {
  readonly workload: string;
  /** The only activity of the workload that it has; absent: all of them. */
  readonly activity?: string;
  readonly requests: number;
}

/** Four servers that are asked for something for so long, the last of which has the hog beside it, if there is one. */
export function servers(seconds: number, hog: Hog | undefined): readonly CompiledWorkload[] {
  const loaded = named(SERVER);
  const arrivalsUs = 1e6 * seconds;
  const during = { ...loaded, workload: { ...loaded.workload, durationUs: arrivalsUs } };
  const guests = Array.from({ length: SERVERS }, (_, index) => ({
    ...compileGuest(during, SEED, index),
    durationUs: arrivalsUs + GOOD_US,
    goodUs: GOOD_US,
    warmupUs: 0,
  }));
  const last = guests[SERVERS - 1];
  // A name of its own: what each VM does is shown where their names differ.
  const beside = { ...last, name: "server-and-hog", ...(hog !== undefined && withHog(last, hog)) };
  return [...guests.slice(0, -1), beside];
}

/** A VM with a hog and nothing else, each of whose threads does one request. */
export function alone(hog: Hog): CompiledWorkload {
  const loaded = named(hog.workload);
  return compileGuest(endless(loaded, { ...hog, requests: loaded.workload.guest.threads }), SEED, SERVERS - 1);
}

function named(workload: string): LoadedWorkload {
  return loadWorkload(locate("workloads", workload, "."));
}

function withHog(server: CompiledWorkload, hogOf: Hog): Pick<CompiledWorkload, "guest" | "stream"> {
  const hog = compileGuest(endless(named(hogOf.workload), hogOf), SEED, SERVERS - 1);
  return { guest: together(server.guest, hog.guest), stream: besideHog(server, hog) };
}

function endless(loaded: LoadedWorkload, { activity, requests }: Hog): LoadedWorkload {
  const { workload } = loaded;
  const { work } = workload;
  if (work.kind !== "closed") throw new Error(`${workload.name} does not send its requests one after the other`);
  const activities = work.activities.filter(({ name }) => activity === undefined || name === activity);
  return { ...loaded, workload: { ...workload, work: { ...work, activities, requests } } };
}

/**
 * The hog's files lie behind those of the server; its memory is that of a second process, of which as much is there at the start
 * as of the server.
 */
function together(server: GuestShape, hog: GuestShape): GuestShape {
  return {
    ...server,
    processes: HOG_PROCESS + 1,
    anonymousPages: Math.max(server.anonymousPages, hog.anonymousPages),
    filePages: server.filePages + hog.filePages,
    swapPages: Math.max(server.swapPages, hog.swapPages),
    threads: server.threads + hog.threads,
  };
}

/** Each thread of the hog has one request, which comes first and does not end. */
function besideHog({ guest, stream }: CompiledWorkload, hog: CompiledWorkload): OperationStream {
  const into = new OperationStreamBuilder();
  for (let thread = 0; thread < hog.guest.threads; thread++) {
    into.add(Op.Request, 0, 0, 1);
    into.add(Op.Switch, HOG_PROCESS);
    addRequests(into, hog, thread, guest.filePages);
  }
  const { length, op, a, b, c } = stream;
  for (let i = 0; i < length; i++) into.add(op[i], a[i], b[i], c[i]);
  return into.finish();
}

/** Every so-manyth request of a hog, as one. What is in a workload file has no other operations on pages of files. */
function addRequests(
  into: OperationStreamBuilder,
  { guest, stream }: CompiledWorkload,
  thread: number,
  firstFilePage: number,
): void {
  const { length, op, a, b, c } = stream;
  let request = -1;
  for (let i = 0; i < length; i++) {
    if (op[i] === Op.Request) request++;
    else if (request % guest.threads === thread) {
      const ofFile = op[i] === Op.ReadFile || op[i] === Op.WriteFile;
      into.add(op[i], a[i] + (ofFile ? firstFilePage : 0), b[i], c[i]);
    }
  }
}
