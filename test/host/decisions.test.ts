import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HostWatch } from "../../src/sim/host-watch.ts";
import { DecisionLog } from "../../src/sim/decision-log.ts";
import { runHost } from "../../src/sim/host.ts";
import { TIMELINE_COLUMNS, VM_PARTS } from "../../src/sim/vm-timeline.ts";
import { staticPartition } from "../../src/vmm/allocation/static-partition.ts";
import type { Vmm } from "../../src/vmm/contract.ts";
import { esx } from "../../src/vmm/esx.ts";
import { esx5 } from "../../src/vmm/esx-5.ts";
import { kvm } from "../../src/vmm/kvm.ts";
import type { MemoryDecision } from "../../src/vmm/host-memory/memory-decision.ts";
import { compression } from "../../src/vmm/memory/compression.ts";
import { patching } from "../../src/vmm/memory/patching.ts";
import { ballooning } from "../../src/vmm/memory/ballooning.ts";
import { hostSwap } from "../../src/vmm/memory/host-swap.ts";
import { ksm } from "../../src/vmm/memory/ksm.ts";
import { nova } from "../../src/vmm/memory/policies/admission.ts";
import { definePolicy } from "../../src/vmm/memory/policies/define-policy.ts";
import { mom } from "../../src/vmm/memory/policies/mom.ts";
import { xenPv } from "../../src/vmm/xen-pv.ts";
import type { CompiledWorkload, GuestShape } from "../../src/workload/compiled-workload.ts";
import { Op, OperationStreamBuilder } from "../../src/workload/operation-stream.ts";
import { bootContents } from "../../src/guest/memory-manager.ts";
import { addGuest, buildHost, profile, SCRIPTED, SHAPE } from "./fixtures.ts";

const GUEST: GuestShape = {
  memoryPages: 2048,
  kernelPages: 100,
  processes: 1,
  anonymousPages: 1700,
  residentAnonymousPages: 800,
  filePages: 400,
  residentFilePages: 200,
  swapPages: 2048,
  threads: 1,
};
const WARMUP_S = 5;

/** Guests that write to page after page of more memory than the host has for them, a burst each tenth of a second. */
function greedy(durationUs = 30e6): CompiledWorkload {
  const stream = new OperationStreamBuilder();
  for (let burst = 0; burst * 1e5 < durationUs; burst++) {
    stream.add(Op.Request, 0, 0, 0);
    for (let page = 0; page < 12; page++) stream.add(Op.Touch, (burst * 12 + page) % 1700, 1);
    stream.add(Op.Compute, profile.megahertz * 1e5);
  }
  return { name: "greedy", guest: GUEST, stream: stream.finish(), durationUs, warmupUs: WARMUP_S * 1e6 };
}

function watched(vmm: Vmm, hostPages = 4000, guests = 4) {
  const watch = new HostWatch();
  const work = Array.from({ length: guests }, () => greedy());
  const outcome = runHost(vmm, profile, work, hostPages, () => ({}), { watch });
  const plain = runHost(vmm, profile, work, hostPages, () => ({}));
  return { outcome, plain, decisions: watch.log.decisions, rows: watch.timeline.rows };
}

const sum = (decisions: readonly MemoryDecision[], figure: string): number =>
  decisions.reduce((total, { outcome }) => total + Number(outcome[figure] ?? 0), 0);
const column = (name: (typeof TIMELINE_COLUMNS)[number]): number => TIMELINE_COLUMNS.indexOf(name);
const small = { ...esx, memory: [ballooning({ maxPercent: 30 }), hostSwap()] };

describe.each([
  ["balloons and swap", small],
  ["swap alone", { ...esx, memory: [hostSwap()] }],
  ["compression as well", esx5],
  ["patches and compression", { ...esx, memory: [patching(), compression({ maxPercent: 5 }), hostSwap()] }],
  ["a policy's balloons", { ...xenPv, allocation: mom() }],
] as const)("decisions on a host with %s", (_, vmm) => {
  const { outcome, plain, decisions, rows } = watched(vmm);
  const inWindow = decisions.filter(({ time_s }) => time_s >= WARMUP_S);

  it("are worth looking at", () => expect(decisions.length).toBeGreaterThan(10));

  it("change nothing by being logged", () => expect(outcome).toEqual(plain));

  it("add up to the pages that the host swapped out", () => {
    expect(sum(inWindow, "swapped_out_pages")).toBe(outcome.metrics.host_swap_outs);
  });

  it("add up to how each balloon has changed", () => {
    for (const vm of [0, 1, 2, 3]) {
      const ballooned = rows.filter((row) => row[column("vm")] === vm).map((row) => row[column("ballooned_mib")]);
      const own = decisions.filter((decision) => decision.vm === vm && decision.time_s >= 0);
      const moved = (action: string): number =>
        sum(
          own.filter((one) => one.action === action),
          "moved_pages",
        );
      expect(Number(ballooned.at(-1)) - Number(ballooned[0])).toBe((moved("inflate") - moved("deflate")) / 256);
    }
  });

  it("are about memory that adds up to what each VM is configured with, at any time", () => {
    expect(rows.length).toBe(4 * 31);
    const parts = VM_PARTS.map((part) => column(`${part}_mib`));
    const wrong = rows.filter(
      (row) => parts.reduce((total, at) => total + Number(row[at]), 0) !== 8 || parts.some((at) => Number(row[at]) < 0),
    );
    expect(wrong).toEqual([]);
    expect(rows.every((row) => row[column("configured_mib")] === 8)).toBe(true);
  });

  it("say the target that each VM has in the end", () => {
    for (const vm of [0, 1, 2, 3]) {
      const last = decisions.findLast((one) => one.vm === vm && one.action === "target" && one.time_s < 30);
      const end = rows.findLast((row) => row[column("vm")] === vm);
      expect(last?.outcome.target_mib).toBe(end?.[column("target_mib")]);
    }
  });
});

