/** `npm run registries`: write `src/vmm/parts.ts` and `src/vmm/registry.ts` from the built modules. */
import { readdirSync, writeFileSync } from "node:fs";
import { join, sep } from "node:path";
import { pathToFileURL } from "node:url";
import { PACKAGE_ROOT } from "./catalogue.ts";
import { partsSource, REGISTRY_FILES, type VmmModule, vmmsSource } from "./registries.ts";

const source = join(PACKAGE_ROOT, "src/vmm");
const modules: VmmModule[] = [];
for (const entry of readdirSync(source, { recursive: true, encoding: "utf8" }).sort()) {
  const file = entry.split(sep).join("/");
  if (!file.endsWith(".ts") || REGISTRY_FILES.includes(file)) continue;
  const built = join(PACKAGE_ROOT, "dist/vmm", file.replace(/\.ts$/, ".js"));
  modules.push({ file, exports: (await import(pathToFileURL(built).href)) as Record<string, unknown> });
}
writeFileSync(join(source, "parts.ts"), partsSource(modules));
writeFileSync(join(source, "registry.ts"), vmmsSource(modules));
