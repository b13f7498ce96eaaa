import { describe, expect, it } from "vitest";
import { composeVmm, partsIn } from "../../src/vmm/compose.ts";
import { definePart, defineVmm, type MemoryStage, SLOTS, type Slot, type Vmm } from "../../src/vmm/contract.ts";
import { readParameter } from "../../src/vmm/part-parameter.ts";
import { PARTS } from "../../src/vmm/parts.ts";
import { VMMS } from "../../src/vmm/registry.ts";

const part = (slot: Slot, name: string, parameters = {}, more: { stage?: MemoryStage; role?: string } = {}) =>
  definePart({ slot, name, summary: name, parameters, ...more, create: () => ({}) as never });
const pagesPerSecond = { summary: "", default: 200, unit: "pages/s", min: 1, max: 1000 };
const interVm = { summary: "", default: true };
const batch = { summary: "", default: 32, unit: "pages", min: 1 };
const block = { summary: "", default: 1, unit: "MiB", choices: [1, 2, 4, 8] };
const sharer = { stage: "sharing", role: "page sharing" } as const;
const sharing = part("memory", "page-sharing", { pagesPerSecond, interVm, batch, block }, sharer);
const ksm = part("memory", "ksm", {}, sharer);
const ballooning = part("memory", "ballooning", {}, { stage: "ballooning" });
const swap = part("memory", "host-swap", {}, { stage: "swapping" });
const partition = part("allocation", "static-partition", { balloon: { summary: "", default: false } });
const shares = part("allocation", "proportional-shares", {
  idleMemoryTax: { summary: "", default: 0.75, unit: "1", min: 0, max: 1 },
});
const credit = part("scheduler", "credit", { weight: { summary: "", default: 256, min: 1, max: 65535 } });
const others = [part("cpu", "bare"), part("mmu", "bare"), part("disk", "bare"), part("network", "bare")] as const;
const parts = [sharing, ksm, ballooning, swap, partition, shares, credit, ...others].map(
  ({ definition }) => definition,
);

const base = (name: string, memory: Vmm["memory"], allocation: Vmm["allocation"]): Vmm =>
  defineVmm({
    name,
    title: name,
    summary: name,
    cpu: others[0]() as Vmm["cpu"],
    mmu: others[1]() as Vmm["mmu"],
    disk: others[2]() as Vmm["disk"],
    network: others[3]() as Vmm["network"],
    memory,
    allocation,
    scheduler: credit() as Vmm["scheduler"],
    overheadPerGuest: { mib: 0, source: "none" },
  });
const esx = base("esx", [sharing(), ballooning(), swap()] as Vmm["memory"], shares() as Vmm["allocation"]);
const xen = base("xen", [], partition() as Vmm["allocation"]);

const memoryOf = (vmm: Vmm): string[] => vmm.memory.map(({ definition }) => definition.name);
const changed = (vmm: Vmm, changes: Record<string, unknown>): Vmm => {
  const { vmm: result, problems } = composeVmm(vmm, changes, parts);
  expect(problems).toEqual([]);
  return result;
};
const problems = (vmm: Vmm, changes: Record<string, unknown>): string[] =>
  composeVmm(vmm, changes, parts).problems.map(({ key, message }) => `${key}: ${message}`);

