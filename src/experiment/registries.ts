/** The source text of the registries of parts, VMMs and validation sets, generated from what is in their folders. */

const LINE_WIDTH = 120;

/** A module in the folder of a registry and what it exports. */
export interface FolderModule {
  /** Relative to the folder, with slashes: `memory/page-sharing.ts`. */
  readonly file: string;
  readonly exports: Readonly<Record<string, unknown>>;
}

/** Files that only pass on what others define; they are no input of the registries. */
export const REGISTRY_FILES = ["library.ts", "parts.ts", "registry.ts"];

/** `src/vmm/parts.ts`: every part, by slot and name. */
export function partsSource(modules: readonly FolderModule[]): string {
  return source(select(modules, isPart), {
    name: "PARTS",
    type: "PartDefinition",
    contract: "./contract.ts",
    doc: "Every part of the package.",
    member: ".definition",
    reexports: true,
  });
}

/** `src/vmm/registry.ts`: every VMM; bare metal, the baseline, first. */
export function vmmsSource(modules: readonly FolderModule[]): string {
  const vmms = select(modules, isVmm);
  return source(
    [...vmms].sort((a, b) => Number(b.name === "native") - Number(a.name === "native")),
    {
      name: "VMMS",
      type: "Vmm",
      contract: "./contract.ts",
      doc: "Every VMM of the package.",
      member: "",
      reexports: true,
    },
  );
}

/** `src/analysis/validation/registry.ts`: every set of published figures that models are held against. */
export function validationSetsSource(modules: readonly FolderModule[]): string {
  return source(select(modules, isValidationSet), {
    name: "VALIDATION_SETS",
    type: "ValidationSet",
    contract: "./validation-set.ts",
    doc: "Every set of published figures.",
    member: "",
    reexports: false,
  });
}

interface Entry {
  readonly file: string;
  readonly name: string;
}

function select(modules: readonly FolderModule[], wanted: (value: unknown) => boolean): readonly Entry[] {
  const sorted = [...modules].sort((a, b) => (a.file < b.file ? -1 : 1));
  return sorted.flatMap(({ file, exports }) => {
    const names = Object.keys(exports).filter((name) => wanted(exports[name]));
    return names.sort().map((name) => ({ file, name }));
  });
}

interface List {
  readonly name: string;
  readonly type: string;
  /** Where the type is from. */
  readonly contract: string;
  readonly doc: string;
  /** What of an export is listed: a property, or all of it. */
  readonly member: string;
  /** Modules outside the package import the entries by name, too. */
  readonly reexports: boolean;
}

function source(entries: readonly Entry[], { name, type, contract, doc, member, reexports }: List): string {
  const files = [...new Set(entries.map((entry) => entry.file))];
  const imports = files.map((file) => {
    const names = entries
      .filter((entry) => entry.file === file)
      .map((entry) => {
        const local = localName(entry, entries);
        return local === entry.name ? local : `${entry.name} as ${local}`;
      });
    return `import { ${names.join(", ")} } from "./${file}";\n`;
  });
  const typeImport = `import type { ${type} } from "${contract}";\n`;
  const locals = entries.map((entry) => localName(entry, entries));
  const members = locals.map((local) => local + member);
  return [
    "// Generated from the folder by `npm run registries`; a test checks that it is current.\n",
    ...[...imports, typeImport].sort(byModule),
    ...(reexports ? [`\n${enclosed("export { ", locals, " };")}\n`] : []),
    `\n/** ${doc} */\n${enclosed(`export const ${name}: readonly ${type}[] = [`, members, "];")}\n`,
  ].join("");
}

/** On one line if it fits, like the formatter does it. */
function enclosed(open: string, items: readonly string[], close: string): string {
  const line = open + items.join(", ") + close;
  if (line.length <= LINE_WIDTH) return line;
  return `${open.trimEnd()}\n${items.map((item) => `  ${item},\n`).join("")}${close.trimStart()}`;
}

/** Its own name, or with its folder and file in front when another file exports the same name. */
function localName({ file, name }: Entry, entries: readonly Entry[]): string {
  if (entries.filter((entry) => entry.name === name).length === 1) return name;
  const words = `${file.replace(/\.ts$/, "")}/${name}`.split(/[^a-zA-Z0-9]+/);
  return words.map((word, i) => (i === 0 ? word : word[0].toUpperCase() + word.slice(1))).join("");
}

function byModule(a: string, b: string): number {
  return moduleIn(a) < moduleIn(b) ? -1 : 1;
}

function moduleIn(line: string): string {
  return line.slice(line.indexOf(' from "'));
}

function isPart(value: unknown): boolean {
  return (
    typeof value === "function" && hasKeys((value as { definition?: unknown }).definition, ["slot", "name", "create"])
  );
}

function isVmm(value: unknown): boolean {
  return hasKeys(value, ["name", "cpu", "mmu", "memory", "allocation", "scheduler", "overheadPerGuest"]);
}

function isValidationSet(value: unknown): boolean {
  return hasKeys(value, ["name", "source", "rows"]);
}

function hasKeys(value: unknown, keys: readonly string[]): boolean {
  return typeof value === "object" && value !== null && keys.every((key) => key in value);
}
