import * as fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { compileGuests, loadWorkload } from "../../src/experiment/documents/load.ts";
import { HostSimulation } from "../../src/sim/host-simulation.ts";
import { measureOperations } from "../../src/sim/operations.ts";
import { MachineFrames } from "../../src/machine/frames.ts";
import { HostMemory } from "../../src/vmm/host-memory/host-memory.ts";
import { reasonToSkip } from "../../src/sim/reason-to-skip.ts";
import { clairvoyant } from "../../src/vmm/allocation/clairvoyant.ts";
import { FurthestUse } from "../../src/vmm/allocation/furthest-use.ts";
import { staticPartition } from "../../src/vmm/allocation/static-partition.ts";
import type { Vmm } from "../../src/vmm/contract.ts";
import { esx } from "../../src/vmm/esx.ts";
import { hostSwap } from "../../src/vmm/memory/host-swap.ts";
import type { VmMemory } from "../../src/vmm/host-memory/vm-memory.ts";
import { xenPv } from "../../src/vmm/xen-pv.ts";
import type { CompiledWorkload } from "../../src/workload/compiled-workload.ts";
import { RequestSource } from "../../src/sim/request-source.ts";
import { Op, OperationStreamBuilder } from "../../src/workload/operation-stream.ts";
import { buildHost, checkFrames, profile } from "./fixtures.ts";

/** One use of a page: read, or written with a content that occurs nowhere else. */
interface Use {
  readonly page: number;
  readonly write: boolean;
}

const PAGES_EACH = 3;
const PAGES = 2 * PAGES_EACH;
const UNIQUE = 100;

interface Case {
  /** Contents of the pages of both VMs before the first use. */
  readonly contents: readonly number[];
  readonly uses: readonly Use[];
  readonly frames: number;
  readonly sharing: boolean;
}

/** Pages read from the disk by the clairvoyant host, which is told the uses beforehand. */
function pageIns({ contents, uses, frames, sharing }: Case): number {
  const { memory } = buildHost({ ...esx, memory: [], allocation: clairvoyant({ sharing }) }, frames);
  let now = 0;
  const nextUse = (page: number): number => {
    const next = uses.findIndex((use, at) => at >= now && use.page === page);
    return next < 0 ? Infinity : next;
  };
  for (let i = 0; i < 2; i++) {
    memory.addVm(PAGES_EACH).foresight = {
      nextUse: (ppn) => nextUse(i * PAGES_EACH + ppn),
      overwrites: () => false,
    };
  }
  const at = (page: number): readonly [VmMemory, number] => [
    memory.vms[Math.floor(page / PAGES_EACH)],
    page % PAGES_EACH,
  ];
  contents.forEach((content, page) => memory.write(...at(page), content));
  // The page that is needed first comes last, so that what is in memory to begin with is what is needed first.
  const latestFirst = contents.map((_, page) => page).sort((a, b) => nextUse(b) - nextUse(a));
  for (const page of latestFirst) memory.read(...at(page));
  memory.swapIns = 0;
  for (const { page, write } of uses) {
    if (write) memory.write(...at(page), UNIQUE + now);
    else expect(memory.read(...at(page))).toBe(contentBefore(contents, uses, now, page));
    now++;
    checkFrames(memory);
  }
  return memory.swapIns;
}

function contentBefore(contents: readonly number[], uses: readonly Use[], now: number, page: number): number {
  const written = uses.findLastIndex((use, at) => at < now && use.write && use.page === page);
  return written < 0 ? contents[page] : UNIQUE + written;
}

/**
 * The fewest pages that any way of paging can read, by trying them all: what is in memory at the beginning, and after each
 * use, is any choice of what there is that fits and has what the use needs. `sharing`: equal pages are one item, else each
 * page is one. What is written has been in memory before.
 */
function fewestPageIns({ contents, uses, frames, sharing }: Case): number {
  const held = [...contents];
  const items = (): string[] => [...new Set(held.map((content, page) => String(sharing ? content : page)))];
  const itemOf = (page: number): string => String(sharing ? held[page] : page);
  let states = new Map(choices(items(), frames).map((kept) => [kept.sort().join(), 0]));
  uses.forEach(({ page, write }, at) => {
    const old = itemOf(page);
    if (write) held[page] = UNIQUE + at;
    const there = items();
    const needed = itemOf(page);
    const next = new Map<string, number>();
    for (const [state, cost] of states) {
      const inMemory = state.split(",");
      const total = cost + (inMemory.includes(old) ? 0 : 1);
      const candidates = new Set([...inMemory, old, needed].filter((item) => there.includes(item)));
      for (const kept of choices([...candidates], frames)) {
        if (!kept.includes(needed)) continue;
        const key = kept.sort().join();
        next.set(key, Math.min(next.get(key) ?? Infinity, total));
      }
    }
    states = next;
  });
  return Math.min(...states.values());
}

