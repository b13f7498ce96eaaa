import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadAcceptedFigures, worsened } from "../../src/analysis/validation/accepted-figures.ts";
import { freeParameters } from "../../src/analysis/validation/free-parameters.ts";
import { goals } from "../../src/analysis/validation/goals.ts";
import { partParameters } from "../../src/analysis/validation/part-parameters.ts";
import { missesOf, missReasons } from "../../src/analysis/validation/misses.ts";
import { orderings } from "../../src/analysis/validation/orderings.ts";
import type { PublishedFigure } from "../../src/analysis/validation/published-figures.ts";
import type { MonitoredMachine } from "../../src/analysis/validation/simulated-bench.ts";
import { relativeError, type ValidatedRow } from "../../src/analysis/validation/validated-row.ts";
import type { ValidationRow, ValidationSet } from "../../src/analysis/validation/validation-set.ts";
import { summaryOf, type Validation, validate } from "../../src/analysis/validation/validation.ts";
import {
  calibratedCostTable,
  errorPercent,
  parameterSentence,
  published,
  roleTable,
} from "../../src/report/validation-tables.ts";
import { definePart, type Parameters, type Part } from "../../src/vmm/contract.ts";
import { workstation } from "../../src/vmm/workstation.ts";
import { xenHvm } from "../../src/vmm/xen-hvm.ts";
import { xenPv } from "../../src/vmm/xen-pv.ts";
import { InputError } from "../../src/core/input-error.ts";
import { type LoadedMachine, loadMachine } from "../../src/experiment/documents/load-machine.ts";

function row(id: string, published: number, simulated: number | null, more: Partial<ValidatedRow> = {}): ValidatedRow {
  return {
    id,
    set: "s",
    source: "Source 2000",
    figure: "Table 1",
    quantity: "q",
    system: id,
    unit: "us",
    published,
    simulated,
    relativeError: simulated === null || more.bound !== undefined ? null : relativeError(simulated, published),
    role: "prediction",
    fromMemory: false,
    ...more,
  };
}

function below(id: string, simulated: number | null): ValidatedRow {
  return row(id, 20, simulated, { bound: "below" });
}

function above(id: string, simulated: number | null): ValidatedRow {
  return row(id, 30, simulated, { bound: "above" });
}

function worsenedFrom(before: ValidatedRow, after: ValidatedRow): string[] {
  return worsened(validationOf([before]), validationOf([after]));
}

function validationOf(rows: readonly ValidatedRow[]): Validation {
  const roles = { calibration: summaryOf(rows, "calibration"), prediction: summaryOf(rows, "prediction") };
  return { rows, summary: { roles, orderings: orderings(rows), freeParameters: freeParameters([], [], 1) } };
}

function figureOf(id: string, value: number): [string, PublishedFigure] {
  const text = { source: "s", figure: "Table 1", system: "x", workload: "w", metric: "latency", unit: "us" };
  const provenance = id.endsWith("memory") ? "from-memory:high:plotted" : "verified:full-text:tabulated";
  return [id, { id, ...text, value, lowerIsBetter: true, confidence: "high", provenance }];
}

function reached(rows: readonly ValidatedRow[], perPrediction: number): boolean[] {
  const { summary } = validationOf(rows);
  const freeParameters = { ...summary.freeParameters, perPrediction };
  return goals({ ...summary, freeParameters }).map((goal) => goal.reached);
}

function lacking(): number {
  throw new InputError('machine "m" gives no costs.x');
}

function monitored(machine: string, part: Part<"memory">): MonitoredMachine {
  return { machine, vmm: { ...xenPv, memory: [part] } };
}

function setOf(...rows: readonly ValidationRow[]): ValidationSet {
  return { name: "s", source: "Source 2000", rows };
}

/** A part with a parameter of each kind. */
const guessed = definePart<"memory", Parameters>({
  slot: "memory",
  name: "guessed",
  summary: "s",
  parameters: {
    settled: { summary: "s", default: 1, source: "calibrated: some row" },
    assumed: { summary: "s", default: 2, source: "assumed" },
    assumption: { summary: "s", default: 3, source: "assumption: so many" },
    graded: { summary: "s", default: false, grade: "A" },
    read: { summary: "s", default: 4, source: "Author 2000, who assumed it", grade: "S" },
    silent: { summary: "s", default: 5 },
  },
  create: () => {
    throw new Error("nothing is simulated");
  },
});

