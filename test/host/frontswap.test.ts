import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { primitiveCost } from "../../src/machine/profile.ts";
import type { CellOutcome } from "../../src/sim/cell.ts";
import { HostSimulation } from "../../src/sim/host-simulation.ts";
import { HostWatch } from "../../src/sim/host-watch.ts";
import { timelineColumns } from "../../src/sim/vm-timeline.ts";
import { loadMachine } from "../../src/experiment/documents/load-machine.ts";
import { staticPartition } from "../../src/vmm/allocation/static-partition.ts";
import type { Part } from "../../src/vmm/contract.ts";
import type { SwapPageKeeper } from "../../src/vmm/host-memory/memory-roles.ts";
import type { VmMemory } from "../../src/vmm/host-memory/vm-memory.ts";
import { frontswap } from "../../src/vmm/memory/frontswap.ts";
import { definePolicy } from "../../src/vmm/memory/policies/define-policy.ts";
import type { Action } from "../../src/vmm/memory/policies/policy-contract.ts";
import { xenBalloon } from "../../src/vmm/memory/xen-balloon.ts";
import { xenPv } from "../../src/vmm/xen-pv.ts";
import type { CompiledWorkload } from "../../src/workload/compiled-workload.ts";
import { Op, OperationStreamBuilder } from "../../src/workload/operation-stream.ts";
import { buildHost, checkFrames, profile, SCRIPTED, type TestHost } from "./fixtures.ts";

const KEEPING = { ...xenPv, memory: [xenBalloon(), frontswap()], allocation: staticPartition() };

/** VMs with all their pages in memory, page p of VM v with content 1000 v + p + 1. */
function hostOf(frames: number, vms: number, pages: number): { host: TestHost; keeper: SwapPageKeeper } {
  const host = buildHost(KEEPING, frames);
  for (let v = 0; v < vms; v++) {
    const vm = host.memory.addVm(pages);
    for (let ppn = 0; ppn < pages; ppn++) host.memory.write(vm, ppn, 1000 * v + ppn + 1);
  }
  const { frontswap: keeper } = host.memory;
  if (keeper === undefined) throw new Error("nobody keeps swap pages");
  return { host, keeper };
}

const PAGES = 12;
const SLOTS = 2000;

type Step = { readonly vm: number; readonly page: number; readonly slot: number; readonly content: number } & {
  readonly kind: "put" | "get" | "flush" | "write" | "inflate" | "deflate" | "leave";
};

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom("put" as const, "put" as const, "get" as const, "flush" as const) },
    { weight: 8, arbitrary: fc.constantFrom("write" as const, "inflate" as const, "deflate" as const) },
    { weight: 1, arbitrary: fc.constant("leave" as const) },
  ),
  vm: fc.nat({ max: 2 }),
  page: fc.nat({ max: PAGES - 1 }),
  // Few of them, some far away, so that they meet.
  slot: fc.oneof(fc.nat({ max: 7 }), fc.integer({ min: SLOTS - 3, max: SLOTS })),
  content: fc.integer({ min: 1, max: 9 }),
});

/** What a host of so many frames must say and hold, by two maps. */
class Naive {
  readonly pages = Array.from({ length: 3 }, (_, v) =>
    Array.from({ length: PAGES }, (__, p): number | undefined => 1000 * v + p + 1),
  );
  readonly kept = [new Map<number, number>(), new Map<number, number>(), new Map<number, number>()];
  counts = { puts: 0, refused: 0, gets: 0, flushes: 0 };
  readonly #frames: number;

  constructor(frames: number) {
    this.#frames = frames;
  }

  ballooned(vm: number): number {
    return this.pages[vm].filter((content) => content === undefined).length;
  }

  get free(): number {
    const inUse = [0, 1, 2].reduce((sum, vm) => sum + PAGES - this.ballooned(vm) + this.kept[vm].size, 0);
    return this.#frames - inUse;
  }

  mayPut(vm: number): boolean {
    return this.free > 0 && this.kept[vm].size < this.ballooned(vm);
  }
}

class Play {
  readonly #host: TestHost;
  readonly #keeper: SwapPageKeeper;
  readonly #naive: Naive;

