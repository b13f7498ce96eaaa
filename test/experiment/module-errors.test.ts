/** Where in a module from outside something was thrown, by the stack of the error: in whatever folder the module lies. */
import { createRequire } from "node:module";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, it } from "vitest";
import { moduleError, rememberModule } from "../../src/experiment/module-errors.ts";

function thrownBy(call: () => void): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  return undefined;
}

it.each(["plain", "with space", "100%", "100%25", "a (copy)", "ü"])("in a file that has been required: %s", (name) => {
  const top = mkdtempSync(join(tmpdir(), "vmmbench-"));
  try {
    mkdirSync(join(top, name));
    const file = join(top, name, "helper.cjs");
    writeFileSync(file, 'exports.fail = () => {\n  throw new Error("boom");\n};\n');
    const { fail } = createRequire(import.meta.url)(file) as { fail: () => void };
    const error = thrownBy(fail);
    expect(moduleError(error, top)).toBeUndefined();
    rememberModule([file]);
    expect(moduleError(error, top)).toBe(`${name}/helper.cjs:2: boom`);
  } finally {
    rmSync(top, { recursive: true });
  }
});

function withFrames(message: string, ...frames: readonly string[]): Error {
  const stack = [`Error: ${message}`, ...frames.map((one) => `    at ${one}`)].join("\n");
  return Object.assign(new Error(message), { stack });
}

it("in a module of the language, whose address is written otherwise; not where a message or another file is like it", () => {
  const file = "/models/100% mine/a.js";
  rememberModule([file]);
  const { href } = pathToFileURL(file);
  expect(href).toBe("file:///models/100%25%20mine/a.js");
  const engine = "Object.run (file:///engine/run.js:1:2)";
  expect(moduleError(withFrames("boom", engine, `async ${href}:12:3`), "/models")).toBe("100% mine/a.js:12: boom");
  expect(moduleError(withFrames("boom", engine, `new Own (${href}:4:3)`), "/models")).toBe("100% mine/a.js:4: boom");
  expect(moduleError(withFrames(`    at ${file}:1:2`, engine, `x (/other${file}:4:3)`), "/models")).toBeUndefined();
});
