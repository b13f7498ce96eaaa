import { expect, describe, it } from "vitest";
import { timelineOf } from "../../src/analysis/operation-timeline.ts";
import { loadMachine } from "../../src/experiment/documents/load-machine.ts";
import { operationTimelineChart } from "../../src/report/charts/operation-timeline.ts";
import { renderSvg } from "../../src/report/render-chart.ts";
import type { Run } from "../../src/report/load-run.ts";
import { explanationLines } from "../../src/report/explanation-lines.ts";
import { explanationSection } from "../../src/report/sections/explanation-section.ts";
import { callerOf } from "../../src/sim/explain/actors.ts";
import { explain } from "../../src/sim/explain/explanation.ts";
import { outlineOf } from "../../src/sim/explain/outline.ts";
import { recordRound } from "../../src/sim/explain/record-round.ts";
import { microbenchmarks } from "../../src/sim/microbenchmarks/catalogue.ts";
import { DISK } from "../../src/sim/microbenchmarks/disk.ts";
import { LMBENCH } from "../../src/sim/microbenchmarks/lmbench.ts";
import { TCP } from "../../src/sim/microbenchmarks/tcp.ts";
import { esx } from "../../src/vmm/esx.ts";
import { native } from "../../src/vmm/native.ts";
import { xenPv } from "../../src/vmm/xen-pv.ts";

const MACHINE = "xeon-2.4-sosp03";
const { profile } = loadMachine(`machines/${MACHINE}.yaml`);

function explained(name: string, vmms = [native, xenPv, esx]) {
  const [benchmark] = microbenchmarks(profile).filter((each) => each.name === name);
  return explain(benchmark, vmms, profile);
}

describe("a timeline", () => {
  for (const name of ["fork-proc", "exec-proc", "page-fault"]) {
    const { vmms, calls } = explained(name);
    it.each([1, 500, 1e9])(`leaves out no cycle of ${name} and shows none twice, pooled to %d`, (shortest) => {
      for (const vmm of vmms) {
        const { lanes, stretches, phases } = timelineOf(vmm, calls, shortest);
        expect(stretches.reduce((sum, { cost }) => sum + cost, 0)).toBe(vmm.total);
        for (const { start, end, low, high, cost, lane } of stretches) {
          // The area of a bar is its cost.
          expect((end - start) * (high - low)).toBeCloseTo(cost, 4);
          expect(lanes).toContain(lane);
          expect(start >= 0 && end <= vmm.total && low >= 0 && high < 1.000001).toBe(true);
        }
        expect(phases.map(({ start }) => start)).toEqual([0, ...phases.slice(0, -1).map(({ end }) => end)]);
        expect(phases[phases.length - 1].end).toBe(vmm.total);
      }
    });
  }

  it("has lanes by who is at work and in which ring", () => {
    const { vmms, calls } = explained("fork-proc");
    const lanes = vmms.map((vmm) => timelineOf(vmm, calls, 1).lanes);
    expect(lanes).toEqual([
      ["guest kernel, ring 0", "hardware"],
      ["guest kernel, ring 1", "hardware", "VMM, ring 0"],
      ["guest kernel, ring 1", "hardware", "VMM, ring 0", "VMM, ring 1"],
    ]);
  });
});

describe("the diagram", () => {
  it("draws every operation, with title, unit, totals and source", async () => {
    // Nanobenchmarks need costs that only the machines of their paper give.
    for (const { name } of [...LMBENCH, ...TCP, ...DISK]) {
      const svg = await renderSvg(operationTimelineChart(explained(name)).spec);
      expect(svg, name).toContain("cycles since the operation began");
      expect(svg, name).toContain(`Source: vmmbench explain ${name};`);
      expect(svg.length, name).toBeLessThan(400_000);
    }
  });

  it("says what it shows", async () => {
    const explanation = explained("page-fault", [native, esx]);
    const chart = operationTimelineChart(explanation);
    const [bare, virtual] = explanation.vmms.map(({ total }) => total);
    const ratio = virtual / bare;
    expect(chart.title).toBe(`What makes page-fault ${ratio.toFixed(1)} times as dear on esx as on native`);
    const [bareText, virtualText] = [bare, virtual].map((total) => total.toLocaleString("en-US"));
    expect(chart.description).toContain(`native: ${bareText} cycles; esx: ${virtualText} cycles`);
    expect(await renderSvg(chart.spec)).toContain(
      `esx: ${virtualText} cycles, ${ratio.toFixed(2)} times native (guest kernel in ring 1)`,
    );
  });
});