  constructor(frames: number) {
    ({ host: this.#host, keeper: this.#keeper } = hostOf(frames, 3, PAGES));
    this.#naive = new Naive(frames);
  }

  run({ kind, vm: v, page, slot, content }: Step): void {
    const naive = this.#naive;
    const { pages, kept, counts } = naive;
    const { memory } = this.#host;
    const vm = memory.vms[v];
    const there = pages[v][page];
    if (kind === "put" && there !== undefined && !kept[v].has(slot)) {
      const taken = naive.mayPut(v);
      expect(this.#keeper.put(vm, slot, page)).toBe(taken);
      if (taken) kept[v].set(slot, there);
      counts[taken ? "puts" : "refused"]++;
    } else if (kind === "get" && there !== undefined && kept[v].has(slot)) {
      this.#keeper.get(vm, slot, page);
      pages[v][page] = kept[v].get(slot);
      counts.gets++;
    } else if (kind === "flush" && kept[v].has(slot)) {
      this.#keeper.flush(vm, slot);
      kept[v].delete(slot);
      counts.flushes++;
    } else if (kind === "write" && there !== undefined) {
      memory.write(vm, page, content);
      pages[v][page] = content;
    } else if (kind === "inflate" && there !== undefined) {
      memory.release(vm, page);
      pages[v][page] = undefined;
    } else if (kind === "deflate" && there === undefined && naive.free > 0 && naive.kept[v].size < naive.ballooned(v)) {
      memory.reclaim(vm, page, true);
      memory.write(vm, page, content);
      pages[v][page] = content;
    } else if (kind === "leave") {
      this.#keeper.flushAll(vm);
      counts.flushes += kept[v].size;
      kept[v].clear();
    }
    this.#check();
  }

  #check(): void {
    const { memory } = this.#host;
    const { frames, vms } = memory;
    const { puts, refusedPuts, gets, flushes } = this.#keeper;
    const { kept, counts } = this.#naive;
    const held = kept.map(({ size }) => size);
    expect({ puts, refused: refusedPuts, gets, flushes }).toEqual(counts);
    expect(vms.map(({ frontswapFrames }) => frontswapFrames)).toEqual(held);
    expect(puts).toBe(flushes + held[0] + held[1] + held[2]);
    expect([frames.free, frames.overhead]).toEqual([this.#naive.free, held[0] + held[1] + held[2]]);
    checkFrames(memory);
  }

  /** What guests have, and what is kept for them, is what they wrote. */
  readBack(): void {
    const { memory } = this.#host;
    this.#naive.pages.forEach((pages, v) => {
      const vm = memory.vms[v];
      pages.forEach((content, ppn) => content !== undefined && expect(memory.read(vm, ppn)).toBe(content));
      const page = pages.findIndex((content) => content !== undefined);
      for (const [slot, content] of page < 0 ? [] : this.#naive.kept[v]) {
        this.#keeper.get(vm, slot, page);
        expect(memory.read(vm, page)).toBe(content);
      }
    });
  }
}

describe("frames for guests' swap pages", () => {
  it.each([3 * PAGES, 3 * PAGES + 2])("are what a map says they are, on a host of %i", (frames) => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 50, maxLength: 300 }), (steps) => {
        const play = new Play(frames);
        for (const one of steps) play.run(one);
        play.readBack();
      }),
      { numRuns: 60, seed: 7 },
    );
  });

  it("are as many as the VM's limit leaves it", () => {
    const host = buildHost(KEEPING, 100);
    const vm = host.memory.addVm(20, { limitPages: 13 });
    for (let ppn = 0; ppn < 20; ppn++) host.memory.write(vm, ppn, 1);
    for (let ppn = 10; ppn < 20; ppn++) host.memory.release(vm, ppn);
    const taken = [0, 1, 2, 3, 4].map((slot) => host.memory.frontswap?.put(vm, slot, 0));
    expect(taken).toEqual([true, true, true, false, false]);
  });

  it("stand in the way of the VM's balloon: both count against its maximum", () => {
    const { host, keeper } = hostOf(100, 1, 20);
    const [vm] = host.memory.vms;
    for (let ppn = 10; ppn < 20; ppn++) host.memory.release(vm, ppn);
    for (let slot = 0; slot < 6; slot++) keeper.put(vm, slot, 0);
    vm.balloon = balloonOf(host, vm);
    vm.size = 20;
    const grow = (): void => {
      for (let i = 0; i < 200; i++) host.mechanisms[0].work();
    };
    grow();
    expect([vm.ballooned, vm.frontswapFrames]).toEqual([6, 6]);
    for (let slot = 0; slot < 4; slot++) keeper.flush(vm, slot);
    // It tries again a second later.
    grow();
    expect([vm.ballooned, vm.frontswapFrames]).toEqual([2, 2]);
  });
});

