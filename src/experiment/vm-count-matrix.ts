/** The question how many VMs a host holds, as a matrix: hosts of one size, beside ones with memory for all VMs to compare with. */
import { dirname } from "node:path";
import { parseDocument } from "yaml";
import { InputError } from "../core/input-error.ts";
import { KIB_PER_PAGE } from "../machine/page.ts";
import { locate } from "./catalogue.ts";
import { loadWorkload } from "./documents/load.ts";
import type { Exclusion } from "./documents/matrix-schema.ts";
import { readMatrix } from "./matrix.ts";
import { type OvercommitQuestion, overcommitMatrix } from "./overcommit-matrix.ts";
import { vmsOfMix } from "./workload-mix.ts";

/** What is not asked for by ratios, and not yet by numbers of VMs. */
export type VmCountQuestion = Omit<OvercommitQuestion, "ratios" | "vms" | "further" | "varied"> & {
  /** Memory for VMs, in pages. */
  readonly hostPages: number;
};

/** A strategy is to be run with so many VMs of a workload; of a mix, its first one. */
export interface WantedCount {
  readonly strategy: string;
  readonly workload: string;
  readonly vms: number;
}

/**
 * The text of the matrix that runs each strategy with the numbers of VMs that it is wanted with, comments kept. Throws an
 * {@link InputError} for the same reasons as {@link overcommitMatrix}, or when the matrix has no ratio with room for all VMs.
 */
export function vmCountMatrix(
  text: string,
  file: string,
  question: VmCountQuestion,
  wanted: readonly WantedCount[],
): string {
  const base = overcommitMatrix(text, file, question);
  const [block] = readMatrix(base, file).matrix.blocks;
  const room = Math.min(...(block.overcommit ?? []));
  if (room > 1) throw new InputError(`${file}: has no host with memory for all VMs; expected a ratio of at most 1`);
  const counts = [...new Set(wanted.map(({ vms }) => vms))].sort((a, b) => a - b);
  const document = parseDocument(base);
  const set = (key: string, value: unknown): void =>
    document.setIn(["blocks", 0, key], document.createNode(value, { flow: true }));
  set("vms", counts);
  set("overcommit", [room]);
  set("host-memory", [`${question.hostPages * KIB_PER_PAGE}KiB`]);
  const exclude = block.vmms.flatMap(({ label: vmm }) =>
    block.workloads.flatMap((workload): Exclusion[] => {
      const own = wanted.filter((one) => one.strategy === vmm && one.workload === workload);
      const vms = counts.filter((count) => !own.some((one) => one.vms === count));
      return vms.length === 0 ? [] : [{ vmm: [vmm], workload: [workload], vms }];
    }),
  );
  document.setIn(["blocks", 0, "exclude"], document.createNode([...block.exclude, ...exclude]));
  return document.toString();
}

/** Where a search begins: strategies and workloads of the question, and how many VMs of each workload just fit. */
export interface VmCountStart {
  readonly strategies: readonly string[];
  /** Of a mix, under the name of its first workload. */
  readonly workloads: readonly { readonly workload: string; readonly fit: number }[];
  /** By workload: of how many guests it has the contents of memory, where it has any; further VMs are copies of these. */
  readonly contents: ReadonlyMap<string, number>;
}

/** Throws an {@link InputError} when not a single VM fits. */
export function vmCountStart(text: string, file: string, question: VmCountQuestion): VmCountStart {
  const [block] = readMatrix(overcommitMatrix(text, file, question), file).matrix.blocks;
  const strategies = block.vmms.map(({ label }) => label);
  const { mix } = block;
  const contents = new Map<string, number>();
  const pagesOf = (name: string): number => {
    const { guest } = loadWorkload(locate("workloads", name, dirname(file))).workload;
    if (guest.contents.length > 0) contents.set(name, guest.contents.length);
    return guest.memoryPages;
  };
  const workloads = block.workloads.map((workload) => {
    const parts = (mix ?? [{ workload, vms: 1 }]).map((part) => pagesOf(part.workload));
    const pages = (vms: number): number =>
      vmsOfMix(mix ?? [{ workload, vms: 1 }], vms).reduce((sum, count, at) => sum + count * parts[at], 0);
    let fit = Math.floor(question.hostPages / Math.max(...parts));
    while (pages(fit + 1) <= question.hostPages) fit++;
    if (fit > 0) return { workload, fit };
    const needed = Math.round((Math.min(...parts) * KIB_PER_PAGE) / 1024);
    throw new InputError(`--host-memory: one VM of ${workload} has ${needed} MiB; expected a host of at least that`);
  });
  return { strategies, workloads, contents };
}
