/** Controllers of KSM behind the contract of policies: rules, what they are shown, what is refused, and one host run both ways. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import * as fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { InputError } from "../../src/core/input-error.ts";
import { loadMachine } from "../../src/experiment/documents/load-machine.ts";
import type { CellResult } from "../../src/sim/cell.ts";
import { DecisionLog } from "../../src/sim/decision-log.ts";
import { runHost } from "../../src/sim/host.ts";
import { HostWatch } from "../../src/sim/host-watch.ts";
import { reasonToSkip } from "../../src/sim/reason-to-skip.ts";
import { WrongAnswer } from "../../src/vmm/allocation/wrong-answer.ts";
import { composeVmm } from "../../src/vmm/compose.ts";
import type { Part, Vmm } from "../../src/vmm/contract.ts";
import { kvm } from "../../src/vmm/kvm.ts";
import { ballooning } from "../../src/vmm/memory/ballooning.ts";
import { hostSwap } from "../../src/vmm/memory/host-swap.ts";
import { ksm } from "../../src/vmm/memory/ksm.ts";
import { ksmtuned, momKsm, proxmoxKsmtuned } from "../../src/vmm/memory/ksm-tuner.ts";
import { onDemand } from "../../src/vmm/memory/policies/admission.ts";
import { definePolicy } from "../../src/vmm/memory/policies/define-policy.ts";
import { defineTuner } from "../../src/vmm/memory/policies/define-tuner.ts";
import type { KsmSettings } from "../../src/vmm/memory/policies/ksm-rules.ts";
import { ksmtunedPolicy } from "../../src/vmm/memory/policies/ksmtuned.ts";
import { mom } from "../../src/vmm/memory/policies/mom.ts";
import { momKsmPolicy } from "../../src/vmm/memory/policies/mom-ksm.ts";
import type { Action, Observations, Policy } from "../../src/vmm/memory/policies/policy-contract.ts";
import { proxmoxKsmtunedPolicy } from "../../src/vmm/memory/policies/proxmox-ksmtuned.ts";
import { senpai } from "../../src/vmm/memory/policies/senpai.ts";
import { uksm } from "../../src/vmm/memory/uksm.ts";
import { PARTS } from "../../src/vmm/parts.ts";
import { xenPv } from "../../src/vmm/xen-pv.ts";
import { OperationStreamBuilder } from "../../src/workload/operation-stream.ts";
import { buildHost, FULL_GUEST, SCRIPTED, type TestHost } from "../host/fixtures.ts";
import { decideOnce, GIB, host, parametersOf } from "./observations.ts";

const { profile } = loadMachine("machines/x86-64-server.yaml");
const TUNERS = [
  [ksmtunedPolicy, ksmtuned],
  [momKsmPolicy, momKsm],
  [proxmoxKsmtunedPolicy, proxmoxKsmtuned],
] as const;

/** What KSM is told, of all actions. */
function told(actions: readonly Action[]) {
  return actions.flatMap((action) => (action.kind === "sharing" ? [action] : []));
}