function balloonOf({ memory }: TestHost, vm: VmMemory): VmMemory["balloon"] {
  return {
    poll(target, most) {
      for (let moved = 0; moved < most && vm.ballooned > target; moved++) {
        memory.reclaim(vm, vm.pages - vm.ballooned, true);
      }
    },
  };
}

const GUEST_PAGES = 2048;
const SIZE = 900;
const CALL = 100;
const FAULT = 1000;

/** A guest that writes to 1500 pages of memory again and again, and frees some, as fast as it can. */
function writer(rounds = 4): CompiledWorkload {
  const stream = new OperationStreamBuilder();
  for (let round = 0; round < rounds; round++) {
    stream.add(Op.Request, 0, 0, 0);
    for (let page = 0; page < 1500; page++) stream.add(Op.Touch, page, (10 << 1) | (page % 3 === 0 ? 0 : 1), 0);
    stream.add(Op.Munmap, 100 * round, 50);
  }
  const guest = {
    memoryPages: GUEST_PAGES,
    kernelPages: 100,
    processes: 1,
    anonymousPages: 1700,
    residentAnonymousPages: 1200,
    filePages: 100,
    residentFilePages: 100,
    swapPages: 2048,
    threads: 1,
  };
  return { name: "writer", guest, stream: stream.finish(), durationUs: 0, warmupUs: 0 };
}

/** A policy that has sized its VM before the simulation begins, and then does what it is told to at that second. */
function sizing(then: Readonly<Record<number, readonly Action[]>> = {}): Part<"allocation"> {
  return definePolicy({
    ...SCRIPTED,
    name: "sizing",
    decide: (_, __, ___, nowUs) => {
      const target: Action = { kind: "target", vm: "vm0", kib: SIZE * 4, rule: "test" };
      return { actions: nowUs < 0 ? [target] : (then[Math.floor(nowUs / 1e6)] ?? []), state: 0 };
    },
  })();
}

interface Run extends CellOutcome {
  readonly simulation: HostSimulation;
  /** Pages kept for the guest when the simulation begins, and at its end. */
  readonly heldFrom: number;
  readonly heldTo: number;
}

function measured(name: string, cycles: number) {
  return { frontend: { [name]: cycles }, backend: {}, waits: {} };
}

function run(
  memory: readonly Part<"memory">[],
  work: CompiledWorkload,
  hostPages = 4000,
  allocation = sizing(),
  machine = profile,
): Run {
  const watch = new HostWatch();
  const simulation = new HostSimulation({
    vmm: { ...xenPv, memory, allocation },
    profile: machine,
    workloads: [work],
    hostPages,
    measure: () => ({ "vmm-call": measured("vmm.hypercall", CALL), "page-fault": measured("guest.kernel", FAULT) }),
    watch,
  });
  const heldFrom = simulation.host.vms[0].frontswapFrames;
  const outcome = simulation.run();
  checkFrames(simulation.host);
  return { ...outcome, simulation, heldFrom, heldTo: simulation.host.vms[0].frontswapFrames };
}

const KEPT = [xenBalloon(), frontswap()];
const count = ({ metrics }: CellOutcome, name: string): number => metrics[name] ?? 0;

