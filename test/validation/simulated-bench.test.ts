import { describe, expect, it } from "vitest";
import { SimulatedBench } from "../../src/analysis/validation/simulated-bench.ts";
import { compileGuests, loadWorkload } from "../../src/experiment/documents/load.ts";
import { operationTable } from "../../src/experiment/operation-table.ts";
import type { CompiledWorkload } from "../../src/workload/compiled-workload.ts";

const XEON = "xeon-2.4-sosp03";

describe("the bench of a validation", () => {
  const bench = new SimulatedBench();

  it("measures an operation once, as the command line does", async () => {
    const measured = bench.operation(XEON, "xen-pv", "page-fault");
    expect(bench.operation(XEON, "xen-pv", "page-fault")).toBe(measured);
    const { operations } = await operationTable(XEON, ["xen-pv"], ["page-fault"]);
    expect(measured).toEqual(operations["page-fault"]["xen-pv"]);
  });

  it("runs a workload once, with every trap", () => {
    const outcome = bench.workload(XEON, "native", "process-churn");
    expect(bench.workload(XEON, "native", "process-churn")).toBe(outcome);
    expect(outcome.metrics.elapsed_ms).toBeGreaterThan(0);
  });

  it("changes parts of a VMM as a matrix does, and keeps variants apart", () => {
    const direct = { esx: { mmu: "direct-paging" } };
    const fault = bench.operation(XEON, direct, "page-fault");
    expect(bench.operation(XEON, direct, "page-fault")).toBe(fault);
    expect(Object.keys(fault.ledger).some((cause) => cause.startsWith("vmm.shadow"))).toBe(false);
    const shadowed = bench.operation(XEON, "esx", "page-fault");
    expect(Object.keys(shadowed.ledger).some((cause) => cause.startsWith("vmm.shadow"))).toBe(true);
  });

  it("runs guests of a set once under a name, on as much memory as is said, and anything else once", () => {
    const [compiled] = compileGuests(loadWorkload("workloads/idle-debian.yaml"), 1, 1);
    let made = 0;
    const guests = (): CompiledWorkload[] => {
      made++;
      return [{ ...compiled, durationUs: 2e6, warmupUs: 0 }];
    };
    const run = (mib: number) => bench.memory("idle", { machine: XEON, vmm: "esx", mib, guests });
    expect(run(300).metrics.host_memory_mib).toBe(300);
    expect(run(300)).toBe(run(300));
    expect(run(400)).not.toBe(run(300));
    expect(made).toBe(2);
    expect(bench.once("made", () => ++made)).toBe(3);
    expect(bench.once("made", () => ++made)).toBe(3);
  });

  it("knows which machines were asked for", () => {
    expect(bench.machines.map(({ profile }) => profile.name)).toEqual([XEON]);
    expect(new SimulatedBench().machines).toEqual([]);
  });

  it.each([
    [() => bench.profile("xeon-2.4-sosp30"), 'did you mean "xeon-2.4-sosp03"?'],
    [() => bench.operation(XEON, "xen", "page-fault"), 'there is no VMM "xen"'],
    [() => bench.operation(XEON, "esx", "page-fualt"), 'did you mean "page-fault"?'],
    [() => bench.operation(XEON, { esx: { mmmu: "bare" } }, "stat"), 'esx: mmmu: unknown slot "mmmu"'],
    [() => bench.operation(XEON, {}, "stat"), "{}: expected one VMM with its changes"],
    [() => bench.operation(XEON, "native", "cr8wr"), "gives no costs.hardware.task-priority"],
    [() => bench.workload(XEON, "native", "databse"), 'did you mean "database"?'],
  ])("says what there is not (%#)", (ask, sentence) => {
    expect(ask).toThrow(sentence);
  });
});