describe("the error of a row", () => {
  it("is relative to the published value, with its sign", () => {
    expect(relativeError(3, 2)).toBe(0.5);
    expect(relativeError(1, 2)).toBe(-0.5);
  });

  it("cannot be stated for a published 0, unless the simulated value is 0 as well", () => {
    expect(relativeError(0, 0)).toBe(0);
    expect(relativeError(1e-9, 0)).toBeNull();
    expect(missesOf(validationOf([row("a", 0, 0), row("b", 0, 1e-9)]))).toEqual(new Map([["b", ["error"]]]));
  });
});

describe("the summary of a role", () => {
  it("is that worked by hand", () => {
    // Errors 10, 15, 40 and 50 %; their median is between the second and the third.
    const rows = [row("a", 100, 110), row("b", 100, 85), row("c", 100, 140), row("d", 100, 50), row("e", 1, null)];
    expect(summaryOf([...rows, row("f", 1, 9, { role: "calibration" })], "prediction")).toEqual({
      rows: 5,
      notSimulated: 1,
      bounds: 0,
      boundsKept: 0,
      medianAbsoluteError: 0.275,
      shareClose: 0.5,
      shareWithinMiss: 0.75,
      worst: "d",
    });
  });

  it("has no median without rows, or where the middle one has no error that can be stated", () => {
    expect(summaryOf([], "prediction")).toMatchObject({ rows: 0, medianAbsoluteError: null, shareClose: null });
    const rows = [row("a", 1, 1), row("b", 0, 1), row("c", 0, 2)];
    expect(summaryOf(rows, "prediction")).toMatchObject({ medianAbsoluteError: null, shareWithinMiss: 1 / 3 });
  });
});

describe("a bound", () => {
  it("is kept or not, however far off or near the value is", () => {
    const rows = [below("a", 0), below("b", 21), above("c", 29), above("d", 3000), below("e", 20), above("f", null)];
    expect(missesOf(validationOf(rows))).toEqual(
      new Map([
        ["b", ["bound"]],
        ["c", ["bound"]],
        ["f", ["not simulated"]],
      ]),
    );
    expect(missReasons(validationOf(rows))).toEqual([{ reason: "no reason is known", ids: ["b", "c"] }]);
  });

  it("has no part in medians, and counts in shares as within or not", () => {
    const valued = [row("a", 100, 110), row("b", 100, 130), row("c", 100, 190)];
    const summary = summaryOf([...valued, below("d", 1), above("e", 29)], "prediction");
    expect(summary).toEqual({
      rows: 5,
      notSimulated: 0,
      bounds: 2,
      boundsKept: 1,
      medianAbsoluteError: summaryOf(valued, "prediction").medianAbsoluteError,
      shareClose: 2 / 5,
      shareWithinMiss: 3 / 5,
      worst: "c",
    });
    expect(summaryOf([below("d", 1)], "prediction")).toMatchObject({
      medianAbsoluteError: null,
      shareWithinMiss: 1,
      worst: null,
    });
    expect(roleTable(validationOf([...valued, below("d", 1), above("e", 29)])).rows[1].slice(0, 4)).toEqual([
      "prediction",
      5,
      0,
      "1 of 2",
    ]);
  });

  it("is told apart in the tables", () => {
    expect(published(below("a", 1))).toBe("below 20");
    expect(published(above("a", 1))).toBe("above 30");
    expect(errorPercent(above("a", 1))).toBe("bound");
    expect(published(row("a", 20, 1))).toBe(20);
  });

  it("is in an order only with what lies on its other side", () => {
    const more = { group: "g", bound: "above" } as const;
    const less = { group: "g", bound: "below" } as const;
    const group = { group: "g" };
    expect(orderings([row("a", 3, 9, more), row("b", 5, 4, group)])).toEqual([]);
    expect(orderings([row("a", 3, 9, group), row("b", 5, 4, less)])).toEqual([]);
    expect(orderings([row("a", 3, 9, group), row("b", 5, 4, more)])).toMatchObject([{ lost: [["a", "b"]] }]);
    expect(orderings([row("a", 3, 4, less), row("b", 5, 9, group)])).toMatchObject([{ kept: 1, lost: [] }]);
  });
});

