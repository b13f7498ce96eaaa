/**
 * A system call that reads an open file, as far as it matters for what is read ahead: operand c of `Op.ReadFile`, where it is not 0. From
 * the lowest bit on: the number of the open file, 6, beginning with 1; whether the call goes on, 1; pages asked for, 5; pages of the file, 20.
 */

const MOST_FILES = 63;
const MOST_ASKED = 31;
const MOST_PAGES = 2 ** 20 - 1;

export interface ReadCall {
  /** By which the process knows the file since it opened it: operand b of `Op.OpenFile`. */
  readonly file: number;
  /** This is no new call: the present one goes on at another place, or after it had to wait. */
  readonly goesOn: boolean;
  /** Pages over which it goes, the one behind its last byte included; 0: it stays within the first half of the file's first page. */
  readonly asked: number;
  /** Whole pages of the file. */
  readonly whole: number;
}

/** Throws a RangeError for a file of more pages, or a greater number, than there is room for. */
export function packReadCall({ file, goesOn, asked, whole }: ReadCall): number {
  if (file >= MOST_FILES)
    throw new RangeError(`a process has file ${file} open; the greatest number is ${MOST_FILES - 1}`);
  if (whole > MOST_PAGES) throw new RangeError(`a call reads a file of ${whole} pages; the most is ${MOST_PAGES}`);
  return whole * 4096 + (Math.min(asked, MOST_ASKED) << 7) + (goesOn ? 64 : 0) + file + 1;
}

export function openFileOf(call: number): number {
  return (call & 63) - 1;
}

export function isGoingOn(call: number): boolean {
  return (call & 64) !== 0;
}

export function pagesAsked(call: number): number {
  return (call >>> 7) & MOST_ASKED;
}

export function wholePages(call: number): number {
  return call >>> 12;
}
