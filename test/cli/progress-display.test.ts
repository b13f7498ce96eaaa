/** What a user sees of a run, second by second: also of one in which nothing is ever finished. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ProgressDisplay } from "../../src/cli/progress-display.ts";
import type { Progress } from "../../src/experiment/run.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const at = (finished: number, running: readonly string[]): Progress => ({
  total: 4,
  finished,
  resumed: 0,
  failed: 0,
  share: finished / 4,
  running,
});

/** A display on something that keeps what is written to it. */
function displayOn(isTTY: boolean, quiet = false): { display: ProgressDisplay; written: string[] } {
  const written: string[] = [];
  const out = { isTTY, columns: 80, write: (text: string) => written.push(text) };
  return { display: new ProgressDisplay(out as unknown as NodeJS.WriteStream, quiet), written };
}

describe("the progress of a run", () => {
  it("names in a log the cell that has been running longest, every half minute in which none is finished", () => {
    const { display, written } = displayOn(false);
    display.update(at(0, ["endless, seed 1"]));
    vi.advanceTimersByTime(10_000);
    display.update(at(1, ["endless, seed 1", "short, seed 2"]));
    expect(written).toEqual(["1/4 cells, 10 s, about 30 s left\n"]);
    vi.advanceTimersByTime(29_000);
    expect(written).toHaveLength(1);
    vi.advanceTimersByTime(2_000);
    expect(written.slice(1)).toEqual([
      expect.stringMatching(/^1\/4 cells, 4[01] s.*; for 4[01] s now: endless, seed 1\n$/),
    ]);
    vi.advanceTimersByTime(90_000);
    expect(written).toHaveLength(5);
    display.stop();
    vi.advanceTimersByTime(90_000);
    expect(written).toHaveLength(5);
  });

  it("goes on counting seconds on a terminal, of the run and of each cell", () => {
    const { display, written } = displayOn(true);
    display.update(at(0, ["endless, seed 1"]));
    vi.advanceTimersByTime(7_000);
    display.update(at(1, ["endless, seed 1", "short, seed 2"]));
    vi.advanceTimersByTime(5_000);
    expect(written.at(-1)).toMatch(/1\/4 cells, 12 s.*\n {2}12 s endless, seed 1\n {2}5 s short, seed 2\n$/);
    display.stop();
  });

  it("is nothing where the user wants none", () => {
    const { display, written } = displayOn(false, true);
    display.update(at(0, ["endless, seed 1"]));
    vi.advanceTimersByTime(120_000);
    display.stop();
    expect(written).toEqual([]);
  });
});
