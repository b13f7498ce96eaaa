/** Reclaim in the background on a Linux host, against counts of what is used and of what the disk has still to write. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadMachine } from "../../src/experiment/documents/load-machine.ts";
import { HostSimulation } from "../../src/sim/host-simulation.ts";
import { measureOperations } from "../../src/sim/operations.ts";
import { kvm } from "../../src/vmm/kvm.ts";
import { hostSwap } from "../../src/vmm/memory/host-swap.ts";
import { Kswapd } from "../../src/vmm/memory/kswapd.ts";
import { linuxSwap } from "../../src/vmm/memory/linux-swap.ts";
import { harvester } from "../../src/vmm/memory/policies/admission.ts";
import type { CompiledWorkload, GuestShape } from "../../src/workload/compiled-workload.ts";
import { Op, OperationStreamBuilder } from "../../src/workload/operation-stream.ts";
import { buildHost, checkFrames, type TestHost } from "./fixtures.ts";

const MIB = 256;
const { profile: server } = loadMachine("machines/x86-64-server.yaml");
const allocation = harvester({ admissionRatio: 0 });
const memory = [linuxSwap({ textPages: 0 })];

function hostWith(frames: number): { host: TestHost; kswapd: Kswapd } {
  const host = buildHost({ ...kvm, memory, allocation }, frames);
  const kswapd = host.memory.backgroundReclaim;
  if (!(kswapd instanceof Kswapd)) throw new Error("the host has no kswapd");
  kswapd.start();
  return { host, kswapd };
}

/** Pages that have been asked to be written since the last call. */
function takeWrites({ memory: { requests } }: TestHost): number {
  let pages = 0;
  for (let i = 0; i < requests.length; i++) if (requests.writes(i)) pages += requests.pages(i);
  requests.clear();
  return pages;
}

