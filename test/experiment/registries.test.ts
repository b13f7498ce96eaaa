import { readdirSync, readFileSync } from "node:fs";
import { join, resolve, sep } from "node:path";
import { describe, expect, it } from "vitest";
import {
  type FolderModule,
  partsSource,
  REGISTRY_FILES,
  validationSetsSource,
  vmmsSource,
} from "../../src/experiment/registries.ts";

const folder = resolve(import.meta.dirname, "../../src/vmm");
const sets = resolve(import.meta.dirname, "../../src/analysis/validation");

async function modules(folder: string): Promise<FolderModule[]> {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).map((file) => file.split(sep).join("/"));
  const sources = files.filter((file) => file.endsWith(".ts") && !REGISTRY_FILES.includes(file));
  return Promise.all(
    sources.map(async (file) => ({ file, exports: (await import(join(folder, file))) as Record<string, unknown> })),
  );
}

describe("the registries of parts, VMMs and validation sets", () => {
  it("are what `npm run registries` makes of the folder", async () => {
    const found = await modules(folder);
    expect(readFileSync(join(folder, "parts.ts"), "utf8")).toBe(partsSource(found));
    expect(readFileSync(join(folder, "registry.ts"), "utf8")).toBe(vmmsSource(found));
  });

  it("give a validation set to whoever adds a file with one", async () => {
    expect(readFileSync(join(sets, "registry.ts"), "utf8")).toBe(validationSetsSource(await modules(sets)));
  });

  it("give a name of their own to what two files call the same", () => {
    const definition = { slot: "disk", name: "bare", create: () => ({}) };
    const bare = Object.assign(() => ({}), { definition });
    const text = partsSource([
      { file: "io/bare.ts", exports: { bare, helper: () => 0 } },
      { file: "cpu/bare.ts", exports: { bare } },
    ]);
    expect(text).toContain('import { bare as cpuBareBare } from "./cpu/bare.ts";');
    expect(text).toContain("= [cpuBareBare.definition, ioBareBare.definition];");
    expect(text).not.toContain("helper");
  });
});