describe("the rules of a controller of KSM", () => {
  it("let it sleep longer on small hosts, and shorter on large ones only under MOM", () => {
    const sleeps = TUNERS.map(([factory]) =>
      [4, 8, 16, 32, 64].map((gib) => {
        const seen = { host: host({ total: gib * GIB }), vms: [] };
        return told(decideOnce(factory, seen).actions)[0].sleepMs;
      }),
    );
    expect(sleeps).toEqual([
      [40, 20, 10, 10, 10],
      [40, 20, 10, 5, 2.5],
      // A base of 100 ms, of which 10 ms is the least.
      [400, 200, 100, 50, 25],
    ]);
  });

  it("go by what processes have, by what they were promised, or by what they have in proportion", () => {
    // 16 GiB, of which a fifth is 3.2: more than 12.8 GiB of processes let KSM run.
    const rules = (["resident", "virtual", "proportional"] as const).map((large) => {
      const processes = { resident: 12 * GIB, virtual: 12 * GIB, proportional: 12 * GIB, [large]: 13 * GIB };
      const seen = { host: host({ total: 16 * GIB, free: 4 * GIB, processes }), vms: [] };
      return TUNERS.map(([factory]) => told(decideOnce(factory, seen).actions)[0].rule);
    });
    expect(rules).toEqual([
      ["decay", "stop", "stop"],
      ["stop", "decay", "stop"],
      ["stop", "stop", "decay"],
    ]);
  });

  it("count buffers and page cache as free", () => {
    const seen = { host: host({ total: 16 * GIB, free: GIB, reclaimable: 3 * GIB }), vms: [] };
    expect(told(decideOnce(ksmtunedPolicy, seen).actions)).toMatchObject([{ rule: "stop", run: false }]);
    const full = { host: host({ total: 16 * GIB, free: GIB, reclaimable: 2 * GIB }), vms: [] };
    expect(told(decideOnce(ksmtunedPolicy, full).actions)).toMatchObject([{ rule: "boost", run: true }]);
  });

  it("of MOM change what KSM is set to, every second sample, by the mean of the last ten", () => {
    const { policy } = momKsmPolicy;
    const settings = parametersOf(momKsmPolicy);
    const total = 16 * GIB;
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 0.4, noNaN: true }), { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 64, max: 1250 }),
        (parts, pages) => {
          let state = policy.start(settings);
          const sharing = { run: true, pagesToScan: pages, sleepMs: 20 };
          const processes = { resident: 0, virtual: total, proportional: 0 };
          parts.forEach((part, sample) => {
            const seen = { host: host({ total, free: part * total, processes, sharing }), vms: [] };
            const decision = policy.decide(settings, seen, state, sample * 5e6);
            state = decision.state;
            if (sample % 2 === 1) return expect(decision.actions).toEqual([]);
            const recent = parts.slice(Math.max(0, sample - 9), sample + 1);
            const mean = recent.reduce((sum, one) => sum + one, 0) / recent.length;
            if (Math.abs(mean - 0.2) < 1e-9) return;
            const wanted = mean < 0.2 ? Math.min(1250, pages + 300) : Math.max(64, pages - 50);
            expect(told(decision.actions)).toMatchObject([{ run: true, pagesToScan: wanted }]);
          });
        },
      ),
    );
  });

  it("have settings: as they are shipped by default, and each does what it says", () => {
    const shipped = {
      boostPages: 300,
      decayPages: 50,
      leastPages: 64,
      mostPages: 1250,
      thresholdPercent: 20,
      leastThresholdKib: 2048,
    };
    expect(parametersOf(ksmtunedPolicy)).toMatchObject({ ...shipped, sleepMs: 10 });
    expect(parametersOf(momKsmPolicy)).toMatchObject({ ...shipped, sleepMs: 10 });
    expect(parametersOf(proxmoxKsmtunedPolicy)).toMatchObject({ ...shipped, sleepMs: 100 });
    const processes = { resident: 16 * GIB, virtual: 16 * GIB, proportional: 16 * GIB };
    /** What MOM makes of 500 pages on a host of 8 GiB, on which KSM sleeps twice as long as on 16. */
    const decided = (free: number, settings: Partial<KsmSettings>) => {
      const sharing = { run: true, pagesToScan: 500, sleepMs: 20 };
      const seen = { host: host({ total: 8 * GIB, free: free * GIB, processes, sharing }), vms: [] };
      return told(decideOnce(momKsmPolicy, seen, settings).actions)[0];
    };
    expect(decided(1, { boostPages: 7 })).toMatchObject({ rule: "boost", pagesToScan: 507, sleepMs: 20 });
    expect(decided(1, { mostPages: 600 })).toMatchObject({ rule: "boost", pagesToScan: 600 });
    expect(decided(2, { decayPages: 30 })).toMatchObject({ rule: "decay", pagesToScan: 470 });
    expect(decided(2, { leastPages: 490 })).toMatchObject({ rule: "decay", pagesToScan: 490 });
    expect(decided(2, { sleepMs: 3 })).toMatchObject({ sleepMs: 6 });
    // 2 GiB of 8 are a quarter.
    expect(decided(2, { thresholdPercent: 26 })).toMatchObject({ rule: "boost" });
    expect(decided(2, { thresholdPercent: 24 })).toMatchObject({ rule: "decay" });
    expect(decided(2, { leastThresholdKib: 2 * GIB + 1 })).toMatchObject({ rule: "boost" });
    expect(ksmtuned.definition.parameters).toEqual(ksmtunedPolicy.policy.parameters);
  });

  it("of ksmtuned remember what they decided, whatever KSM is set to", () => {
    const { policy } = ksmtunedPolicy;
    const settings = parametersOf(ksmtunedPolicy);
    const [first, second] = [1000, 50].map((pagesToScan) => ({
      host: host({ sharing: { run: true, pagesToScan, sleepMs: 20 } }),
      vms: [],
    }));
    const one = policy.decide(settings, first, policy.start(settings), 0);
    const next = policy.decide(settings, second, one.state, 60e6);
    expect([...told(one.actions), ...told(next.actions)].map(({ pagesToScan }) => pagesToScan)).toEqual([300, 600]);
  });
});

