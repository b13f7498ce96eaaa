/** How far a run is, on standard error: one block redrawn on a terminal, a line every few seconds elsewhere. */
import type { Progress } from "../experiment/run.ts";

const REDRAW_MS = 100;
const LINE_MS = 5000;
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

  constructor(out: NodeJS.WriteStream, quiet: boolean) {
    this.#out = out;
    this.#quiet = quiet;
    // The first line of a log comes after some seconds, too.
    this.#lastDrawn = out.isTTY ? 0 : Date.now();
  }

  update(progress: Progress): void {
    this.#progress = progress;
    const now = Date.now();
    if (this.#quiet || now - this.#lastDrawn < (this.#out.isTTY ? REDRAW_MS : LINE_MS)) return;
    this.#lastDrawn = now;
    if (this.#out.isTTY) this.#redraw(progress);
    else if (progress.finished > this.#lastFinished) this.#out.write(`${this.#headline(progress)}\n`);
    this.#lastFinished = progress.finished;
  }

  /** Take the block off the terminal. */
  stop(): void {
    if (this.#quiet || this.#progress === undefined) return;
    if (this.#out.isTTY) this.#erase();
  }

  #redraw(progress: Progress): void {
    this.#erase();
    const width = (this.#out.columns || 80) - 1;
    const done = Math.round((BAR_WIDTH * progress.finished) / Math.max(1, progress.total));
    const bar = "#".repeat(done) + ".".repeat(BAR_WIDTH - done);
    const running = progress.running.slice(0, MAX_RUNNING).map((title) => `  ${title}`);
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
}
