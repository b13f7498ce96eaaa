/**
 * A system call that reads a file, as far as it matters for what is read ahead: operand c of `Op.ReadFile`, where it is not 0.
 * From the lowest bit on: has the file just been opened, 1; pages asked for, 5; pages before, 7; pages left, 19.
 */

const MOST_ASKED = 31;
const MOST_BEFORE = 127;
const MOST_LEFT = 2 ** 19 - 1;

export interface ReadCall {
  /** It is the first since the file was opened. */
  readonly opened: boolean;
  /** Pages over which it goes, the one behind its last byte included; 0: it stays within the first half of the file's first page. */
  readonly asked: number;
  /** Pages of the file before the call's first one; no more count than 127. */
  readonly before: number;
  /** Whole pages of the file from the call's first one on that lie one behind the other on disk. */
  readonly left: number;
}

/** Throws a RangeError for more pages left than there is room for. */
export function packReadCall({ opened, asked, before, left }: ReadCall): number {
  if (left > MOST_LEFT) throw new RangeError(`a call that reads has ${left} pages left; the most is ${MOST_LEFT}`);
  const pages = (Math.min(before, MOST_BEFORE) << 6) | (Math.min(asked, MOST_ASKED) << 1);
  return left * 8192 + pages + (opened ? 1 : 0);
}

export function isJustOpened(call: number): boolean {
  return (call & 1) === 1;
}

export function pagesAsked(call: number): number {
  return (call >>> 1) & MOST_ASKED;
}

export function pagesBefore(call: number): number {
  return (call >>> 6) & MOST_BEFORE;
}

export function pagesLeft(call: number): number {
  return call >>> 13;
}
