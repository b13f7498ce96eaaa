import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { InputError } from "../../src/core/input-error.ts";
import { readInputFile, readInputText } from "../../src/experiment/input-files.ts";

const text = new TextEncoder().encode("I  0401ab70,3\n".repeat(1000));
const packed = gzipSync(text);
let folder = "";

function write(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

function expectRefused(path: string, message: string | RegExp): void {
  expect(() => readInputFile(path)).toThrow(InputError);
  expect(() => readInputFile(path)).toThrow(message);
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "vmmbench-inputs-"));
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

describe("readInputFile", () => {
  test.each([
    ["plain.lackey", text],
    ["packed.lackey.gz", packed],
    ["packed-without-suffix", packed],
    ["two-members.gz", Buffer.concat([gzipSync(text.subarray(0, 500)), gzipSync(text.subarray(500))])],
  ])("reads %s and digests the stored bytes", (name, stored) => {
    const file = readInputFile(write(name, stored));
    expect(Buffer.compare(file.bytes, text)).toBe(0);
    expect(file.sha256).toBe(createHash("sha256").update(stored).digest("hex"));
  });

  test("says where truncated gzip ends, wherever it was cut", () => {
    for (const length of [2, 9, 10, 11, 30, packed.length - 9, packed.length - 1]) {
      expectRefused(
        write("cut.gz", packed.subarray(0, length)),
        `cut.gz: byte offset ${length}: the gzip data ends here, before their end mark; the file is truncated`,
      );
    }
  });

  test("takes for no text what is not UTF-8 or holds zero bytes", () => {
    for (const bytes of [
      new Uint8Array(16),
      Buffer.from("name: a", "utf16le"),
      Buffer.from("name: \u00e9", "latin1"),
    ]) {
      expect(() => readInputText(write("binary.yaml", bytes))).toThrow(
        "binary.yaml: not a text file; expected YAML in UTF-8",
      );
    }
  });

  test("says where gzip is damaged", () => {
    const wrongChecksum = Uint8Array.from(packed);
    wrongChecksum[packed.length - 6] ^= 0xff;
    // The checksum is the four bytes before the last four, read as a whole.
    const end = packed.length - 5;
    expectRefused(write("damaged.gz", wrongChecksum), `damaged.gz: byte offset ${end}: the gzip data are damaged`);
    // zlib judges the method (byte 2) when it has read the flags after it.
    const wrongMethod = Uint8Array.from(packed);
    wrongMethod[2] = 7;
    expectRefused(
      write("damaged.gz", wrongMethod),
      "damaged.gz: byte offset 3: the gzip data are damaged here or before",
    );
  });

  test("refuses a file named .gz that is not gzip", () => {
    expectRefused(write("plain.gz", text), /plain\.gz: byte offset 0: is named \.gz but is not gzip; .*found 49 20$/);
  });

  test("refuses an empty file", () => {
    expectRefused(write("empty", new Uint8Array(0)), /empty: byte offset 0: the file is empty$/);
  });

  test("refuses a folder", () => {
    mkdirSync(join(folder, "folder"));
    expectRefused(join(folder, "folder"), /folder: is a folder; expected a file$/);
  });

  test("names the nearest file when one is missing", () => {
    const there = write("web-server.fp.gz", packed);
    expectRefused(join(folder, "web-srever.fp.gz"), `no such file; did you mean "${there}"?`);
    expectRefused(join(folder, "something-else-altogether"), /no such file; nothing in .* has a similar name$/);
    expectRefused(join(folder, "nowhere/x"), /no such file; there is no folder .*nowhere$/);
  });
});