describe("figures that nobody printed", () => {
  it("are left out of a summary of their own, which there is only where there are some", () => {
    const printed = [row("a", 100, 110), row("b", 100, 150)];
    expect(roleTable(validationOf(printed)).rows.length).toBe(2);
    const { rows } = roleTable(validationOf([...printed, row("c", 100, 100, { measured: true })]));
    expect(rows.map(([role, count, , , median]) => [role, count, median])).toEqual([
      ["calibration", 0, "-"],
      ["prediction", 3, "10.0 %"],
      ["prediction, printed figures alone", 2, "30.0 %"],
    ]);
  });
});

describe("the order of systems", () => {
  const group = { group: "g" };

  it("is lost by the pairs that change sides", () => {
    const rows = [row("a", 1, 5, group), row("b", 2, 4, group), row("c", 3, 6, group)];
    expect(orderings(rows)).toMatchObject([{ ids: ["a", "b", "c"], ordered: 3, kept: 2, lost: [["a", "b"]] }]);
    expect([...missesOf(validationOf(rows)).keys()]).toEqual(["a", "b", "c"]);
  });

  it("is none between published values within 2 %, and lost where the models make no difference", () => {
    const near = [row("a", 100, 9, group), row("b", 102, 8, group)];
    expect(orderings(near)).toEqual([]);
    const apart = [row("a", 100, 9, group), row("b", 103, 9, group)];
    expect(orderings(apart)).toMatchObject([{ ordered: 1, kept: 0 }]);
  });

  it("is looked for within a source and a group only, among what was simulated", () => {
    const rows = [
      row("a", 1, 2, group),
      row("b", 2, 1, { group: "h" }),
      row("c", 3, null, group),
      row("d", 4, 1, { set: "t", ...group }),
      row("e", 5, 1),
    ];
    expect(orderings(rows)).toEqual([]);
  });

  it("is kept by any rising function of the published values, and lost entirely by a falling one", () => {
    const values = fc.uniqueArray(fc.integer({ min: 1, max: 1000 }), { minLength: 2, maxLength: 8 });
    fc.assert(
      fc.property(values, (published) => {
        const rising = published.map((value, i) => row(String(i), value, 3 * value + 1, group));
        const falling = published.map((value, i) => row(String(i), value, -value, group));
        for (const { ordered, kept } of orderings(rising)) expect(kept).toBe(ordered);
        for (const { kept } of orderings(falling)) expect(kept).toBe(0);
        expect(orderings(rising).map(({ ordered }) => ordered)).toEqual(
          orderings(falling).map(({ ordered }) => ordered),
        );
      }),
    );
  });
});

describe("the reasons of misses", () => {
  it("are those of rows that miss, and missing for an error without one", () => {
    const reason = "because";
    const rows = [row("a", 1, 2, { reason }), row("b", 1, 3, { reason }), row("c", 1, 1, { reason }), row("d", 1, 9)];
    expect(missReasons(validationOf(rows))).toEqual([
      { reason, ids: ["a", "b"] },
      { reason: "no reason is known", ids: ["d"] },
    ]);
  });
});

describe("the goals", () => {
  const rows = Array.from({ length: 10 }, (_, i) => row(String(i), 100, i < 6 ? 115 : 140));
  it("are reached up to their limits and not beyond", () => {
    expect(reached(rows, 0.24)).toEqual([true, true, true, true]);
    expect(reached(rows, 0.25)).toEqual([true, true, true, false]);
    const close = rows.with(0, row("0", 100, 116)).with(1, row("1", 100, 116));
    expect(reached(close, 0)).toEqual([false, true, true, true]);
    expect(reached(rows.with(9, row("9", 100, 141)), 0)).toEqual([true, true, true, true]);
    expect(reached(rows.with(9, row("9", 100, 141)).with(8, row("8", 100, 59)), 0)).toEqual([true, false, true, true]);
    const turned = rows.with(8, row("8", 100, 130, { group: "g" })).with(9, row("9", 110, 120, { group: "g" }));
    expect(reached(turned, 0)).toEqual([true, true, false, true]);
  });

  it("are none without predictions", () => {
    expect(reached([row("a", 1, 1, { role: "calibration" })], 0)).toEqual([]);
  });
});

