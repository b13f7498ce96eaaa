import { readdirSync, readFileSync } from "node:fs";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { event } from "../../src/core/ledger.ts";
import { InputError } from "../../src/core/input-error.ts";
import { knownWork, workOf } from "../../src/sim/explain/actors.ts";
import { loadMachine } from "../../src/experiment/documents/load-machine.ts";
import { explanationAdvice } from "../../src/experiment/skip-advice.ts";
import { align } from "../../src/sim/explain/alignment.ts";
import { explain, type ExplainedVmm } from "../../src/sim/explain/explanation.ts";
import { findings } from "../../src/sim/explain/findings.ts";
import { type Fold, fold, itemsOf, type Part } from "../../src/sim/explain/fold.ts";
import { addedUp, leftOut, outlineOf } from "../../src/sim/explain/outline.ts";
import { type Call, type CallKind, Recorder, RecordingMeter } from "../../src/sim/explain/recorder.ts";
import { recordRound } from "../../src/sim/explain/record-round.ts";
import { COUNTED, WORK } from "../../src/sim/explain/work.ts";
import { microbenchmarks } from "../../src/sim/microbenchmarks/catalogue.ts";
import { DISK } from "../../src/sim/microbenchmarks/disk.ts";
import { TCP } from "../../src/sim/microbenchmarks/tcp.ts";
import { measureMicrobenchmark, type Microbenchmark } from "../../src/sim/microbenchmarks/microbenchmark.ts";
import { defineVmm, type Vmm } from "../../src/vmm/contract.ts";
import { binaryTranslation } from "../../src/vmm/cpu/binary-translation.ts";
import { esx3 } from "../../src/vmm/esx-3.ts";
import { esx } from "../../src/vmm/esx.ts";
import { native } from "../../src/vmm/native.ts";
import { uml } from "../../src/vmm/uml.ts";
import { VMMS } from "../../src/vmm/registry.ts";
import { hostedNetwork } from "../../src/vmm/io/hosted.ts";
import { workstation } from "../../src/vmm/workstation.ts";
import { xenPv1 } from "../../src/vmm/xen-pv-1.ts";
import { xenPv } from "../../src/vmm/xen-pv.ts";
import { XEON, XEON_64 } from "./machines.ts";

const ALL = microbenchmarks(XEON);

function benchmark(name: string): Microbenchmark {
  const found = ALL.find((each) => each.name === name);
  if (found === undefined) throw new Error(`no benchmark ${name}`);
  return found;
}

/** What one round costs without anybody looking on, or undefined where the machine lacks a cost. */
function measured(one: Microbenchmark, vmm: Vmm): ReturnType<typeof measureMicrobenchmark> | undefined {
  try {
    return measureMicrobenchmark({ ...one, rounds: 1, operationsPerRound: 1 }, vmm, XEON);
  } catch (error) {
    if (error instanceof InputError) return undefined;
    throw error;
  }
}

const sumOf = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
const stepsOf = ({ steps }: ExplainedVmm) => steps.flat();

const EXPLAINABLE = VMMS.filter((vmm) => measured(benchmark("null-call"), vmm) !== undefined);

it("explains these VMMs on this machine", () => {
  expect(EXPLAINABLE).toEqual(expect.arrayContaining([native, esx, xenPv]));
});

describe.each(EXPLAINABLE.map((vmm) => ({ name: vmm.name, vmm })))("a recording on $name", ({ vmm }) => {
  const rows = ALL.flatMap((one) => {
    const cost = measured(one, vmm);
    return cost === undefined ? [] : [{ name: one.name, one, cost }];
  });

  it.each(rows)("changes nothing, and its steps add up: $name", ({ one, cost }) => {
    const { vmms } = explain(one, [vmm], XEON);
    const [explained] = vmms;
    expect(explained.total).toBe(cost.cost);
    expect(explained.byCause).toEqual(cost.ledger);
    expect(explained.events).toEqual(cost.events);
    const steps = stepsOf(explained);
    expect(sumOf(steps.map((step) => step.cost))).toBe(cost.cost);
    expect(steps[steps.length - 1].costSoFar).toBe(cost.cost);
    for (const [cause, events] of Object.entries(cost.events)) {
      expect(sumOf(steps.filter((step) => step.cause === cause).map((step) => step.count)), cause).toBe(events);
    }
  });
});