/** A policy that gives these actions, one list a call, and shows what it saw. */
function scripted(
  script: readonly (readonly unknown[])[],
  change: Partial<Policy<Record<string, never>, number>> = {},
) {
  const seen: Observations[] = [];
  const factory = definePolicy<Record<string, never>, number>({
    ...SCRIPTED,
    name: "scripted",
    balloons: false,
    tunesSharing: true,
    decide: (_, now, call) => {
      seen.push(now);
      return { actions: (script[call] ?? []) as Action[], state: call + 1 };
    },
    ...change,
  });
  return { factory, seen };
}

const sharing = { kind: "sharing", run: true, pagesToScan: 7, sleepMs: 30, rule: "test" } as const;
/** Both slots that a policy which only tunes can be in. */
const SLOTS = ["allocation", "memory"] as const;

function hostOf(factory: ReturnType<typeof scripted>["factory"], slot: (typeof SLOTS)[number]): TestHost {
  const parts = [ksm(), hostSwap()];
  return slot === "memory"
    ? buildHost({ ...kvm, memory: [defineTuner(factory)(), ...parts], allocation: onDemand() }, 1000, profile)
    : buildHost({ ...kvm, memory: parts, allocation: factory() }, 1000, profile);
}

/** Call the policy as the host does. */
function callOnce({ mechanisms, allocation }: TestHost, second: number): void {
  mechanisms.find(({ kind }) => kind === "tuning")?.work();
  allocation.rebalance(second * 1e6);
}

