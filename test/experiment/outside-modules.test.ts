/** VMMs from modules outside the package that break a rule: one sentence names the file and the rule, and nothing hangs. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { InputError } from "../../src/core/input-error.ts";
import { loadVmm } from "../../src/experiment/load-vmm.ts";
import { runCell } from "../../src/experiment/run-cell.ts";
import type { CellResult, CellSpec } from "../../src/sim/cell.ts";
import { ROOT, vmmbench } from "../cli/vmmbench.ts";

const SOURCES = join(import.meta.dirname, "../../src/vmm/library.ts");
const BUILT = join(import.meta.dirname, "../../dist/vmm/library.js");
const head = (library: string): string =>
  `import * as lib from ${JSON.stringify(library)};\nconst { defineVmm, definePart, esx } = lib;\n`;
const WORKLOAD = `
name: tiny
title: Tiny
summary: Little.
guest: { memory: 32MiB, kernel: 8MiB, swap: 32MiB, anonymous: 8MiB, files: 8MiB, cached-files: 2MiB }
duration: 2s
warmup: 1s
activities:
  - name: fetch
    arrivals: { rate: 20/s }
    request: [{ kernel: 30kcycles }, { read-file: { pages: 4, pattern: zipf(0.9) } }, { compute: 500kcycles }]
`;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "vmmbench-outside-"));
  writeFileSync(join(folder, "tiny.yaml"), WORKLOAD);
});
afterAll(() => rmSync(folder, { recursive: true }));

let count = 0;
function write(text: string, library = SOURCES): string {
  const name = `./module-${count++}.mjs`;
  writeFileSync(join(folder, name), `${head(library)}${text}`);
  return name;
}

/** ESX with something else. */
const vmm = (changes: string): string =>
  `export const mine = defineVmm({ ...esx, name: "mine", title: "Mine", summary: "A test.", ${changes} });`;
const part = (changes: string, slot = "mmu"): string =>
  `const p = definePart({ ...esx.${slot}.definition, name: "p", ${changes} });\n${vmm(`${slot}: p()`)}`;
/** A part of ESX that does what it does, but for some members. */
const made = (slot: string, members: string): string =>
  part(
    `create(given, context) {
      const own = esx.${slot}.definition.create(given, context);
      const others = { ${members} };
      return new Proxy(own, { get(_, key) {
        const of = Object.hasOwn(others, key) ? others[key] : own[key];
        return typeof of === "function" ? of.bind(own) : of;
      } });
    }`,
    slot,
  );
const mechanism = (members: string): string => `
  const p = definePart({ slot: "memory", name: "p", summary: "A test.", parameters: {},
    create: () => ({ name: "p", kind: "forced", periodUs: 0, work() {}, reclaim: () => 0, ${members} }) });
  ${vmm("memory: [p()]")}`;

const load = (base: string) => loadVmm({ base, set: {}, label: base }, folder);

async function refusal(text: string): Promise<{ base: string; problems: readonly string[] }> {
  const base = write(text);
  const error: unknown = await load(base).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(InputError);
  return { base, problems: error instanceof InputError ? error.problems : [] };
}

