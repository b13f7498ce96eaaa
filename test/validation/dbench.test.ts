/** The simulated dbench against counts of the real one's load file and source. */
import { expect, it } from "vitest";
import {
  dbench,
  DBENCH_REQUESTS,
  dbenchPlaces,
  MEGABYTES_A_REQUEST,
} from "../../src/analysis/validation/esx02-dbench.ts";
import { Op, Write } from "../../src/workload/operation-stream.ts";
import { isGoingOn, openFileOf, wholePages } from "../../src/workload/read-call.ts";

const CLIENTS = 40;
/** Files of two runs, so that one may begin before all clients of the other have deleted theirs. */
const FILE_SETS = 2;
const { guest, stream } = dbench({ megahertz: 733 });
const { op, a, b, c } = stream;
const { clientPages, loadFile, common } = dbenchPlaces();

type Step = Record<"op" | "first" | "pages" | "how", number>;

/** Pages of the first client's files that an operation goes over. */
function* ofFirstClient(): Generator<Step> {
  for (let i = 0; i < stream.length; i++) {
    const files = op[i] === Op.ReadFile || op[i] === Op.WriteFile || op[i] === Op.DeleteFile;
    if (files && a[i] < clientPages) yield { op: op[i], first: a[i], pages: b[i], how: c[i] };
  }
}

/** Megabytes that the operations of one kind go over. */
function moved(kind: number): number {
  let pages = 0;
  for (const step of ofFirstClient()) if (step.op === kind) pages += step.pages;
  return (pages * 4096) / 1e6;
}

it("computes for as many bytes a client as dbench.c says: 132 MB, moved by calls to so many pages (client.txt)", () => {
  expect(MEGABYTES_A_REQUEST).toBe(132);
  let cycles = 0;
  for (let i = 0; i < stream.length; i++) if (op[i] === Op.Compute) cycles += a[i];
  const milliseconds = cycles / CLIENTS / 733_000;
  expect(Math.abs(milliseconds / ((1.17 * 132e6) / 32_768) - 1)).toBeLessThan(0.01);
  // What calls move of a page one after the other is one visit here.
  expect(moved(Op.ReadFile)).toBeLessThan(37.1);
  expect(moved(Op.WriteFile)).toBeLessThan(110);
});

/** Which steps of the first client write a block of the file system: one that is read by itself before it is deleted. */
function onFileSystem(steps: readonly Step[]): Set<number> {
  const [pages, found] = [new Set<number>(), new Set<number>()];
  for (let i = steps.length - 1; i >= 0; i--) {
    const { op: what, first, pages: count, how } = steps[i];
    if (what === Op.DeleteFile) for (let page = first; page < first + count; page++) pages.delete(page);
    if (what === Op.ReadFile && how === 0) pages.add(first);
    if (what === Op.WriteFile && pages.has(first)) found.add(i);
  }
  return found;
}

it("reads blocks first of which it writes a part, if they are old and not in the cache", () => {
  const steps = [...ofFirstClient()];
  const fileSystem = onFileSystem(steps);
  const there = new Set<number>();
  let inPart = 0;
  steps.forEach((step, i) => {
    for (let page = step.first; page < step.first + step.pages; page++) {
      if (step.op === Op.DeleteFile) there.delete(page);
      if (step.op !== Op.WriteFile) continue;
      if (step.how >= Write.InPart) {
        expect(there.has(page)).toBe(true);
        if (!fileSystem.has(i)) inPart++;
      }
      there.add(page);
    }
  });
  // Counted in the load file by itself, by file and number of block; 7 of them are in files that all clients have in common.
  expect(inPart).toBe(4721 - 7);
});

it("uses a block of the file system each time that it reads or changes one, and no other page in this way", () => {
  const steps: (Step & { readonly used: boolean })[] = [];
  for (let i = 0; i < stream.length; i++) {
    const files = op[i] === Op.ReadFile || op[i] === Op.WriteFile || op[i] === Op.DeleteFile;
    if (!files || a[i] >= clientPages) continue;
    const used = op[i + 1] === Op.UseBlock && a[i + 1] === a[i];
    steps.push({ op: op[i], first: a[i], pages: b[i], how: c[i], used });
  }
  const written = onFileSystem(steps);
  const expected = steps.map(({ op: what, how }, i) => written.has(i) || (what === Op.ReadFile && how === 0));
  expect(steps.map(({ used }) => used)).toEqual(expected);
  expect(op.filter((each, i) => each === Op.UseBlock && a[i] < clientPages)).toHaveLength(
    expected.filter((isBlock) => isBlock).length,
  );
});

