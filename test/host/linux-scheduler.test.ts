/** The model of Linux's scheduler against threads that a real Linux 6.1 ran (docs/linux-scheduler). */
import { readFileSync } from "node:fs";
import { describe, it } from "vitest";
import { cfs } from "../../src/vmm/scheduler/cfs.ts";
import { MS, runCpus, type TestVcpu } from "./cpu-host.ts";
import { profile } from "./fixtures.ts";

interface MeasuredThread {
  /** Weight, then what it runs and how often in ms (:run:every), and its quota in percent of a CPU (@quota). */
  readonly thread: string;
  readonly cpu_ms: number;
  readonly involuntary: number;
  readonly wakeups: number;
  readonly late_ms: number;
}

interface MeasuredRun {
  readonly cpus: number;
  readonly seconds: number;
  readonly threads: readonly MeasuredThread[];
}

const path = new URL("../../validation/linux-6.1-scheduler.json", import.meta.url);
const { runs } = JSON.parse(readFileSync(path, "utf8")) as { runs: readonly MeasuredRun[] };

function vcpuOf(thread: string): TestVcpu {
  const [work, quota] = thread.split("@");
  const [shares, run, every] = work.split(":").map(Number);
  return {
    shares,
    ...(quota !== undefined && { limitMhz: (Number(quota) / 100) * profile.megahertz }),
    ...(run !== undefined && { runs: Math.round(run * MS), every: Math.round(every * MS) }),
  };
}

function simulated({ cpus, seconds, threads }: MeasuredRun) {
  const vcpus = threads.map(({ thread }) => vcpuOf(thread));
  const { used, displaced, delays } = runCpus({ part: cfs(), cpus, vcpus, cycles: seconds * 1000 * MS });
  return threads.map((_, i) => ({
    cpuMs: used[0][i] / MS,
    displaced: displaced[i],
    lateMs: delays[i].reduce((sum, delay) => sum + delay / MS - (vcpus[i].runs ?? 0) / MS, 0) / (delays[i].length || 1),
  }));
}

describe.each(runs)("$cpus pCPUs, $threads.length threads", (run) => {
  it("x", () => {
    const model = simulated(run);
    console.log(
      run.cpus +
        " CPUs\n" +
        run.threads
          .map(
            (t, i) =>
              `${t.thread.padEnd(12)} cpu ${t.cpu_ms} ${model[i].cpuMs.toFixed(2)}  displaced ${t.involuntary} ${model[i].displaced}  late ${t.late_ms} ${model[i].lateMs.toFixed(3)}`,
          )
          .join("\n"),
    );
  });
});
