/**
 * Reference traces in the text of valgrind's lackey tool (`--tool=lackey --trace-mem=yes`), one reference a line:
 * `I  ADDR,SIZE` instruction fetch, ` L ADDR,SIZE` load, ` S ADDR,SIZE` store, ` M ADDR,SIZE` modify (load and store).
 * ADDR is hexadecimal without 0x, SIZE decimal bytes. Lines that begin with `==` are valgrind's banner and left out.
 */
import { InputError } from "../../core/input-error.ts";
import { Reference, ReferenceTraceBuilder } from "../reference-trace.ts";
import type { ReferenceTrace } from "../reference-trace.ts";

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
const COMMA = 0x2c;
const ZERO = 0x30;
const EQUALS = 0x3d;
const LETTER_I = 0x49;
const LETTER_L = 0x4c;
const LETTER_M = 0x4d;
const LETTER_S = 0x53;
const DELETE = 0x7f;

const PAGE_SIZE = 4096;
const MAX_ADDRESS_DIGITS = 16;
const MAX_EXCERPT = 40;
const LINE_FORMAT = '"I  ADDR,SIZE", " L ADDR,SIZE", " S ADDR,SIZE" or " M ADDR,SIZE"';

/** Value by ASCII code of a hexadecimal digit; -1 for every other byte. */
const HEX_DIGIT = new Int8Array(256).fill(-1);
for (let value = 0; value < 16; value++) {
  HEX_DIGIT[value.toString(16).charCodeAt(0)] = value;
  HEX_DIGIT[value.toString(16).toUpperCase().charCodeAt(0)] = value;
}

/**
 * The trace in the unpacked bytes of a lackey file; `source` names the file in messages. Throws an {@link InputError} with
 * line, column and byte offset at the first byte that does not fit, or when there is no reference at all.
 */
export function parseLackey(text: Uint8Array, source: string): ReferenceTrace {
  const builder = new ReferenceTraceBuilder();
  let references = 0;
  let at = 0;
  while (at < text.length) {
    if (text[at] === EQUALS && text[at + 1] === EQUALS) {
      at = nextLine(text, at);
      continue;
    }
    at = parseReference(text, at, source, builder);
    references++;
  }
  if (references === 0) {
    throw new InputError(`${source}: no memory reference in ${text.length} bytes; expected lines of ${LINE_FORMAT}`);
  }
  return builder.finish();
}

/** Parse the line that begins at `start`; returns where the next one begins. */
function parseReference(text: Uint8Array, start: number, source: string, builder: ReferenceTraceBuilder): number {
  const kind = kindAt(text, start);
  if (kind < 0) throw unexpected(text, start, source, `a line of ${LINE_FORMAT}`);
  let at = start + 3;
  // Shift register: the last three hexadecimal digits are the offset in the page, those before are its number.
  let pageNumber = 0;
  let offset = 0;
  for (let digit = HEX_DIGIT[text[at]]; digit >= 0; digit = HEX_DIGIT[text[++at]]) {
    pageNumber = pageNumber * 16 + (offset >> 8);
    offset = ((offset << 4) | digit) & 0xfff;
  }
  const digits = at - start - 3;
  if (digits === 0 || digits > MAX_ADDRESS_DIGITS || text[at] !== COMMA) throw badAddress(text, start + 3, at, source);
  const sizeAt = ++at;
  let size = 0;
  for (let digit = text[at] - ZERO; digit >= 0 && digit <= 9 && size <= PAGE_SIZE; digit = text[++at] - ZERO) {
    size = size * 10 + digit;
  }
  if (size === 0 || size > PAGE_SIZE) {
    throw unexpected(text, sizeAt, source, `a size of 1 to ${PAGE_SIZE} bytes as a decimal number`);
  }
  if (at < text.length && text[at] !== LINE_FEED) throw badLineEnd(text, at, source);
  builder.add(kind, pageNumber, offset + size > PAGE_SIZE);
  return at + 1;
}

function kindAt(text: Uint8Array, at: number): number {
  if (text[at + 2] !== SPACE) return -1;
  const [first, second] = [text[at], text[at + 1]];
  if (first === LETTER_I) return second === SPACE ? Reference.Instruction : -1;
  if (first !== SPACE) return -1;
  if (second === LETTER_L) return Reference.Load;
  if (second === LETTER_S) return Reference.Store;
  return second === LETTER_M ? Reference.Modify : -1;
}

function badAddress(text: Uint8Array, start: number, at: number, source: string): InputError {
  if (at === start) return unexpected(text, at, source, "an address in hexadecimal digits without 0x");
  if (at - start > MAX_ADDRESS_DIGITS) {
    return unexpected(text, start, source, `an address of at most ${MAX_ADDRESS_DIGITS} hexadecimal digits`);
  }
  return unexpected(
    text,
    at,
    source,
    'a comma between address and size (hexadecimal address without 0x, then ",SIZE")',
  );
}

function badLineEnd(text: Uint8Array, at: number, source: string): InputError {
  if (text[at] === CARRIAGE_RETURN && text[at + 1] === LINE_FEED) {
    return new InputError(
      `${position(text, at, source)}: the line ends with CR LF; expected LF alone, as lackey writes`,
    );
  }
  return unexpected(text, at, source, "the end of the line after the size");
}

function unexpected(text: Uint8Array, at: number, source: string, expected: string): InputError {
  return new InputError(`${position(text, at, source)}: expected ${expected}; found ${excerpt(text, at)}`);
}

/** `file:line:column (byte offset n)`; counted only when there is an error, to keep the parser free of it. */
function position(text: Uint8Array, at: number, source: string): string {
  let line = 1;
  let lineStart = 0;
  for (let i = 0; i < at; i++) {
    if (text[i] !== LINE_FEED) continue;
    line++;
    lineStart = i + 1;
  }
  return `${source}:${line}:${at - lineStart + 1} (byte offset ${at})`;
}

/** What stands there up to the end of the line, cut to 40 bytes, in quotes; bytes that are not ASCII text as \xNN. */
function excerpt(text: Uint8Array, at: number): string {
  if (at >= text.length) return "the end of the file";
  if (text[at] === LINE_FEED) return "the end of the line";
  const lineFeed = text.indexOf(LINE_FEED, at);
  const end = lineFeed < 0 ? text.length : lineFeed;
  const shown = Array.from(text.subarray(at, Math.min(end, at + MAX_EXCERPT)), (byte) =>
    byte >= SPACE && byte < DELETE ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, "0")}`,
  );
  return `"${shown.join("")}${end - at > MAX_EXCERPT ? "..." : ""}"`;
}

function nextLine(text: Uint8Array, at: number): number {
  const end = text.indexOf(LINE_FEED, at);
  return end < 0 ? text.length : end + 1;
}
