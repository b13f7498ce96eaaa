/** The servers of the isolation test: a hog comes to one of them, and nothing else changes. */
import { describe, expect, it } from "vitest";
import { iso07 } from "../../src/analysis/validation/iso07.ts";
import { alone as hogAlone, servers } from "../../src/analysis/validation/iso07-guests.ts";
import type { Bench } from "../../src/analysis/validation/validation-set.ts";
import { loadPublishedFigures } from "../../src/analysis/validation/published-figures.ts";
import { compileGuest, loadWorkload } from "../../src/experiment/documents/load.ts";
import { Op, type OperationStream } from "../../src/workload/operation-stream.ts";

const SECONDS = 10;
const alone = servers(SECONDS, undefined);

type Operation = readonly [number, number, number, number];

function operations({ length, op, a, b, c }: OperationStream): readonly Operation[] {
  return Array.from({ length }, (_, i) => [op[i], a[i], b[i], c[i]]);
}

/** How often each operation occurs. */
function counts(all: readonly Operation[]): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const operation of all) found.set(operation.join(), (found.get(operation.join()) ?? 0) + 1);
  return found;
}

describe.each([
  { workload: "disk-hog", requests: 20 },
  { workload: "fork-bomb", requests: 410 },
  { workload: "network-receiver", requests: 30 },
])("servers, one with $requests requests of $workload", (hog) => {
  const beside = servers(SECONDS, hog);
  const file = loadWorkload(`workloads/${hog.workload}.yaml`);
  const { work } = file.workload;
  if (work.kind !== "closed") throw new Error("no closed loop");
  const requests = { ...file, workload: { ...file.workload, work: { ...work, requests: hog.requests } } };
  const own = compileGuest(requests, 1, 3);
  const added = operations(beside[3].stream).slice(0, beside[3].stream.length - alone[3].stream.length);

  it("leaves the three others as they are", () => {
    expect(beside.slice(0, 3).map(({ stream }) => stream.digest)).toEqual(
      alone.slice(0, 3).map(({ stream }) => stream.digest),
    );
    expect(beside.slice(0, 3).map(({ guest }) => guest)).toEqual(alone.slice(0, 3).map(({ guest }) => guest));
  });

  it("still asks the fourth for the same, after the hog has begun", () => {
    expect(operations(beside[3].stream).slice(added.length)).toEqual(operations(alone[3].stream));
  });

  it("has a thread for each of the hog's, which goes to a process of its own first", () => {
    const begins = added.flatMap(([op], i) => (op === Op.Request ? [i] : []));
    expect(begins).toHaveLength(own.guest.threads);
    for (const begin of begins) expect(added[begin + 1]).toEqual([Op.Switch, 1, 0, 0]);
    expect(beside[3].guest.threads).toBe(alone[3].guest.threads + own.guest.threads);
    expect(beside[3].guest.processes).toBe(2);
  });

  it("does what the hog does alone, in files that are not those of the server", () => {
    const shift = alone[3].guest.filePages;
    const expected = operations(own.stream)
      .filter(([op]) => op !== Op.Request)
      .map(([op, a, b, c]): Operation => [op, a + (op === Op.ReadFile || op === Op.WriteFile ? shift : 0), b, c]);
    const done = added.filter(([op]) => op !== Op.Request && op !== Op.Switch);
    expect(counts(done)).toEqual(counts(expected));
    const pages = done.flatMap(([op, a, b]) => (op === Op.ReadFile || op === Op.WriteFile ? [a, a + b] : []));
    expect(pages.every((page) => page >= shift && page <= beside[3].guest.filePages)).toBe(true);
  });
});

describe("a hog alone", () => {
  it("does one request with each of its threads", () => {
    const { guest, stream } = hogAlone({ workload: "disk-hog", activity: "read", requests: 1 });
    const done = operations(stream);
    expect(done.filter(([op]) => op === Op.Request)).toHaveLength(guest.threads);
    const pages = done.filter(([op]) => op === Op.ReadFile).flatMap(([, first, run]) => [first, first + run - 1]);
    // Each a file of its own, so that nothing of it is in memory.
    expect(new Set(pages).size).toBe(pages.length);
  });
});