function total(...machines: LoadedMachine[]): number {
  return freeParameters(machines, [], 1).total;
}

describe("free parameters", () => {
  it("are the numbers of the profiles that no source gives, worked by hand", () => {
    const machine = loadMachine("machines/xeon-2.4-sosp03.yaml");
    const text = { value: 1, unit: "cycles", source: "s" };
    const numbers = [
      { name: "cpu.frequency", kind: "published", ...text },
      { name: "disk.rate", kind: "assumed", ...text },
      { name: "costs.esx.trace", kind: "calibrated", ...text },
      { name: "costs.esx.callout", kind: "assumed", ...text },
      { name: "costs.xen.hypercall", kind: "published", ...text },
      { name: "costs.xen.forward-exception", kind: "calibrated", ...text },
      { name: "costs.hardware.trap", kind: "calibrated", ...text },
      { name: "costs.xen.root-switch", kind: "calibrated", ...text, base: "another" },
      { name: "costs.xen.event-upcall", kind: "derived", ...text },
      { name: "costs.hardware.exception", kind: "native", ...text },
      { name: "kernel-paths.exec", kind: "native", ...text },
      { name: "kernel-paths.send-packet", kind: "calibrated", ...text },
      { name: "kernel-paths.interrupt", kind: "assumed", ...text },
    ] as const;
    expect(freeParameters([{ ...machine, numbers }], [{ machine: "xeon-2.4-sosp03", vmm: xenPv }], 8)).toEqual({
      machines: ["xeon-2.4-sosp03"],
      groups: [
        { name: "path lengths of the kernel", calibrated: 0, assumed: 1, native: 2 },
        { name: "primitive costs: esx", calibrated: 1, assumed: 1, native: 0 },
        { name: "primitive costs: hardware", calibrated: 1, assumed: 0, native: 1 },
        // One is a number of another machine, on which nothing is simulated.
        { name: "primitive costs: xen", calibrated: 2, assumed: 0, native: 0 },
        { name: "scale, CPU, TLB, disk, network", calibrated: 0, assumed: 1, native: 0 },
      ],
      // Xen has no use for a cost of ESX, and that of the bare machine is not its own.
      calibratedCosts: [{ machine: "xeon-2.4-sosp03", vmm: "xen-pv (paravirtual)", costs: ["xen.forward-exception"] }],
      total: 7,
      native: 3,
      published: 2,
      derived: 1,
      perPrediction: 0.875,
      perPredictionWithNative: 1.25,
      assumedPartParameters: partParameters([xenPv]).assumed.size,
    });
    expect(freeParameters([machine], [], 0).perPrediction).toBeNull();
    const another = { ...machine, profile: { ...machine.profile, name: "another" }, numbers: [numbers[4], numbers[5]] };
    const [taken, own] = [{ ...numbers[5], base: "another" }, numbers[5]];
    const third = { ...machine, numbers: [{ ...numbers[4], base: "another" }, taken] };
    // However many have it, it is one number; where a machine gives another for it, that is a second one.
    expect([total(third), total(another, third), total(another, { ...third, numbers: [own] })]).toEqual([1, 1, 2]);
    const times = [
      { name: "times.job.touch", kind: "calibrated", ...text },
      { name: "times.job.fault", kind: "published", ...text },
    ] as const;
    expect(freeParameters([], [], 4, times)).toMatchObject({
      groups: [{ name: "times: job", calibrated: 1, assumed: 0, native: 0 }],
      total: 1,
      published: 1,
      perPrediction: 0.25,
    });
  });

  it("are the calibrated parameters of parts, too, where a VMM keeps the default; assumed ones are told apart", () => {
    const machine = { ...loadMachine("machines/xeon-2.4-sosp03.yaml"), numbers: [] };
    const of = (part: Part<"memory">) => freeParameters([machine], [monitored("xeon-2.4-sosp03", part)], 4);
    const kept = of(guessed());
    expect(kept).toMatchObject({
      groups: [{ name: "parameters of parts", calibrated: 1, assumed: 0, native: 0 }],
      calibratedCosts: [{ machine: "xeon-2.4-sosp03", vmm: "xen-pv (paravirtual)", costs: ["guessed.settled"] }],
      total: 1,
      perPrediction: 0.25,
    });
    const changed = of(guessed({ settled: 7, assumed: 8, assumption: 9, graded: true }));
    expect(changed).toMatchObject({ groups: [], calibratedCosts: [], total: 0 });
    expect(kept.assumedPartParameters - changed.assumedPartParameters).toBe(3);
    // On two machines it is one number.
    const twice = ["a", "b"].map((name) => monitored(name, guessed()));
    expect(freeParameters([], twice, 4)).toMatchObject({ total: 1, groups: [{ calibrated: 1 }] });
  });

  it("are too many in the table where those of the profile and of the parts are more than six", () => {
    const machine = loadMachine("machines/p4-672-asplos06.yaml");
    const free = freeParameters([machine], [{ machine: machine.profile.name, vmm: workstation }], 1);
    const [{ costs }] = free.calibratedCosts;
    expect(costs).toHaveLength(6);
    expect(calibratedCostTable(free)).toMatchObject({
      rows: [["p4-672-asplos06", expect.any(String), 6, costs.join(", ")]],
    });
    expect(calibratedCostTable(free).missed).toEqual(new Set());
    const more = {
      ...free,
      calibratedCosts: [{ ...free.calibratedCosts[0], costs: ["a", "b", "c", "d", "e", "f", "g"] }],
    };
    expect(calibratedCostTable(more).missed).toEqual(new Set([0]));
  });

  it("leave out a parameter that a VMM sets itself", () => {
    const name = "shadow-paging.storesToReuse";
    expect(partParameters([xenHvm]).assumed.has(name)).toBe(false);
    expect(partParameters([workstation, xenHvm]).assumed.has(name)).toBe(true);
    expect(partParameters([workstation, xenHvm]).calibrated.size).toBe(0);
  });

  it("have parameters of parts named in the sentence, with the number of the assumed ones", () => {
    const validation = validationOf([row("a", 1, 1)]);
    const free = freeParameters([], [monitored("m", guessed())], 1);
    const sentence = parameterSentence({ ...validation, summary: { ...validation.summary, freeParameters: free } });
    expect(sentence).toContain(" and the calibrated parameters of parts have 1 free parameters, ");
    expect(sentence).toContain(`Not counted are ${free.assumedPartParameters} assumed parameters of parts, `);
    expect(parameterSentence(validation)).not.toContain("calibrated parameters of parts");
  });
});

