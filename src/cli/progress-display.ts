/** How far a run is, on standard error: one block redrawn on a terminal, a line every few seconds elsewhere. */
import type { Progress } from "../experiment/run.ts";

const REDRAW_MS = 100;
const LINE_MS = 5000;
/** Off a terminal, a cell that runs longer than this without any being finished is named. */
const SILENT_MS = 30_000;
const SECOND_MS = 1000;
const BAR_WIDTH = 30;
const MAX_RUNNING = 8;
/** Before this share of the work is done, an estimate of the rest is a guess. */
const LEAST_SHARE = 0.05;

export class ProgressDisplay {
  readonly #out: NodeJS.WriteStream;
  readonly #quiet: boolean;
  readonly #start = Date.now();
  #progress: Progress | undefined;
  #drawnLines = 0;
  #lastDrawn = 0;
  #lastFinished = 0;
  #lastChange = Date.now();
  /** When each cell that is running was first seen, by its title. */
  #begun = new Map<string, number>();
  #clock: NodeJS.Timeout | undefined;

  constructor(out: NodeJS.WriteStream, quiet: boolean) {
    this.#out = out;
    this.#quiet = quiet;
    // The first line of a log comes after some seconds, too.
    this.#lastDrawn = out.isTTY ? 0 : Date.now();
  }

  update(progress: Progress): void {
    const now = Date.now();
    if (progress.finished !== this.#progress?.finished) this.#lastChange = now;
    this.#progress = progress;
    this.#begun = new Map(progress.running.map((title) => [title, this.#begun.get(title) ?? now]));
    if (this.#quiet) return;
    // A cell that never ends reports nothing: time has to show that.
    this.#clock ??= setInterval(() => this.#tick(), SECOND_MS).unref();
    if (now - this.#lastDrawn >= (this.#out.isTTY ? REDRAW_MS : LINE_MS)) this.#draw(progress, now);
  }

  #tick(): void {
    const now = Date.now();
    const isDue = this.#out.isTTY || (now - this.#lastChange >= SILENT_MS && now - this.#lastDrawn >= SILENT_MS);
    if (this.#progress !== undefined && isDue) this.#draw(this.#progress, now);
  }

  #draw(progress: Progress, now: number): void {
    this.#lastDrawn = now;
    if (this.#out.isTTY) this.#redraw(progress);
    else if (progress.finished > this.#lastFinished) this.#out.write(`${this.#headline(progress)}\n`);
    else if (now - this.#lastChange >= SILENT_MS) this.#out.write(`${this.#headline(progress)}${this.#longest(now)}\n`);
    this.#lastFinished = progress.finished;
  }

  /** Take the block off the terminal. */
  stop(): void {
    clearInterval(this.#clock);
    if (this.#quiet || this.#progress === undefined) return;
    if (this.#out.isTTY) this.#erase();
  }

  #redraw(progress: Progress): void {
    this.#erase();
    const width = (this.#out.columns || 80) - 1;
    const done = Math.round((BAR_WIDTH * progress.finished) / Math.max(1, progress.total));
    const bar = "#".repeat(done) + ".".repeat(BAR_WIDTH - done);
    const now = Date.now();
    const running = [...this.#begun].slice(0, MAX_RUNNING).map(([title, since]) => `  ${runsFor(since, now)} ${title}`);
    const lines = [`[${bar}] ${this.#headline(progress)}`, ...running].map((line) => line.slice(0, width));
    this.#out.write(`${lines.join("\n")}\n`);
    this.#drawnLines = lines.length;
  }

  #erase(): void {
    if (this.#drawnLines > 0) this.#out.write(`\u001b[${this.#drawnLines}A\u001b[J`);
    this.#drawnLines = 0;
  }

  #headline({ finished, total, failed, share }: Progress): string {
    const seconds = (Date.now() - this.#start) / 1000;
    const left = share >= LEAST_SHARE ? `, about ${Math.ceil((seconds * (1 - share)) / share)} s left` : "";
    const failures = failed > 0 ? `, ${failed} failed` : "";
    return `${finished}/${total} cells${failures}, ${seconds.toFixed(0)} s${left}`;
  }

  /** The cell that has been running longest, which may be one that never ends. */
  #longest(now: number): string {
    // Cells are told in the order in which they were begun.
    const [[title, since] = ["", now]] = this.#begun;
    return title === "" ? "" : `; for ${runsFor(since, now)} now: ${title}`;
  }
}

function runsFor(since: number, now: number): string {
  return `${((now - since) / SECOND_MS).toFixed(0)} s`;
}