describe("changing a VMM", () => {
  it("switches a mechanism off", () => {
    for (const off of ["off", false])
      expect(memoryOf(changed(esx, { "memory.page-sharing": off }))).toEqual(["ballooning", "host-swap"]);
  });

  it("adds what is not there in the standard order", () => {
    const first = changed(xen, { "memory.host-swap": "on" });
    expect(memoryOf(changed(first, { "memory.page-sharing": true, "memory.ballooning": "on" }))).toEqual([
      "page-sharing",
      "ballooning",
      "host-swap",
    ]);
  });

  it("has a place in that order for every mechanism of the package: what pages by force comes last", () => {
    const xenPv = VMMS.find(({ name }) => name === "xen-pv");
    const mechanisms = PARTS.filter(({ slot, role }) => slot === "memory" && role !== "host-swap");
    expect(mechanisms.length).toBeGreaterThan(15);
    for (const { name } of mechanisms) {
      const changes = { "memory.host-swap": "on", [`memory.${name}`]: "on" };
      const memory = memoryOf(composeVmm(xenPv as Vmm, changes, PARTS).vmm);
      expect([memory.includes(name), memory.at(-1)], name).toEqual([true, "host-swap"]);
    }
  });

  it("has the same order whichever of two mechanisms is added first", () => {
    const bare = VMMS.find(({ name }) => name === "linux") as Vmm;
    const mechanisms = PARTS.filter(({ slot }) => slot === "memory");
    const adding = (...names: string[]): string[] =>
      memoryOf(names.reduce((vmm, name) => composeVmm(vmm, { [`memory.${name}`]: "on" }, PARTS).vmm, bare));
    for (const one of mechanisms) {
      expect(one.stage, one.name).toBeDefined();
      for (const other of mechanisms) {
        if (one === other || (one.role !== undefined && one.role === other.role)) continue;
        expect(adding(one.name, other.name)).toEqual(adding(other.name, one.name));
      }
    }
  });

  it("puts a memory part without a stage after all that have one, whichever was added first", () => {
    const mine = part("memory", "mine");
    const order = (...names: string[]): string[] =>
      names
        .reduce((vmm, name) => composeVmm(vmm, { [`memory.${name}`]: "on" }, [...parts, mine.definition]).vmm, xen)
        .memory.map(({ definition }) => definition.name);
    expect(order("mine", "page-sharing", "host-swap").at(-1)).toBe("mine");
    expect(order("host-swap", "mine", "page-sharing").at(-1)).toBe("mine");
  });

  it("replaces a part, with its defaults or with parameters", () => {
    expect(changed(esx, { allocation: "static-partition" }).allocation.parameters).toEqual({ balloon: false });
    const { allocation } = changed(esx, { allocation: { "static-partition": { balloon: "on" } } });
    expect([allocation.definition.name, allocation.parameters]).toEqual(["static-partition", { balloon: true }]);
  });

  it("sets parameters of the part that is there, in each way of writing them", () => {
    const ways = [
      { "allocation.idleMemoryTax": 0 },
      { "allocation.idle-memory-tax": 0 },
      { "allocation.proportional-shares": { "idle-memory-tax": 0 } },
      { "allocation.proportional-shares.idleMemoryTax": 0 },
    ];
    for (const way of ways) expect(changed(esx, way).allocation.parameters).toEqual({ idleMemoryTax: 0 });
    const { memory } = changed(esx, { "memory.page-sharing": { pagesPerSecond: "100 pages/s" } });
    expect(memory[0].parameters).toEqual({ pagesPerSecond: 100, interVm: true, batch: 32, block: 1 });
  });

  it("replaces all mechanisms or takes them away", () => {
    expect(memoryOf(changed(esx, { memory: ["host-swap", { "page-sharing": { interVm: false } }] }))).toEqual([
      "host-swap",
      "page-sharing",
    ]);
    expect(memoryOf(changed(esx, { memory: "off" }))).toEqual([]);
  });

  it("puts a part in the place of one that does the same, where a VMM has only one of them", () => {
    for (const changes of [{ "memory.ksm": "on" }, { "memory.page-sharing": "off", "memory.ksm": "on" }])
      expect(memoryOf(changed(esx, changes))).toEqual(["ksm", "ballooning", "host-swap"]);
    const withKsm = changed(esx, { "memory.ksm": {} });
    expect(memoryOf(changed(withKsm, { "memory.page-sharing": "on" }))).toEqual(memoryOf(esx));
    expect(memoryOf(changed(withKsm, { "memory.ksm": "off" }))).toEqual(["ballooning", "host-swap"]);
  });

  it("gives the same whatever the order of the changes", () => {
    const one = changed(esx, { "allocation.balloon": "on", allocation: "static-partition" });
    const other = changed(esx, { allocation: "static-partition", "allocation.balloon": "on" });
    expect(one.allocation.parameters).toEqual({ balloon: true });
    expect(one).toEqual(other);
  });

  it("leaves the VMM it starts from as it was", () => {
    const before = JSON.stringify(esx);
    changed(esx, { "memory.page-sharing": { pagesPerSecond: 1 }, "scheduler.weight": 1 });
    expect(JSON.stringify(esx)).toBe(before);
  });

  const wrong: readonly [Record<string, unknown>, string][] = [
    [{ memroy: "off" }, 'memroy: unknown slot "memroy"; did you mean "memory"?'],
    [{ ballooning: "off" }, 'unknown slot "ballooning"; did you mean "memory.ballooning"?'],
    [{ bare: "on" }, 'slot "bare"; did you mean "cpu.bare" or "mmu.bare" or "disk.bare" or "network.bare"?'],
    [{ "idle-memory-tax": 0 }, 'slot "idle-memory-tax"; it is a parameter of allocation.proportional-shares'],
    [{ "disk.weight": 1 }, 'unknown part "weight" in slot disk; it is a parameter of scheduler.credit'],
    [{ "disk.bare.weight": 1 }, 'bare has no parameter "weight"; it is a parameter of scheduler.credit'],
    [
      { "memory.page-shring": "off" },
      'memory.page-shring: unknown part "page-shring" in slot memory; did you mean "page-sharing"?',
    ],
    [
      { "allocation.idleMemoryTaxx": 1 },
      'allocation.idleMemoryTaxx: unknown part or parameter "idleMemoryTaxx" in slot allocation; did you mean "idleMemoryTax"?',
    ],
    [
      { "allocation.balloon": "on" },
      'unknown part or parameter "balloon" in slot allocation; it is a parameter of static-partition',
    ],
    [{ "memory.batch": 1 }, 'unknown part "batch" in slot memory; it is a parameter of page-sharing'],
    [{ "allocation.idleMemoryTax": 2 }, "expected a number from 0 to 1, not 2"],
    [{ "allocation.idleMemoryTax": Number.NaN }, "expected a number from 0 to 1, not NaN"],
    [{ "allocation.idleMemoryTax": "75%" }, 'expected a number from 0 to 1, not "75%"'],
    [
      { "memory.page-sharing": { pagesPerSecnd: 1 } },
      'page-sharing has no parameter "pagesPerSecnd"; did you mean "pagesPerSecond"?',
    ],
    [{ "memory.page-sharing": { pagesPerSecond: -1 } }, "expected a number of pages/s from 1 to 1000, not -1"],
    [{ "memory.page-sharing": { pagesPerSecond: "10 pages" } }, 'from 1 to 1000, not "10 pages"'],
    [{ "memory.page-sharing": { batch: 1.5 } }, "expected a whole number of pages, at least 1, not 1.5"],
    [{ "memory.page-sharing": { block: 3 } }, "expected 1, 2, 4 or 8 MiB, not 3"],
    [{ "memory.page-sharing": { interVm: 1 } }, "expected on or off, not 1"],
    // Names that every object of JavaScript answers to.
    [{ "memory.page-sharing": { interVm: "constructor" } }, 'expected on or off, not "constructor"'],
    [{ "memory.page-sharing": { toString: 1 } }, 'page-sharing has no parameter "toString"'],
    [{ "memory.page-sharing": 5 }, "expected on, off or { parameter: value }, not 5"],
    [{ "memory.ballooning": { x: 1 } }, 'ballooning has no parameter "x"; it takes none'],
    [{ "scheduler.credit": "off" }, "can be replaced but not switched off"],
    [{ scheduler: "off" }, "every VMM needs a part here; expected one of: credit"],
    [{ memory: "page-sharing" }, "expected a list of mechanisms"],
    [{ memory: ["host-swap", "host-swap"] }, 'lists "host-swap" twice'],
    [
      { "memory.ksm": "on", "memory.page-sharing": { interVm: false } },
      "memory.page-sharing: a VMM has one part for page sharing; expected ksm or page-sharing, not both",
    ],
    [{ memory: ["ksm", "host-swap", "page-sharing"] }, "expected ksm or page-sharing, not both"],
    [{ allocation: { a: {}, b: {} } }, "expected the name of a part"],
    [{ "memory.page-sharing.interVm.x": 1 }, "expected slot, slot.part"],
  ];
  for (const [changes, expected] of wrong) {
    it(`says what is wrong with ${JSON.stringify(changes)}`, () => {
      const found = problems(esx, changes);
      expect(found).toHaveLength(1);
      expect(found[0]).toContain(expected);
    });
  }

  it("says that there is nothing to switch off", () => {
    const withKsm = { ...changed(esx, { "memory.ksm": "on" }), name: "kvm" };
    const wanted = "memory.page-sharing: kvm has no page-sharing to switch off, but ksm";
    expect(problems(withKsm, { "memory.page-sharing": "off" })).toEqual([wanted]);
    expect(problems(xen, { "memory.page-sharing": "off" })).toEqual([
      `memory.page-sharing: ${xen.name} has no page-sharing to switch off`,
    ]);
  });
});