describe("validating sets", () => {
  it("takes it from the published figure that it is a bound, and states no error", () => {
    const [id, figure] = figureOf("s.a", 2);
    const set = setOf({ id, role: "prediction", simulate: () => 1 });
    const { rows } = validate([set], new Map([[id, { ...figure, bound: "below" }]]));
    expect(rows).toMatchObject([{ published: 2, bound: "below", simulated: 1, relativeError: null }]);
  });

  const published = new Map([figureOf("s.a", 2), figureOf("s.b-memory", 4)]);

  it("gives each row its published figure", () => {
    const set = setOf(
      { id: "s.a", role: "calibration", simulate: () => 3, group: "g" },
      { id: "s.b-memory", role: "prediction", simulate: () => 4, reason: "r" },
    );
    const { rows, summary } = validate([set], published);
    expect(rows[0]).toEqual({
      id: "s.a",
      set: "s",
      source: "Source 2000",
      figure: "Table 1",
      quantity: "w, latency",
      system: "x",
      unit: "us",
      published: 2,
      simulated: 3,
      relativeError: 0.5,
      role: "calibration",
      fromMemory: false,
      group: "g",
    });
    expect(rows[1]).toMatchObject({ relativeError: 0, fromMemory: true, reason: "r" });
    expect(summary.freeParameters).toMatchObject({ machines: [], total: 0, perPrediction: 0 });
  });

  it("reports a row that cannot be simulated, with the reason, and goes on", () => {
    const set = setOf(
      { id: "s.a", role: "prediction", simulate: lacking },
      { id: "s.b-memory", role: "prediction", simulate: () => 4 },
    );
    const validation = validate([set], published);
    expect(validation.rows[0]).toMatchObject({
      simulated: null,
      relativeError: null,
      reason: 'not simulated: machine "m" gives no costs.x',
    });
    expect(validation.rows[1].simulated).toBe(4);
    expect(missesOf(validation).get("s.a")).toEqual(["not simulated"]);
    expect(validation.summary.roles.prediction).toMatchObject({ rows: 2, notSimulated: 1, worst: "s.b-memory" });
  });

  it("takes no value for a bug", () => {
    const set = setOf({ id: "s.a", role: "prediction", simulate: () => Number.NaN });
    expect(() => validate([set], published)).toThrow("the simulation of s.a gave NaN");
  });

  it("refuses figures that nobody published, and two rows about one figure", () => {
    const one: ValidationRow = { id: "s.a", role: "prediction", simulate: () => 1 };
    expect(() => validate([setOf({ ...one, id: "s.aa" })], published)).toThrow('"s.aa"; did you mean "s.a"?');
    expect(() => validate([setOf(one), setOf(one)], published)).toThrow('two rows are about the figure "s.a"');
  });
});

