import { expect, it } from "vitest";
import { runSummaryText } from "../../src/cli/run-summary.ts";
import { cell, VMMS } from "../report/fixture.ts";

it("the summary of a run judges overcommit by the service level of its matrix", () => {
  const cells = [1, 2].map((overcommit) => {
    const spec = { block: "o", vmm: VMMS[1], workload: "w", machine: "m", seed: 1, vms: 4, overcommit };
    const metrics = { throughput_rps: 100, latency_p99_ms: 30 * overcommit, vms_configured: 4, vms_admitted: 4 };
    return cell(spec, { metrics });
  });
  expect(runSummaryText({ name: "r", cells })).toContain("throughput stays within 5 % up to 2");
  const strict = runSummaryText({ name: "r", cells, serviceLevel: { metric: "p99", bound: 1.5 } });
  expect(strict).toContain("no overcommit keeps p99 latency within 1.5 times the uncommitted one");
});