describe.each(SLOTS)("a policy that tunes page sharing, in the slot %s", (slot) => {
  it("is obeyed by KSM, which scans nothing before it is told to", () => {
    const { factory } = scripted([[sharing], [{ ...sharing, pagesToScan: 12.9 }], [{ ...sharing, run: false }]]);
    const one = hostOf(factory, slot);
    const vm = one.memory.addVm(500);
    for (let ppn = 0; ppn < 500; ppn++) one.memory.write(vm, ppn, ppn + 1);
    const scanner = one.mechanisms.find(({ kind }) => kind === "sharing");
    const scanned = (): number => {
      const before = one.memory.pagesScanned;
      scanner?.work();
      return one.memory.pagesScanned - before;
    };
    const counts = [scanned()];
    for (let second = 0; second < 3; second++) {
      callOnce(one, second);
      counts.push(scanned());
    }
    expect(counts).toEqual([0, 7, 12, 0]);
    expect(one.memory.sharer?.scannedBeforeStart).toBe(false);
    expect(scanner?.periodUs).toBe(30_000);
  });

  it("may let KSM work without sleep, and time goes on", () => {
    const one = hostOf(scripted([[{ ...sharing, pagesToScan: 0, sleepMs: 0 }]]).factory, slot);
    callOnce(one, 0);
    const scanner = one.mechanisms.find(({ kind }) => kind === "sharing");
    scanner?.work();
    expect(scanner?.periodUs).toBeGreaterThan(0);
  });

  it("sees how KSM is set, and what VMs' processes have: once for each, or once in all", () => {
    const { factory, seen } = scripted([[sharing]], { signals: ["host.sharing"] });
    const one = hostOf(factory, slot);
    const { memory } = one;
    const [vm, other] = [memory.addVm(100), memory.addVm(60)];
    for (let ppn = 0; ppn < 40; ppn++) memory.write(vm, ppn, ppn + 1);
    for (let ppn = 0; ppn < 30; ppn++) memory.write(other, ppn, ppn + 1);
    callOnce(one, 0);
    // 10 pages of the one are mapped to frames of the other.
    for (let ppn = 0; ppn < 10; ppn++) {
      memory.frames.markShared(vm.backing[ppn]);
      memory.merge(other, ppn, vm.backing[ppn]);
    }
    callOnce(one, 1);
    const sizes = seen.map(({ host: { processes } }) => Object.values(processes).map((kib) => kib / 4));
    expect(sizes).toEqual([
      [70, 160, 70],
      [70, 160, 60],
    ]);
    expect(seen.map((now) => now.host.sharing)).toEqual([
      { run: false, pagesToScan: 100, sleepMs: 20 },
      { run: true, pagesToScan: 7, sleepMs: 30 },
    ]);
    other.evicted = true;
    callOnce(one, 2);
    expect(seen[2].host.processes.virtual).toBe(100 * 4);
  });

  const wrong: readonly (readonly [unknown, string])[] = [
    [
      { ...sharing, pagesToScan: NaN },
      "pagesToScan of the page sharing is NaN; expected a number of pages, at least 0",
    ],
    [{ ...sharing, pagesToScan: Infinity }, "pagesToScan of the page sharing is Infinity"],
    [{ ...sharing, pagesToScan: -1 }, "pagesToScan of the page sharing is -1"],
    [{ ...sharing, pagesToScan: "9" }, 'pagesToScan of the page sharing is "9"'],
    [{ ...sharing, sleepMs: undefined }, "sleepMs of the page sharing is undefined; expected a number of milliseconds"],
    [{ ...sharing, sleepMs: -0.5 }, "sleepMs of the page sharing is -0.5"],
    [{ ...sharing, run: 1 }, "run of the page sharing is 1; expected true or false"],
    [{ ...sharing, rule: "" }, 'the action "sharing" does not say by which rule'],
  ];
  it.each(wrong)("is told what is wrong: %j", (action, message) => {
    const one = hostOf(scripted([[action]]).factory, slot);
    expect(() => callOnce(one, 0)).toThrow(WrongAnswer);
    expect(() => callOnce(hostOf(scripted([[action]]).factory, slot), 0)).toThrow(message);
  });

  it("has its decisions logged, with rule and inputs, where they change anything", () => {
    const { factory } = scripted([[sharing], [sharing], [{ ...sharing, run: false, rule: "enough" }]], {
      signals: ["host.free", "processes.virtual", "host.sharing"],
      figures: (_, __, call) => ({ calls_so_far: call }),
    });
    const one = hostOf(factory, slot);
    const log = new DecisionLog();
    one.memory.observer = log;
    for (let second = 0; second < 3; second++) {
      log.nowUs = second * 1e6;
      callOnce(one, second);
    }
    const inputs = { host_free_mib: 1000 / 256, host_total_mib: 1000 / 256, processes_virtual_mib: 0 };
    expect(log.decisions).toEqual([
      {
        time_s: 0,
        by: "scripted",
        rule: "test",
        action: "sharing",
        outcome: { scans: true, scanned_each_time_pages: 7, sleep_ms: 30 },
        inputs: { ...inputs, scans: false, scanned_each_time_pages: 100, sleep_ms: 20, calls_so_far: 0 },
      },
      {
        time_s: 2,
        by: "scripted",
        rule: "enough",
        action: "sharing",
        outcome: { scans: false, scanned_each_time_pages: 7, sleep_ms: 30 },
        inputs: { ...inputs, scans: true, scanned_each_time_pages: 7, sleep_ms: 30, calls_so_far: 2 },
      },
    ]);
  });
});

