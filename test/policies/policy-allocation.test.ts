import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadMachine } from "../../src/experiment/documents/load-machine.ts";
import { bootContents } from "../../src/guest/memory-manager.ts";
import { reasonToSkip } from "../../src/sim/reason-to-skip.ts";
import { rebalance } from "../../src/vmm/allocation/answers.ts";
import { composeVmm } from "../../src/vmm/compose.ts";
import type { Vmm } from "../../src/vmm/contract.ts";
import { PARTS } from "../../src/vmm/parts.ts";
import { kvm } from "../../src/vmm/kvm.ts";
import { harvester, nova, onDemand, opendc } from "../../src/vmm/memory/policies/admission.ts";
import { LARGE_PAGE, Region } from "../../src/vmm/host-memory/vm-memory.ts";
import { compression } from "../../src/vmm/memory/compression.ts";
import { hostSwap } from "../../src/vmm/memory/host-swap.ts";
import { largePages } from "../../src/vmm/memory/large-pages.ts";
import { ballooning } from "../../src/vmm/memory/ballooning.ts";
import { definePolicy } from "../../src/vmm/memory/policies/define-policy.ts";
import type { Action, Observations } from "../../src/vmm/memory/policies/policy-contract.ts";
import { damonReclaim } from "../../src/vmm/memory/policies/damon-reclaim.ts";
import { senpai } from "../../src/vmm/memory/policies/senpai.ts";
import { waspAgent } from "../../src/vmm/memory/policies/wasp-agent.ts";
import { squeezed } from "../../src/vmm/memory/policies/squeezed.ts";
import { xl } from "../../src/vmm/memory/policies/xl.ts";
import { linuxSwap } from "../../src/vmm/memory/linux-swap.ts";
import { linux } from "../../src/vmm/linux.ts";
import { uml } from "../../src/vmm/uml.ts";
import { xenPv } from "../../src/vmm/xen-pv.ts";
import { addGuest, buildHost, checkFrames, profile, SHAPE, type TestHost } from "../host/fixtures.ts";

const KIB = 4;

/** A policy that does what it is told at each call, and shows what it saw. */
function scripted(script: readonly (readonly Action[])[], nextInUs?: number, alarmBelow?: number) {
  const seen: Observations[] = [];
  const calls: number[] = [];
  const part = definePolicy<Record<string, never>, number>({
    name: "scripted",
    summary: "",
    side: "host",
    source: "",
    grade: "A",
    cadenceUs: 2e6,
    balloons: true,
    signals: ["vm.actual"],
    parameters: {},
    start: () => 0,
    decide: (_, now, call, nowUs) => {
      seen.push(now);
      calls.push(nowUs);
      return {
        actions: script[call] ?? [],
        state: call + 1,
        ...(nextInUs !== undefined && { nextInUs }),
        ...(alarmBelow !== undefined && { alarmBelow }),
      };
    },
  });
  return { part, seen, calls };
}

function hostWith(part: Vmm["allocation"], base: Pick<Vmm, "memory" | "scheduler"> = kvm, frames = 400): TestHost {
  const host = buildHost({ ...base, allocation: part }, frames);
  for (let i = 0; i < 2; i++) {
    const guest = addGuest(host, SHAPE, bootContents(SHAPE, host.ids), SHAPE.memoryPages);
    host.memory.vms[i].statistics = {
      report: (atUs) => ({ atUs, unused: guest.pages.free.length, available: 0, committed: 0, reserved: 0 }),
    };
  }
  return host;
}

/** Rebalance and let mechanisms work once a second. */
function run(host: TestHost, seconds: number): void {
  for (let second = 0; second < seconds; second++) {
    host.allocation.rebalance(second * 1e6);
    work(host);
  }
}

/** A second's work of the balloons. */
function work({ mechanisms }: TestHost): void {
  for (const mechanism of mechanisms.filter(({ kind }) => kind === "cooperative")) {
    for (let passedUs = 0; passedUs < 1e6; passedUs += mechanism.periodUs) mechanism.work();
  }
}