describe("a module is refused", () => {
  it.each([
    [vmm(`name: ""`), 'name: expected a text for the VMM, of one line, not ""'],
    [vmm("name: 3"), "name: expected a text for the VMM, of one line, not 3"],
    [vmm(`name: "a\\nb"`), "name: expected a text for the VMM, of one line"],
    [vmm(`name: "x".repeat(100_000)`), "name: expected a text for the VMM, of one line"],
    [vmm("title: undefined"), 'VMM "mine": title: expected a text of one line, not undefined'],
    [vmm("summary: 1"), "summary: expected a text of one line, not 1"],
    [vmm("overheadPerGuest: {}"), "overheadPerGuest: mib: expected a number of MiB from 0 to 1048576, not undefined"],
    [vmm(`overheadPerGuest: { mib: -1, source: "" }`), "overheadPerGuest: mib: expected a number of MiB"],
    [vmm(`overheadPerGuest: { mib: NaN, source: "" }`), "overheadPerGuest: mib: expected a number of MiB"],
    [vmm(`overheadPerGuest: { mib: 1e300, source: "" }`), "overheadPerGuest: mib: expected a number of MiB"],
    [vmm(`overheadPerGuest: { mib: 1, mibPerGib: -1, source: "" }`), "overheadPerGuest: mibPerGib: expected"],
    [vmm("overheadPerGuest: { mib: 1 }"), "overheadPerGuest: source: expected a text, not undefined"],
    [vmm("maxGuests: 0"), "maxGuests: expected a whole number, at least 1, not 0"],
    [vmm(`maxGuests: "many"`), 'maxGuests: expected a whole number, at least 1, not "many"'],
    [vmm("startCost: 5"), "startCost: expected the name of a cost of a machine, not 5"],
    [vmm("disk: esx.network"), "disk: vmkernel is a part for the slot network"],
    [vmm("mmu: Promise.resolve(esx.mmu)"), "mmu: expected a part, made with definePart"],
    [vmm("memory: [...esx.memory, esx.memory[0]]"), "memory: page-sharing is there twice"],
    [vmm("mmu: { definition: esx.mmu.definition, parameters: {} }"), "mmu shadow-paging has no value for shadowTables"],
    [
      vmm("mmu: { ...esx.mmu, definition: { ...esx.mmu.definition, create: 5 } }"),
      "create: expected a function, not 5",
    ],
    [vmm("mmu: { ...esx.mmu, definition: { slot: 'mmu', name: 3 } }"), "name: expected letters, digits and hyphens"],
    [vmm(`get cpu() { throw new Error("boom"); }`), "what it exports cannot be read: boom"],
    [vmm(`get name() { throw new Error("boom"); }`), "what it exports cannot be read: boom"],
    [
      "export const mine = Promise.resolve(esx);",
      "exports no VMM; expected one, made with defineVmm; a promise is none",
    ],
    ["export const mine = () => esx;", "exports no VMM; expected one, made with defineVmm"],
    ["throw Object.create(null);", "the module cannot be loaded: something that has no text was thrown"],
    ["definePart();", "a part: expected its definition, { slot, name, ... }, not undefined"],
    [part(`slot: "xyz"`), 'part "p": slot: expected one of cpu, mmu, memory'],
    [part(`name: "__proto__"`), "name: expected letters, digits and hyphens, beginning with a letter"],
    [part(`name: "a.b"`), "name: expected letters, digits and hyphens"],
    [part("summary: undefined"), "mmu p: summary: expected a text, not undefined"],
    [part("parameters: null"), "mmu p: parameters: expected an object, not null"],
    [part(`parameters: { a: { summary: "", default: 1, choices: 5 } }`), "parameter a: choices: expected a list"],
    [part(`parameters: { a: { summary: "", default: 1, max: "2" } }`), 'parameter a: max: expected a number, not "2"'],
    [part("create: undefined"), "mmu p: create: expected a function, not undefined"],
    [part(`needs: "xen.hypercall"`), 'mmu p: needs: expected a list of texts, not "xen.hypercall"'],
    [part("unsuited: 5"), "mmu p: unsuited: expected a function, not 5"],
    [part(`stage: "last"`), 'mmu p: stage: expected one of "backing"'],
    [part(`problem() { throw new Error("boom"); }`), "mmu p problem fails: boom"],
    [part("problem: async () => undefined"), "mmu p problem returns a promise; expected a sentence, or undefined"],
  ])("%s", async (text, rule) => {
    const { base, problems } = await refusal(text);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(`${base}: `);
    expect(problems[0]).toContain(rule);
    expect(problems[0]).not.toContain("\n");
  });

  it("that waits for ever, and keeps the process busy", async () => {
    const base = write("setInterval(() => {}, 1000).unref(); await new Promise(() => {});");
    vi.useFakeTimers({ toFake: ["setTimeout"] });
    try {
      const loading = load(base).catch(String);
      await vi.advanceTimersByTimeAsync(31_000);
      expect(await loading).toContain(`${base}: the module cannot be loaded: it still waits (await) after 30 s`);
    } finally {
      vi.useRealTimers();
    }
  });
});

it("a module may export its VMM as the default, too, and have a getter for what it gives", async () => {
  const base = write(
    `const mine = { ...esx, name: "mine", get title() { return "M"; } }; export { mine, mine as default };`,
  );
  expect((await load(base)).vmm).toMatchObject({ name: "mine", title: "M" });
});

function run(base: string, host: boolean, more: Partial<CellSpec> = {}): Promise<CellResult> {
  const choice = { base, set: {}, label: base };
  const spec = {
    block: "b",
    vmm: choice,
    workload: "tiny",
    machine: "m",
    seed: 1,
    ...(host && { vms: 3, overcommit: 3 }),
    ...more,
  };
  const workloadFiles = { tiny: join(folder, "tiny.yaml") };
  return runCell({ key: "k", spec, workloadFiles, machineFile: join(ROOT, "machines/xeon-2.4-sosp03.yaml"), folder });
}

