import { describe, expect, it } from "vitest";
import { primitiveCost } from "../../src/machine/profile.ts";
import { runHost } from "../../src/sim/host.ts";
import { staticPartition } from "../../src/vmm/allocation/static-partition.ts";
import type { Vmm } from "../../src/vmm/contract.ts";
import { definePolicy } from "../../src/vmm/memory/policies/define-policy.ts";
import { xenBalloon } from "../../src/vmm/memory/xen-balloon.ts";
import type { VmMemory } from "../../src/vmm/host-memory/vm-memory.ts";
import { xenPv } from "../../src/vmm/xen-pv.ts";
import type { CompiledWorkload, GuestShape } from "../../src/workload/compiled-workload.ts";
import { OperationStreamBuilder } from "../../src/workload/operation-stream.ts";
import { buildHost, profile, SCRIPTED, type TestHost } from "./fixtures.ts";

const PAGES = 4000;
const cost = (name: string): number => primitiveCost(profile, name);

/** A domain of `PAGES` pages whose guest gives up all but `least` of them; every step of its driver is noted. */
function domain(frames = PAGES, least = 0): { host: TestHost; vm: VmMemory; steps: number[]; timesUs: number[] } {
  const host = buildHost({ ...xenPv, memory: [xenBalloon()], allocation: staticPartition() }, frames);
  const vm = host.memory.addVm(PAGES);
  const steps: number[] = [];
  const timesUs: number[] = [];
  for (let ppn = 0; ppn < Math.min(PAGES, frames); ppn++) host.memory.write(vm, ppn, 1);
  for (let ppn = frames; ppn < PAGES; ppn++) host.memory.release(vm, ppn);
  vm.balloon = {
    poll(target) {
      const before = vm.ballooned;
      while (vm.ballooned < target && PAGES - vm.ballooned > least) {
        host.memory.release(vm, PAGES - vm.ballooned - 1);
      }
      while (vm.ballooned > target) host.memory.reclaim(vm, PAGES - vm.ballooned, true);
      steps.push(vm.ballooned - before);
      timesUs.push(nowUs);
    },
  };
  nowUs = 0;
  return { host, vm, steps, timesUs };
}

let nowUs = 0;

function work({ mechanisms: [balloon] }: TestHost, seconds: number): void {
  for (const end = nowUs + seconds * 1e6; nowUs < end; nowUs += balloon.periodUs) balloon.work();
}

describe("the balloon driver of Xen", () => {
  it("moves as many pages by hypercall as frame numbers fit in a page, one batch after the other", () => {
    const { host, vm, steps } = domain();
    vm.size = PAGES - 1300;
    work(host, 0.02);
    expect(steps).toEqual([512, 512, 276]);
    vm.size = PAGES - 200;
    work(host, 0.02);
    expect(steps.slice(3)).toEqual([-512, -512, -76]);
    expect(vm.ballooned).toBe(200);
  });

  it("is given no more frames than the VM may have, those kept for its swap device among them", () => {
    const host = buildHost({ ...xenPv, memory: [xenBalloon()], allocation: staticPartition() }, PAGES);
    const vm = host.memory.addVm(PAGES, { limitPages: 3000 });
    for (let ppn = 0; ppn < 2000; ppn++) host.memory.release(vm, ppn);
    vm.frontswapFrames = 300;
    vm.balloon = {
      poll(target) {
        while (vm.ballooned > target) host.memory.reclaim(vm, vm.ballooned - 1, true);
      },
    };
    nowUs = 0;
    vm.size = PAGES;
    work(host, 100);
    // 2,000 that it has, 300 that are kept, and the rest up to 3,000.
    expect(PAGES - vm.ballooned).toBe(2700);
  });

  it("tries again after 1, 2, 4 ... 32 s while the guest has no page to give", () => {
    const { host, vm, steps, timesUs } = domain(PAGES, PAGES - 100);
    vm.size = PAGES - 1000;
    work(host, 150);
    expect(steps).toEqual([100, 0, 0, 0, 0, 0, 0, 0, 0]);
    const waits = timesUs.slice(1).map((at, i) => Math.round((at - timesUs[i]) / 1e5) / 10);
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 32, 32]);
  });

  it("is woken up by another size, whatever it waits for", () => {
    const { host, vm, steps, timesUs } = domain(PAGES, PAGES - 100);
    vm.size = PAGES - 1000;
    work(host, 20);
    const { length } = steps;
    vm.size = PAGES - 40;
    work(host, 0.05);
    expect(steps.slice(length)).toEqual([-60]);
    expect(timesUs[length]).toBeLessThan(20e6 + 20_000);
  });

  it("asks the hypervisor for no more frames than there are, and comes back for the rest", () => {
    const { host, vm } = domain(3000);
    const other = host.memory.addVm(10);
    vm.size = PAGES;
    expect(host.memory.frames.free).toBe(0);
    work(host, 5);
    expect(vm.ballooned).toBe(1000);
    vm.size = 2900;
    work(host, 0.1);
    expect([vm.ballooned, host.memory.frames.free]).toEqual([1100, 100]);
    for (let ppn = 0; ppn < 10; ppn++) host.memory.write(other, ppn, 1);
    vm.size = 3500;
    work(host, 0.1);
    expect([vm.ballooned, host.memory.frames.free]).toEqual([1010, 0]);
    host.memory.discard(other, 0);
    work(host, 2);
    expect(vm.ballooned).toBe(1009);
  });
});

