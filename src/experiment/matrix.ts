/** A matrix: which VMMs meet which workloads, on which machines, at what density, under which seeds. */
import type { z } from "zod";
import { InputError } from "../core/input-error.ts";
import { withoutUndefined } from "../core/without-undefined.ts";
import type { VmmChoice } from "../sim/cell.ts";
import type { VmGroup } from "../workload/vm-settings.ts";
import { matrixProblems } from "./documents/matrix-problems.ts";
import { DEFAULT_SEEDS, type Exclusion, type MatrixDocument, matrixSchema } from "./documents/matrix-schema.ts";
import { type DocumentPath, readDocument } from "./documents/yaml-document.ts";
import type { WorkloadMix } from "./workload-mix.ts";

export interface MatrixBlock {
  readonly name: string;
  readonly title: string;
  readonly vmms: readonly VmmChoice[];
  /** Names, or paths relative to the matrix file. */
  readonly workloads: readonly string[];
  readonly machines: readonly string[];
  readonly seeds: readonly number[];
  /** Absent: one guest alone, every trap simulated. */
  readonly vms?: readonly number[];
  readonly overcommit?: readonly number[];
  /** Sizes of hosts in pages of memory for VMs, beside those that follow from {@link overcommit}. */
  readonly hostPages?: readonly number[];
  /** Parts in which the VMs run different work; the first is the one in {@link workloads}. */
  readonly mix?: WorkloadMix;
  /** What is set for single VMs. */
  readonly settings?: readonly VmGroup[];
  readonly exclude: readonly Exclusion[];
  /** The block differs from another one in this input. */
  readonly varies?: Variation;
}

/** One input of another block, as it is there and as it is here. */
export interface Variation {
  readonly block: string;
  readonly input: string;
  readonly side: "lower" | "higher";
  readonly from: string;
  readonly to: string;
}

export interface Matrix {
  readonly name: string;
  readonly title: string;
  readonly blocks: readonly MatrixBlock[];
  /** What overcommit is judged by; absent: 95 % of the uncommitted throughput. */
  readonly serviceLevel?: ServiceLevel;
}

/** `bound`: the least share of the uncommitted throughput, or the most times that p99 latency may be the uncommitted one. */
export interface ServiceLevel {
  readonly metric: "throughput" | "p99";
  readonly bound: number;
}

export interface MatrixFile {
  readonly matrix: Matrix;
  /** One sentence about the place in the file. */
  problem(path: DocumentPath, message: string): string;
}

/** Parse and check a matrix. Throws an {@link InputError} with every problem that shows without opening another file. */
export function readMatrix(text: string, file: string): MatrixFile {
  const document = readDocument(text, file, matrixSchema as unknown as z.ZodType<MatrixDocument>, "matrix");
  const problems = matrixProblems(document.data).map(({ path, message }) => document.problem(path, message));
  if (problems.length > 0) throw new InputError(problems);
  const { name, title, blocks, machines, seeds } = document.data;
  const resolved = blocks.map((entry): MatrixBlock => {
    const inherited = { machines: machines ?? [], seeds: seeds ?? DEFAULT_SEEDS, title: entry.name, exclude: [] };
    const { "host-memory": hostPages, mix, workloads = Object.keys(mix ?? {}).slice(0, 1), ...given } = entry;
    const parts = mix && Object.entries(mix).map(([workload, vms]) => ({ workload, vms }));
    return { ...inherited, ...withoutUndefined({ ...given, workloads, hostPages, mix: parts }) };
  });
  const level = document.data["service-level"];
  const matrix = { name, title: title ?? name, blocks: resolved, ...(level && { serviceLevel: level }) };
  return { matrix, problem: document.problem };
}