describe("a policy that tunes page sharing", () => {
  it("and moves balloons is obeyed in both", () => {
    const target = { kind: "target", vm: "vm0", kib: 4 * 60, rule: "less" };
    const { factory } = scripted([[sharing, target]], { balloons: true, signals: ["vm.actual"] });
    const one = buildHost({ ...kvm, memory: [ksm(), ballooning()], allocation: factory() }, 1000, profile);
    const vm = one.memory.addVm(100);
    one.allocation.rebalance(0);
    expect([vm.size, one.memory.sharer?.speed]).toEqual([60, { run: true, pagesToScan: 7, sleepMs: 30 }]);
  });

  it("alone is first called when guests begin to work, and one that moves balloons while these settle", () => {
    const calls = [false, true].map((balloons) => {
      const { factory, seen } = scripted([], { balloons });
      const one = hostOf(factory, "allocation");
      for (const second of [-60, -30, 0]) one.allocation.rebalance(second * 1e6);
      return seen.length;
    });
    expect(calls).toEqual([1, 3]);
  });

  it("must say so in its definition", () => {
    const { factory } = scripted([[sharing]]);
    const { tunesSharing: _, ...rest } = factory.policy;
    const silent = definePolicy(rest);
    expect(() => callOnce(hostOf(silent, "allocation"), 0)).toThrow(
      'policy scripted, rule "test": sets how fast pages are scanned for sharing, but the policy does not say that it does; expected tunesSharing: true in its definition',
    );
    expect(() => definePolicy({ ...factory.policy, tunesSharing: "yes" } as never)).toThrow(
      "policy scripted: tunesSharing: expected true, or nothing",
    );
  });

  it("cannot do anything else as a memory part, which leaves alone what belongs to the allocation", () => {
    const evict = { kind: "evict", vm: "vm0", rule: "away" };
    const one = hostOf(scripted([[evict]]).factory, "memory");
    const vm = one.memory.addVm(10);
    expect(() => one.mechanisms[0].work()).toThrow(
      'policy scripted, rule "away": the action "evict" is none of a memory part; expected it in the slot allocation',
    );
    const quiet = hostOf(scripted([[sharing]]).factory, "memory");
    const other = quiet.memory.addVm(10);
    const asked: number[] = [];
    other.statistics = { report: (atUs) => void asked.push(atUs) };
    quiet.mechanisms[0].work();
    expect([vm.size, other.size, other.least, asked]).toEqual([undefined, undefined, 0, []]);
  });

  it("is no memory part if it does more, or needs to see what only an allocation is shown", () => {
    const { factory } = scripted([], { balloons: true });
    expect(() => defineTuner(factory)).toThrow(InputError);
    expect(() => defineTuner(factory)).toThrow(
      "policy scripted: moves balloons; expected a policy that does nothing but",
    );
    expect(() => defineTuner(senpai)).toThrow("policy senpai: does not say tunesSharing; expected");
    expect(() => defineTuner(scripted([], { signals: ["vm.cold"] }).factory)).toThrow("reads vm.cold; expected");
  });
});

function skipped(vmm: Vmm): string | undefined {
  return reasonToSkip(vmm, profile, { vms: 2 });
}

