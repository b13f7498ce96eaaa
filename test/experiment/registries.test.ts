import { readdirSync, readFileSync } from "node:fs";
import { join, resolve, sep } from "node:path";
import { describe, expect, it } from "vitest";
import { partsSource, REGISTRY_FILES, type FolderModule, vmmsSource } from "../../src/experiment/registries.ts";

const folder = resolve(import.meta.dirname, "../../src/vmm");

async function modules(): Promise<FolderModule[]> {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).map((file) => file.split(sep).join("/"));
  const sources = files.filter((file) => file.endsWith(".ts") && !REGISTRY_FILES.includes(file));
  return Promise.all(
    sources.map(async (file) => ({ file, exports: (await import(join(folder, file))) as Record<string, unknown> })),
  );
}

describe("the registries of parts and VMMs", () => {
  it("are what `npm run registries` makes of the folder", async () => {
    const found = await modules();
    expect(readFileSync(join(folder, "parts.ts"), "utf8")).toBe(partsSource(found));
    expect(readFileSync(join(folder, "registry.ts"), "utf8")).toBe(vmmsSource(found));
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