describe("a validation that got worse", () => {
  const group = { group: "g" };
  const accepted = validationOf([row("a", 100, 110, group), row("b", 200, 200, group), row("c", 1, null)]);
  const changed = (...rows: readonly ValidatedRow[]): string[] => worsened(accepted, validationOf(rows));
  const [a, b, c] = accepted.rows;

  it("is none when nothing changes, errors shrink or grow by no more than a percentage point", () => {
    expect(worsened(accepted, accepted)).toEqual([]);
    expect(changed(row("a", 100, 101, group), row("b", 200, 202, group), row("c", 1, 9))).toEqual([]);
  });

  it("names errors that grew, in either direction", () => {
    expect(changed(row("a", 100, 88, group), b, c)).toEqual(["a: error 10.0 % has become 12.0 %"]);
  });

  it("names rows that are gone, no longer simulated, or in another order", () => {
    expect(changed(a, b)).toEqual(["c: is no longer compared"]);
    expect(changed(a, row("b", 200, null, group), c)).toEqual(["b: error 0.0 % has become (not simulated)"]);
    const turned = validationOf([row("a", 100, 109, group), row("b", 108, 108, group), row("c", 1, null)]);
    expect(worsened(validationOf([row("a", 100, 107, group), row("b", 108, 108, group), c]), turned)).toEqual([
      "a: error 7.0 % has become 9.0 %",
      "a < b: this order is lost",
    ]);
  });

  it("names bounds that were kept and are not any more", () => {
    const lost = ["d: is no longer found below 20 us"];
    expect(worsenedFrom(below("d", 5), below("d", 21))).toEqual(lost);
    expect(worsenedFrom(below("d", 5), below("d", null))).toEqual(lost);
    expect(worsenedFrom(below("d", 5), below("d", 19))).toEqual([]);
    expect(worsenedFrom(below("d", 21), below("d", 40))).toEqual([]);
    // Accepted before it was known to be a bound.
    expect(worsenedFrom(row("d", 20, 5), below("d", 19))).toEqual([]);
    expect(worsenedFrom(row("d", 20, 5), below("d", 21))).toEqual(lost);
  });

  it("does not take rows that are new for worse", () => {
    expect(changed(a, b, c, row("d", 1, 100), row("e", 100, 1, group))).toEqual([]);
  });

  it("is told from a file that is no validation", () => {
    expect(() => loadAcceptedFigures("README.md")).toThrow("README.md: not JSON");
  });
});
