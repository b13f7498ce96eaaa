import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { digest } from "../../src/core/digest.ts";
import { loadVmm } from "../../src/experiment/load-vmm.ts";
import { moduleFiles } from "../../src/experiment/module-files.ts";

const LIBRARY = join(import.meta.dirname, "../../src/vmm/library.ts");
const FILES = {
  "policy.js": `
    import { definePolicy } from ${JSON.stringify(LIBRARY)};
    import { part } from "./part.js";
    // Not imported from "./elsewhere.js".
    export const mine = definePolicy({
      name: "mine", summary: "Nothing.", side: "host", source: "a test", grade: "A", cadenceUs: 1e6, balloons: true,
      signals: [], parameters: {}, start: () => part, decide: (_, __, state) => ({ state, actions: [] }),
    });`,
  "part.js": `export { half as part } from "./half.js"; import("./aside.mjs");`,
  "half.js": `import "./part.js"; export const half = 0.5;`,
  "aside.mjs": "export {};",
  "unused.js": "export {};",
};

/** Reads what it reads when it is loaded, so that a path that leads nowhere fails the test. */
const READER = `
  import { readFileSync } from "node:fs";
  import { createRequire } from "node:module";
  import { join } from "node:path"; // import(nothing), new URL(name, import.meta.url)
  import table from "./table.json" with { type: "json" };
  const require = createRequire(import.meta.url);
  const old = require("./old");
  const far = await import(\`./part.js\`);
  const url = "https://example.org"; /* require(nothing) */ const rates = readFileSync(new URL("rates.csv", import.meta.url), "utf8");
  const pages = readFileSync(join(import.meta.dirname, "data/pages.bin"));
  export const all = [table.a, old.b, far.part, rates, pages.length, url, "import(a text)"];
`;
const COMPUTING = `
  export { all } from "./reader.mjs";
  const name = "half";
  export const half = await import("./" + name + ".js");
  export const data = new URL(
    \`\${name}.js\`, import.meta.url);
`;
/** Patterns that look like the beginning of a comment or a text, divisions that look like patterns, and comments at last. */
const PATTERNS = `
  import { readFileSync } from "node:fs";
  const strip = (dir) => dir.replace(/\\/*$/, "").split(/[/*]/);
  const quote = [
    /'/, // import(nothing)
    /\\/\\/'/,
  ];
  const half = 3 / 2, third = (half) / 3; // require(nothing)
  export const rates = readFileSync(new URL("rates.csv", import.meta.url));
  export { part } from "./part.js";
  /** Not import(nothing) either. */
  export const told = () => import(strip("./half.js/") + quote);
  /* */
`;
/** How files are read whose names are in the text, and how those are whose names are not: the latter end in "told". */
const NAMING = `
  import { readFileSync } from "node:fs";
  import { readFile } from "node:fs/promises";
  import { join } from "node:path";
  import { fileURLToPath } from "node:url";
  import "./half.js?v=1";
  const rates = new URL("rates.csv", import.meta.url);
  const pages = fileURLToPath(
    new URL("data/pages.bin", import.meta.url));
  const table = join(import.meta.dirname, "table.json");
  export const read = [readFileSync(rates), readFileSync(pages, "utf8"), await readFile(table),
    readFileSync(fileURLToPath(new URL("old.js", import.meta.url)), "utf8")];
  const NAME = "rates.csv", folder = "data", part = new URL("part.js", import.meta.url) + "";
  export const computing = [
    () => readFileSync(NAME), // told
    () => readFileSync("./" + NAME), // told
    () => readFileSync(folder + "/" + NAME, "utf8"), // told
    () => readFileSync(\`data/\${NAME}\`), // told
    () => readFile(join("data", NAME)), // told
    () => readFileSync(part), // told
    () => readFileSync(join(import.meta.dirname, "data") + NAME), // told
    () => \`it's \${readFileSync(NAME)}\`, // told
    () => "readFileSync(NAME)",
  ];
`;