describe("the log of ESX", () => {
  const { decisions, rows } = watched(small);

  it("has every change of state, with the boundary that was crossed", () => {
    const states = decisions.filter(({ action }) => action === "state");
    expect(states.length).toBeGreaterThan(1);
    const order = ["high", "soft", "hard", "low"];
    // Of 4000 pages, in MiB: 6, 4, 2 and 1 percent.
    const boundaries = [6, 4, 2, 1].map((percent) => (4000 * percent) / 100 / 256);
    states.forEach(({ inputs, outcome }, i) => {
      if (i > 0) expect(inputs.state).toBe(states[i - 1].outcome.state);
      const [before, now] = [inputs.state, outcome.state].map((state) => order.indexOf(String(state)));
      expect(inputs.boundary_mib).toBe(boundaries[now]);
      if (now > before) expect(Number(inputs.free_mib)).toBeLessThan(boundaries[now]);
      else expect(Number(inputs.free_mib)).toBeGreaterThan(1.08 * boundaries[now]);
    });
    expect(rows.at(-1)?.[column("host_state")]).toBe(states.at(-1)?.outcome.state);
  });

  it("has figures from which the target follows", () => {
    const target = decisions.findLast(({ action, inputs }) => action === "target" && "idle_memory_tax" in inputs);
    // All four have equal shares, and none more than the host has in all.
    expect(target?.inputs).toMatchObject({ shares: 80, least_mib: 0, free_goal_mib: 240 / 256, idle_memory_tax: 0.75 });
    expect(Number(target?.outcome.target_mib)).toBeLessThanOrEqual(Number(target?.inputs.most_mib));
  });
});

describe("the log of a full host", () => {
  it("says who needed the frame that was made free: a VM, or the host itself", () => {
    const log = new DecisionLog();
    const { memory } = buildHost({ ...kvm, memory: [hostSwap()] }, 100);
    const vm = memory.addVm(101);
    memory.observer = log;
    for (let ppn = 0; ppn < 101; ppn++) memory.write(vm, ppn, ppn + 1);
    memory.roomMaker?.makeRoom();
    expect(log.decisions.map(({ inputs }) => inputs.needed_by)).toEqual(["vm0", "host"]);
  });
});

describe("the log of KSM's advisor", () => {
  it("has a rate after each pass, from the rate and the length of the pass before", () => {
    const log = new DecisionLog();
    const host = buildHost({ ...kvm, memory: [ksm({ advisor: true, advisorScanTime: 1 })] }, 400);
    for (let i = 0; i < 3; i++) addGuest(host, SHAPE, bootContents(SHAPE, host.ids), SHAPE.memoryPages);
    host.memory.observer = log;
    const [scanner] = host.mechanisms;
    let passedUs = 0;
    while (log.decisions.length < 4) {
      scanner.work();
      passedUs += scanner.periodUs;
    }
    const rates = log.decisions.map(({ outcome }) => outcome.scanned_each_time_pages);
    expect(log.decisions.map(({ inputs }) => inputs.scanned_each_time_pages)).toEqual([500, ...rates.slice(0, -1)]);
    const passes = log.decisions.reduce((total, { inputs }) => total + Number(inputs.pass_s), 0);
    expect(passes).toBeCloseTo(passedUs / 1e6, 9);
  });
});

const refusals = (vmm: Vmm, hostPages: number): readonly MemoryDecision[] =>
  watched(vmm, hostPages).decisions.filter(({ action }) => action === "refuse");

