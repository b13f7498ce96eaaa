/**
 * Reference traces in a compact form of vmmbench's own: what parsing a text trace results in, kept in a file. All numbers
 * are little-endian:
 *
 * - bytes 0-7 `vmmtrace`, then 32-bit numbers: version (1), pages, touches, 0
 * - bytes 24-55: SHA-256 of everything that follows
 * - 8 bytes a page: its number (address >> 12), in order of first touch
 * - 4 bytes a touch: index of its page << 3 | kind, as in {@link ReferenceTrace}
 */
import { digestBytes } from "../../core/digest.ts";
import { InputError } from "../../core/input-error.ts";
import { SECOND_PAGE } from "../reference-trace.ts";
import type { ReferenceTrace } from "../reference-trace.ts";

const MAGIC = new TextEncoder().encode("vmmtrace");
const VERSION = 1;
const DIGEST_AT = 24;
const HEADER = 56;
const BYTES_PER_PAGE = 8;
const BYTES_PER_TOUCH = 4;
const KIND_BITS = 3;
const KIND_MASK = 7;
const MAX_PAGES = 2 ** (32 - KIND_BITS);
const PAGE_NUMBERS = 2 ** 52;

/** Whether bytes are, or once were, a trace in this form. */
export function isBinaryTrace(bytes: Uint8Array): boolean {
  return MAGIC.every((byte, at) => bytes[at] === byte);
}

/** The file of a trace. Throws an {@link InputError} when it has more pages than fit: 2^29, 2 TiB. */
export function writeBinaryTrace({ length, kind, page, pageNumbers }: ReferenceTrace): Uint8Array {
  const pages = pageNumbers.length;
  if (pages > MAX_PAGES) throw new InputError(`the trace has ${pages} pages; expected at most ${MAX_PAGES}`);
  const bytes = new Uint8Array(HEADER + pages * BYTES_PER_PAGE + length * BYTES_PER_TOUCH);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC);
  [VERSION, pages, length, 0].forEach((field, i) => view.setUint32(MAGIC.length + 4 * i, field, true));
  pageNumbers.forEach((number, i) => view.setFloat64(HEADER + i * BYTES_PER_PAGE, number, true));
  const touchesAt = HEADER + pages * BYTES_PER_PAGE;
  for (let i = 0; i < length; i++) {
    view.setUint32(touchesAt + i * BYTES_PER_TOUCH, (page[i] << KIND_BITS) | kind[i], true);
  }
  bytes.set(digestBytes(bytes.subarray(HEADER)), DIGEST_AT);
  return bytes;
}

/** The trace in such a file; `source` names it in messages. Throws an {@link InputError} when it is not as it was written. */
export function readBinaryTrace(bytes: Uint8Array, source: string): ReferenceTrace {
  const { pages, touches } = readHeader(bytes, source);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const pageNumbers = new Float64Array(pages);
  for (let i = 0; i < pages; i++) pageNumbers[i] = view.getFloat64(HEADER + i * BYTES_PER_PAGE, true);
  requirePageNumbers(pageNumbers, source);
  const kind = new Uint8Array(touches);
  const page = new Uint32Array(touches);
  const touchesAt = HEADER + pages * BYTES_PER_PAGE;
  for (let i = 0; i < touches; i++) {
    const touch = view.getUint32(touchesAt + i * BYTES_PER_TOUCH, true);
    kind[i] = touch & KIND_MASK;
    page[i] = touch >>> KIND_BITS;
  }
  const trace = { length: touches, kind, page, pageNumbers };
  requireTouches(trace, source, touchesAt);
  return trace;
}

function readHeader(bytes: Uint8Array, source: string): { pages: number; touches: number } {
  if (!isBinaryTrace(bytes)) throw new InputError(`${source}: byte offset 0: expected the letters vmmtrace`);
  if (bytes.length < HEADER) throw cut(source, HEADER, bytes.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [version, pages, touches, reserved] = [0, 1, 2, 3].map((field) =>
    view.getUint32(MAGIC.length + 4 * field, true),
  );
  if (version !== VERSION) {
    throw new InputError(`${source}: byte offset 8: version ${version} of the format; expected version ${VERSION}`);
  }
  if (reserved !== 0) throw new InputError(`${source}: byte offset 20: expected 0, found ${reserved}`);
  const expected = HEADER + pages * BYTES_PER_PAGE + touches * BYTES_PER_TOUCH;
  if (bytes.length !== expected) throw cut(source, expected, bytes.length);
  if (touches === 0) throw new InputError(`${source}: no memory reference; expected at least one`);
  const stored = bytes.subarray(DIGEST_AT, HEADER);
  if (digestBytes(bytes.subarray(HEADER)).some((byte, i) => byte !== stored[i])) {
    throw new InputError(
      `${source}: byte offset ${DIGEST_AT}: the SHA-256 does not fit what follows; the file is damaged`,
    );
  }
  return { pages, touches };
}

function cut(source: string, expected: number, found: number): InputError {
  const what = found < expected ? "the trace ends here; it is truncated" : "there is more than the trace";
  return new InputError(
    `${source}: byte offset ${Math.min(expected, found)}: ${what}: expected ${expected} bytes, found ${found}`,
  );
}

function requirePageNumbers(pageNumbers: Float64Array, source: string): void {
  const wrong = pageNumbers.findIndex((number) => !(Number.isInteger(number) && number >= 0 && number <= PAGE_NUMBERS));
  if (wrong === -1) return;
  const at = HEADER + wrong * BYTES_PER_PAGE;
  throw new InputError(`${source}: byte offset ${at}: expected a page number, found ${pageNumbers[wrong]}`);
}

/** Pages are numbered in order of first touch, and the second page of a reference follows its first. */
function requireTouches({ length, kind, page, pageNumbers }: ReferenceTrace, source: string, touchesAt: number): void {
  let known = 0;
  for (let i = 0; i < length; i++) {
    const isSecond = kind[i] >= SECOND_PAGE;
    const follows =
      !isSecond ||
      (i > 0 && kind[i - 1] === kind[i] - SECOND_PAGE && pageNumbers[page[i]] === pageNumbers[page[i - 1]] + 1);
    if (page[i] <= known && page[i] < pageNumbers.length && follows) {
      if (page[i] === known) known++;
      continue;
    }
    const expected = follows
      ? `one of ${known} pages so far, or the next`
      : "the first page of the reference before it";
    throw new InputError(
      `${source}: byte offset ${touchesAt + i * BYTES_PER_TOUCH}: touch of page ${page[i]}: expected ${expected}`,
    );
  }
  if (known < pageNumbers.length) {
    throw new InputError(
      `${source}: ${pageNumbers.length} pages, ${known} of them touched; expected all of them to be`,
    );
  }
}