describe("kswapd of a Linux host", () => {
  it("has the watermarks of Linux 6.1: of 1 GiB, min_free_kbytes of 4096, and a thousandth between them", () => {
    const { kswapd } = hostWith(1024 * MIB);
    expect([kswapd.marks.minimum, kswapd.marks.low, kswapd.marks.high]).toEqual([1024, 1286, 1548]);
  });

  it("does nothing above low, is woken there, reclaims up to high, and what it writes is free when that is done", () => {
    const { host, kswapd } = hostWith(16 * MIB);
    const { frames } = host.memory;
    const { low, high } = kswapd.marks;
    const vm = host.memory.addVm(32 * MIB);
    let ppn = 0;
    while (frames.free > low) host.memory.write(vm, ppn, ++ppn);
    expect([host.memory.woken, host.memory.swapOuts]).toEqual([false, 0]);
    host.memory.write(vm, ppn, ++ppn);
    expect([host.memory.woken, host.memory.swapOuts]).toEqual([true, 0]);
    kswapd.balance();
    const written = takeWrites(host);
    // By batches of SWAP_CLUSTER_MAX.
    expect(frames.available - high).toBeGreaterThanOrEqual(0);
    expect(frames.available - high).toBeLessThan(32);
    expect([frames.free, frames.writing]).toEqual([low - 1, written]);
    kswapd.written(written);
    expect([frames.free, frames.writing]).toEqual([low - 1 + written, 0]);
    kswapd.balance();
    expect(takeWrites(host)).toBe(0);
    checkFrames(host.memory);
  });

  it("leaves the last frames to whoever waits: below min nothing is given out for which no page is being written", () => {
    const { host, kswapd } = hostWith(16 * MIB);
    const { minimum } = kswapd.marks;
    const vm = host.memory.addVm(32 * MIB);
    // Nobody runs kswapd, and the disk never gets on.
    for (let ppn = 0; ppn < vm.pages; ppn++) host.memory.write(vm, ppn, ppn + 1);
    expect(host.memory.frames.free).toBe(minimum);
    const written = takeWrites(host);
    const debt = kswapd.takeDebt();
    expect(debt).toBe(32 * MIB - (16 * MIB - minimum));
    expect(kswapd.takeDebt()).toBe(0);
    kswapd.written(debt - 1);
    expect(kswapd.isSettled(debt)).toBe(false);
    kswapd.written(1);
    expect(kswapd.isSettled(debt)).toBe(true);
    expect(kswapd.underWriteback).toBe(written - debt);
    checkFrames(host.memory);
  });

  it("writes what is taken in requests of less than two batches, so that frames are free when these are on the disk", () => {
    const { host } = hostWith(64 * MIB);
    const vm = host.memory.addVm(48 * MIB);
    for (let ppn = 0; ppn < vm.pages; ppn++) host.memory.write(vm, ppn, ppn + 1);
    // As a policy does that caps the VM.
    while (vm.mapped > 16 * MIB) host.mechanisms[0].reclaim(vm, vm.mapped - 16 * MIB);
    const { requests } = host.memory;
    const pages = Array.from({ length: requests.length }, (_, i) => requests.pages(i));
    expect(pages.reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(32 * MIB);
    expect(Math.max(...pages)).toBeLessThan(2 * 32);
  });

  it("says why it takes pages, as it was before they were taken", () => {
    const { host, kswapd } = hostWith(16 * MIB);
    const rules: string[] = [];
    host.memory.observer = { decided: ({ rule }) => void rules.push(rule) };
    const vm = host.memory.addVm(32 * MIB);
    let ppn = 0;
    while (!host.memory.woken) host.memory.write(vm, ppn, ++ppn);
    kswapd.balance();
    expect(new Set(rules)).toEqual(new Set(["few frames are free"]));
    rules.length = 0;
    kswapd.written(takeWrites(host));
    while (rules.length === 0) host.memory.write(vm, ppn, ++ppn);
    expect(rules[0]).toBe("only the host's reserve is free");
  });

  it("gives up after 16 passes that find nothing, and hands out the last frames", () => {
    const { host, kswapd } = hostWith(16 * MIB);
    const { frames } = host.memory;
    let passes = 0;
    host.mechanisms[0].reclaim = () => (passes++, 0);
    const vm = host.memory.addVm(16 * MIB);
    for (let ppn = 0; ppn < vm.pages; ppn++) {
      host.memory.write(vm, ppn, ppn + 1);
      if (host.memory.woken) kswapd.balance();
    }
    expect(frames.free).toBe(0);
    expect(passes).toBeGreaterThanOrEqual(16);
    // When the last has gone, a pass is made for each frame again; and once each time that free memory falls to low.
    expect(passes).toBeLessThanOrEqual(2 * 16);
  });

  it("never loses a frame or mixes contents up: free, in use and under writeback are all that there are", () => {
    const PAGES = 300;
    const FRAMES = 400;
    const operation = fc.record({
      kind: fc.constantFrom("read", "write", "write", "discard", "balance", "disk", "disk", "swap"),
      of: fc.nat(1),
      from: fc.nat(PAGES - 1),
      count: fc.integer({ min: 1, max: 60 }),
    });
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 80 }), (operations) => {
        const { host, kswapd } = hostWith(FRAMES);
        const { frames } = host.memory;
        const vms = [host.memory.addVm(PAGES), host.memory.addVm(PAGES)];
        const truth = vms.map(() => new Uint32Array(PAGES));
        let atDisk = 0;
        const check = (): void => {
          atDisk += takeWrites(host);
          expect(kswapd.underWriteback).toBe(atDisk);
          const used = vms.reduce((sum, vm) => sum + vm.backing.filter((place) => place >= 0).length, 0);
          expect(used + frames.free + frames.writing).toBe(FRAMES);
          // Nobody has been promised the frame of a page that is not being written.
          expect(frames.writing).toBeLessThanOrEqual(atDisk);
          checkFrames(host.memory);
        };
        for (const [i, { kind, of, from, count }] of operations.entries()) {
          const vm = vms[of];
          const to = Math.min(PAGES, from + count);
          if (kind === "balance") kswapd.balance();
          else if (kind === "swap") host.mechanisms[0].reclaim(vm, count);
          else if (kind === "disk") {
            const done = Math.min(count, atDisk);
            atDisk -= done;
            kswapd.written(done);
          } else
            for (let ppn = from; ppn < to; ppn++) {
              if (kind === "write") host.memory.write(vm, ppn, (truth[of][ppn] = 1000 * i + ppn + 1));
              else if (kind === "read") expect(host.memory.read(vm, ppn)).toBe(truth[of][ppn]);
              else {
                host.memory.discard(vm, ppn);
                truth[of][ppn] = 0;
              }
            }
          check();
        }
        kswapd.written(atDisk);
        expect([kswapd.underWriteback, frames.writing]).toEqual([0, 0]);
      }),
      { numRuns: 60 },
    );
  });
});