describe("the balloon driver of Xen in a running guest", () => {
  const SHAPE: GuestShape = {
    memoryPages: 8192,
    kernelPages: 100,
    processes: 1,
    anonymousPages: 100,
    residentAnonymousPages: 50,
    filePages: 100,
    residentFilePages: 50,
    swapPages: 1024,
    threads: 1,
  };
  const idle: CompiledWorkload = {
    name: "idle",
    guest: SHAPE,
    stream: new OperationStreamBuilder().finish(),
    durationUs: 3e6,
    warmupUs: 0,
  };
  const [FROM, TO] = [8192, 3000];

  /** A policy that lowers the guest's size once the simulation runs. */
  const once = definePolicy<Record<string, never>, number>({
    ...SCRIPTED,
    name: "once",
    decide: (_, __, state, nowUs) =>
      nowUs < 1e6
        ? { actions: [], state }
        : { actions: [{ kind: "target", vm: "vm0", kib: TO * 4, rule: "test" }], state: state + 1 },
  });

  it("pays for every batch, every page and every scrubbing, and is no faster than that", () => {
    const vmm: Vmm = { ...xenPv, allocation: once() };
    const { events, cycles, series } = runHost(vmm, profile, [idle], FROM, () => ({}));
    const pages = FROM - TO;
    const batches = Math.ceil(pages / 512);
    expect(events["vmm.balloon.hypercall"]).toBe(batches);
    expect(cycles["vmm.balloon.hypercall"]).toBe(batches * (cost("xen.hypercall") + cost("hardware.tlb-flush")));
    expect(events["vmm.balloon.mapping"]).toBe(pages);
    expect(cycles["vmm.balloon.mapping"]).toBe(pages * (cost("xen.hypercall") + cost("xen.validate-entry")));
    expect(cycles["vmm.balloon.scrub"]).toBe(pages * cost("page.zero"));
    const column = series?.columns.indexOf("memory_ballooned_mib") ?? -1;
    expect(series?.rows.map((row) => row[column])).toEqual([0, pages / 256, pages / 256]);
  });

  it("costs a guest with hardware paging no hypercall of its own for each page", () => {
    const vmm: Vmm = { ...xenPv, memory: [xenBalloon({ paravirtual: false })], allocation: once() };
    const { events } = runHost(vmm, profile, [idle], FROM, () => ({}));
    expect(events["vmm.balloon.mapping"]).toBeUndefined();
    expect(events["vmm.balloon.scrub"]).toBe(FROM - TO);
  });
});
