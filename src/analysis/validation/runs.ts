/** Rows that depend on chance: what runs with different random numbers give. */
import { median } from "simple-statistics";
import type { Bench, ValidationRow } from "./validation-set.ts";

/**
 * Where one run says little, because it differs from the next by more than 15 %: medians of five differ by half as much. It is no
 * mean, because the largest value of a run is sometimes many times as large as in the others.
 */
const RUNS = [1, 2, 3, 4, 5];

/** The figure as the source has it, of each run, and the median of these. `run` is a seed. */
export function eachRun(simulate: (bench: Bench, run: number) => number): Pick<ValidationRow, "simulate" | "runs"> {
  const runs = (bench: Bench): number[] => RUNS.map((run) => simulate(bench, run));
  return { simulate: (bench) => median(runs(bench)), runs };
}