/** Calls that no device has to do with. */
const OF_MEMORY: ReadonlySet<CallKind> = new Set<CallKind>([
  "access",
  "fault",
  "use-as-table",
  "write-entry",
  "invalidate",
  "switch-root",
  "page-work",
]);

/** What the guest does in one round, on every VMM that the machine has the costs of. */
function rounds(one: Microbenchmark): (readonly Call[])[] {
  return VMMS.filter((vmm) => measured(one, vmm) !== undefined).map((vmm) => recordRound(one, vmm, XEON).calls);
}

function usesDevices(calls: readonly Call[]): boolean {
  return calls.some(({ kind }) => kind === "device");
}

describe("calls of the guest", () => {
  it("are the same on every VMM, so that their steps can be set side by side", () => {
    const withDevices: string[] = [];
    for (const one of ALL) {
      const [first, ...others] = rounds(one);
      if (first === undefined) continue;
      if (usesDevices(first)) withDevices.push(one.name);
      // What a device makes of them apart: interrupts, and how much is handed over at once.
      const compared = usesDevices(first) ? ({ kind }: Call) => OF_MEMORY.has(kind) : () => true;
      const actions = (calls: readonly Call[]): string[] => calls.filter(compared).map(({ action }) => action);
      for (const calls of others) expect(actions(calls), one.name).toEqual(actions(first));
    }
    expect(withDevices).toEqual([...TCP, ...DISK].map(({ name }) => name));
  });

  it("of devices are shown where a VMM makes them, and nowhere else", () => {
    for (const one of [...TCP, ...DISK]) {
      const recorded = rounds(one);
      const { calls, own } = align(
        recorded.map((_, vmm) => `${vmm}`),
        recorded,
      );
      own.forEach((column, vmm) => {
        // Every call of a VMM, in its order, beside one that says the same.
        expect(column.filter((call) => call !== undefined)).toEqual(recorded[vmm]);
        column.forEach((call, place) => {
          if (call !== undefined) expect([call.kind, call.action]).toEqual([calls[place].kind, calls[place].action]);
        });
      });
      calls.forEach((_, place) => expect(own.some((column) => column[place] !== undefined)).toBe(true));
    }
  });

  it("of devices that differ are named: Workstation's adapter interrupts for packets that are gone", () => {
    // Where it does not combine them: what leaves with an interrupt for others is told of in that.
    const sending = { ...workstation, network: hostedNetwork({ combinedSends: 0 }) };
    const { calls, vmms } = explain(benchmark("tcp-transmit-1500"), [native, sending], XEON);
    const [here, there] = vmms.map(({ steps }) =>
      sumOf(calls.map(({ action }, call) => (action === "is entered: interrupt" && steps[call].length > 0 ? 1 : 0))),
    );
    expect(there).toBeGreaterThan(here);
    const sentences = findings(explain(benchmark("tcp-transmit-1500"), [native, sending], XEON)).join("\n");
    expect(sentences).toContain(`on workstation only: ${there - here} x is entered: interrupt`);
    expect(sentences).not.toContain("on native only");
    expect(sentences).toContain("A round of tcp-transmit-1500 (45 operations) costs");
    const waiting = vmms.map(({ byCause }) => (byCause["wait.network"] ?? 0).toLocaleString("en-US"));
    expect(sentences).toContain(`${waiting[0]} on native, ${waiting[1]} on workstation`);
  });

  it("have the pages that packets take among what they cost, not beside it", () => {
    const { calls, vmms } = explain(benchmark("tcp-transmit-1500"), [native, xenPv], XEON);
    expect(vmms[1].events["page-walk-reference"]).toBeGreaterThan(0);
    expect(calls.filter(({ kind }) => kind === "event")).toEqual([]);
  });

  it("that differ are refused with one sentence", () => {
    // An MMU that says of every page that it may not be written makes the guest do other work.
    const mmu = {
      ...native.mmu,
      definition: {
        ...native.mmu.definition,
        create: (...args: Parameters<typeof native.mmu.definition.create>) => {
          const real = native.mmu.definition.create(...args);
          let faults = 0;
          const access = real.access.bind(real);
          real.access = (page, write) => (faults++ % 5 === 4 ? access(page, write) && -1 : access(page, write));
          return real;
        },
      },
    };
    const odd = defineVmm({ ...native, name: "odd", mmu });
    expect(() => explain(benchmark("2p/64K"), [native, odd], XEON)).toThrow(
      /^native and odd cannot be set side by side/,
    );
  });

  it("that differ are no matter of the machine, where each VMM runs on it", () => {
    expect(explanationAdvice("they differ", "null-call", [native, xenPv], XEON)).toBe("they differ");
  });

  it("tell which entry is written, with what before and after", () => {
    const { calls } = recordRound(benchmark("prot-fault"), native, XEON);
    expect(calls.filter(({ kind }) => kind === "write-entry")).toEqual([]);
    const fault = recordRound(benchmark("page-fault"), native, XEON).calls.filter(({ kind }) => kind === "write-entry");
    expect(fault).toHaveLength(1);
    // The third page of the file, mapped at 0x10400: entry 1026 of the second 1,024, that is entry 2 of the next table.
    expect(fault[0].action).toBe("writes page-table entry: maps a page");
    expect(fault[0].detail).toMatch(/^\d+\[2\]: empty -> \d+ PWUA-$/);
    const forked = recordRound(benchmark("fork-proc"), native, XEON).calls;
    const protectedHeap = forked.filter(({ action }) => action.endsWith("write-protects a page"));
    // The 2 private pages that the parent wrote since the last fork.
    expect(protectedHeap).toHaveLength(2);
    for (const { detail } of protectedHeap) {
      const [, before, after] = /: (\d+) PWUAD -> (\d+) P-UAD$/.exec(detail) ?? [];
      expect(before).toBe(after);
    }
  });
});

