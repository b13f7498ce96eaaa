import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { describe, expect, it } from "vitest";

/** From the bottom up; a file may import from its own layer and from those before it. */
const LAYERS = ["core", "machine", "workload", "guest", "vmm", "sim", "experiment", "analysis", "report", "cli"];
/** The engine: pure TypeScript that also runs in a browser and always gives the same result. */
const ENGINE = new Set(LAYERS.slice(0, LAYERS.indexOf("sim") + 1));

const root = resolve(import.meta.dirname, "../../src");
const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
const layerOf = (file: string): string => file.split(sep)[0];
const importsOf = (text: string): string[] =>
  [...text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].map((match) => match[1]);
const withoutComments = (text: string): string => text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/\/\/.*$/gm, "");

describe("the shape of the house", () => {
  it("has no folder outside the layers", () => {
    expect([...new Set(files.map(layerOf))].filter((layer) => !LAYERS.includes(layer))).toEqual([]);
  });

  it("imports only point downward", () => {
    const upward: string[] = [];
    for (const file of files) {
      for (const target of importsOf(readFileSync(join(root, file), "utf8"))) {
        if (!target.startsWith(".")) continue;
        const imported = relative(root, resolve(root, dirname(file), target));
        if (LAYERS.indexOf(layerOf(imported)) > LAYERS.indexOf(layerOf(file))) upward.push(`${file} -> ${imported}`);
      }
    }
    expect(upward).toEqual([]);
  });

  it("keeps the engine free of Node, clocks, unseeded randomness and output", () => {
    const impure: string[] = [];
    const forbidden = /"node:|\bMath\.random\b|\bDate\b|\bperformance\.|\bconsole\.|\bprocess\./;
    for (const file of files.filter((name) => ENGINE.has(layerOf(name)))) {
      const match = forbidden.exec(withoutComments(readFileSync(join(root, file), "utf8")));
      if (match) impure.push(`${file}: ${match[0]}`);
    }
    expect(impure).toEqual([]);
  });

  it("keeps files readable: at most 350 lines", () => {
    const long = files.filter((file) => readFileSync(join(root, file), "utf8").split("\n").length > 350);
    expect(long).toEqual([]);
  });

  it("keeps the lock file free of registry hosts", () => {
    expect(readFileSync(resolve(root, "../package-lock.json"), "utf8")).not.toContain('"resolved"');
  });
});
