/** What is wrong with a matrix although every value by itself is right, as far as it shows without opening another file. */
import { suggestion } from "../../core/nearest-name.ts";
import { AXES, type Axis, DEFAULT_SEEDS, type Exclusion, type MatrixDocument } from "./matrix-schema.ts";
import { groupProblems } from "./vm-settings-problems.ts";
import type { DocumentPath, DocumentProblem } from "./yaml-document.ts";

type BlockDocument = MatrixDocument["blocks"][number];

/** Keys that say how the guests of a host are set up, and mean nothing for one guest alone. */
const HOST_KEYS = ["overcommit", "host-memory", "settings"] as const;

export function matrixProblems(matrix: MatrixDocument): readonly DocumentProblem[] {
  const names = matrix.blocks.map((block) => block.name);
  return [
    ...duplicates(["blocks"], names, " as the name of a block"),
    ...matrix.blocks.flatMap((block, i) =>
      blockProblems(block, matrix).map(({ path, message }) => ({ path: ["blocks", i, ...path], message })),
    ),
  ];
}

/** Paths below the block. */
function blockProblems(block: BlockDocument, matrix: MatrixDocument): readonly DocumentProblem[] {
  const hostKeys = block.vms ? [] : HOST_KEYS.filter((key) => block[key] !== undefined);
  return [
    ...duplicateValues(block),
    ...(block.machines || matrix.machines
      ? []
      : [{ path: [], message: 'the key "machines" is missing, here and at the top of the matrix' }]),
    ...variationProblems(block, matrix),
    ...hostKeys.map((key) => ({ path: [key], message: "needs vms: how many guests share the host" })),
    ...mixProblems(block).map((message) => ({ path: [block.mix ? "mix" : "workloads"], message })),
    ...groupProblems(block.settings ?? []).map(({ path, message }) => ({ path: ["settings", ...path], message })),
    ...exclusionProblems(block, matrix),
  ];
}

function duplicateValues(block: BlockDocument): readonly DocumentProblem[] {
  const labels = block.vmms.map((vmm) => vmm.label);
  const axes = ["workloads", "machines", "vms", "overcommit", "host-memory", "seeds"] as const;
  return [
    ...duplicates(["vmms"], labels, "; give one of them another name with `as: ...`"),
    ...axes.flatMap((axis) => duplicates([axis], block[axis] ?? [])),
  ];
}

function duplicates(path: DocumentPath, values: readonly unknown[], hint = ""): readonly DocumentProblem[] {
  return values.flatMap((value, i) => {
    if (values.indexOf(value) === i) return [];
    return [{ path: [...path, i], message: `duplicate ${JSON.stringify(value)}${hint}` }];
  });
}

function variationProblems({ varies }: BlockDocument, { blocks }: MatrixDocument): readonly DocumentProblem[] {
  const names = blocks.map((block) => block.name);
  if (varies === undefined || names.includes(varies.block)) return [];
  return [{ path: ["varies", "block"], message: `there is no such block; ${suggestion(varies.block, names)}` }];
}

/** A mix says what all VMs run, and which ones. */
function mixProblems({ mix, workloads, settings, vms }: BlockDocument): readonly string[] {
  if (mix === undefined) return workloads === undefined ? ['is missing, and there is no "mix" in its place'] : [];
  const problems = [];
  if (workloads !== undefined) problems.push("stands in place of workloads; expected one of the two");
  if (settings !== undefined) problems.push("says what each VM runs; expected no settings of single VMs with it");
  if (vms === undefined) problems.push("needs vms: how many guests share the host");
  if (Object.keys(mix).length < 2) problems.push("expected two workloads or more; one alone belongs in workloads");
  return problems;
}

/** An exclusion that names something the block doesn't have is a mistake. */
function exclusionProblems(block: BlockDocument, { machines, seeds }: MatrixDocument): readonly DocumentProblem[] {
  const known: Record<Axis, readonly (string | number)[]> = {
    vmm: block.vmms.map((vmm) => vmm.label),
    workload: block.workloads ?? Object.keys(block.mix ?? {}).slice(0, 1),
    machine: block.machines ?? machines ?? [],
    vms: block.vms ?? [],
    overcommit: block.overcommit ?? [],
    seed: block.seeds ?? seeds ?? DEFAULT_SEEDS,
  };
  return ((block.exclude ?? []) as readonly Exclusion[]).flatMap((exclusion, i) =>
    AXES.flatMap((axis) => {
      const unknown = (exclusion[axis] ?? []).filter((value) => !known[axis].includes(value));
      return unknown.map((value) => {
        const names = known[axis].map(String);
        const hint = names.length === 0 ? `it has no ${axis}` : suggestion(String(value), names);
        return { path: ["exclude", i, axis], message: `${JSON.stringify(value)} is not in this block; ${hint}` };
      });
    }),
  );
}
