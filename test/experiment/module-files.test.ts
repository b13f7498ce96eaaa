import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import * as nodeModule from "node:module";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { moduleFiles } from "../../src/experiment/module-files.ts";

const DATA = ["a b.csv", "rates.csv", "data/pages.bin", "data/deep/more.csv", "tables/old.json", "unused.csv"];
const PROGRAMS = {
  "with space.mjs": "export const space = 1;",
  "half.mjs": "export const half = 0.5;",
  "unused.mjs": "export {};",
  "old.cjs": `
    if (!module) return;
    with ({}) module.exports = require("./tables/old");
    exports.folder = require("path").join(__dirname, "data", "deep", "more.csv");`,
};

/** Node.js runs all of them, so that a path that leads nowhere fails the test; its lines that are to be told end in "told". */
const MODULES: Readonly<Record<string, { readonly text: string; readonly names: readonly string[] }>> = {
  "encoded.mjs": {
    text: `
      import { readFileSync } from "node:fs";
      export { space } from "./with%20space.mjs";
      export const text = readFileSync(new URL("a%20b.csv", import.meta.url));
      export const again = readFileSync(new URL("./rates.csv?v=2#top", import.meta.url));`,
    names: ["with space.mjs", "a b.csv", "rates.csv"],
  },
  "constants.mjs": {
    text: `
      import { readFileSync } from "node:fs";
      import { dirname, join } from "node:path";
      import { fileURLToPath } from "node:url";
      const NAME = "rates.csv", PROGRAM = './half.mjs';
      const here = dirname(fileURLToPath(import.meta.url));
      const data = join(here, "data");
      const deep = join(data, "deep");
      const rates = new URL(NAME, import.meta.url);
      export const all = [
        readFileSync(rates), readFileSync(join(data, "pages.bin")), readFileSync(join(deep, \`more.csv\`)),
        await import(PROGRAM), import.meta.dirname, // told
      ];`,
    names: ["rates.csv", "half.mjs", "data/pages.bin", "data/deep/more.csv"],
  },
  "looks-like-it.mjs": {
    text: `
      // import "./unused.mjs"
      /* new URL("unused.csv", import.meta.url) */
      const text = 'import "./unused.mjs"', template = \`require("./unused.mjs") \${ 1 } import("./unused.mjs")\`;
      const pattern = /import("unused.mjs")|readFileSync(NAME)/;
      export const divided = 4 / 2 / 1, all = [text, template, pattern];`,
    names: [],
  },
  "shadowed.mjs": {
    text: `
      import { readFileSync } from "node:fs";
      const place = new URL("unused.csv", import.meta.url);
      const read = (place) => readFileSync(place); // told
      export const rates = read(new URL("rates.csv", import.meta.url));`,
    names: ["unused.csv", "rates.csv"],
  },
  "absent.mjs": {
    text: `
      import { existsSync, readdirSync } from "node:fs";
      import { join } from "node:path";
      const folder = join(import.meta.dirname, "data");
      const missing = new URL("missing.csv", import.meta.url);
      export const all = [
        readdirSync(folder), // told
        existsSync(missing),
        existsSync(new URL("of/nobody.csv", import.meta.url)),
        import("node:fs"),
      ];`,
    names: [],
  },
  "common.mjs": {
    text: `
      import { createRequire } from "node:module";
      const require = createRequire(import.meta.url);
      export const old = require("./old.cjs");`,
    names: ["old.cjs", "tables/old.json", "data/deep/more.csv"],
  },
};

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "vmmbench-files-"));
  for (const inner of ["data/deep", "tables"]) mkdirSync(join(folder, inner), { recursive: true });
  for (const name of DATA) writeFileSync(join(folder, name), "{}");
  for (const [name, text] of Object.entries(PROGRAMS)) writeFileSync(join(folder, name), text);
  for (const [name, { text }] of Object.entries(MODULES)) writeFileSync(join(folder, name), text);
});
afterAll(() => rmSync(folder, { recursive: true }));

function namesOf(file: string): { readonly files: readonly string[]; readonly computed: readonly string[] } {
  const { files, computed } = moduleFiles(join(folder, file));
  const places = computed.map((place) => relative(folder, join(process.cwd(), place)));
  return { files: files.map((one) => relative(folder, one)), computed: places };
}

describe("a module's files are known, and where they are not the line is told", () => {
  beforeAll(() => {
    const imports = Object.keys(MODULES).map((name) => `import ${JSON.stringify(join(folder, name))};`);
    execFileSync(process.execPath, ["--input-type=module", "--eval", imports.join("")]);
  });

  it.each(Object.entries(MODULES))("in %s", (file, { text, names }) => {
    const { files, computed } = namesOf(file);
    expect(new Set(files)).toEqual(new Set([file, ...names]));
    const told = text.split("\n").flatMap((line, i) => (line.endsWith("// told") ? [`${file}:${i + 1}`] : []));
    expect(computed).toEqual(told);
  });

  it("where it is relative to the current folder: as long as it is there", () => {
    const here = relative(process.cwd(), join(folder, "rates.csv"));
    const text = `const HERE = ${JSON.stringify(here)};\nreadFileSync(HERE);\nreadFileSync("no such file");`;
    writeFileSync(join(folder, "current.mjs"), text);
    expect(namesOf("current.mjs")).toEqual({ files: ["current.mjs", "rates.csv"], computed: ["current.mjs:3"] });
  });

  it("where a file that is read is no program: in its line", () => {
    writeFileSync(join(folder, "template.js"), "const a = 1;\nconst = {{ name }};");
    writeFileSync(join(folder, "fills-in.mjs"), 'export const url = new URL("template.js", import.meta.url);');
    expect(namesOf("fills-in.mjs")).toEqual({ files: ["fills-in.mjs", "template.js"], computed: ["template.js:2"] });
  });

  it("where a file that is not there comes: it belongs to them then, and nothing is told before", () => {
    const text =
      'import { existsSync } from "node:fs"; export const is = existsSync(new URL("later.csv", import.meta.url));';
    writeFileSync(join(folder, "waits.mjs"), text);
    expect(namesOf("waits.mjs")).toEqual({ files: ["waits.mjs"], computed: [] });
    writeFileSync(join(folder, "later.csv"), "1");
    expect(namesOf("waits.mjs")).toEqual({ files: ["waits.mjs", "later.csv"], computed: [] });
  });

  it("in TypeScript, where this version of Node.js runs it", () => {
    const text = `
      import type { Nothing } from "./unused.mjs";
      export const rates: URL = new URL("rates.csv" as string, import.meta.url);
      export const half = (await import("./half.mjs")) satisfies { half: number };`;
    writeFileSync(join(folder, "typed.ts"), text);
    const runs = "stripTypeScriptTypes" in nodeModule;
    const known = { files: ["typed.ts", "rates.csv", "half.mjs"], computed: [] };
    expect(namesOf("typed.ts")).toEqual(
      runs ? known : { files: ["typed.ts"], computed: [expect.stringMatching("typed.ts:")] },
    );
  });
});