const block = (vm: string, blocked: boolean): Action => ({ kind: "block", vm, blocked, rule: "test" });
const target = (vm: string, pages: number): Action => ({ kind: "target", vm, kib: pages * KIB, rule: "test" });

describe("a policy on a host", () => {
  it("is called at its cadence, or when it asks to be", () => {
    const usual = scripted([]);
    run(hostWith(usual.part()), 5);
    expect(usual.calls).toEqual([0, 2e6, 4e6]);
    const often = scripted([], 1e6);
    const host = hostWith(often.part());
    run(host, 3);
    expect(often.calls).toEqual([0, 1e6, 2e6]);
    expect(host.allocation.periodUs).toBe(1e6);
  });

  it("is called with every page that a VM is given while no more is free than it asked to be told of", () => {
    const { part, calls } = scripted([], undefined, 250 * KIB);
    const host = hostWith(part(), kvm, 300);
    const { memory } = host;
    run(host, 1);
    calls.length = 0;
    let expected = 0;
    for (let ppn = 0; ppn < SHAPE.memoryPages; ppn++) {
      // As many are free when a frame is looked for.
      if (memory.vms[0].backing[ppn] < 0 && memory.frames.free <= 250) expected++;
      memory.touch(memory.vms[0], ppn, true);
      if (memory.alarm) rebalance(host.allocation, memory, 1e6 + ppn);
    }
    expect(expected).toBeGreaterThan(10);
    expect(calls).toHaveLength(expected);
  });

  it("sees sizes, and what guests said when they were last asked", () => {
    const { part, seen } = scripted([[target("vm0", 70)]], 1e6);
    const host = hostWith(part());
    const { free } = host.memory.frames;
    run(host, 8);
    expect(seen[0].host).toMatchObject({ total: 400 * KIB, free: free * KIB });
    expect(seen.map(({ vms }) => vms[0].actual / KIB)).toEqual([96, ...Array<number>(7).fill(70)]);
    expect(seen.map(({ vms }) => vms[0].guest?.atUs)).toEqual([0, 0, 0, 0, 0, 5e6, 5e6, 5e6]);
    const unused = seen.map(({ vms }) => (vms[0].guest?.unused ?? NaN) / KIB);
    // 96 pages less kernel, anonymous memory and cache; the balloon of 26 pages takes them.
    expect(unused.slice(0, 5)).toEqual(Array(5).fill(58));
    expect(unused.slice(5)).toEqual(Array(3).fill(32));
  });

  it("is obeyed by balloons, up and down, at their speed", () => {
    const { part } = scripted([[target("vm0", 70)], [target("vm0", 90)]]);
    const slow = { ...kvm, memory: [ballooning({ pagesPerSecond: 20 })] };
    const host = hostWith(part(), slow);
    const sizes = Array.from({ length: 5 }, (_, second) => {
      host.allocation.rebalance(second * 1e6);
      work(host);
      return 96 - host.memory.vms[0].ballooned;
    });
    expect(sizes).toEqual([76, 70, 90, 90, 90]);
    expect(host.memory.vms[1].ballooned).toBe(0);
  });

  it("caps what a VM has: by force where that is possible, by its balloon elsewhere", () => {
    const cap: Action = { kind: "cap", vm: "vm1", kib: 30 * KIB, rule: "test" };
    const swapping = hostWith(scripted([[cap]]).part(), { ...kvm, memory: kvm.memory });
    const { vms } = swapping.memory;
    const before = vms[1].mapped;
    expect(before).toBeGreaterThan(30);
    run(swapping, 1);
    expect([vms[1].mapped, vms[1].swapped, vms[1].ballooned]).toEqual([30, before - 30, 0]);
    const xen = hostWith(scripted([[{ ...cap, kib: 80 * KIB }]]).part(), { ...xenPv, memory: [ballooning()] });
    run(xen, 1);
    expect(xen.memory.vms[1].ballooned).toBe(16);
  });

  it("keeps a VM to its cap with every page that it is given, not only when the policy is called", () => {
    const pages = fc.array(fc.nat({ max: SHAPE.memoryPages - 1 }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 60 }), pages, (cap, touched) => {
        const action: Action = { kind: "cap", vm: "vm1", kib: cap * KIB, rule: "test" };
        const host = hostWith(scripted([[action]]).part());
        const { memory } = host;
        run(host, 1);
        for (const ppn of touched) {
          memory.write(memory.vms[1], ppn, 1000 + ppn);
          expect(memory.vms[1].mapped).toBeLessThanOrEqual(cap);
          memory.touch(memory.vms[0], ppn);
        }
        for (const ppn of touched) expect(memory.read(memory.vms[1], ppn)).toBe(1000 + ppn);
        expect(memory.vms[0].swapped).toBe(0);
        checkFrames(memory);
      }),
    );
  });

  it("pages nothing out for a write to a shared page, which gives a VM no page more than it has", () => {
    const { memory } = buildHost({ ...kvm, memory: [linuxSwap()], allocation: scripted([]).part() }, 40);
    const [vm, other] = [memory.addVm(16), memory.addVm(16)];
    for (const each of [vm, other]) for (let ppn = 0; ppn < 16; ppn++) memory.write(each, ppn, 1000 + ppn);
    const mpn = other.backing[3];
    memory.frames.markShared(mpn);
    memory.merge(vm, 3, mpn);
    memory.write(vm, 3, 7);
    expect([vm.mapped, vm.swapped, memory.read(vm, 3), memory.read(other, 3)]).toEqual([16, 0, 7, 1003]);
    checkFrames(memory);
  });

  it("backs no region with a large page that would take a VM above its cap", () => {
    const vms = { memoryPages: 4 * LARGE_PAGE, kernelPages: 4 };
    const cap: Action = { kind: "cap", vm: "vm0", kib: (LARGE_PAGE + 100) * KIB, rule: "test" };
    const host = buildHost(
      { ...kvm, memory: [largePages(), linuxSwap()], allocation: scripted([[cap]]).part() },
      16 * LARGE_PAGE,
    );
    const vm = host.memory.addVm(vms.memoryPages);
    run(host, 1);
    for (let region = 0; region < 4; region++) host.memory.touch(vm, region * LARGE_PAGE);
    expect([vm.largePages, vm.mapped]).toEqual([1, LARGE_PAGE + 3]);
  });

  it("moves VMs away, and their frames are free for others", () => {
    const evict: Action = { kind: "evict", vm: "vm0", rule: "test" };
    const { part, seen } = scripted([[evict]]);
    const host = hostWith(part());
    const { vms, frames } = host.memory;
    const other = vms[1].mapped;
    run(host, 3);
    expect([vms[0].evicted, vms[0].blocked, vms[0].mapped, frames.free]).toEqual([true, true, 0, 400 - other]);
    expect(seen.map((now) => now.vms.map(({ name }) => name))).toEqual([["vm0", "vm1"], ["vm1"]]);
  });

  it("blocks VMs, and lets them run again, which is logged where it is new", () => {
    const evict: Action = { kind: "evict", vm: "vm1", rule: "test" };
    const script = [[block("vm0", true)], [block("vm0", true), evict], [block("vm0", false), block("vm1", false)]];
    const host = hostWith(scripted(script, 1e6).part());
    const told: string[] = [];
    host.memory.observer = { decided: ({ action, vm }) => void told.push(`${action} ${vm}`) };
    const mapped = host.memory.vms[0].mapped;
    const blocked = script.map((_, second) => {
      host.allocation.rebalance(second * 1e6);
      return host.memory.vms.map((vm) => vm.blocked);
    });
    // A VM that has left does not come back.
    expect(blocked).toEqual([
      [true, false],
      [true, true],
      [false, true],
    ]);
    expect(told).toEqual(["block 0", "evict 1", "unblock 0"]);
    expect(host.memory.vms[0].mapped).toBe(mapped);
  });

  it("breaks the large pages of a VM, and does nothing to one that has none", () => {
    const script: Action[][] = ["vm1", "vm1", "vm0"].map((vm) => [{ kind: "break", vm, rule: "test" }]);
    const host = buildHost(
      { ...kvm, memory: [largePages(), hostSwap()], allocation: scripted(script, 1e6).part() },
      4096,
    );
    const { memory } = host;
    const [vm0, vm1] = [memory.addVm(LARGE_PAGE - 1), memory.addVm(3 * LARGE_PAGE + 7)];
    for (const vm of [vm0, vm1]) for (let ppn = 0; ppn < vm.pages; ppn += 2) memory.write(vm, ppn, ppn + 1);
    const told: unknown[] = [];
    memory.observer = { decided: ({ action, vm, outcome }) => void told.push([action, vm, outcome]) };
    expect([vm0.largePages, vm1.largePages]).toEqual([0, 3]);
    const contents = Array.from(vm1.backing, (mpn) => (mpn < 0 ? undefined : memory.frames.content[mpn]));
    run(host, 3);
    expect([...vm1.regions]).toEqual([Region.Small, Region.Small, Region.Small, Region.Small]);
    expect(vm1.largePages).toBe(0);
    expect(Array.from(vm1.backing, (mpn) => (mpn < 0 ? undefined : memory.frames.content[mpn]))).toEqual(contents);
    expect(told).toEqual([["break", 1, { broken_regions: 3 }]]);
    checkFrames(memory);
  });

  it("cannot make a balloon give back what the host does not have", () => {
    const { part } = scripted([[target("vm0", 40)], [target("vm0", 96)]]);
    const host = hostWith(part(), { ...xenPv, memory: [ballooning()] }, 200);
    const { vms, frames } = host.memory;
    run(host, 1);
    const taken = Array.from({ length: frames.free - 10 }, () => frames.allocate(1));
    run(host, 4);
    expect([frames.free, vms[0].ballooned]).toEqual([0, 96 - 40 - 10]);
    for (const mpn of taken) frames.drop(mpn);
    work(host);
    expect(vms[0].ballooned).toBe(0);
  });
});