let folder: string;
const namesOf = (file: string): ReturnType<typeof moduleFiles> => {
  const { files, computed } = moduleFiles(join(folder, file));
  const shown = (place: string): string => relative(folder, join(process.cwd(), place));
  return { files: files.map((one) => relative(folder, one)), computed: computed.map(shown) };
};
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "vmmbench-module-"));
  mkdirSync(join(folder, "data"));
  const more = {
    "table.json": '{"a":1}',
    "old.js": 'module.exports = require("./older.json")',
    "older.json": '{"b":2}',
  };
  const data = { "rates.csv": 'import "./unused.js"', "data/pages.bin": "1234" };
  const programs = { "reader.mjs": READER, "computing.js": COMPUTING, "patterns.mjs": PATTERNS, "naming.mjs": NAMING };
  for (const [name, text] of Object.entries({ ...FILES, ...more, ...data, ...programs })) {
    writeFileSync(join(folder, name), text);
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

it("knows the files of a module: itself, and what it imports by a path, through others as well and in circles", () => {
  expect(namesOf("policy.js").files).toEqual(["policy.js", "part.js", "half.js", "aside.mjs"]);
});

it("tells cells apart by all files of a policy, so that none has a result of what it no longer does", async () => {
  const { modules } = await loadVmm({ base: "kvm", set: { allocation: "./policy.js" }, label: "mine" }, folder);
  const imported = ["policy.js", "part.js", "half.js", "aside.mjs"] as const;
  expect(modules).toEqual(imported.map((name) => digest(FILES[name])));
});

describe("what a module reads", () => {
  const read = ["table.json", "part.js", "old.js", "rates.csv", "data/pages.bin"];

  it("belongs to it where the text says which file that is, and what is in data is no import", async () => {
    await import(pathToFileURL(join(folder, "reader.mjs")).href);
    const { files, computed } = namesOf("reader.mjs");
    expect([...files].sort()).toEqual(["reader.mjs", ...read, "older.json", "half.js", "aside.mjs"].sort());
    expect(computed).toEqual([]);
  });

  it("is not known where the path is computed, and the line is told", () => {
    const { files, computed } = namesOf("computing.js");
    expect(files.slice(0, 2)).toEqual(["computing.js", "reader.mjs"]);
    expect(computed).toEqual(["computing.js:4", "computing.js:6"]);
  });

  it("is known behind patterns that look like a comment, and so is where a path is computed", async () => {
    await import(pathToFileURL(join(folder, "patterns.mjs")).href);
    const { files, computed } = namesOf("patterns.mjs");
    expect([...files].sort()).toEqual(["patterns.mjs", "rates.csv", "part.js", "half.js", "aside.mjs"].sort());
    expect(computed).toEqual(["patterns.mjs:12"]);
  });

  it("is known where the path has a name or a query; where it is put together, the line is told", async () => {
    await import(pathToFileURL(join(folder, "naming.mjs")).href);
    const { files, computed } = namesOf("naming.mjs");
    const named = ["half.js", "rates.csv", "data/pages.bin", "table.json", "old.js"];
    expect([...files].sort()).toEqual(expect.arrayContaining(["naming.mjs", ...named]));
    const told = NAMING.split("\n").flatMap((line, i) => (line.endsWith("// told") ? [`naming.mjs:${i + 1}`] : []));
    expect(told).toHaveLength(8);
    expect(computed).toEqual(told);
  });

  it("tells cells apart: another figure in a data file is another key", async () => {
    const modulesOf = async (): Promise<readonly string[]> => {
      const set = { allocation: "./table-policy.js" };
      return (await loadVmm({ base: "kvm", set, label: "mine" }, folder)).modules;
    };
    const text = FILES["policy.js"].replace("./part.js", "./half.js").replace("part }", "half as part }");
    writeFileSync(join(folder, "table-policy.js"), `import "./reader.mjs"; ${text}`);
    const before = await modulesOf();
    writeFileSync(join(folder, "rates.csv"), "other");
    expect(await modulesOf()).not.toEqual(before);
  });
});