describe("every VMM takes every part", () => {
  for (const vmm of VMMS) {
    for (const definition of PARTS) {
      it(`${vmm.name} with ${definition.slot}.${definition.name} and each of its parameters`, () => {
        const name = `${definition.slot}.${definition.name}`;
        const { vmm: result, problems: found } = composeVmm(vmm, { [name]: "on" }, PARTS);
        expect(found).toEqual([]);
        expect(partsIn(result, definition.slot).map((held) => held.definition)).toContain(definition);
        for (const [parameter, { default: value }] of Object.entries(definition.parameters)) {
          expect(composeVmm(result, { [`${name}.${parameter}`]: value }, PARTS).problems).toEqual([]);
        }
        for (const slot of SLOTS.filter((other) => other !== definition.slot))
          expect(partsIn(result, slot)).toEqual(partsIn(vmm, slot));
      });
    }
  }

  it("takes halves of what is measured, and of nothing that is counted", () => {
    const measured = ["%", "1", "1/s", "KiB", "MB/s", "MiB", "kB", "kbit/s", "min", "ms", "pages/s", "s", "us"];
    for (const { name, parameters } of PARTS) {
      for (const [parameter, { summary, unit = "1", choices }] of Object.entries(parameters)) {
        if (choices !== undefined) continue;
        const { value } = { value: undefined, ...readParameter({ summary, default: 1, unit }, 1.5) };
        expect(value, `${name} ${parameter}`).toBe(measured.includes(unit) ? 1.5 : undefined);
      }
    }
  });

  it("has defaults within the ranges that the parts state", () => {
    for (const { name, parameters } of PARTS) {
      for (const [parameter, stated] of Object.entries(parameters)) {
        expect(readParameter(stated, stated.default), `${name} ${parameter}`).toEqual({ value: stated.default });
      }
    }
  });
});
