/**
 * Touch files: which guest-physical pages an observed guest touched, window of time by window, one byte a page in order of
 * guest-physical address. Every window has the 65,536 pages of a guest of 256 MiB; how long it lasted is not in the file.
 */
import { InputError } from "../../core/input-error.ts";

/** Bits of a page's byte; none: not touched. */
export const TouchKind = { Read: 1, Write: 2, Execute: 4 } as const;

/** Pages of a window: 256 MiB. */
export const PAGES_PER_WINDOW = 65_536;
const KINDS = TouchKind.Read | TouchKind.Write | TouchKind.Execute;

/**
 * The windows in the unpacked bytes of a touch file, as views of them: PAGES_PER_WINDOW bytes each, bits as in
 * {@link TouchKind}. `source` names the file in messages. Throws an {@link InputError} unless there are whole windows, at
 * least one, and no byte has other bits.
 */
export function parseTouchedPages(bytes: Uint8Array, source: string): readonly Uint8Array[] {
  const excess = bytes.length % PAGES_PER_WINDOW;
  if (bytes.length === 0) {
    throw new InputError(`${source}: byte offset 0: no windows; expected ${PAGES_PER_WINDOW} bytes for each`);
  }
  if (excess !== 0) {
    throw new InputError(
      `${source}: byte offset ${bytes.length - excess}: the last window has ${excess} of ${PAGES_PER_WINDOW} bytes; ` +
        `expected one byte a page of a guest of 256 MiB`,
    );
  }
  const wrong = bytes.findIndex((byte) => byte > KINDS);
  if (wrong !== -1) {
    throw new InputError(
      `${source}: byte offset ${wrong}: expected a sum of 1 (read), 2 (written) and 4 (executed), found ${bytes[wrong]}`,
    );
  }
  return Array.from({ length: bytes.length / PAGES_PER_WINDOW }, (_, window) =>
    bytes.subarray(window * PAGES_PER_WINDOW, (window + 1) * PAGES_PER_WINDOW),
  );
}
