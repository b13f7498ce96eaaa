/** The model of Linux's scheduler against threads that a real Linux 6.1 ran (docs/linux-scheduler). */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { sum } from "../../src/core/sum.ts";
import { cfs } from "../../src/vmm/scheduler/cfs.ts";
import { MS, runCpus, type TestVcpu } from "./cpu-host.ts";
import { profile } from "./fixtures.ts";

interface MeasuredThread {
  /** Weight, then what it runs and how often in ms (:run:every), and its quota in percent of a CPU (@quota). */
  readonly thread: string;
  readonly cpu_ms: number;
  readonly involuntary: number;
  readonly late_ms: number;
}

interface MeasuredRun {
  readonly cpus: number;
  readonly seconds: number;
  readonly threads: readonly MeasuredThread[];
}

const path = new URL("../../validation/linux-6.1-scheduler.json", import.meta.url);
const { runs } = JSON.parse(readFileSync(path, "utf8")) as { runs: readonly MeasuredRun[] };
const titled = runs.map((run) => ({
  ...run,
  title: `${run.cpus} CPU: ${run.threads.map((one) => one.thread).join(" ")}`,
}));

function vcpuOf(thread: string): TestVcpu {
  const [work, quota] = thread.split("@");
  const [shares, run, every] = work.split(":").map(Number);
  return {
    shares,
    ...(quota !== undefined && { limitMhz: (Number(quota) / 100) * profile.megahertz }),
    ...(run !== undefined && { runs: Math.round(run * MS), every: Math.round(every * MS) }),
  };
}

function simulate({ cpus, seconds, threads }: MeasuredRun) {
  const vcpus = threads.map(({ thread }) => vcpuOf(thread));
  const { used, displaced, delays } = runCpus({ part: cfs(), cpus, vcpus, cycles: seconds * 1000 * MS });
  const late = (i: number): number[] => delays[i].map((delay) => (delay - (vcpus[i].runs ?? 0)) / MS);
  return { cpuMs: used[0].map((cycles) => cycles / MS), displaced, late };
}

describe.each(titled.filter(({ cpus }) => cpus === 1))("$title", (run) => {
  const { cpuMs, displaced, late } = simulate(run);

  it("gives each thread the CPU time that it has on Linux, to two ticks and what waking up takes there", () => {
    run.threads.forEach(({ cpu_ms }, i) => expect(Math.abs(cpuMs[i] - cpu_ms)).toBeLessThanOrEqual(10));
  });

  it("stops threads that want to go on as often, to a fifth", () => {
    const published = sum(run.threads.map(({ involuntary }) => involuntary));
    expect(Math.abs(sum(displaced) - published)).toBeLessThanOrEqual(Math.max(15, 0.2 * published));
  });

  it("lets those that sleep have their work done as late, to a fifth and 0.6 ms", () => {
    run.threads.forEach(({ thread, late_ms }, i) => {
      if (!thread.includes(":")) return;
      const mean = sum(late(i)) / late(i).length;
      expect(Math.abs(mean - late_ms), thread).toBeLessThanOrEqual(0.6 + 0.2 * late_ms);
    });
  });
});

describe.each(titled.filter(({ cpus }) => cpus > 1))("$title", (run) => {
  it("divides the processors among threads that compute as Linux does, to a seventh", () => {
    const { cpuMs } = simulate(run);
    run.threads.forEach(({ cpu_ms }, i) => expect(Math.abs(cpuMs[i] / cpu_ms - 1)).toBeLessThanOrEqual(1 / 7));
  });
});