describe("a cell fails with the rule", () => {
  it.each([
    [
      made("allocation", "admit: () => -1"),
      "allocation proportional-shares: admit returns -1; expected a list of pages",
    ],
    [
      made("allocation", "admit: (all) => all.map(() => NaN)"),
      "admit: VM 0 is given NaN pages; expected a number from 0",
    ],
    [made("allocation", "admit: (all) => all.map(({ pages }) => 2 * pages)"), "admit: VM 0 is given 16384 pages"],
    [made("allocation", "admit: async (all) => []"), "admit returns a promise; expected a list of pages"],
    [
      made("allocation", "rebalance: async () => { throw new Error(); }"),
      "rebalance returns a promise; expected it to be done",
    ],
    [
      made("allocation", "rebalance() { for (const vm of context.memory.vms) vm.target = NaN; }"),
      "target of VM 0 is NaN",
    ],
    [made("allocation", "rebalance: undefined"), "what create returns has undefined as rebalance; expected a function"],
    [made("allocation", "periodUs: 1e-9"), "periodUs is 1e-9; expected 0, or a number that is at least 1"],
    [made("allocation", "periodUs: -1"), "periodUs is -1; expected 0"],
    [made("scheduler", "pick: () => 0"), "pick returns 0; expected a vCPU that has been told to be ready, or -1"],
    [made("scheduler", "pick: () => NaN"), "pick returns NaN; expected a vCPU"],
    [made("scheduler", "pick: () => 999"), "pick returns 999; expected a vCPU"],
    [made("scheduler", "until: 0"), "until is 0 after pick at cycle 0; expected a later cycle, or Infinity"],
    [made("scheduler", "until: undefined"), "until is undefined after pick"],
    [made("scheduler", "runsUntil: () => -1"), "runsUntil stops again whom pick has just put on a pCPU"],
    [made("scheduler", "runsUntil: () => NaN"), "runsUntil returns NaN; expected a cycle, or Infinity"],
    [made("scheduler", "preemptsAt: () => undefined"), "preemptsAt returns undefined; expected a cycle, or Infinity"],
    [made("scheduler", "tickCycles: 0.5"), "tickCycles is 0.5; expected 0, or a number that is at least 1000"],
    [made("scheduler", "switchCycles: 1e-9"), "switchCycles is 1e-9; expected a whole number"],
    [
      part("consoleOf: () => ({ shares: 1, reservationPercent: 1, loadPercent: 1e9 })", "scheduler"),
      "consoleOf: loadPercent is",
    ],
    [
      part("queueOf: () => ({ entries: 0 })", "disk"),
      "disk p: queueOf: entries is 0; expected a number that is at least 1",
    ],
    [part("queueOf: () => 5", "network"), "network p: queueOf: entries is undefined"],
    [part(`timerEvents: () => ({ to: "all", everyUs: NaN })`, "cpu"), "cpu p: timerEvents: everyUs is NaN"],
    [part("unsuited: async () => undefined"), "mmu p: unsuited returns a promise; expected a reason, or undefined"],
    [part("create: async () => ({})"), "mmu p: create returns a promise; expected an object"],
    [part("create() {}"), "mmu p: create returns undefined; expected an object"],
    [part("create: () => ({})"), "mmu p: what create returns has undefined as access; expected a function"],
    [mechanism("periodUs: 1e-9"), "memory p: periodUs is 1e-9; expected 0, or a number that is at least 1"],
    [mechanism("reclaim: () => NaN"), "memory p: reclaim returns NaN; expected the number of frames that it has freed"],
    [mechanism("reclaim: async () => 1"), "memory p: reclaim returns a promise; expected the number of frames"],
    [mechanism("kind: 'x'"), 'memory p: kind is "x"; expected one of backing'],
  ])("%s", async (text, rule) => {
    const base = write(text);
    const { status, reason, wrongInput } = await run(base, true);
    expect([status, wrongInput]).toEqual(["failed", true]);
    expect(reason).toContain(`${base}: `);
    expect(reason).toContain(rule);
  });

  // What it is rejected with later is nobody's, and would end all other cells of the process: vitest fails for it, too.
  it.each([
    [made("allocation", "admit: async () => { throw new Error(); }"), "admit returns a promise"],
    [made("scheduler", "pick: async () => { throw new Error(); }"), "pick returns a promise"],
    [mechanism("reclaim: async () => { throw new Error(); }"), "reclaim returns a promise"],
    [part("create: async () => { throw new Error(); }"), "create returns a promise"],
    [part("unsuited: async () => { throw new Error(); }"), "unsuited returns a promise"],
  ])("and with nothing else, when an answer comes later: %s", async (text, rule) => {
    expect((await run(write(text), true)).reason).toContain(rule);
    await new Promise((resolve) => setTimeout(resolve, 0));
  });

  it.each([
    [
      mechanism("n: 0, get periodUs() { return this.n++ < 3 ? 1e6 : 1e-9; }"),
      "memory p: periodUs is 1e-9 after a call; expected a number that is at least 1",
    ],
    [
      made(
        "allocation",
        "us: 1e6, get periodUs() { return others.us; }, rebalance(now) { if (now > 0) others.us = NaN; }",
      ),
      "allocation proportional-shares: periodUs is NaN after a call",
    ],
  ])("where a part says later that it is to be called at once: %s", async (text, rule) => {
    const { reason, wrongInput } = await run(write(text), true, { overcommit: 1 });
    expect(reason).toContain(rule);
    expect(wrongInput).toBe(true);
  });

  it("where a VM that is to start is told to ask again at once, which would never end", async () => {
    const asked = made("allocation", `start: () => ({ kind: "wait", us: 1e-9 })`);
    const { reason } = await run(write(asked), true, {
      overcommit: 1,
      settings: [{ first: 2, last: 2, startUs: 1e6 }],
    });
    expect(reason).toContain('start returns {"kind":"wait","us":1e-9}; expected');
    expect(reason).toContain('{ kind: "wait", us } with at least 1 us');
  });

  it.each([
    [made("allocation", `rebalance() { throw new Error("boom"); }`), /^module-\d+\.mjs:\d+: boom$/],
    [made("scheduler", `get until() { throw new Error("boom"); }`), /^module-\d+\.mjs:\d+: boom$/],
    [made("allocation", `admit() { throw "boom"; }`), /^boom \(with parts from \.\/module-\d+\.mjs\)$/],
    [part("create() { throw null; }"), /^null \(with parts from \.\/module-\d+\.mjs\)$/],
  ])("or with what is thrown, and where: %s", async (text, reason) => {
    const result = await run(write(text), true);
    expect(result.status).toBe("failed");
    expect(result.reason).toMatch(reason);
  });

  it.each([
    ["NaN", "const charge = NaN;"],
    ["1e300", "const charge = 1e300;"],
  ])("where a clock is charged %s cycles, which would never end", async (_, text) => {
    const charging = made(
      "cpu",
      "runKernel(path, times) { context.meter.spend(0, charge); own.runKernel(path, times); }",
    );
    const { status, reason } = await run(write(`${text}\n${charging}`), false);
    expect(status).toBe("failed");
    expect(reason).toMatch(/the clock is at .* cycles|a wait ends at cycle/);
  });
});

