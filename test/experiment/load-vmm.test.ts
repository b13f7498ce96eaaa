import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
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

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "vmmbench-module-"));
  for (const [name, text] of Object.entries(FILES)) writeFileSync(join(folder, name), text);
});
afterAll(() => rmSync(folder, { recursive: true }));

it("knows the files of a module: itself, and what it imports by a path, through others as well and in circles", () => {
  const names = moduleFiles(join(folder, "policy.js")).map((file) => basename(file));
  expect(names).toEqual(["policy.js", "part.js", "half.js", "aside.mjs"]);
});

it("tells cells apart by all files of a policy, so that none has a result of what it no longer does", async () => {
  const { modules } = await loadVmm({ base: "kvm", set: { allocation: "./policy.js" }, label: "mine" }, folder);
  const imported = ["policy.js", "part.js", "half.js", "aside.mjs"] as const;
  expect(modules).toEqual(imported.map((name) => digest(FILES[name])));
});
