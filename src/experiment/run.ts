/** Execution of a plan: cells in worker threads, each result stored at once. */
import { counted } from "../core/counted.ts";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { Piscina } from "piscina";
import { type CellResult, workTitle } from "../sim/cell.ts";
import { PACKAGE_ROOT } from "./catalogue.ts";
import { RESULT_SCHEMA } from "./cells.ts";
import { hasWhy, watchedCells, writeWhy } from "./decision-files.ts";
import { writeDurably } from "./output-files.ts";
import type { Plan } from "./plan.ts";
import type { PlannedCell } from "./run-cell.ts";
import { ResultsStore } from "./store.ts";
import type { TimedResult } from "./worker.ts";

export interface RunOptions {
  readonly folder: string;
  readonly workers: number;
  /** Go on with what the folder holds. */
  readonly resume: boolean;
  /** What the folder holds may be a part of this run, or this run of it; see {@link ResultsStore.open}. */
  readonly grows?: boolean;
  /** Keep why memory went where it went: see decision-files.ts. */
  readonly why?: boolean;
  /** Stop taking up cells; what is finished stays stored. */
  readonly signal?: AbortSignal;
  /** Called when all that was asked has been found in order, before anything is simulated. */
  readonly onBegin?: () => Promise<void>;
  readonly onProgress?: (progress: Progress) => void;
}

export interface Progress {
  readonly total: number;
  /** Cells with a result, those of an earlier run included. */
  readonly finished: number;
  /** Of the finished ones, those that an earlier run left. */
  readonly resumed: number;
  readonly failed: number;
  /** Share of this run's work that is done, by the guests simulated; 1 when all cells were there already. */
  readonly share: number;
  /** Titles of the cells that are being run. */
  readonly running: readonly string[];
}

export interface RunSummary {
  readonly folder: string;
  /** All results in the order of the matrix; undefined when the run was interrupted. */
  readonly cells?: readonly CellResult[];
  readonly progress: Progress;
  readonly seconds: number;
}

/** Workers run JavaScript only, so that tests of the sources need a build, too. */
const WORKER = join(PACKAGE_ROOT, "dist/experiment/worker.js");

type Pool = Piscina<PlannedCell, TimedResult>;
/**
 * Worker threads of this process, by how many there may be. They stay for its next run: a search is one run after the other, and what
 * threads have read, compiled and measured for one of them serves the others. Idle, they keep no process from ending.
 */
const pools = new Map<number, Pool>();

function workerThreads(maxThreads: number): Pool {
  const there = pools.get(maxThreads);
  if (there !== undefined) return there;
  const pool: Pool = new Piscina({
    filename: WORKER,
    name: "runTimed",
    minThreads: 0,
    maxThreads,
    idleTimeout: Number.POSITIVE_INFINITY,
  });
  pools.set(maxThreads, pool);
  return pool;
}

async function endWorkerThreads(maxThreads: number): Promise<void> {
  const pool = pools.get(maxThreads);
  pools.delete(maxThreads);
  await pool?.destroy();
}

/** Run what the folder lacks. Throws an InputError, with nothing touched, when the folder is of another run. */
export async function runPlan(plan: Plan, options: RunOptions): Promise<RunSummary> {
  const start = performance.now();
  const store = await ResultsStore.open(options.folder, plan.manifest, options.resume, options.grows);
  await options.onBegin?.();
  const execution = new Execution(plan, store, options);
  await execution.run();
  const interrupted = options.signal?.aborted === true;
  const cells = interrupted ? undefined : inOrder(await store.finish(), plan);
  const seconds = (performance.now() - start) / 1000;
  await writeTiming(options, seconds, execution.milliseconds);
  return { folder: options.folder, ...(cells ? { cells } : {}), progress: execution.progress(), seconds };
}

/** Results are stored by key, which is a hash; people want the order they wrote. */
function inOrder(cells: readonly CellResult[], plan: Plan): readonly CellResult[] {
  const byKey = new Map(cells.map((cell) => [cell.key, cell]));
  return plan.cells.flatMap(({ key }) => byKey.get(key) ?? []);
}

class Execution {
  /** Wall-clock time by cell key. */
  readonly milliseconds = new Map<string, number>();
  readonly #plan: Plan;
  readonly #store: ResultsStore;
  readonly #options: RunOptions;
  readonly #waiting: PlannedCell[];
  readonly #running = new Map<string, string>();
  readonly #work: number;
  #done = 0;
  /** Cells that an earlier run left. */
  readonly #resumed: number;
  #finished: number;
  #failed = 0;

  constructor(plan: Plan, store: ResultsStore, options: RunOptions) {
    this.#plan = plan;
    this.#store = store;
    this.#options = options;
    const missing = missingCells(plan, store, options);
    this.#resumed = plan.cells.length - missing.length;
    this.#finished = this.#resumed;
    // Hosts take longest; begun first, they don't leave one worker busy alone at the end.
    this.#waiting = missing.sort((a, b) => (b.spec.vms ?? 0) - (a.spec.vms ?? 0));
    this.#work = missing.reduce((sum, cell) => sum + workOf(cell), 0);
  }