/** By request, the clients whose files it is about; the load file is everybody's. */
function clientsByRequest(times: number): readonly ReadonlySet<number>[] {
  const { stream: all } = dbench({ megahertz: 733, times });
  const requests: Set<number>[] = [];
  for (let i = 0; i < all.length; i++) {
    if (all.op[i] === Op.Request) requests.push(new Set());
    else if (all.op[i] !== Op.Compute && all.a[i] < loadFile) requests.at(-1)?.add(Math.floor(all.a[i] / clientPages));
  }
  return requests;
}

it("has each client go on by itself, and the next run in other files", () => {
  const requests = clientsByRequest(FILE_SETS);
  expect(requests).toHaveLength(FILE_SETS * DBENCH_REQUESTS);
  expect(requests.every(({ size }) => size === 1)).toBe(true);
  const files = requests.flatMap((of) => [...of]);
  expect(files.toSorted((x, y) => x - y)).toEqual(Array.from({ length: FILE_SETS * CLIENTS }, (_, i) => i));
  expect(Math.max(...files.slice(0, CLIENTS))).toBeLessThan(CLIENTS);
});

it("has at most 24.1 MB of files at a time, writes none that it has not, and leaves nothing behind", () => {
  const there = new Set<number>();
  let most = 0;
  for (const step of ofFirstClient()) {
    for (let page = step.first; page < step.first + step.pages; page++) {
      if (step.op === Op.WriteFile) there.add(page);
      else expect(there.has(page)).toBe(true);
      if (step.op === Op.DeleteFile) there.delete(page);
    }
    most = Math.max(most, there.size);
  }
  expect(Math.abs((most * 4096) / 24.11e6 - 1)).toBeLessThan(0.03);
  expect(there.size).toBe(0);
});

it("has the load file, and what all clients read and write in common, once, and the first client of all make it", () => {
  expect([loadFile, common - loadFile]).toEqual([FILE_SETS * CLIENTS * clientPages, Math.ceil(4_119_297 / 4096) + 1]);
  // By the load file: 1,386 bytes, five of 1,000, 114,710 in 29 blocks and one of places, 16,390 in 5, 2,312, and two directories.
  expect(guest.filePages - common).toBe(1 + 5 + 30 + 5 + 1 + 2);
  const made = new Map<number, number>();
  for (let i = 0, request = -1; i < stream.length; i++) {
    if (op[i] === Op.Request) request++;
    if (op[i] !== Op.WriteFile || a[i] < common || c[i] >= Write.InPart) continue;
    for (let page = a[i]; page < a[i] + b[i]; page++) made.set(page, request);
  }
  expect([...made.keys()].toSorted((x, y) => x - y)).toEqual(
    Array.from({ length: guest.filePages - common }, (_, i) => common + i),
  );
  expect(new Set(made.values())).toEqual(new Set([0]));
});

it("reads by calls no page but of a file that it has opened, up to the last one, and not the one with the places of others", () => {
  const open = new Map<number, { readonly first: number; readonly map: number }>();
  const wrong: number[] = [];
  for (let i = 0; i < stream.length; i++) {
    if (op[i] === Op.Request) open.clear();
    if (op[i] === Op.OpenFile) open.set(b[i], { first: a[i], map: c[i] });
    if (op[i] !== Op.ReadFile || c[i] === 0) continue;
    const { first, map } = open.get(openFileOf(c[i])) ?? { first: Infinity, map: 0 };
    const end = a[i] + Math.max(1, b[i]);
    const within = a[i] >= first && end <= first + wholePages(c[i]) + (map === 0 ? 1 : 2);
    if (!within || (map >= a[i] && map < end) || (isGoingOn(c[i]) && a[i] < map)) wrong.push(i);
  }
  expect(wrong).toEqual([]);
});