/** Every choice of at most `most` of the items. */
function choices(items: readonly string[], most: number): string[][] {
  const all = items.reduce<string[][]>((some, item) => [...some, ...some.map((one) => [...one, item])], [[]]);
  return all.filter((one) => one.length <= most);
}

const anyCase = fc.record({
  contents: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: PAGES, maxLength: PAGES }),
  uses: fc.array(fc.record({ page: fc.integer({ min: 0, max: PAGES - 1 }), write: fc.boolean() }), {
    minLength: 5,
    maxLength: 14,
  }),
  frames: fc.integer({ min: 2, max: 4 }),
  sharing: fc.boolean(),
});

describe("memory divided by who knows the future", () => {
  it("reads as few pages as the best of all ways to page, found by trying them all", () => {
    let paged = 0;
    fc.assert(
      fc.property(anyCase, (one) => {
        const least = fewestPageIns(one);
        if (least > 0) paged++;
        expect(pageIns(one)).toBe(least);
      }),
      { seed: 1, numRuns: 400 },
    );
    expect(paged).toBeGreaterThan(100);
  });

  it("keeps what it can of a loop that does not fit, of which LRU would read everything", () => {
    // Four pages in turn, three frames: of any three uses in a row one is a miss.
    const uses = Array.from({ length: 30 }, (_, i) => ({ page: i % 4, write: false }));
    const contents = [1, 2, 3, 4, 5, 6];
    expect(pageIns({ contents, uses, frames: 3, sharing: false })).toBe(9);
  });
});

/** Pages read per request on a host of eight guests with `ratio` times its memory: by the host, by guests, from files. */
function readPerRequest(vmm: Vmm, guests: readonly CompiledWorkload[], ratio: number): number {
  const pages = guests.reduce((sum, { guest }) => sum + guest.memoryPages, 0);
  const simulation = new HostSimulation({
    vmm,
    profile,
    workloads: guests,
    hostPages: Math.round(pages / ratio),
    measure: measureOperations,
  });
  const { swapIns } = simulation.host;
  const { metrics } = simulation.run();
  const read = simulation.guests.reduce((sum, { memory }) => sum + memory.anonymous.swapIns + memory.cache.pageIns, 0);
  return (simulation.host.swapIns - swapIns + read) / metrics.requests_done;
}

const STRATEGIES: readonly (readonly [string, Vmm])[] = [
  ["ESX", esx],
  [
    "ESX without sharing",
    { ...esx, memory: esx.memory.filter(({ definition }) => definition.name !== "page-sharing") },
  ],
  ["host swap only", { ...esx, memory: [hostSwap()] }],
  ["Xen with balloons", { ...xenPv, allocation: staticPartition({ balloon: true }) }],
  ["the optimum without sharing", { ...esx, memory: [], allocation: clairvoyant({ sharing: false }) }],
];

describe.each([
  ["typical-server", 3],
  ["desktop-pool", 2],
  ["desktop-pool", 3],
  ["file-server", 3],
])("eight VMs of %s at %s times their memory", (name, ratio) => {
  const loaded = loadWorkload(`workloads/${name}.yaml`);
  const workload = { ...loaded.workload, durationUs: 20e6, warmupUs: 5e6 };
  const guests = compileGuests({ ...loaded, workload }, 1, 8);
  const optimum = { ...esx, memory: [], allocation: clairvoyant() };

  it("read no fewer pages per request under any strategy than under the optimum", { timeout: 60_000 }, () => {
    const least = readPerRequest(optimum, guests, ratio);
    const others = STRATEGIES.map(([strategy, vmm]) => [strategy, readPerRequest(vmm, guests, ratio)] as const);
    expect(others.filter(([, read]) => read < least)).toEqual([]);
    expect(Math.max(...others.map(([, read]) => read))).toBeGreaterThan(1.2 * least);
  });
});

