/**
 * The calls that a guest makes on several VMMs, set side by side. What a guest does is the same on every VMM, but for its
 * devices: how many interrupts there are, and how much is handed over at once, depends on the device that the VMM shows. And a
 * kernel made for its VMM clears the entry by which it has copied a page, which others leave, and may have less low memory, so that
 * it maps pages for their copies that others need not.
 */
import { InputError } from "../../core/input-error.ts";
import type { Call, CallKind } from "./recorder.ts";
import { CLEARS_WINDOW, MAPS_FOR_COPY } from "./recording-mmu.ts";

/** Calls of all VMMs in one order that contains the order of each. */
export interface Alignment {
  readonly calls: readonly Call[];
  /** By VMM: its own call in each place, undefined where it makes none. */
  readonly own: readonly (readonly (Call | undefined)[])[];
}

/** A place, with the call of each VMM so far. */
type Row = readonly (Call | undefined)[];

/**
 * Set the calls of VMMs (by name) side by side. Throws an {@link InputError} when the guest of one does other work than that
 * of the first, although neither a device nor such an entry has to do with it.
 */
export function align(names: readonly string[], all: readonly (readonly Call[])[]): Alignment {
  const [first, ...others] = all;
  let rows: readonly Row[] = first.map((call) => [call]);
  others.forEach((calls, index) => {
    const known = byTurn(rows, (row) => callOf(row).turn);
    const turns = byTurn(calls, ({ turn }) => turn);
    const which = `${names[0]} and ${names[index + 1]}`;
    rows = Array.from({ length: Math.max(turns.length, known.length) }, (_, turn) =>
      alignedTurn(known[turn] ?? [], turns[turn] ?? [], index + 1, which),
    ).flat();
  });
  return { calls: rows.map(callOf), own: all.map((_, vmm) => rows.map((row) => row[vmm])) };
}

function alignedTurn(rows: readonly Row[], calls: readonly Call[], vmm: number, which: string): Row[] {
  let at = 0;
  while (at < rows.length && at < calls.length && isSame(callOf(rows[at]), calls[at])) at++;
  const head = rows.slice(0, at).map((row, index): Row => [...row, calls[index]]);
  if (at === Math.max(rows.length, calls.length)) return head;
  const tail = merged(rows.slice(at), calls.slice(at), vmm);
  const isOfDevices = calls.some(({ kind }) => kind === "device");
  if (!isOfDevices && !runsAlone(tail).every(isForCopies)) refuse(which, rows[at] && callOf(rows[at]), calls[at]);
  return [...head, ...tail];
}

/** Runs of places in a row in which not all have a call. */
function runsAlone(rows: readonly Row[]): readonly (readonly Row[])[] {
  const runs: Row[][] = [];
  rows.forEach((row, place) => {
    if (!row.includes(undefined)) return;
    if (place > 0 && rows[place - 1].includes(undefined)) runs[runs.length - 1].push(row);
    else runs.push([row]);
  });
  return runs;
}

/** Writes of such entries, and what belongs to them: to have one done at once, to forget the page before, to get at the page. */
function isForCopies(run: readonly Row[]): boolean {
  const isWrite = (row: Row): boolean => [CLEARS_WINDOW, MAPS_FOR_COPY].includes(callOf(row).action);
  return run.some(isWrite) && run.every((row) => isWrite(row) || KINDS_FOR_COPIES.has(callOf(row).kind));
}

function refuse(which: string, expected: Call | undefined, found: Call | undefined): never {
  const [a, b] = [expected, found].map((call) => call?.action ?? "nothing more");
  const where = (expected ?? found)?.operation;
  throw new InputError(`${which} cannot be set side by side: the guest does other work in ${where} ("${a}", "${b}")`);
}

/** By the longest common subsequence; where one side has more, its calls stand alone. */
function merged(rows: readonly Row[], calls: readonly Call[], vmm: number): Row[] {
  const lengths = commonLengths(rows, calls);
  const width = calls.length + 1;
  const result: Row[] = [];
  let [row, call] = [0, 0];
  while (row < rows.length || call < calls.length) {
    const isCommon = row < rows.length && call < calls.length && isSame(callOf(rows[row]), calls[call]);
    const isLeftOut = call === calls.length || lengths[(row + 1) * width + call] >= lengths[row * width + call + 1];
    if (isCommon) result.push([...rows[row++], calls[call++]]);
    else if (row < rows.length && isLeftOut) result.push([...rows[row++], undefined]);
    else result.push([...Array.from({ length: vmm }, () => undefined), calls[call++]]);
  }
  return result;
}

/** By row and call from which on: how many calls are the same, in their order. */
function commonLengths(rows: readonly Row[], calls: readonly Call[]): Int32Array {
  const width = calls.length + 1;
  const lengths = new Int32Array((rows.length + 1) * width);
  for (let row = rows.length - 1; row >= 0; row--) {
    const known = callOf(rows[row]);
    for (let call = calls.length - 1; call >= 0; call--) {
      const at = row * width + call;
      lengths[at] = isSame(known, calls[call])
        ? 1 + lengths[at + width + 1]
        : Math.max(lengths[at + width], lengths[at + 1]);
    }
  }
  return lengths;
}

function byTurn<T>(items: readonly T[], turnOf: (item: T) => number): T[][] {
  const turns: T[][] = [];
  for (const item of items) (turns[turnOf(item)] ??= []).push(item);
  return turns;
}

function callOf(row: Row): Call {
  const call = row.find((each) => each !== undefined);
  if (call === undefined) throw new RangeError("a place without a call");
  return call;
}

function isSame(a: Call, b: Call): boolean {
  return a.kind === b.kind && a.action === b.action && (!KINDS_WITH_SAME_DETAIL.has(a.kind) || a.detail === b.detail);
}

/** Entries differ in the accessed and dirty bits that the guest happened to have read. */
const KINDS_WITH_SAME_DETAIL: ReadonlySet<CallKind> = new Set([
  "access",
  "fault-address",
  "use-as-table",
  "switch-root",
  "device",
]);

const KINDS_FOR_COPIES: ReadonlySet<CallKind> = new Set(["commit", "invalidate", "kernel-access"]);