/** Each read of a page in high memory maps it for its copy; XenLinux has the hypervisor clear that again (kunmap_atomic). */
describe("kernels that differ", () => {
  const { profile } = loadMachine("machines/xeon-3.2-walters08.yaml");
  const [reading] = microbenchmarks(profile).filter(({ name }) => name === "cached-read-sequential");
  const COPIES = reading.operationsPerRound;
  const clearing = "writes page-table entry: clears that of a copy";

  it.each([{ order: [native, xenPv, esx, esx3] }, { order: [xenPv, native, esx] }, { order: [esx, xenPv1, xenPv] }])(
    "have what one does besides in places of its own, whatever the order: $order.0.name first",
    ({ order }) => {
      const recorded = order.map((vmm) => recordRound(reading, vmm, profile).calls);
      const { calls, own } = align(
        order.map(({ name }) => name),
        recorded,
      );
      own.forEach((column, vmm) => expect(column.filter((call) => call !== undefined)).toEqual(recorded[vmm]));
      const alone = calls.filter((_, place) => own.some((column) => column[place] === undefined));
      // Two calls for each copy: the entry, and the hypercall that makes it so at once.
      expect(alone.map(({ kind }) => kind)).toEqual(
        Array.from({ length: COPIES }, () => ["write-entry", "commit"]).flat(),
      );
      order.forEach(({ mmu }, vmm) => {
        const cleared = own[vmm].filter((call) => call?.action === clearing).length;
        expect(cleared).toBe(mmu.definition.name === "direct-paging" ? COPIES : 0);
      });
    },
  );

  /** In 800 MiB it has high memory on Xen with PAE alone: entry, invalidation, hypercall and access to map, entry and hypercall to forget. */
  it.each([{ order: [native, xenPv, esx] }, { order: [xenPv, native] }, { order: [esx, xenPv] }])(
    "have what one alone does for want of low memory in places of its own, $order.0.name first",
    ({ order }) => {
      const pae = { ...profile, pageTable: "ia32-pae" as const };
      const [inLittle] = microbenchmarks(pae).filter(({ name }) => name === "file-read-800mib");
      const recorded = order.map((vmm) => recordRound(inLittle, vmm, pae).calls);
      const { own } = align(
        order.map(({ name }) => name),
        recorded,
      );
      own.forEach((column, vmm) => expect(column.filter((call) => call !== undefined)).toEqual(recorded[vmm]));
      const others = own.filter((_, vmm) => order[vmm] !== xenPv);
      const alone = own[order.indexOf(xenPv)].filter((_, place) =>
        others.some((column) => column[place] === undefined),
      );
      expect(alone.map((call) => call?.kind)).toEqual(
        Array.from({ length: COPIES }, () => [
          "write-entry",
          "invalidate",
          "commit",
          "kernel-access",
          "write-entry",
          "commit",
        ]).flat(),
      );
    },
  );

  it("are refused where a kernel does no more than forget a page, or get at one, that others do not", () => {
    const recorded = recordRound(reading, native, profile).calls;
    for (const kind of ["invalidate", "kernel-access"] as const) {
      const more = [...recorded.slice(0, 1), { ...recorded[0], kind, action: kind }, ...recorded.slice(1)];
      expect(() => align(["native", "other"], [recorded, more])).toThrow("the guest does other work in");
      expect(() => align(["other", "native"], [more, recorded])).toThrow("the guest does other work in");
    }
  });

  it("are told of, with how many entries each writes", () => {
    const explanation = explain(reading, [native, xenPv], profile);
    const sentences = findings(explanation).join("\n");
    expect(sentences).toContain(`The guest writes page-table entries, ${COPIES} on native, ${2 * COPIES} on xen-pv: `);
    expect(sentences).toContain(
      `The kernels differ, so the guest has other work; on xen-pv only: ${COPIES} x ${clearing}`,
    );
  });
});

