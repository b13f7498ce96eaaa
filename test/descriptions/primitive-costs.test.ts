/** The list of costs that a machine may give is that of what the mechanisms ask for, and of what machines give. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadMachine } from "../../src/experiment/documents/load-machine.ts";
import { costNameProblem, PRIMITIVE_COSTS } from "../../src/machine/primitive-costs.ts";

const machines = readdirSync("machines").filter((file) => file.endsWith(".yaml"));
const given = new Set(machines.flatMap((file) => Object.keys(loadMachine(join("machines", file)).profile.costs)));
const sources = readdirSync("src", { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts") && !file.endsWith("primitive-costs.ts"))
  .map((file) => readFileSync(join("src", file), "utf8"));
const groups = new Set(PRIMITIVE_COSTS.map((name) => name.split(".")[0]));

/** What is asked for by its whole name. */
function askedFor(source: string): string[] {
  const calls = source.matchAll(/primitiveCost\([^)]*?, "([^"]+)"\)/g);
  return [...calls].map(([, name]) => name);
}

describe("the list of primitive costs", () => {
  it("names each once, as the machines of the package do", () => {
    expect(new Set(PRIMITIVE_COSTS).size).toBe(PRIMITIVE_COSTS.length);
    expect(PRIMITIVE_COSTS.toSorted()).toEqual([...given].toSorted());
  });

  it("has all that the mechanisms ask for", () => {
    const asked = new Set(sources.flatMap(askedFor));
    expect(asked.size).toBeGreaterThan(30);
    expect([...asked].filter((name) => !PRIMITIVE_COSTS.includes(name))).toEqual([]);
  });

  it("has nothing that no source speaks of, whole or by its last part", () => {
    const text = sources.join("\n");
    const silent = PRIMITIVE_COSTS.filter((name) => {
      const part = name.slice(name.indexOf(".") + 1);
      return !text.includes(`"${name}"`) && !text.includes(`"${part}"`) && !text.includes(`.${part}\``);
    });
    expect(silent).toEqual([]);
  });

  it("takes no name of its own for wrong, nor one of a group that is nobody's", () => {
    for (const name of PRIMITIVE_COSTS) expect(costNameProblem(name)).toBeUndefined();
    expect(groups.has("mine")).toBe(false);
    expect(costNameProblem("mine.trap")).toBeUndefined();
  });

  it("takes any name of its groups with another letter for wrong", () => {
    for (const name of PRIMITIVE_COSTS) expect(costNameProblem(`${name}x`)).toContain("there is no such cost; ");
  });
});