function composed(base: Vmm, changes: Record<string, unknown>): Vmm {
  const { vmm, problems } = composeVmm(base, changes, PARTS);
  expect(problems).toEqual([]);
  return vmm;
}

describe("a VMM under a policy that tunes page sharing", () => {
  it("is any that has KSM", () => {
    for (const [factory] of TUNERS) expect(skipped({ ...kvm, allocation: factory() })).toBeUndefined();
  });

  it("is told what it lacks", () => {
    const sentence =
      "xen-pv allocates memory by ksmtuned, which tells page sharing how fast to scan; expected page sharing that can be told, such as memory.ksm: on";
    expect(skipped({ ...xenPv, allocation: ksmtunedPolicy() })).toBe(sentence);
    expect(skipped({ ...xenPv, allocation: momKsmPolicy() })).toBe(sentence.replace("ksmtuned", "mom-ksm"));
    expect(skipped({ ...kvm, memory: [uksm(), hostSwap()], allocation: ksmtunedPolicy() })).toContain(
      "such as memory.ksm: on",
    );
    const { tunesSharing: _, ...reading } = scripted([], { signals: ["host.sharing"] }).factory.policy;
    const reads = definePolicy(reading);
    expect(skipped({ ...xenPv, allocation: reads() })).toBe(
      "xen-pv allocates memory by scripted, which goes by what only tunable page sharing shows; expected a VMM with it",
    );
    expect(
      composed(xenPv, { allocation: "ksmtuned", "memory.ksm": "on" }).memory.map((part) => part.definition.name),
    ).toContain("ksm");
  });

  it("has nobody else who tells KSM, and may have its own controller beside any other policy", () => {
    expect(skipped(composed(kvm, { allocation: "ksmtuned", "memory.mom-ksm": "on" }))).toBe(
      "kvm has allocation ksmtuned and memory part mom-ksm, which both tell page sharing how fast to scan; expected one of them",
    );
    expect(skipped(composed(kvm, { allocation: "mom", "memory.mom-ksm": "on" }))).toBeUndefined();
    expect(skipped(composed(kvm, { allocation: "proxmox", "memory.proxmox-ksmtuned": "on" }))).toBeUndefined();
  });

  it("is asked which is meant where a name is that of a part in two slots", () => {
    const { problems } = composeVmm(kvm, { ksmtuned: "on" }, PARTS);
    expect(problems.map(({ message }) => message)).toEqual([
      'unknown slot "ksmtuned"; did you mean "memory.ksmtuned" or "allocation.ksmtuned"?',
    ]);
  });

  it("that is told nothing is told so when the action comes", () => {
    const { factory } = scripted([[sharing]]);
    const one = buildHost({ ...kvm, memory: [uksm(), hostSwap()], allocation: factory() }, 1000, profile);
    expect(() => one.allocation.rebalance(0)).toThrow(
      'policy scripted, rule "test": the host has no page sharing that can be told how fast to scan; expected a VMM with tunable page sharing',
    );
  });
});

