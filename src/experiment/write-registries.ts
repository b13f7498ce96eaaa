/** `npm run registries`: write the registries of parts, VMMs and validation sets from the built modules. */
import { readdirSync, writeFileSync } from "node:fs";
import { join, sep } from "node:path";
import { pathToFileURL } from "node:url";
import { PACKAGE_ROOT } from "./catalogue.ts";
import { type FolderModule, partsSource, REGISTRY_FILES, validationSetsSource, vmmsSource } from "./registries.ts";

async function modulesIn(folder: string): Promise<FolderModule[]> {
  const modules: FolderModule[] = [];
  for (const entry of readdirSync(join(PACKAGE_ROOT, "src", folder), { recursive: true, encoding: "utf8" }).sort()) {
    const file = entry.split(sep).join("/");
    if (!file.endsWith(".ts") || REGISTRY_FILES.includes(file)) continue;
    const built = join(PACKAGE_ROOT, "dist", folder, file.replace(/\.ts$/, ".js"));
    modules.push({ file, exports: (await import(pathToFileURL(built).href)) as Record<string, unknown> });
  }
  return modules;
}

function write(file: string, text: string): void {
  writeFileSync(join(PACKAGE_ROOT, "src", file), text);
}

const vmmModules = await modulesIn("vmm");
write("vmm/parts.ts", partsSource(vmmModules));
write("vmm/registry.ts", vmmsSource(vmmModules));
write("analysis/validation/registry.ts", validationSetsSource(await modulesIn("analysis/validation")));