it("a mechanism that asks guests may have no work to do in the background", async () => {
  const { status } = await run(write(mechanism("kind: 'cooperative'")), true, { overcommit: 1 });
  expect(status).toBe("done");
});

const explain = (text: string) => vmmbench(["explain", "null-call", "--vmm", `native,${write(text, BUILT)}`], folder);

describe("a command", () => {
  it("ends, whatever a module has left running", { timeout: 20_000 }, async () => {
    const { code, stdout } = await explain(`setInterval(() => {}, 1000);\n${vmm("")}`);
    expect(code).toBe(0);
    expect(stdout).toContain("null-call costs");
  });

  it.each([
    [`setTimeout(() => { throw new Error("boom"); }, 1);\n${vmm("")}`],
    [`Promise.reject(new Error("boom"));\n${vmm("")}`],
    [part(`create() { throw new Error("boom"); }`, "cpu")],
  ])("says in a line what a module throws, and where: %s", { timeout: 20_000 }, async (text) => {
    const { code, stderr } = await explain(text);
    expect(stderr).toMatch(/^module-\d+\.mjs:\d+: boom\n$/);
    expect(code).toBe(2);
  });

  it("names the module whose part breaks a rule", { timeout: 20_000 }, async () => {
    const { code, stderr } = await explain(part("create() {}", "cpu"));
    expect(stderr).toMatch(/^module-\d+\.mjs: cpu p: create returns undefined; expected an object[^\n]*\n$/);
    expect(code).toBe(2);
  });
});
