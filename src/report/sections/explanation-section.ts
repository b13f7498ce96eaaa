import { InputError } from "../../core/input-error.ts";
import type { MachineProfile } from "../../machine/profile.ts";
import { type Explanation, explain } from "../../sim/explain/explanation.ts";
import { findings } from "../../sim/explain/findings.ts";
import { outlineOf } from "../../sim/explain/outline.ts";
import { microbenchmarks } from "../../sim/microbenchmarks/catalogue.ts";
import type { Microbenchmark } from "../../sim/microbenchmarks/microbenchmark.ts";
import type { Vmm } from "../../vmm/contract.ts";
import { VMMS } from "../../vmm/registry.ts";
import { operationTimelineChart } from "../charts/operation-timeline.ts";
import { type Block, leftOut, list, paragraph, type Section } from "../document.ts";
import { explanationLines, kernelRings, notation } from "../explanation-lines.ts";
import type { Run } from "../load-run.ts";

/** What a report explains. */
const EXPLAINED = ["fork-proc", "page-fault"];
const INDENT = "\u00a0\u00a0\u00a0";

/** What happens in an operation, step by step, on the machines and the unchanged VMMs of the run. Simulated here and now. */
export function explanationSection(run: Run): Section {
  const blocks = [...run.profiles].flatMap(([machine, profile]) => machineBlocks(run, machine, profile));
  const none =
    "monitor cells (a block without vms) of VMMs as they come with vmmbench, on a machine that is described " +
    "here as it was when they ran and that has the operations";
  return {
    id: "explanation",
    title: "What happens in an operation",
    blocks: blocks.length === 0 ? [leftOut(none)] : blocks,
  };
}

function machineBlocks({ manifest }: Run, machine: string, profile: MachineProfile): Block[] {
  const own = manifest.blocks.filter(
    ({ machines, vms, overcommit }) => machines.includes(machine) && vms === undefined && overcommit === undefined,
  );
  const names = own.flatMap(({ vmms }) =>
    vmms.filter(({ set }) => Object.keys(set).length === 0).map(({ base }) => base),
  );
  const vmms = [...new Set(names)].flatMap((name) => VMMS.find((vmm) => vmm.name === name) ?? []);
  return microbenchmarks(profile)
    .filter(({ name }) => EXPLAINED.includes(name))
    .flatMap((benchmark) => operationBlocks(benchmark, vmms, machine, profile));
}

function operationBlocks(
  benchmark: Microbenchmark,
  all: readonly Vmm[],
  machine: string,
  profile: MachineProfile,
): Block[] {
  const vmms: Vmm[] = [];
  for (const vmm of all) if (canExplain(benchmark, [...vmms.slice(0, 1), vmm], profile)) vmms.push(vmm);
  if (vmms.length === 0) return [];
  const options = `--machine ${machine} --vmm ${vmms.map(({ name }) => name).join(",")}`;
  return [
    ...explanationBlocks(explain(benchmark, vmms, profile)),
    { kind: "code", lines: [`npx vmmbench explain ${benchmark.name} ${options}`] },
  ];
}

/** The machine need not give every cost that a VMM has, and a VMM may make its guest do other work. */
function canExplain(benchmark: Microbenchmark, vmms: readonly Vmm[], profile: MachineProfile): boolean {
  try {
    explain(benchmark, vmms, profile);
    return true;
  } catch (error) {
    if (error instanceof InputError) return false;
    throw error;
  }
}

/** The diagram of an operation, what its figures say, and its steps as a table. */
export function explanationBlocks(explanation: Explanation): Block[] {
  const { operation, machine, unit, vmms } = explanation;
  const names = vmms.map(({ name }) => name);
  const lines = explanationLines(explanation, outlineOf(explanation, false));
  const notes = [
    `The guest's kernel runs: ${kernelRings(explanation)}. What a loop costs is that of all its turns together.`,
    notation(explanation),
  ];
  return [
    { kind: "chart", chart: operationTimelineChart(explanation) },
    list(findings(explanation)),
    paragraph(notes.filter((note) => note !== undefined).join(" ")),
    {
      kind: "table",
      caption: `Steps of ${operation} on ${machine}, in ${unit}`,
      columns: ["what happens", ...names, ...names.map((name) => `sum so far, ${name}`)],
      rows: lines.map(({ depth, text, costs, soFar }) => [
        INDENT.repeat(depth) + text,
        ...costs.map((cost) => cost ?? ""),
        ...names.map((_, index) => soFar[index] ?? ""),
      ]),
      folded: true,
    },
  ];
}