describe("a guest ballooned to less than it uses, on a host with frames to spare", () => {
  const plain = run([xenBalloon()], writer());
  const kept = run(KEPT, writer());
  const puts = count(kept, "frontswap_puts");
  const gets = count(kept, "frontswap_gets");
  const flushes = count(kept, "frontswap_flushes");

  it("pages to its disk, and the host has frames that nobody uses", () => {
    expect(count(plain, "guest_swap_outs")).toBeGreaterThan(2000);
    expect(count(plain, "guest_swap_ins")).toBeGreaterThan(2000);
    expect(count(plain, "disk_busy_percent")).toBeGreaterThan(50);
    expect(plain.simulation.host.frames.free).toBe(4000 - SIZE);
    expect(Object.keys(plain.metrics).filter((name) => name.includes("frontswap"))).toEqual([]);
    expect(plain.series?.columns.filter((name) => name.includes("frontswap"))).toEqual([]);
  });

  it("has each page copied instead that it would write or read, and leaves the disk alone", () => {
    expect(puts).toBe(count(plain, "guest_swap_outs"));
    expect(gets).toBe(count(plain, "guest_swap_ins"));
    expect([count(kept, "guest_swap_outs"), count(kept, "guest_swap_ins"), count(kept, "disk_busy_percent")]).toEqual([
      0, 0, 0,
    ]);
    expect(count(kept, "guest_page_faults")).toBe(count(plain, "guest_page_faults"));
    expect(count(kept, "elapsed_ms")).toBeLessThan(count(plain, "elapsed_ms") / 10);
  });

  it("has put what it has given up or has still there", () => {
    expect(kept.heldFrom + puts).toBe(flushes + kept.heldTo);
    expect(kept.heldTo).toBe(kept.simulation.guests[0].memory.anonymous.swap.used);
    // Linux 2.4 gives a slot up when it has read it, and when the page is freed.
    expect(flushes).toBeGreaterThan(gets);
  });

  it("pays for a copy of each page, and a call for each and for each that it gives up", () => {
    const copy = primitiveCost(profile, "page.copy");
    expect(kept.cycles["vmm.frontswap.put"]).toBe(puts * copy);
    expect(kept.cycles["vmm.frontswap.get"]).toBe(gets * copy);
    expect(kept.cycles["vmm.hypercall"]).toBe((puts + gets + flushes) * CALL);
    expect(kept.events["vmm.hypercall"]).toBe(puts + gets + flushes);
  });

  it("shows the frames as what they are", () => {
    const { columns = [], rows = [] } = kept.series ?? {};
    const of = (name: string, row: readonly number[]): number => row[columns.indexOf(`memory_${name}_mib`)] * 256;
    for (const row of rows) {
      const frames = ["free", "private", "shared", "overhead", "frontswap"].map((name) => of(name, row));
      expect(frames.reduce((sum, one) => sum + one, 0)).toBe(kept.simulation.host.frames.total);
      expect(of("frontswap", row)).toBe(of("guest_swapped", row));
    }
    expect(rows.length).toBeGreaterThan(0);
  });
});

describe("a guest whose pages the hypervisor has no frames for", () => {
  it("pages to its disk as before, and has asked each time", () => {
    const plain = run([xenBalloon()], writer(), SIZE);
    const refused = run(KEPT, writer(), SIZE);
    const outs = count(plain, "guest_swap_outs");
    expect([count(refused, "frontswap_puts"), count(refused, "frontswap_refused_puts")]).toEqual([0, outs]);
    expect(count(refused, "guest_swap_outs")).toBe(outs);
    expect(count(refused, "guest_swap_ins")).toBe(count(plain, "guest_swap_ins"));
  });

  it("gets as many frames as there are, and no more", () => {
    const some = run(KEPT, writer(), SIZE + 300);
    expect(some.simulation.host.frames.free).toBe(0);
    expect(some.heldTo).toBe(300);
    expect(count(some, "guest_swap_outs")).toBe(count(some, "frontswap_refused_puts"));
    expect(some.heldFrom + count(some, "frontswap_puts")).toBe(count(some, "frontswap_flushes") + 300);
  });
});

describe("a guest with Linux 6.1", () => {
  const { profile: server } = loadMachine("machines/x86-64-server.yaml");
  const of = (memory: readonly Part<"memory">[]): Run => run(memory, writer(), 4000, sizing(), server);

  it("keeps what it has read there until it writes to the page", () => {
    const kept = of(KEPT);
    const [puts, gets, flushes] = ["puts", "gets", "flushes"].map((name) => count(kept, `frontswap_${name}`));
    expect(kept.heldFrom + puts).toBe(flushes + kept.heldTo);
    expect(kept.heldTo).toBe(kept.simulation.guests[0].memory.anonymous.swap.used);
    expect(flushes).toBeLessThan(gets);
    expect([count(kept, "guest_swap_outs"), count(kept, "disk_busy_percent")]).toEqual([0, 0]);
    expect(count(of([xenBalloon()]), "guest_swap_outs")).toBeGreaterThan(1000);
  });
});