const GUEST: GuestShape = {
  memoryPages: 64 * MIB,
  kernelPages: 2 * MIB,
  processes: 1,
  anonymousPages: 56 * MIB,
  residentAnonymousPages: 4 * MIB,
  filePages: MIB,
  residentFilePages: 0,
  swapPages: 0,
  threads: 1,
};

/** Writes 40 MiB of memory that it has not used before, a page every so many microseconds, each a request. */
function growing(everyUs: number): CompiledWorkload {
  const stream = new OperationStreamBuilder();
  for (let page = 0; page < 40 * MIB; page++) {
    const at = page * everyUs;
    stream.add(Op.Request, 1 + Math.floor(at / 1e6), at % 1e6, 1);
    stream.add(Op.Touch, 8 * MIB + page, 1, 0);
  }
  return { name: "growing", guest: GUEST, stream: stream.finish(), durationUs: 60e6, warmupUs: 0 };
}

function simulate(everyUs: number, mib: number, mechanisms: (typeof kvm)["memory"] = memory): HostSimulation {
  return new HostSimulation({
    vmm: { ...kvm, memory: mechanisms, allocation },
    profile: server,
    workloads: [growing(everyUs)],
    hostPages: mib * MIB,
    measure: measureOperations,
  });
}

function ran(everyUs: number, mib: number, mechanisms?: (typeof kvm)["memory"]) {
  const simulation = simulate(everyUs, mib, mechanisms);
  const outcome = simulation.run();
  const [{ vm }] = simulation.guests;
  const { swapIns, swapOuts, frames } = simulation.host;
  checkFrames(simulation.host);
  return { outcome, waitedUs: vm.heldBack?.us ?? 0, stallUs: vm.pressure?.stallUs ?? 0, swapIns, swapOuts, frames };
}

describe("a VM on a Linux host that is short of memory", () => {
  it("never waits for a write if it uses memory more slowly than the disk writes, where it does for its own evictions", () => {
    const slow = ran(1000, 32);
    expect([slow.swapIns, slow.waitedUs, slow.stallUs]).toEqual([0, 0, 0]);
    expect(slow.swapOuts).toBeGreaterThan(10 * MIB);
    expect(slow.frames.writing).toBe(0);
    const own = ran(1000, 32, [hostSwap()]);
    expect(own.waitedUs).toBeGreaterThan(0);
  });

  it("waits if it is faster", () => {
    const fast = ran(2, 32);
    expect(fast.waitedUs).toBeGreaterThan(0);
    expect(fast.stallUs).toBeGreaterThan(0);
  });

  it("sees nothing of it with plenty of memory", () => {
    const without = simulate(1000, 96);
    without.host.wakeBelow = -1;
    without.host.reserve = 0;
    const { outcome, swapOuts } = ran(1000, 96);
    expect(swapOuts).toBe(0);
    expect(JSON.stringify(outcome)).toBe(JSON.stringify(without.run()));
  });

  it("does the same again", () => {
    expect(JSON.stringify(ran(2, 32).outcome)).toBe(JSON.stringify(ran(2, 32).outcome));
  });
});