describe("one host with the same controller as memory part and as allocation", () => {
  const stream = new OperationStreamBuilder().finish();
  const idle = { name: "idle", guest: FULL_GUEST, stream, durationUs: 300e6, warmupUs: 10e6 };
  const run = (parts: Pick<Vmm, "memory" | "allocation">, frames: number) => {
    const watch = new HostWatch();
    const { metrics } = runHost({ ...kvm, ...parts }, profile, [idle, idle], frames, () => ({}), { watch });
    return { metrics, decisions: watch.log.decisions.filter(({ action }) => action === "sharing") };
  };
  const below: readonly Part<"memory">[] = [ksm(), ballooning(), hostSwap()];

  const saved = (parts: Pick<Vmm, "memory" | "allocation">): number =>
    run(parts, 2 * 4096 + 100).metrics.memory_shared_saved_mib;

  for (const [factory, part] of TUNERS) {
    it.each([3 * 4096, 2 * 4096 + 100, 6000])(
      `has the same figures and decisions under ${factory.policy.name}, with %d frames`,
      (frames) => {
        const beside = run({ memory: [part(), ...below], allocation: onDemand() }, frames);
        const alone = run({ memory: below, allocation: factory() }, frames);
        expect(alone).toEqual(beside);
        expect(beside.decisions.length).toBeGreaterThan(0);
        expect(beside.decisions[0]).toMatchObject({ time_s: 0, by: factory.policy.name });
      },
    );
  }

  it("merges pages, and differs from a host on which KSM is left to itself", () => {
    const tuned = saved({ memory: below, allocation: ksmtunedPolicy() });
    expect(tuned).toBeGreaterThan(0);
    expect(tuned).not.toBe(saved({ memory: below, allocation: onDemand() }));
    expect(saved({ memory: [momKsm(), ...below], allocation: mom() })).toBeGreaterThan(0);
  });
});

describe("the command line", () => {
  const folder = mkdtempSync(join(tmpdir(), "vmmbench-tuner-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const bin = resolve(import.meta.dirname, "../../bin/vmmbench.js");
  const built = new URL("../../dist/vmm/library.js", import.meta.url).href;

  it("takes controllers of KSM by name, and one of the user's own that moves balloons as well", {
    timeout: 60_000,
  }, () => {
    writeFileSync(
      join(folder, "both.js"),
      `import { definePolicy } from "${built}";
       export const both = definePolicy({
         name: "both", summary: "s", side: "host", source: "x", grade: "A", cadenceUs: 5e6, balloons: true, tunesSharing: true,
         signals: ["vm.actual", "host.sharing"], parameters: {}, start: () => 0,
         decide: (_, { vms }, state) => ({ state: state + 1, actions: [
           { kind: "sharing", run: true, pagesToScan: 1000, sleepMs: 20, rule: "fast" },
           ...vms.map(({ name, maximum }) => ({ kind: "target", vm: name, kib: maximum / 2, rule: "half" })),
         ] }),
       });`,
    );
    const question = ["--workload", "idle-debian", "--vms", "2", "--ratios", "0.9,1.2", "--seeds", "1"];
    const place = ["--machine", "x86-64-server", "--strategy", "esx", "--vmm", "kvm"];
    const policies = ["--policy", "ksmtuned", "mom-ksm", "proxmox-ksmtuned", "./both.js"];
    const command = [bin, "overcommit", ...policies, ...question, ...place, "--out", "out", "--no-report", "--quiet"];
    const { status, stderr } = spawnSync(process.execPath, command, { cwd: folder, encoding: "utf8" });
    expect([status, stderr]).toEqual([0, ""]);
    const cells = readFileSync(join(folder, "out/cells.ndjson"), "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as CellResult);
    const done = cells.filter(({ status: state, spec }) => state === "done" && spec.vmm.label !== "esx");
    expect(done.map(({ spec }) => spec.vmm.label).sort()).toEqual(
      ["both", "both", "ksmtuned", "ksmtuned", "mom-ksm", "mom-ksm", "proxmox-ksmtuned", "proxmox-ksmtuned"].sort(),
    );
    const both = done.filter(({ spec }) => spec.vmm.label === "both");
    for (const { metrics } of both) {
      expect(metrics.memory_ballooned_mib).toBeGreaterThan(100);
      expect(metrics.memory_shared_saved_mib).toBeGreaterThan(0);
    }
  });

  it("suggests a controller whose name has slipped", () => {
    const command = [bin, "overcommit", "--policy", "ksmtund", "--vmm", "kvm"];
    const { status, stderr } = spawnSync(process.execPath, command, { cwd: folder, encoding: "utf8" });
    expect([status, stderr.trim()]).toEqual([2, '--policy: there is no policy "ksmtund"; did you mean "ksmtuned"?']);
  });
});