/** What the guest's processes read. */
function contents({ simulation }: Run): number[] {
  const { anonymous } = simulation.guests[0].memory;
  return Array.from({ length: 1700 }, (_, page) => anonymous.read(page));
}

/** A guest that has done its work and stays for ten seconds. */
const IDLE = { ...writer(1), durationUs: 10e6 };
const shrink = (pages: number): Action => ({ kind: "shrink-frontswap", vm: "vm0", kib: pages * 4, rule: "test" });

describe("bringing pages back", () => {
  const before = run(KEPT, IDLE);
  const larger: Action = { kind: "target", vm: "vm0", kib: GUEST_PAGES * 4, rule: "test" };

  it("leaves as many as it is told to, at a call and a copy each and a page fault", () => {
    const back = 200;
    const left = before.heldTo - back;
    const after = run(KEPT, IDLE, 4000, sizing({ 3: [larger], 6: [shrink(left)] }));
    expect(after.heldTo).toBe(left);
    const more = (name: string): number => count(after, name) - count(before, name);
    expect([more("frontswap_gets"), more("frontswap_flushes"), more("frontswap_puts")]).toEqual([back, back, 0]);
    const copy = primitiveCost(profile, "page.copy");
    expect(after.cycles["vmm.frontswap.get"] - before.cycles["vmm.frontswap.get"]).toBe(back * copy);
    expect(after.cycles["vmm.hypercall"] - before.cycles["vmm.hypercall"]).toBe(2 * back * CALL);
    expect(after.cycles["guest.kernel"] - before.cycles["guest.kernel"]).toBe(back * FAULT);
    expect(count(after, "guest_page_faults")).toBe(count(before, "guest_page_faults"));
    expect(after.simulation.guests[0].memory.anonymous.swap.used).toBe(left);
  });

  it("makes room by having others kept where the guest has none", () => {
    const after = run(KEPT, IDLE, 4000, sizing({ 6: [shrink(before.heldTo - 100)] }));
    const puts = count(after, "frontswap_puts") - count(before, "frontswap_puts");
    expect(count(after, "frontswap_gets") - count(before, "frontswap_gets")).toBe(100);
    expect(puts).toBeGreaterThan(0);
    expect(after.heldTo).toBe(before.heldTo - 100 + puts);
  });

  it("loses nothing: every page has the content that it has where nobody keeps any", () => {
    // The VM grows by what is not kept for it any more, with longer and longer waits in between.
    const everySecond = Array.from({ length: 90 }, (_, second) => [second === 3 ? larger : shrink(0)]);
    const after = run(
      KEPT,
      { ...IDLE, durationUs: 90e6 },
      4000,
      sizing(everySecond.with(0, []).with(1, []).with(2, [])),
    );
    expect(after.heldTo).toBe(0);
    expect(contents(after)).toEqual(contents(run([xenBalloon()], IDLE)));
  });
});

describe("a VM that leaves the host", () => {
  it("leaves no frame of it behind", () => {
    const evicted = run(KEPT, IDLE, 4000, sizing({ 5: [{ kind: "evict", vm: "vm0", rule: "test" }] }));
    const { frames, vms } = evicted.simulation.host;
    expect(vms[0].frontswapFrames).toBe(0);
    expect(frames.free).toBe(4000);
    expect(evicted.heldFrom + count(evicted, "frontswap_puts")).toBe(count(evicted, "frontswap_flushes"));
  });

  it("has nothing brought back by a policy that asks for it in the same breath", () => {
    const evict: Action = { kind: "evict", vm: "vm0", rule: "test" };
    const { frames, vms } = run(KEPT, IDLE, 4000, sizing({ 5: [evict, shrink(0)] })).simulation.host;
    expect([vms[0].frontswapFrames, frames.free, frames.private]).toEqual([0, 4000, 0]);
  });
});

describe("the timeline of a VM", () => {
  it("has a column more where pages are kept, on top of what the VM is configured with", () => {
    expect(timelineColumns([[0, "", 0, 8, 8, 0, 0, 0, 0, 0, 0, 8, 0]]).at(-1)).toBe("active_mib");
    expect(timelineColumns([[0, "", 0, 8, 8, 0, 0, 0, 0, 0, 0, 8, 0, 1]]).at(-1)).toBe("frontswap_mib");
    expect(timelineColumns([]).at(-1)).toBe("active_mib");
  });
});