/** Call the policy's host as often as it wants to be, every 5 ms, until so many seconds have passed; then guests do something. */
function run5ms({ allocation }: TestHost, seconds: number, guests: (nowUs: number) => void): void {
  for (let nowUs = 0; nowUs <= seconds * 1e6; nowUs += 5000) {
    allocation.rebalance(nowUs);
    guests(nowUs);
  }
}

/** A host whose only VM, of two large pages, has not been touched for three minutes. */
function idleFor3Minutes(memory: Vmm["memory"]): TestHost {
  const host = buildHost({ ...kvm, memory, allocation: damonReclaim() }, 1600);
  const vm = host.memory.addVm(1024);
  for (let ppn = 0; ppn < 1024; ppn++) host.memory.write(vm, ppn, 0);
  run5ms(host, 180, () => undefined);
  checkFrames(host.memory);
  return host;
}

describe("pages that a VM does not touch", () => {
  it("go to swap after two minutes, while the host is moderately short of memory", () => {
    // 192 of 300 frames are in use: 36 % are free, less than the 40 % at which reclaim starts.
    const host = hostWith(damonReclaim(), kvm, 300);
    const [busy, idle] = host.memory.vms;
    const write = (vm: typeof busy, ppn: number): void => host.memory.write(vm, ppn, host.ids.unique());
    for (const vm of [busy, idle]) for (let ppn = 0; ppn < 96; ppn++) write(vm, ppn);
    expect(host.memory.frames.free).toBe(300 - 2 * 96);
    run5ms(host, 120, (nowUs) => {
      if (nowUs < 120e6) expect([busy.swapped, idle.swapped]).toEqual([0, 0]);
      for (let ppn = 0; ppn < 96; ppn++) host.memory.read(busy, ppn);
    });
    expect([busy.swapped, idle.swapped]).toEqual([0, 96]);
    host.allocation.rebalance(125e6);
    // More than half is free now: nothing more is taken.
    expect(host.memory.frames.free).toBe(300 - 96);
  });

  it("are split off large pages, and compressed where that is done", () => {
    const [large] = idleFor3Minutes([largePages(), hostSwap()]).memory.vms;
    expect(large.swapped).toBeGreaterThan(0);
    const split = large.regions.filter((region) => region === Region.Small).length;
    expect(split).toBe(Math.ceil(large.swapped / LARGE_PAGE));
    const [{ compressed, swapped }] = idleFor3Minutes([compression({ maxPercent: 100 }), hostSwap()]).memory.vms;
    expect([compressed > 0, swapped]).toEqual([true, 0]);
  });

  it("stay when the swap space is full, whose size the policy sees", () => {
    const host = idleFor3Minutes([hostSwap({ spacePercent: 1 })]);
    expect([host.memory.vms[0].swapped, host.memory.slots.left]).toEqual([16, 0]);
    const { part, seen } = scripted([]);
    run(hostWith(part(), { ...kvm, memory: [hostSwap({ spacePercent: 25 })] }), 1);
    expect(seen[0].host.swapTotal).toBe(100 * KIB);
  });
});

