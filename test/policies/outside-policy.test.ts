import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CellResult } from "../../src/sim/cell.ts";

const root = resolve(import.meta.dirname, "../..");
const built = new URL("../../dist/vmm/library.js", import.meta.url).href;
const folder = mkdtempSync(join(tmpdir(), "vmmbench-policy-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A policy in a file of its own; `decide` is the body of its rule. */
function policyFile(name: string, decide: string, start = "start: () => 0"): void {
  writeFileSync(
    join(folder, `${name}.js`),
    `import { definePolicy } from "${built}";
     export const policy = definePolicy({
       name: "${name}", summary: "a user's own", side: "host", source: "here", grade: "A", cadenceUs: 1e6, balloons: true,
       signals: ["vm.actual"], parameters: { part: { summary: "of configured memory", default: 0.5 } },
       ${start},
       decide({ part }, { vms }, state, nowUs) { ${decide} },
     });`,
  );
}

const target = `{ actions: vms.map(({ name, maximum }) => ({ kind: "target", vm: name, kib: maximum * part, rule: "half" })) }`;
/** Throws when what it sees does not add up; flags VMs that stall, and those that need more than they have. */
const WATCH = `
  const require = (fact, what) => { if (!fact) throw new Error(what + " at " + nowUs); };
  return { state, actions: vms.flatMap(({ name, actual, target, minimum, maximum, resident, guest, stallUs }) => {
    require(minimum <= actual && actual <= maximum && target === actual, "size");
    require(resident === actual, "all of a VM is in memory on Xen");
    require(guest.atUs <= nowUs && nowUs - guest.atUs < 5.1e6, "age");
    require(0 <= guest.unused && guest.unused <= guest.available && guest.available <= actual, "free memory");
    require(guest.committed > 0, "committed");
    require(stallUs >= 0 && stallUs <= Math.max(0, nowUs), "stall");
    return stallUs > 0 && guest.committed > actual ? [{ kind: "flag", vm: name, as: "short", rule: "watch" }] : [];
  }) };
`;
const cells = new Map<string, CellResult>();
let exitCode: number | null;

function run(out: string, ...filter: string[]): number | null {
  const command = [join(root, "bin/vmmbench.js"), "run", "m.yaml", "--out", out, "--no-report", "--quiet", ...filter];
  return spawnSync(process.execPath, command, { cwd: folder }).status;
}

beforeAll(() => {
  policyFile("half", `return ${target};`);
  policyFile(
    "nan",
    `return nowUs < 5e6 ? ${target} : { actions: [{ kind: "target", vm: "vm1", kib: NaN, rule: "later" }] };`,
  );
  policyFile("nothing", "");
  policyFile("throws", `throw new Error("no idea");`);
  policyFile("mistyped", "return { state, actions: vms.map(({ guest }) => guest.unsued.toFixed()) };");
  policyFile("watch", WATCH);
  policyFile("promises", "return Promise.reject(new Error('too late'));");
  policyFile("begins", "return { actions: [] };", "start: async () => 0");
  policyFile("stumbles", "return { actions: [] };", "start() { throw new Error('no state'); }");
  const vmms = [
    "{ xen-pv: { allocation: ./half.js } }",
    "{ xen-pv: { allocation: { ./half.js: { part: 0.75 } } }, as: quarter }",
    "{ xen-pv: { allocation: ./nan.js }, as: nan }",
    "{ xen-pv: { allocation: ./throws.js }, as: throws }",
    "{ xen-pv: { allocation: ./mistyped.js }, as: mistyped }",
    "{ xen-pv: { allocation: ./nothing.js }, as: nothing }",
    "{ xen-pv: { allocation: ./promises.js }, as: promises }",
    "{ xen-pv: { allocation: ./begins.js }, as: begins }",
    "{ xen-pv: { allocation: ./stumbles.js }, as: stumbles }",
    "xen-pv",
  ];
  const tight = "{ name: c, vmms: [{ xen-pv: { allocation: ./watch.js }, as: watch }], workloads: [memory-spike]";
  const blocks =
    `[{ name: b, vmms: [${vmms.join(", ")}], workloads: [idle-debian], vms: [2], overcommit: [0.9] }, ` +
    `${tight}, vms: [2], overcommit: [2] }]`;
  writeFileSync(join(folder, "m.yaml"), `name: m\nmachines: [xeon-2.4-sosp03]\nseeds: [1]\nblocks: ${blocks}\n`);
  exitCode = run("out");
  for (const line of readFileSync(join(folder, "out/cells.ndjson"), "utf8").trim().split("\n")) {
    const cell = JSON.parse(line) as CellResult;
    cells.set(cell.spec.vmm.label, cell);
  }
}, 120_000);

function outcome(label: string): (string | undefined)[] {
  const { status, reason } = cells.get(label) ?? {};
  return [status, reason];
}

describe("a policy in a file of its user's", () => {
  it("runs like any other, with its parameters", () => {
    const ballooned = (label: string): number | undefined => cells.get(label)?.metrics.memory_ballooned_mib;
    const [half] = [...cells.keys()].filter((label) => label.includes("half"));
    const configured = 2 * 256;
    expect(ballooned(half)).toBeCloseTo(configured / 2, 0);
    expect(ballooned("quarter")).toBeCloseTo(configured / 4, 0);
  });

  it("sees what adds up, and guests that wait for their memory", () => {
    // The spike takes guests of 256 MiB, at half of it, to 160 MiB of anonymous memory.
    expect(outcome("watch")).toEqual(["done", undefined]);
    expect(cells.get("watch")?.events["event.policy.flag"]).toBeGreaterThan(20);
  });

  it("stops its own cell only when it fails, and the cell says why", () => {
    const nan = 'policy nan, rule "later": the target of vm1 is NaN; expected a number of KiB, at least 0';
    expect(outcome("nan")).toEqual(["failed", nan]);
    expect(outcome("throws")).toEqual(["failed", "policy throws: decide failed: no idea"]);
    // The rule begins in the sixth line of the file, and has no other.
    expect(outcome("mistyped")[1]).toMatch(
      /^policy mistyped: decide failed: Cannot read properties of undefined .*\(mistyped\.js:6:\d+\)$/,
    );
    expect(outcome("nothing")[1]).toBe(
      "policy nothing: decide returns no list of actions; expected { actions: [...], state }",
    );
    const asynchronous = "is asynchronous; expected a function that answers at once, without async";
    expect(outcome("promises")).toEqual(["failed", `policy promises: decide ${asynchronous}`]);
    expect(outcome("begins")).toEqual(["failed", `policy begins: start ${asynchronous}`]);
    expect(outcome("stumbles")).toEqual(["failed", "policy stumbles: start failed: no state"]);
    expect(outcome("xen-pv")).toEqual(["done", undefined]);
  });
});

describe("the exit code", () => {
  it("is that of bad input where a policy returned nonsense, though other cells are done", () => {
    expect(exitCode).toBe(2);
    const wrong = [...cells].filter(([, { wrongInput }]) => wrongInput).map(([label]) => label);
    expect(wrong.sort()).toEqual(["begins", "nan", "nothing", "promises"]);
    expect(run("one", "--filter", "vmm=nan", "--filter", "vmm=throws")).toBe(2);
  });

  it("is that of bad input also where the policy is made by another copy of vmmbench", () => {
    cpSync(join(root, "dist"), join(folder, "copy/dist"), { recursive: true });
    cpSync(join(root, "package.json"), join(folder, "copy/package.json"));
    symlinkSync(join(root, "node_modules"), join(folder, "copy/node_modules"));
    const text = readFileSync(join(folder, "nothing.js"), "utf8");
    writeFileSync(join(folder, "elsewhere.js"), text.replace(built, "./copy/dist/vmm/library.js"));
    const block = "{ name: b, vmms: [{ xen-pv: { allocation: ./elsewhere.js } }], workloads: [idle-debian], vms: [2] }";
    writeFileSync(join(folder, "e.yaml"), `name: e\nmachines: [xeon-2.4-sosp03]\nseeds: [1]\nblocks: [${block}]\n`);
    const command = [join(root, "bin/vmmbench.js"), "run", "e.yaml", "--out", "elsewhere", "--no-report", "--quiet"];
    const { status, stdout } = spawnSync(process.execPath, command, { cwd: folder, encoding: "utf8" });
    expect(stdout).toContain("policy nothing: decide returns no list of actions");
    expect(status).toBe(2);
  });

  it("is that of a finding where policies only threw", () => {
    expect(run("thrown", "--filter", "vmm=throws", "--filter", "vmm=stumbles")).toBe(1);
  });
});

describe("a file that is no policy", () => {
  const whole = 'summary: "s", side: "host", source: "x", grade: "A", cadenceUs: 1e6, balloons: true, parameters: {}';
  const rule = "start: () => 0, decide: () => ({ actions: [] })";
  const wrong: readonly (readonly [string, string, string])[] = [
    ["exports nothing", "", "--policy ./wrong.js: exports no part; expected one, made with definePart or definePolicy"],
    [
      "is no JavaScript",
      "export const x = ;",
      "--policy ./wrong.js: the module cannot be loaded: Unexpected token ';'; node --input-type=module --check < the file says in which line",
    ],
    [
      "needs a signal that there is not",
      `import { definePolicy } from "${built}"; export const p = definePolicy({ name: "p", ${whole}, signals: ["guest.unsed"], ${rule} });`,
      '--policy ./wrong.js: the module cannot be loaded: policy p: signals: there is no signal "guest.unsed"; did you mean "guest.unused"?',
    ],
    [
      "lacks its rule",
      `import { definePolicy } from "${built}"; export const p = definePolicy({ name: "p", ${whole}, signals: [], start: () => 0 });`,
      "--policy ./wrong.js: the module cannot be loaded: policy p: decide: expected a function that gives { actions, state }",
    ],
    [
      "says nothing of itself",
      `import { definePolicy } from "${built}"; export const p = definePolicy();`,
      "--policy ./wrong.js: the module cannot be loaded: policy without a name: name: expected a text",
    ],
    [
      "has a parameter that is a mere number",
      `import { definePolicy } from "${built}"; export const p = definePolicy({ name: "p", ${whole.replace("{}", "{ a: 5 }")}, signals: [], ${rule} });`,
      "--policy ./wrong.js: the module cannot be loaded: allocation p: parameter a: expected one with a number, true or false as its default",
    ],
    [
      "has a default beyond its range",
      `import { definePolicy } from "${built}"; export const p = definePolicy({ name: "p", ${whole.replace("{}", "{ a: { default: 9, min: 0, max: 1 } }")}, signals: [], ${rule} });`,
      "--policy ./wrong.js: the module cannot be loaded: allocation p: parameter a: its default is wrong: expected a number from 0 to 1, not 9",
    ],
    [
      "has a grade of evidence that there is not",
      `import { definePolicy } from "${built}"; export const p = definePolicy({ name: "p", ${whole.replace('"A"', '"B"')}, signals: [], ${rule} });`,
      '--policy ./wrong.js: the module cannot be loaded: policy p: grade: expected one of "S", "D", "P", "2", "A", not "B"',
    ],
    [
      "has a parameter with a grade that is a number",
      `import { definePolicy } from "${built}"; export const p = definePolicy({ name: "p", ${whole.replace("{}", "{ a: { default: 1, grade: 2 } }")}, signals: [], ${rule} });`,
      '--policy ./wrong.js: the module cannot be loaded: allocation p: parameter a: grade: expected one of "S", "D", "P", "2", "A", not 2',
    ],
    [
      "waits for what never comes",
      "await new Promise(() => {});",
      "--policy ./wrong.js: the module cannot be loaded: it waits (await) for what never comes",
    ],
    [
      "is another part",
      `import { esx } from "${built}"; export const part = Object.assign(() => esx.memory[0], { definition: esx.memory[0].definition });`,
      "--policy ./wrong.js: exports page-sharing, a part for the slot memory; expected a policy, made with definePolicy",
    ],
    [
      "lies where vmmbench is not installed",
      'import { definePolicy } from "vmmbench"; definePolicy({});',
      "expected a file in the clone, or in a project that vmmbench is installed in",
    ],
  ];
  it.each(wrong)("because it %s is told so in one sentence, by the name that the user gave it", (_, text, sentence) => {
    writeFileSync(join(folder, "wrong.js"), text);
    const command = [join(root, "bin/vmmbench.js"), "overcommit", "--policy", "./wrong.js", "--strategy", "esx"];
    const { status, stderr } = spawnSync(process.execPath, command, { cwd: folder, encoding: "utf8" });
    expect(stderr).toContain(sentence);
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect(status).toBe(2);
  });
});

describe("the VMM under policies", () => {
  it("that there is not is told by the name of its option", () => {
    const command = [join(root, "bin/vmmbench.js"), "overcommit", "--policy", "mom", "--vmm", "kvmm"];
    const { status, stderr } = spawnSync(process.execPath, command, { cwd: folder, encoding: "utf8" });
    expect([status, stderr.trim()]).toEqual([2, '--vmm: there is no VMM "kvmm"; did you mean "kvm"?']);
  });
});
