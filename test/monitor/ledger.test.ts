import { describe, expect, it } from "vitest";
import { runMonitor } from "../../src/sim/monitor.ts";
import type { CompiledWorkload } from "../../src/workload/compiled-workload.ts";
import { Op, OperationStreamBuilder, SYSTEM_CALLS } from "../../src/workload/operation-stream.ts";
import { SMALL_GUEST, VMMS, XEON, XEON_64 } from "./machines.ts";

/** A bit of everything, in requests that arrive 3 ms apart. */
function everything(requests: number): CompiledWorkload {
  const builder = new OperationStreamBuilder();
  for (let request = 0; request < requests; request++) {
    builder.add(Op.Request, 0, 3000 * request, 1);
    builder.add(Op.Receive, 2000);
    builder.add(Op.Syscall, request % SYSTEM_CALLS.length, 2);
    builder.add(Op.Compute, 100_000);
    for (let page = 0; page < 50; page++) builder.add(Op.Touch, (request + page) % 64, (500 << 1) | (page & 1));
    builder.add(Op.ReadFile, (request * 7) % 256, 2);
    builder.add(Op.WriteFile, (request * 5) % 256, 1, request % 4 === 0 ? 1 : 0);
    builder.add(Op.Signal, request & 1);
    if (request % 10 === 0) {
      builder.add(Op.Fork);
      builder.add(Op.Exec, 20);
      builder.add(Op.Exit);
    }
    builder.add(Op.Mmap, 100, 8, request & 1);
    builder.add(Op.Touch, 101, 1);
    builder.add(Op.Mprotect, 100, 8, 0);
    builder.add(Op.Munmap, 100, 8);
    builder.add(Op.Switch, request & 1);
    builder.add(Op.Send, 5000);
  }
  return { name: "everything", guest: SMALL_GUEST, stream: builder.finish(), durationUs: 0, warmupUs: 0 };
}

const sum = (amounts: Readonly<Record<string, number>>): number => Object.values(amounts).reduce((a, b) => a + b, 0);

describe.each(VMMS.map((vmm) => ({ name: vmm.name, vmm })))("the ledger on $name", ({ vmm }) => {
  it.each([
    { title: "from the start", warmupUs: 0, durationUs: 0 },
    { title: "after a warm-up, in a run that lasts longer than its work", warmupUs: 100_000, durationUs: 2_000_000 },
  ])("accounts for every cycle of the clock, $title", (times) => {
    const { metrics, cycles, operations = {} } = runMonitor(vmm, XEON, { ...everything(200), ...times });
    const elapsed = metrics.elapsed_ms * XEON.megahertz * 1000;
    expect(sum(cycles)).toBeCloseTo(elapsed, 3);
    const byOperation = Object.values(operations).reduce((total, each) => total + sum(each.cycles), 0);
    expect(byOperation).toBe(sum(cycles));
    expect(Object.values(cycles).every(Number.isInteger)).toBe(true);
  });

  it("measures the time that a run is given", () => {
    const { metrics } = runMonitor(vmm, XEON, { ...everything(100), warmupUs: 0, durationUs: 1_000_000 });
    // The timer interrupt at the very end is still handled.
    expect(metrics.elapsed_ms).toBeGreaterThanOrEqual(1000);
    expect(metrics.elapsed_ms).toBeLessThan(1000.1);
    expect(metrics.requests_done).toBe(100);
  });

  // A walk of n levels makes n references; on n nested levels n * n + 2n, or n less when the page is not present.
  const [least, most] = vmm.name === "nested" ? [24 / 8, 20 / 6] : [4 / 2, 4 / 2];

  it(`runs the same work on four levels of page tables, where a TLB miss takes ${least} times as long`, () => {
    const work = everything(50);
    const [two, four] = [XEON, XEON_64].map((machine) => runMonitor(vmm, machine, work));
    const perMiss = ({ cycles, events }: typeof two): number =>
      cycles["hardware.tlb-miss"] / events["hardware.tlb-miss"];
    expect(perMiss(four)).toBeGreaterThanOrEqual(least * perMiss(two));
    expect(perMiss(four)).toBeLessThanOrEqual(most * perMiss(two));
    expect(four.cycles["guest.user"]).toBe(two.cycles["guest.user"]);
  });

  it("gives the same outcome again", () => {
    expect(runMonitor(vmm, XEON, everything(30))).toEqual(runMonitor(vmm, XEON, everything(30)));
  });

  it("runs exactly the user code of the stream", () => {
    const { cycles } = runMonitor(vmm, XEON, everything(200));
    expect(cycles["guest.user"]).toBe(200 * (100_000 + 50 * 500));
  });
});

it("ends closed-loop work when its time is over", () => {
  const builder = new OperationStreamBuilder();
  for (let request = 0; request < 1000; request++) {
    builder.add(Op.Request, 0, 5000, 0);
    builder.add(Op.Compute, 2_400_000);
  }
  const workload = { name: "closed", guest: SMALL_GUEST, stream: builder.finish(), durationUs: 600_000, warmupUs: 0 };
  const { metrics } = runMonitor(VMMS[0], XEON, workload);
  // Two clients: each thinks for 5 ms and is served for 1 ms, which makes 2 requests in 6 ms.
  expect(metrics.requests_done).toBeGreaterThan(195);
  expect(metrics.requests_done).toBeLessThanOrEqual(201);
});

it("queues open-loop requests that arrive faster than they are served", () => {
  const builder = new OperationStreamBuilder();
  for (let request = 0; request < 100; request++) {
    builder.add(Op.Request, 0, 1000 * request, 1);
    builder.add(Op.Compute, 2 * 2_400_000);
  }
  const workload = { name: "open", guest: SMALL_GUEST, stream: builder.finish(), durationUs: 0, warmupUs: 0 };
  const { metrics } = runMonitor(VMMS[0], XEON, workload);
  // The last request arrives at 99 ms and is done after 100 x 2 ms of work: 101 ms later, and a little for timer interrupts.
  expect(metrics.latency_p99_ms).toBeGreaterThan(99);
  expect(metrics.latency_p99_ms).toBeLessThan(102);
  expect(metrics.cpu_busy_percent).toBeCloseTo(100, 6);
});