describe("a policy that is wrong", () => {
  const wrong: readonly (readonly [unknown, string])[] = [
    [
      target("vm0", NaN),
      'policy scripted, rule "test": the target of vm0 is NaN; expected a number of KiB, at least 0',
    ],
    [target("vm1", -1), "the target of vm1 is -4; expected a number of KiB, at least 0"],
    [{ kind: "target", vm: "vm0", rule: "test" }, "the target of vm0 is undefined"],
    [{ kind: "cap", vm: "vm0", rule: "test", kib: Infinity }, "the cap of vm0 is Infinity"],
    [{ kind: "target", vm: "vm0", rule: "test", kib: "4096" }, 'the target of vm0 is "4096"; expected a number of KiB'],
    [target("vm7", 1), 'there is no VM "vm7"'],
    [{ kind: "evict", rule: "test" }, 'there is no VM "undefined"'],
    [{ kind: "block", vm: "vm9", blocked: true, rule: "test" }, 'there is no VM "vm9"'],
    [{ kind: "block", vm: "vm0", rule: "test" }, "blocked of vm0 is undefined; expected true or false"],
    [{ kind: "block", vm: "vm0", blocked: "no", rule: "test" }, 'blocked of vm0 is "no"; expected true or false'],
    [{ kind: "block", vm: "dom0", blocked: true, rule: "test" }, 'there is no VM "dom0"'],
    [{ kind: "break", vm: "vm2", rule: "test" }, 'there is no VM "vm2"'],
    [null, "policy scripted: an action is null; expected an object such as { kind:"],
    ["target", "policy scripted: an action is target; expected an object"],
    [
      { kind: "target", vm: "vm0", kib: 1 },
      'the action "target" on vm0 does not say by which rule; expected one like {',
    ],
    [{ kind: "balloon", vm: "vm0", rule: "test" }, 'unknown action "balloon"; expected one of: target, '],
  ];
  for (const [action, message] of wrong) {
    it(`is told: ${message}`, () => {
      expect(() => run(hostWith(scripted([[action as Action]]).part()), 1)).toThrow(message);
    });
  }

  it("is told that what it is to tell a log failed, when a log is kept", () => {
    const { part } = scripted([[target("vm0", 1)]]);
    const { policy } = part;
    const telling = definePolicy({
      ...policy,
      figures: () => {
        throw new Error("no figure");
      },
    });
    const host = hostWith(telling());
    expect(() => run(host, 1)).not.toThrow();
    const watched = hostWith(telling());
    watched.memory.observer = { decided: () => undefined };
    expect(() => run(watched, 1)).toThrow("policy scripted: figures failed: no figure");
  });

  it.each([NaN, -4])("is told that it cannot be called below %d KiB", (alarmBelow) => {
    const { part } = scripted([], undefined, alarmBelow);
    expect(() => run(hostWith(part()), 1)).toThrow(
      `policy scripted: alarmBelow is ${alarmBelow}; expected KiB, at least 0`,
    );
  });

  it.each([NaN, 0, -5, Infinity])("is told that it cannot be called again in %d us", (nextInUs) => {
    const { part } = scripted([], nextInUs);
    expect(() => run(hostWith(part()), 1)).toThrow(
      `policy scripted: nextInUs is ${nextInUs}; expected a time in microseconds, above 0`,
    );
  });

  it("that leaves a full host to swapping is skipped where there is none", () => {
    expect(reasonToSkip({ ...linux, allocation: onDemand() }, profile, { vms: 2 })).toBe(
      "linux has on-demand, which does nothing without host-swap",
    );
    expect(reasonToSkip({ ...linux, allocation: onDemand(), memory: [linuxSwap()] }, profile, { vms: 2 })).toBe(
      undefined,
    );
    expect(reasonToSkip(uml, profile, { vms: 2 })).toBeUndefined();
    expect(uml.allocation.definition.name).toBe("on-demand");
  });

  it.each([senpai, waspAgent])(
    "that can do nothing without swapping is skipped on Xen, and not taken for a partition",
    (part) => {
      const vmm = { ...xenPv, allocation: part() };
      expect(reasonToSkip(vmm, profile, { vms: 2 })).toBe(
        `xen-pv has ${part.policy.name}, which does nothing without host-swap`,
      );
      expect(reasonToSkip({ ...vmm, memory: [...xenPv.memory, hostSwap()] }, profile, { vms: 2 })).toBeUndefined();
      // Nobody has been given the means: what it asks for on such a host leaves every page where it is.
      const one = buildHost(vmm, 4000);
      const { memory } = one;
      const vm = memory.addVm(2000);
      for (let ppn = 0; ppn < 2000; ppn++) memory.write(vm, ppn, 1 + ppn);
      for (let second = 0; second < 60; second++) one.allocation.rebalance(second * 1e6);
      expect(memory.frames.free).toBe(memory.frames.forVms - 2000);
    },
  );

  it("for a host that cannot page by force is no failure: the cell is skipped, with what is missing", () => {
    const vmm = { ...xenPv, allocation: damonReclaim() };
    expect(reasonToSkip(vmm, profile, { vms: 2 })).toBe(
      "xen-pv allocates memory by damon-reclaim, which goes by what only host-swap shows; expected a VMM with it",
    );
    const swapping = composeVmm(vmm, { "memory.host-swap": "on" }, PARTS);
    expect(swapping.problems).toEqual([]);
    expect(reasonToSkip(swapping.vmm, profile, { vms: 2 })).toBeUndefined();
    expect(
      reasonToSkip({ ...kvm, allocation: damonReclaim() }, loadMachine("machines/x86-64-server.yaml").profile, {
        vms: 2,
      }),
    ).toBe(undefined);
  });
});

