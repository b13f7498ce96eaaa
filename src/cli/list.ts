/** `vmmbench list`: everything that can be named on the command line or in a matrix. */
import { readFileSync } from "node:fs";
import type { CommandModule } from "yargs";
import { textTable } from "./text-table.ts";

const LISTS = ["vmms", "parts", "workloads", "machines", "experiments"] as const;
/** Operations are no files and hang on the machine: only when they are asked for. */
const CHOICES = [...LISTS, "operations"] as const;
type List = (typeof CHOICES)[number];

interface ListArguments {
  what: List | undefined;
  json: boolean;
}

export const listCommand: CommandModule<object, ListArguments> = {
  command: "list [what]",
  describe: "List VMMs, parts with their parameters, workloads, machines, experiments and operations",
  builder: (yargs) =>
    yargs
      .positional("what", { choices: CHOICES, describe: "Show only this list" })
      .option("json", { type: "boolean", default: false, describe: "Print one JSON object" })
      .example("$0 list", "all of these but operations, which depend on the machine")
      .example(
        "$0 list parts",
        "parts, and the parameters that a matrix can set: { esx: { memory.page-sharing: { ... } } }",
      )
      .example("$0 list operations", "what the names of vmmbench operations and explain mean")
      .example("$0 list workloads --json", "workloads as JSON"),
  handler: async ({ what, json }) => {
    const lists = what === undefined ? LISTS : [what];
    const found = await Promise.all(lists.map(async (list) => [list, await entriesOf(list)] as const));
    if (json) console.log(JSON.stringify(Object.fromEntries(found), undefined, 2));
    else process.stdout.write(found.map(([list, entries]) => asText(list, entries)).join("\n"));
  },
};

interface Entry {
  readonly name: string;
  readonly title: string;
  readonly summary?: string;
  readonly slot?: string;
  readonly parts?: Readonly<Record<string, readonly string[]>>;
  readonly parameters?: readonly ParameterEntry[];
}

interface ParameterEntry {
  readonly name: string;
  readonly default: number | boolean;
  readonly expected: string;
  readonly summary: string;
  readonly source?: string;
  readonly grade?: string;
}

async function entriesOf(list: List): Promise<readonly Entry[]> {
  switch (list) {
    case "vmms":
      return vmms();
    case "parts":
      return parts();
    case "workloads":
      return workloads();
    case "machines":
      return machines();
    case "experiments":
      return experiments();
    case "operations":
      return operations();
  }
}

async function vmms(): Promise<readonly Entry[]> {
  const { VMMS } = await import("../vmm/registry.ts");
  const { SLOTS } = await import("../vmm/contract.ts");
  const { partsIn } = await import("../vmm/compose.ts");
  return VMMS.map((vmm) => ({
    name: vmm.name,
    title: vmm.title,
    summary: vmm.summary,
    parts: Object.fromEntries(SLOTS.map((slot) => [slot, partsIn(vmm, slot).map((part) => part.definition.name)])),
  }));
}

async function parts(): Promise<readonly Entry[]> {
  const { PARTS } = await import("../vmm/parts.ts");
  const { describeRange } = await import("../vmm/part-parameter.ts");
  return PARTS.map(({ slot, name, summary, parameters }) => ({
    name,
    slot,
    title: summary,
    parameters: Object.entries(parameters).map(([parameter, of]) => ({
      name: parameter,
      default: of.default,
      expected: typeof of.default === "boolean" ? "on or off" : describeRange(of),
      summary: of.summary,
      ...(of.source !== undefined && { source: of.source }),
      ...(of.grade !== undefined && { grade: of.grade }),
    })),
  }));
}

async function workloads(): Promise<readonly Entry[]> {
  const { catalogue, locate } = await import("../experiment/catalogue.ts");
  const { readWorkload } = await import("../experiment/documents/workload-document.ts");
  return catalogue("workloads").map((name) => {
    const file = locate("workloads", name, "");
    const { title, summary } = readWorkload(readFileSync(file, "utf8"), file).workload;
    return { name, title, summary };
  });
}

async function machines(): Promise<readonly Entry[]> {
  const { catalogue, locate } = await import("../experiment/catalogue.ts");
  const { machineSchema } = await import("../experiment/documents/machine-document.ts");
  const { readDocument } = await import("../experiment/documents/yaml-document.ts");
  return catalogue("machines").map((name) => {
    const file = locate("machines", name, "");
    return { name, title: readDocument(readFileSync(file, "utf8"), file, machineSchema).data.title };
  });
}

async function experiments(): Promise<readonly Entry[]> {
  const { catalogue, locate } = await import("../experiment/catalogue.ts");
  const { readMatrix } = await import("../experiment/matrix.ts");
  const { expandMatrix } = await import("../experiment/cells.ts");
  return catalogue("experiments").map((name) => {
    const file = locate("experiments", name, "");
    const { matrix } = readMatrix(readFileSync(file, "utf8"), file);
    return { name, title: matrix.title, summary: `${expandMatrix(matrix).length} cells` };
  });
}

/** Those that any machine of the package has; machines with one kernel have much the same ones. */
async function operations(): Promise<readonly Entry[]> {
  const { packagedMachines } = await import("../experiment/packaged-machines.ts");
  const { microbenchmarks } = await import("../sim/microbenchmarks/catalogue.ts");
  const found = new Map<string, Entry & { readonly machines: string[] }>();
  for (const profile of packagedMachines()) {
    for (const { name, summary } of microbenchmarks(profile)) {
      const entry = found.get(name) ?? { name, title: summary, machines: [] };
      entry.machines.push(profile.name);
      found.set(name, entry);
    }
  }
  return [...found.values()];
}

function asText(list: List, entries: readonly Entry[]): string {
  if (list === "parts") return `${list}\n${entries.map(partText).join("")}`;
  const summary = ({ summary = "" }: Entry): string => (list === "experiments" ? ` (${summary})` : "");
  return `${list}\n${columns(entries.map((entry) => [entry.name, entry.title + summary(entry)]))}`;
}

function partText({ slot, name, title, parameters = [] }: Entry): string {
  const rows = parameters.map((of) => [`    ${of.name}`, `${String(of.default)} (${of.expected}): ${of.summary}`]);
  return `  ${slot}.${name}  ${title}\n${columns(rows)}`;
}

/** Two left-aligned columns. */
function columns(rows: readonly (readonly [string, string] | readonly string[])[]): string {
  const width = Math.max(0, ...rows.map(([name]) => name.length));
  return textTable(rows.map(([name, text]) => [`  ${name.padEnd(width)}  ${text}`]));
}
