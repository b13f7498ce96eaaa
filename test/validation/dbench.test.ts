/** The simulated dbench against counts of the real one's load file and source. */
import { expect, it } from "vitest";
import { dbench, DBENCH_REQUESTS, MEGABYTES_A_REQUEST } from "../../src/analysis/validation/esx02-dbench.ts";
import { Op, Write } from "../../src/workload/operation-stream.ts";

const CLIENTS = 40;
/** Files of two runs, so that one may begin before all clients of the other have deleted theirs. */
const FILE_SETS = 2;
const { guest, stream } = dbench({ megahertz: 733 });
const { op, a, b, c } = stream;
const clientPages = (guest.filePages - 1006) / (FILE_SETS * CLIENTS);

/** Pages of the first client's files that an operation goes over. */
function* ofFirstClient(): Generator<Record<"op" | "first" | "pages" | "how", number>> {
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
  expect(Math.abs(milliseconds / ((1.07 * 132e6) / 32_768) - 1)).toBeLessThan(0.01);
  // What calls move of a page one after the other is one visit here.
  expect(moved(Op.ReadFile)).toBeLessThan(37.1);
  expect(moved(Op.WriteFile)).toBeLessThan(110);
});

it("reads blocks first of which it writes a part, if they are old and not in the cache", () => {
  const there = new Set<number>();
  let inPart = 0;
  for (const step of ofFirstClient()) {
    for (let page = step.first; page < step.first + step.pages; page++) {
      if (step.op === Op.DeleteFile) there.delete(page);
      if (step.op !== Op.WriteFile) continue;
      if (step.how >= Write.InPart) {
        expect(there.has(page)).toBe(true);
        inPart++;
      }
      there.add(page);
    }
  }
  // Counted in the load file by itself.
  expect(inPart).toBe(4801);
});

/** By request, the clients whose files it is about; the load file is everybody's. */
function clientsByRequest(times: number): readonly ReadonlySet<number>[] {
  const { stream: all } = dbench({ megahertz: 733, times });
  const loadFile = guest.filePages - 1006;
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