describe("VMs that do not start", () => {
  it("are told with what they would have needed", () => {
    expect(refusals({ ...xenPv, allocation: staticPartition() }, 5000)).toEqual([
      {
        time_s: -60,
        by: "static-partition",
        rule: "a VM's least memory is set aside",
        vm: 2,
        action: "refuse",
        outcome: { refused_vms: 2 },
        inputs: { least_percent: 100, needed_mib: (3 * 2048) / 256, free_mib: 5000 / 256 },
      },
    ]);
    const limit = { configured_mib: 24, most_mib: 5000 / 256, usable_mib: 5000 / 256 };
    const unlimited = { ...kvm, allocation: nova({ admissionRatio: 1, admissionReserveMib: 0 }) };
    expect(refusals(unlimited, 5000)).toMatchObject([
      { by: "nova", vm: 2, outcome: { refused_vms: 2 }, inputs: limit },
    ]);
  });

  it("are told by ESX with what is reserved or lacks swap space", () => {
    const reserved = watched({ ...esx, memory: [ballooning()] }, 5000).decisions.find(
      ({ action }) => action === "refuse",
    );
    // Without swap space, all of every VM's memory has to be reserved.
    expect(reserved).toMatchObject({ vm: 2, inputs: { reserved_mib: 24, free_mib: 5000 / 256 } });
    expect(reserved?.rule).toContain("reserved must fit");
    const tooMuch = watched({ ...esx, memory: [hostSwap({ spacePercent: 100 })] }, 5000);
    const refused = tooMuch.decisions.find(({ action }) => action === "refuse");
    expect(refused).toMatchObject({ vm: 2, inputs: { swap_needed_mib: 24, swap_space_mib: 5000 / 256 } });
  });
});

describe("the log of a policy", () => {
  const asked: string[] = [];
  const scripted = (targets: readonly number[]) =>
    definePolicy<Record<string, never>, number>({
      ...SCRIPTED,
      name: "scripted",
      signals: ["host.free", "guest.unused"],
      decide: (_, __, call) => ({
        state: call + 1,
        actions: call < targets.length ? [{ kind: "target", vm: "vm0", kib: 4 * targets[call], rule: "as told" }] : [],
      }),
      figures: (_, __, call, ___, vm) => {
        asked.push(vm?.name ?? "host");
        return { calls_so_far: call };
      },
    });

  function play(targets: readonly number[], pagesPerSecond: number, log?: DecisionLog) {
    const host = buildHost({ ...kvm, memory: [ballooning({ pagesPerSecond })], allocation: scripted(targets)() }, 400);
    addGuest(host, SHAPE, bootContents(SHAPE, host.ids), SHAPE.memoryPages);
    const [vm] = host.memory.vms;
    vm.statistics = { report: (atUs) => ({ atUs, unused: 50, available: 50, committed: 0, reserved: 0 }) };
    host.memory.observer = log;
    for (let second = 0; second < targets.length + 20; second++) {
      if (log !== undefined) log.nowUs = second * 1e6;
      host.allocation.rebalance(second * 1e6);
      for (let step = 0; step < 10; step++) host.mechanisms[0].work();
    }
    return vm;
  }

  it("has the rule, the signals that the policy reads, and what it makes of them", () => {
    const log = new DecisionLog();
    play([96, 80], 1000, log);
    const targets = log.decisions.filter(({ action }) => action === "target");
    // That the VM is to have what it has already is no decision.
    expect(targets).toEqual([
      {
        time_s: 1,
        by: "scripted",
        rule: "as told",
        vm: 0,
        action: "target",
        outcome: { target_mib: 80 / 256 },
        inputs: {
          host_free_mib: (400 - 96) / 256,
          host_total_mib: 400 / 256,
          size_mib: 96 / 256,
          target_mib: 96 / 256,
          minimum_mib: 34 / 256,
          maximum_mib: 96 / 256,
          resident_mib: 96 / 256,
          host_swapped_mib: 0,
          guest_unused_mib: 50 / 256,
          guest_report_age_s: 1,
          calls_so_far: 1,
        },
      },
    ]);
  });

  it("costs nothing where nobody reads it: no figures are asked for", () => {
    asked.length = 0;
    play([90, 80, 70], 1000);
    expect(asked).toEqual([]);
  });

  it("has every change of a target and every page of a balloon, whatever the targets", () => {
    const target = fc.integer({ min: 40, max: 96 });
    fc.assert(
      fc.property(
        fc.array(target, { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 1, max: 200 }),
        (targets, speed) => {
          const log = new DecisionLog();
          const vm = play(targets, speed, log);
          const changes = targets.filter((one, i) => one !== (targets[i - 1] ?? 96));
          const told = log.decisions
            .filter(({ action }) => action === "target")
            .map(({ outcome }) => outcome.target_mib);
          expect(told).toEqual(changes.map((pages) => pages / 256));
          const moved = (action: string): number =>
            sum(
              log.decisions.filter((one) => one.action === action),
              "moved_pages",
            );
          expect(moved("inflate") - moved("deflate")).toBe(vm.ballooned);
        },
      ),
    );
  });

  it("is cut where it gets too long, and says by how much", () => {
    const log = new DecisionLog(3);
    play([90, 80, 70, 60], 1000, log);
    const whole = new DecisionLog();
    play([90, 80, 70, 60], 1000, whole);
    expect(log.decisions).toEqual(whole.decisions.slice(0, 3));
    expect(log.leftOut).toBe(whole.decisions.length - 3);
  });
});