it("reads no more than others where a workload starts over many times next to one that takes longer", () => {
  const servers = loadWorkload("workloads/typical-server.yaml");
  const longer = { ...servers.workload, durationUs: 20e6, warmupUs: 5e6 };
  // 6,000 requests of a client that waits for each answer: a round takes a few seconds.
  const files = loadWorkload("workloads/file-server.yaml");
  const guests = [...compileGuests({ ...servers, workload: longer }, 1, 2), ...compileGuests(files, 1, 2)];
  const least = readPerRequest({ ...esx, memory: [], allocation: clairvoyant() }, guests, 2);
  const others = STRATEGIES.map(([strategy, vmm]) => [strategy, readPerRequest(vmm, guests, 2)] as const);
  expect(others.filter(([, read]) => read < least)).toEqual([]);
});

it("is never mixed with mechanisms of a real VMM", () => {
  const mixed = { ...esx, allocation: clairvoyant() };
  expect(reasonToSkip(mixed, profile, { vms: 2 })).toBe(
    "esx allocates memory by clairvoyant, which works alone; expected memory: off with it",
  );
  expect(reasonToSkip({ ...mixed, memory: [] }, profile, { vms: 2 })).toBeUndefined();
});

describe("pages by their next use", () => {
  it("leave in the order of a sorted list, whatever changes meanwhile", () => {
    const change = fc.record({ page: fc.integer({ min: 0, max: 19 }), nextUse: fc.integer({ min: 0, max: 9 }) });
    fc.assert(
      fc.property(fc.array(fc.option(change), { maxLength: 60 }), (steps) => {
        const order = new FurthestUse();
        order.grow(20);
        const known = new Map<number, number>();
        for (const step of steps) {
          if (step !== null) {
            order.set(step.page, step.nextUse);
            known.set(step.page, step.nextUse);
            continue;
          }
          const [furthest] = [...known].sort(([a, x], [b, y]) => y - x || b - a);
          expect(order.take()).toBe(furthest?.[0] ?? -1);
          if (furthest !== undefined) known.delete(furthest[0]);
        }
      }),
    );
  });
});

describe("the optimum for a closed loop whose VM came late", () => {
  it("takes the pace from when the stream began", () => {
    const stream = new OperationStreamBuilder();
    for (let page = 0; page < 10; page++) {
      stream.add(Op.Request, 1, 0, 0);
      stream.add(Op.Touch, page);
    }
    const requests = new RequestSource(stream.finish(), 1, 100e6, 10e6);
    for (let taken = 0; taken < 5; taken++) requests.take();
    // Five requests in five seconds: the tenth comes five seconds later, the first of the next round six.
    expect(Math.floor(requests.expected(19, 105e6))).toBe(110e6);
    expect(Math.floor(requests.expected(1, 105e6, 1))).toBe(111e6);
  });
});

describe.each([
  ["desktop-pool", 7],
  ["typical-server", 16],
])("eight VMs of %s at %s times their memory", (name, ratio) => {
  const loaded = loadWorkload(`workloads/${name}.yaml`);
  const guests = compileGuests({ ...loaded, workload: { ...loaded.workload, durationUs: 2e6, warmupUs: 0 } }, 1, 8);
  const pages = guests.reduce((sum, { guest }) => sum + guest.memoryPages, 0);
  const { putAside } = HostMemory.prototype;
  const { addReference } = MachineFrames.prototype;
  afterEach(() => {
    HostMemory.prototype.putAside = putAside;
    MachineFrames.prototype.addReference = addReference;
  });

  // Were all that is equal to a page moved with it each time, it would be seven times as many for the desktops.
  it("have the optimum move out each page once, and one for each that is read back", { timeout: 120_000 }, () => {
    let out = 0;
    let shared = 0;
    HostMemory.prototype.putAside = function (vm, ppn) {
      out++;
      return putAside.call(this, vm, ppn);
    };
    MachineFrames.prototype.addReference = function (mpn) {
      shared++;
      addReference.call(this, mpn);
    };
    const vmm = { ...esx, memory: [], allocation: clairvoyant() };
    const simulation = new HostSimulation({
      vmm,
      profile,
      workloads: guests,
      hostPages: Math.round(pages / ratio),
      measure: measureOperations,
    });
    simulation.run();
    const { swapIns } = simulation.host;
    expect(swapIns).toBeGreaterThan(pages / 2);
    expect(out).toBeGreaterThan(pages / 2);
    expect(out).toBeLessThanOrEqual(pages + swapIns);
    expect(shared).toBeLessThanOrEqual(pages);
  });
});