  async run(): Promise<void> {
    if (this.#waiting.length === 0) return;
    const pool = workerThreads(this.#options.workers);
    // One more lane than workers: while a result is being written, its worker has the next cell already.
    const count = 1 + Math.min(this.#options.workers, this.#waiting.length);
    const lanes = Array.from({ length: count }, () => this.#lane(pool));
    try {
      await Promise.all(lanes);
    } catch (error) {
      await endWorkerThreads(this.#options.workers);
      throw error;
    } finally {
      await Promise.allSettled(lanes);
    }
  }

  progress(): Progress {
    return {
      total: this.#plan.cells.length,
      finished: this.#finished,
      resumed: this.#resumed,
      failed: this.#failed,
      share: this.#work === 0 ? 1 : this.#done / this.#work,
      // Of the lanes, the one more than there are workers waits for one.
      running: [...this.#running.values()].slice(0, this.#options.workers),
    };
  }

  async #lane(pool: Pool): Promise<void> {
    for (let cell = this.#next(); cell !== undefined; cell = this.#next()) {
      this.#running.set(cell.key, cellTitle(cell));
      this.#report();
      const result = await this.#runInPool(pool, cell);
      this.#running.delete(cell.key);
      if (result === undefined) return;
      if (result.watched !== undefined) await writeWhy(this.#options.folder, cell, result.watched);
      await this.#store.add(result.cell);
      this.milliseconds.set(cell.key, result.milliseconds);
      this.#finished++;
      this.#done += workOf(cell);
      if (result.cell.status === "failed") this.#failed++;
      this.#report();
    }
  }

  #next(): PlannedCell | undefined {
    return this.#options.signal?.aborted ? undefined : this.#waiting.shift();
  }

  /** Undefined when the run was interrupted meanwhile. A worker that dies (out of memory) fails its cell only. */
  async #runInPool(pool: Pool, cell: PlannedCell): Promise<TimedResult | undefined> {
    const { signal } = this.#options;
    try {
      return await pool.run(cell, signal ? { signal } : {});
    } catch (error) {
      if (signal?.aborted) return undefined;
      const { key, spec } = cell;
      const reason = `the worker ended: ${error instanceof Error ? error.message : String(error)}`;
      const nothing = { streamDigest: "", metrics: {}, cycles: {}, events: {} };
      return { cell: { schema: RESULT_SCHEMA, key, spec, status: "failed", reason, ...nothing }, milliseconds: 0 };
    }
  }

  #report(): void {
    this.#options.onProgress?.(this.progress());
  }
}

/** A cell to be watched that was not is run again; its result is the same. */
function missingCells({ cells }: Plan, { finished }: ResultsStore, { why, folder }: RunOptions): PlannedCell[] {
  const watched = why === true ? watchedCells(cells) : undefined;
  const planned = cells.map((cell) => (watched?.has(cell.key) ? { ...cell, watched: true } : cell));
  return planned.filter((cell) => !finished.has(cell.key) || (cell.watched === true && !hasWhy(folder, cell)));
}

/** Roughly how long cells take, in proportion: tracing every event of a guest is dearer than one guest among many. */
function workOf({ spec }: PlannedCell): number {
  return spec.vms ?? 3;
}

/** How people call a cell. */
export function cellTitle({ spec }: Pick<PlannedCell, "spec">): string {
  const density = spec.vms === undefined ? [] : [counted(spec.vms, "VM")];
  const ratio = spec.overcommit === undefined ? [] : [`overcommit ${spec.overcommit}`];
  return [spec.vmm.label, workTitle(spec), ...density, ...ratio, `seed ${spec.seed}`].join(", ");
}

/** The one file with wall-clock figures; earlier figures of a resumed run are kept. */
async function writeTiming(
  { folder, workers }: RunOptions,
  seconds: number,
  cells: ReadonlyMap<string, number>,
): Promise<void> {
  const path = join(folder, "timing.json");
  let earlier: { seconds?: number; cellMilliseconds?: Record<string, number> } = {};
  try {
    if (existsSync(path)) earlier = JSON.parse(await readFile(path, "utf8")) as typeof earlier;
  } catch {
    // A damaged file of wall-clock times is no reason to stop.
  }
  const figures = Object.fromEntries([...cells].map(([key, value]) => [key, Math.round(value)]));
  const cellMilliseconds = { ...earlier.cellMilliseconds, ...figures };
  const total = (earlier.seconds ?? 0) + seconds;
  await writeDurably(
    path,
    `${JSON.stringify({ seconds: Number(total.toFixed(3)), workers, cellMilliseconds }, undefined, 1)}\n`,
  );
}