describe("admission under a policy", () => {
  const requests = Array.from({ length: 8 }, () => ({ pages: 1000 }));
  const admitted = (part: Vmm["allocation"], base: Pick<Vmm, "memory" | "scheduler">, free: number) =>
    buildHost({ ...base, allocation: part }, 10).allocation.admit(requests, free);

  it("starts what the ratio allows, at full size", () => {
    expect(admitted(harvester(), kvm, 4000)).toEqual(Array(6).fill(1000));
    expect(admitted(harvester(), kvm, 3999)).toEqual(Array(5).fill(1000));
    expect(admitted(opendc(), kvm, 4000)).toEqual(Array(4).fill(1000));
    const reserve = 512 * 256;
    expect(admitted(nova(), kvm, reserve + 4000)).toEqual(Array(6).fill(1000));
    expect(admitted(nova(), kvm, reserve)).toEqual([]);
  });

  it("needs all memory to be there where none can be taken, whatever the ratio", () => {
    expect(admitted(harvester(), xenPv, 4000)).toEqual(Array(4).fill(1000));
    expect(admitted(xl(), xenPv, 4999)).toEqual(Array(4).fill(1000));
  });

  it("by squeezed needs minima and the reserve, and divides what is there", () => {
    const reserve = 72 * 256;
    expect(admitted(squeezed(), xenPv, reserve + 4000)).toEqual(Array(8).fill(500));
    expect(admitted(squeezed(), xenPv, reserve + 2799)).toHaveLength(7);
    expect(admitted(squeezed({ admissionRatio: 1 }), xenPv, reserve + 4000)).toEqual(Array(4).fill(1000));
  });
});