describe("servers beside an activity of a hog", () => {
  it("read if it is reading, and write if it is writing, as much as all of its requests", () => {
    // Files of 272 MiB: in 64 KiB, or 31 pages but for what is left over.
    for (const [activity, op, times, run] of [
      ["read", Op.ReadFile, Math.floor((272 * 256) / 31), 31],
      ["write", Op.WriteFile, (272 * 1024) / 64, 16],
    ] as const) {
      const { length } = alone[3].stream;
      const beside = servers(SECONDS, { workload: "disk-hog", activity, requests: 20 })[3].stream;
      const added = operations(beside).slice(0, beside.length - length);
      const done = added.filter(([each]) => each !== Op.Request && each !== Op.Switch);
      expect(done).toHaveLength(20 * times);
      expect(done.every(([each, , pages, sync]) => each === op && pages === run && sync === 0)).toBe(true);
    }
  });
});

function row(id: string) {
  return iso07.rows.find((each) => each.id === `iso07.${id}`);
}

const nothing = { metrics: {}, cycles: {}, events: {}, series: { columns: [], rows: [] } };

function refuse(): never {
  throw new Error("no row asks for that");
}

/** A host on which VMs have answered so many requests, by whether one of them misbehaves, and how; then so many of each come too late. */
function benchOf(calm: readonly number[], hogged: readonly number[], reading = hogged, late = 0): Bench {
  const memory: Bench["memory"] = (name) => {
    if (name.endsWith("alone")) return { ...nothing, metrics: { elapsed_ms: name.includes("read") ? 300 : 100 } };
    const done = name.includes("and undefined") ? calm : name.endsWith("read") ? reading : hogged;
    const columns = ["vm", "requests_done", "requests_good"];
    const vms = { columns, rows: done.map((requests, vm) => [vm, requests, requests - (done === calm ? 0 : late)]) };
    return { ...nothing, vms };
  };
  return { profile: refuse, operation: refuse, workload: refuse, host: refuse, once: refuse, memory };
}

describe("losses of good responses", () => {
  it("are those of the three others together, or of the fourth", () => {
    const bench = benchOf([100, 200, 100, 50], [100, 180, 80, 10]);
    expect(row("disk-10-x-iozone.xen-3-0.good")?.simulate(bench)).toBeCloseTo(10);
    expect(row("disk-10-x-iozone.xen-3-0.bad")?.simulate(bench)).toBeCloseTo(80);
  });

  it("are the mean of what is lost while IOzone writes, and while it reads, which takes it three times as long here", () => {
    const bench = benchOf([100, 200, 100, 50], [100, 200, 100, 10], [100, 200, 100, 40]);
    expect(row("disk-10-x-iozone.xen-3-0.bad")?.simulate(bench)).toBeCloseTo((80 + 3 * 20) / 4);
  });

  it("count responses that come, but come too late", () => {
    const bench = benchOf([100, 100, 100, 50], [100, 100, 100, 50], undefined, 10);
    expect(row("cpu.xen-3-0.bad")?.simulate(bench)).toBeCloseTo(20);
  });

  it("are not told when the hog has come to its end, and counts as a request", () => {
    const bench = benchOf([100, 100, 100, 50], [100, 100, 100, 51]);
    expect(() => row("cpu.xen-3-0.bad")?.simulate(bench)).toThrow("compute has come to its end");
  });

  it("are told of all VMs of VMware and Xen that reported something", () => {
    const published = [...loadPublishedFigures().keys()].filter((id) => /^iso07\..*\.(vmware|xen)/.test(id));
    expect(iso07.rows.map(({ id }) => id).sort()).toEqual(published.sort());
  });
});