describe("the steps as lines", () => {
  const walters = loadMachine("machines/xeon-3.2-walters08.yaml").profile;
  const [reads] = microbenchmarks(walters).filter(({ name }) => name === "cached-read-sequential");
  const three = [native, xenPv, esx];
  const lines = (all: boolean, vmms = three): string[] => {
    const explanation = explain(reads, vmms, walters);
    return explanationLines(explanation, outlineOf(explanation, all)).map(({ text }) => text);
  };

  it("name the page or entry of each VMM's own kernel where they are not the same, and of all together where they are", () => {
    // Linux has its windows for copies below the top of the address space; a kernel made for Xen, below the hypervisor's 64 MB.
    const visit = "kernel reads a page at an address of its own";
    expect(lines(false)).toContain(`${visit} (native, esx: page 0xffff1; xen-pv: page 0xfbff1, ...)`);
    expect(lines(false, [native, esx])).toContain(`${visit} (page 0xffff1, ...)`);
    expect(lines(false, [xenPv])).toContain(`${visit} (page 0xfbff1, ...)`);
  });

  it.each(three)("have what the kernel of $name does, in its order, under its name or under none", (vmm) => {
    const whole = /^kernel (.*?)(?: \((.*)\))?$/;
    const told = lines(true).flatMap((line) => {
      const [, action, details = ""] = whole.exec(line) ?? [];
      const ofVmms = details
        .split("; ")
        .map((each) => /^((?:native|xen-pv|esx)(?:, (?:native|xen-pv|esx))*): (.*)$/.exec(each));
      const own = ofVmms.find((each) => each?.[1].split(", ").includes(vmm.name));
      if (own !== undefined && own !== null) return [`${action} (${own[2]})`];
      return action === undefined || ofVmms[0] !== null ? [] : [details === "" ? action : `${action} (${details})`];
    });
    const recorded = recordRound(reads, vmm, walters).calls.filter(({ kind }) => callerOf(kind) === "guest kernel");
    const withDetail = recorded
      .filter(({ detail }) => detail !== "")
      .map(({ action, detail }) => `${action} (${detail})`);
    expect(withDetail.length).toBeGreaterThan(90);
    // Xen's kernel clears the entries of its copies, and others do not: these lines are under no name.
    const ofAll = told.filter((each) => vmm === xenPv || !each.includes("clears that of a copy"));
    expect(ofAll.filter((each) => each.endsWith(")"))).toEqual(withDetail);
  });
});

/** A VMM as a manifest has it. */
function vmm(base: string, set: Record<string, unknown> = {}): object {
  return { base, set, label: base, title: base, parts: {} };
}

describe("the section of a report", () => {
  const block = { name: "b", title: "b", workloads: [], machines: [MACHINE], seeds: [1] };
  const run = (blocks: readonly object[], profiles = new Map([[MACHINE, profile]])): Run =>
    ({ manifest: { blocks }, profiles }) as unknown as Run;
  const changed = vmm("xen-pv", { "memory.page-sharing": true });

  it("explains a fork and a page fault on the VMMs that come with vmmbench, as they come", () => {
    const section = explanationSection(
      run([{ ...block, vmms: [vmm("esx"), changed, vmm("./mine.js"), vmm("native")] }]),
    );
    const ids = section.blocks.flatMap((each) => (each.kind === "chart" ? [each.chart.id] : []));
    expect(ids).toEqual(["explain-fork-proc-xeon-2.4-sosp03", "explain-page-fault-xeon-2.4-sosp03"]);
    const commands = section.blocks.flatMap((each) => (each.kind === "code" ? each.lines : []));
    expect(commands[0]).toBe(`npx vmmbench explain fork-proc --machine ${MACHINE} --vmm esx,native`);
  });

  it("leaves a VMM out that the machine lacks a cost for", () => {
    const { "shadow.trace": _, ...costs } = profile.costs;
    const section = explanationSection(
      run([{ ...block, vmms: [vmm("esx"), vmm("native")] }], new Map([[MACHINE, { ...profile, costs }]])),
    );
    const commands = section.blocks.flatMap((each) => (each.kind === "code" ? each.lines : []));
    expect(commands[0]).toBe(`npx vmmbench explain fork-proc --machine ${MACHINE} --vmm native`);
  });

  it.each([
    ["only hosts of many guests", run([{ ...block, vmms: [vmm("esx")], vms: [2] }])],
    ["only changed VMMs", run([{ ...block, vmms: [changed] }])],
    ["a machine whose description has changed", run([{ ...block, vmms: [vmm("esx")] }], new Map())],
  ])("is left out with a sentence for %s", (_, one) => {
    const { blocks } = explanationSection(one);
    expect(blocks).toHaveLength(1);
    expect(blocks[0]).toMatchObject({ kind: "paragraph", text: expect.stringMatching(/^Left out: it needs/) });
  });
});