describe("causes", () => {
  const sources = readdirSync("src", { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
  const text = sources.map((file) => readFileSync(`src/${file}`, "utf8")).join("\n");
  const names = [...new Set([...text.matchAll(/\b(?:cause|event)\("([^"]+)"\)/g)].map(([, name]) => name))];

  it("of the package have somebody who does the work, and words for it", () => {
    expect(names.length).toBeGreaterThan(100);
    const wordless = names.filter((name) => knownWork(name)?.action === undefined);
    // The guest's own code: the call says what it does.
    expect(wordless.sort()).toEqual(["guest.kernel", "guest.user"]);
  });

  it("are the package's, or the beginning of some", () => {
    const unused = [...Object.keys(WORK), ...Object.keys(COUNTED)].filter(
      (known) => !names.some((name) => name === known || name.startsWith(`${known}.`)),
    );
    expect(unused).toEqual([]);
  });

  it("from outside are the VMM's", () => {
    expect([knownWork("vendor.magic"), workOf("vendor.magic")]).toEqual([undefined, { actor: "VMM" }]);
  });
});

/** By cause, or by actor where there is none. */
function ringsOn(vmm: Vmm, profile = XEON): Record<string, unknown> {
  const [explained] = explain(benchmark("page-fault"), [vmm], profile).vmms;
  return Object.fromEntries(stepsOf(explained).map(({ actor, cause, ring }) => [cause ?? actor, ring]));
}

describe("events without a cost", () => {
  it("are the guest's outside of calls, and the VMM's in them", () => {
    const recorder = new Recorder();
    const meter = new RecordingMeter(recorder);
    const counted = event("pte-write");
    meter.count(counted);
    recorder.beginOperation("touch");
    meter.count(counted);
    recorder.call(
      "write-entry",
      () => ["writes"],
      () => meter.count(counted),
    );
    const charges = [{ cause: "pte-write", count: 1, cost: 0 }];
    expect(recorder.calls).toEqual([
      { operation: "touch", turn: 0, kind: "event", action: "counts pte-write", detail: "", charges },
      { operation: "touch", turn: 0, kind: "write-entry", action: "writes", detail: "", charges },
    ]);
    expect(meter.ledger.eventsByCause()).toEqual({ "event.pte-write": 3 });
  });
});

describe("rings", () => {
  it("are those of the literature", () => {
    expect(ringsOn(native)).toMatchObject({ "guest.kernel": "0", "guest.user": "3", "hardware.trap": null });
    // Barham 2003, section 3.2: ring 1 of four; x86-64 has only two levels in its pages.
    expect(ringsOn(xenPv)).toMatchObject({ "guest.kernel": "1", "vmm.hypercall": "0" });
    expect(ringsOn(xenPv, XEON_64)).toMatchObject({ "guest.kernel": "3", "vmm.hypercall": "0" });
    // Translated code is de-privileged, the VMM that it calls is not.
    expect(ringsOn(esx)).toMatchObject({ "guest.kernel": "1", "vmm.translation": "1", "vmm.shadow.trace": "0" });
  });

  it("are told apart in guest mode and outside it", () => {
    const kernelRing = { ia32: "0, guest mode", "ia32-pae": "0, guest mode", "x86-64": "0, guest mode" } as const;
    const assisted = { ...esx, cpu: { ...esx.cpu, definition: { ...esx.cpu.definition, kernelRing } } };
    expect(ringsOn(assisted)).toMatchObject({
      "guest.user": "3, guest mode",
      "guest.kernel": "0, guest mode",
      "vmm.shadow.trace": "0, host mode",
    });
  });

  it("are not stated where a CPU part from outside does not say", () => {
    const { kernelRing: _, ...definition } = native.cpu.definition;
    const [explained] = explain(benchmark("null-call"), [{ ...native, cpu: { ...native.cpu, definition } }], XEON).vmms;
    expect(explained.kernelRing).toBeNull();
  });
});

/** Keys that can be told apart. */
function numbered(titled: readonly Part<string>[]): Part<{ key: string; number: number }>[] {
  let number = 0;
  return titled.map(({ title, items }) => ({ title, items: items.map((key) => ({ key, number: number++ })) }));
}

/** Written out again, turn by turn. */
function unfolded<T>(folds: readonly Fold<T>[]): T[] {
  const next = new Map<Fold<T>, number>();
  const write = (each: Fold<T>): T[] => {
    if (!("items" in each)) return Array.from({ length: each.times }, () => each.body.flatMap(write)).flat();
    const turn = next.get(each) ?? 0;
    next.set(each, turn + 1);
    return [each.items[turn]];
  };
  return folds.flatMap(write);
}

describe("folding", () => {
  const letters = fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 40 });
  const parts = fc.array(fc.record({ title: fc.constantFrom("p", "q"), items: letters }), { maxLength: 8 });

  it("keeps every item and their order", () => {
    fc.assert(
      fc.property(parts, (titled) => {
        const input = numbered(titled);
        const folds = fold(input, ({ key }) => key);
        expect(unfolded(folds)).toEqual(input.flatMap(({ items }) => items));
        const byNumber = folds.flatMap(itemsOf).sort((a, b) => a.number - b.number);
        expect(byNumber).toEqual(input.flatMap(({ items }) => items));
      }),
    );
  });

  it("finds loops, and loops in loops", () => {
    const once = ["x", "a", "a", "b", "a", "a", "b"];
    const loops = { times: 2, body: [{ times: 2, body: [{ items: ["a", "a", "a", "a"] }] }, { items: ["b", "b"] }] };
    expect(fold([{ title: "p", items: once }], (key) => key)).toEqual([
      { title: "p", times: 1, body: [{ items: ["x"] }, loops] },
    ]);
    const same = { title: "p", items: ["a"] };
    expect(fold([same, same, same], (key) => key)).toEqual([
      { times: 3, body: [{ title: "p", times: 1, body: [{ items: ["a", "a", "a"] }] }] },
    ]);
  });

  const places = (each: Fold<number>): (readonly number[])[] =>
    "items" in each ? [each.items] : each.body.flatMap(places);

  // A forked child that exits has faults of four kinds, and each kind has its own places: 69.
  it.fails("has fewer than 60 places for a fork", () => {
    const explanation = explain(benchmark("fork-proc"), [native, esx, xenPv], XEON);
    expect(outlineOf(explanation, false).flatMap(places).length).toBeLessThan(60);
  });

  // 110, since the system calls are shown that start a program, and those of the programs' own.
  it.fails("has fewer than 105 places for an exec", () => {
    const explanation = explain(benchmark("exec-proc"), [native, esx, xenPv], XEON);
    expect(outlineOf(explanation, false).flatMap(places).length).toBeLessThan(105);
  });

  it("keeps the sums of an explanation, on every VMM, by cause", () => {
    for (const name of ["fork-proc", "exec-proc", "mmap-lat", "8p/16K"]) {
      const explanation = explain(benchmark(name), [native, esx, xenPv], XEON);
      const outline = outlineOf(explanation, false);
      for (const vmm of explanation.vmms) {
        const lines = outline.flatMap(places).flatMap((calls) => addedUp(calls.flatMap((call) => vmm.steps[call])));
        expect(sumOf(lines.map(({ cost }) => cost))).toBe(vmm.total);
        for (const [cause, cost] of Object.entries(vmm.byCause)) {
          expect(sumOf(lines.filter((line) => line.cause === cause).map((line) => line.cost)), cause).toBe(cost);
        }
      }
      // Of thousands of calls. Where page tables come and go in four goes, with a flush in between, they fold into more.
      const isLong = name === "fork-proc" || name === "exec-proc";
      if (!isLong) expect(outline.flatMap(places).length).toBeLessThan(60);
      expect(leftOut(explanation, outlineOf(explanation, true))).toBe(0);
    }
  });
});

/** Sentences that say why writes of page-table entries stop at the VMM. */
const why = (...vmms: Vmm[]): readonly string[] =>
  findings(explain(benchmark("fork-proc"), vmms, XEON)).filter((one) => one.startsWith("Why on"));

describe("findings", () => {
  it("follow from the figures", () => {
    const costs = {
      "hardware.trap": 1000,
      "binary-translation.trap": 2000,
      "shadow.fault": 4000,
      "binary-translation.inject-exception": 8000,
      "shadow.trace-set": 11_000,
    };
    const round = { ...XEON, costs: { ...XEON.costs, ...costs } };
    const explanation = explain(benchmark("page-fault"), [native, esx], round);
    const [bare, virtual] = explanation.vmms.map(({ total }) => total);
    const sentences = findings(explanation).join("\n");
    // The exception is everybody's; the VMM is entered, finds a true fault and injects it; the write of the entry traps.
    expect(sentences).toContain(`${(virtual / bare).toFixed(2)} times the ${bare.toLocaleString("en-US")} on native`);
    const share = Math.round((100 * 11_000) / (virtual - bare));
    expect(sentences).toContain(`${share} % vmm.shadow.trace (1 x 11,000 cycles`);
    expect(sentences).toContain("The one page fault takes 1,000 on native, 15,000 on esx");
    expect(sentences).toContain(
      "on native no write needs the VMM; on esx every write needs the VMM, 14,000 cycles " +
        "(1 hardware.trap, 1 vmm.trap, 1 vmm.shadow.trace)",
    );
  });

  it("say why writes of page-table entries stop at the VMM, once for all with the same reason", () => {
    // Bare metal has nobody to ask, and Xen is asked in batches: no write of an entry stops there.
    expect(why(native, xenPv)).toEqual([]);
    const [reason, ...others] = why(native, esx, workstation);
    expect(reason).toMatch(
      /^Why on esx and workstation: the guest's page tables are write-protected \(traced\): .*shadows/,
    );
    expect(others).toEqual([]);
  });

  it("count the mappings that a kernel in a process asks of its host as changes handed over", () => {
    const explanation = explain(benchmark("fork-proc"), [native, uml], XEON);
    const [{ events: bare }, { events }] = explanation.vmms;
    expect(bare["vmm.mapping.request"]).toBeUndefined();
    const sentence = findings(explanation).find((one) => one.startsWith("The guest writes"));
    expect(sentence).toMatch(/on native no write needs the VMM; on uml no write needs the VMM, but changes are handed/);
    // Faults on what the guest has mapped ask for mappings, too; all others are handed over.
    const handedOver = Number(/([\d,]+) vmm\.mapping\.request\)/.exec(sentence ?? "")?.[1].replaceAll(",", ""));
    expect(handedOver).toBeGreaterThan(0);
    expect(handedOver).toBeLessThanOrEqual(events["vmm.mapping.request"]);
  });

  it("count what a VMM has more of, not what both have", () => {
    const dear = { ...XEON, costs: { ...XEON.costs, "hardware.trap": 50_000 } };
    const explanation = explain(benchmark("fork-proc"), [native, esx], dear);
    const [, { events }] = explanation.vmms;
    // Hidden faults and traced writes are exceptions more than the page faults that bare metal has, too.
    const more = events["vmm.shadow.hidden-fault"] + events["vmm.shadow.trace"];
    expect(findings(explanation).join("\n")).toContain(`hardware.trap (${more} x 50,000 cycles on average`);
  });

  it("do not call dearer events more events", () => {
    // Per system call the kernel's code is run as often as on bare metal, and takes longer.
    const slow = { ...XEON, costs: { ...XEON.costs, "xen.flag-write": 900 } };
    const sentences = findings(explain(benchmark("fork-proc"), [native, xenPv], slow)).join("\n");
    expect(sentences).toMatch(/\d % guest\.kernel[;.]/);
  });

  it("change with the costs of the machine", () => {
    const free = {
      "hardware.trap": 0,
      "binary-translation.trap": 0,
      "shadow.trace": 0,
      "shadow.trace-set": 0,
      "shadow.trace-clear": 0,
    };
    const cheap = { ...XEON, costs: { ...XEON.costs, ...free } };
    const sentences = findings(explain(benchmark("page-fault"), [native, esx], cheap)).join("\n");
    expect(sentences).not.toContain("vmm.shadow.trace");
    expect(sentences).toContain("on native no write needs the VMM; on esx no write needs the VMM.");
  });

  it("do not take the work of the hardware for the VMM's", () => {
    expect(findings(explain(benchmark("fork-proc"), [native], XEON)).join("\n")).not.toContain("stop");
  });

  it("tell translated code that calls the emulation of a write from a trap", () => {
    const cpu = binaryTranslation({ adaptive: true });
    const adaptive = defineVmm({ ...esx, name: "adaptive", cpu });
    const explanation = explain(benchmark("fork-proc"), [native, adaptive], XEON);
    const events = explanation.vmms[1].events;
    const calls = events["vmm.translation.traced-write"];
    expect(calls).toBeGreaterThan(0);
    const sentences = findings(explanation).join("\n");
    // One more is no write of an entry: the frame of the new root was one before, and is cleared, which always traps.
    const trapped = events["vmm.shadow.trace"] - 1;
    expect(trapped).toBeGreaterThanOrEqual(0);
    expect(sentences).toContain(`on adaptive ${calls + trapped} need the VMM`);
    expect(sentences).toContain(`${calls} vmm.translation.traced-write`);
  });

  it("tell why translated code cannot copy a page of a file in high memory, and that the bare machine can", () => {
    const linux26 = { ...XEON, kernelBuild: "linux-2.6" as const };
    const explanation = explain(benchmark("cached-read-sequential"), [native, esx], linux26);
    const copies = explanation.calls.flatMap(({ kind }, call) => (kind === "kernel-access" ? [call] : []));
    // A round reads 32 pages; each is mapped, and then read.
    expect(copies).toHaveLength(32);
    const [bare, translated] = explanation.vmms;
    expect(bare.events["segment-limit.fault"]).toBeUndefined();
    expect(translated.events["segment-limit.fault"]).toBe(32);
    for (const call of copies) {
      expect(bare.steps[call].map(({ cause }) => cause)).not.toContain("vmm.trap");
      expect(translated.steps[call].map(({ cause }) => cause)).toContain("vmm.trap");
    }
    const sentences = findings(explanation).join("\n");
    expect(sentences).toContain("On esx 32 visits of pages stop at the VMM without the guest's knowing, 2,030 cycles");
    expect(sentences).toContain("Why on esx: the page lies where the VMM is, in the topmost 4 MB");
  });

  it("say so where nothing differs", () => {
    const twin = { ...native, name: "twin" };
    expect(findings(explain(benchmark("null-call"), [native, twin], XEON))).toEqual([
      expect.stringMatching(/^null-call costs [\d,]+ cycles on twin, as much as on native\.$/),
    ]);
  });
});
