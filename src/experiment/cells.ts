/** From a matrix to its cells: pure functions, so that every run of a matrix has the same cells under the same keys. */
import { digest } from "../core/digest.ts";
import { type CellSpec, workloadOf } from "../sim/cell.ts";
import { SLOTS, type Vmm } from "../vmm/contract.ts";
import { partsIn } from "../vmm/compose.ts";
import type { Axis, Exclusion } from "./documents/matrix-schema.ts";
import type { Matrix, MatrixBlock } from "./matrix.ts";
import { settingsOfMix } from "./workload-mix.ts";

/** Format of a cell's result; part of every key, so that results of another format are never taken for current ones. */
export const RESULT_SCHEMA = 1;

/** Configured memory of the VMs that run a workload, in pages. */
export type PagesOf = (workload: string) => number;

/**
 * Every combination of every block once, in the order of the file; VMMs vary fastest, so that neighbours share their work.
 * Without `pagesOf`, the overcommit of hosts whose memory is given is not known and left out.
 */
export function expandMatrix(matrix: Matrix, pagesOf?: PagesOf): readonly CellSpec[] {
  return matrix.blocks.flatMap((block) => expandBlock(block, pagesOf));
}

function expandBlock(block: MatrixBlock, pagesOf?: PagesOf): readonly CellSpec[] {
  const cells: CellSpec[] = [];
  for (const workload of block.workloads) {
    for (const machine of block.machines) {
      for (const seed of block.seeds) {
        for (const density of densities(block, workload, pagesOf)) {
          for (const vmm of block.vmms) {
            cells.push({ block: block.name, vmm, workload, machine, seed, ...density });
          }
        }
      }
    }
  }
  return cells.filter((cell) => !block.exclude.some((exclusion) => matches(cell, exclusion)));
}

type Density = Pick<CellSpec, "vms" | "overcommit" | "hostPages" | "settings">;

function densities(block: MatrixBlock, workload: string, pagesOf?: PagesOf): readonly Density[] {
  const { vms, overcommit, hostPages, mix, settings } = block;
  if (vms === undefined) return [{}];
  return vms.flatMap((count): Density[] => {
    const groups = mix === undefined ? settings : settingsOfMix(mix, count);
    const common = { vms: count, ...(groups?.length && { settings: groups }) };
    if (overcommit === undefined && hostPages === undefined) return [common];
    const given = (hostPages ?? []).map((pages) => {
      if (pagesOf === undefined) return { ...common, hostPages: pages };
      const configured = configuredPages(count, groups, workload, pagesOf);
      return { ...common, hostPages: pages, overcommit: Number((configured / pages).toFixed(4)) };
    });
    return [...(overcommit ?? []).map((ratio) => ({ ...common, overcommit: ratio })), ...given];
  });
}

function configuredPages(vms: number, settings: CellSpec["settings"], workload: string, pagesOf: PagesOf): number {
  let pages = 0;
  for (let vm = 0; vm < vms; vm++) pages += pagesOf(workloadOf({ workload, settings: settings ?? [] }, vm));
  return pages;
}

/** Does the cell have one of the values on every axis that is named? */
export function matches(cell: CellSpec, exclusion: Exclusion): boolean {
  const { vmm, workload, machine, vms, overcommit, seed } = cell;
  const values: Record<Axis, string | number | undefined> = {
    vmm: vmm.label,
    workload,
    machine,
    vms,
    overcommit,
    seed,
  };
  return (Object.keys(exclusion) as Axis[]).every((axis) => {
    const value = values[axis];
    return value !== undefined && exclusion[axis]?.includes(value);
  });
}

/** What a key stands for besides the spec: digests of everything the spec names. */
export interface CellInputs {
  /** Workload file and its data files. */
  readonly workload: string;
  /** The same of workloads that single VMs run, in the order of the settings. */
  readonly otherWorkloads?: readonly string[];
  readonly machine: string;
  /** See {@link describeVmm}. */
  readonly vmm: string;
}

/** SHA-256 over a cell's spec and everything it names. The same inputs give the same key on every machine. */
export function cellKey(spec: CellSpec, inputs: CellInputs): string {
  const { block, vmm, workload, machine, seed, vms = null, settings } = spec;
  const host = spec.hostPages === undefined ? (spec.overcommit ?? null) : { pages: spec.hostPages };
  const named = [vmm.label, vmm.base, sorted(vmm.set)];
  const { workload: work, otherWorkloads = [], machine: hardware, vmm: parts } = inputs;
  const values = [RESULT_SCHEMA, block, named, workload, machine, seed, vms, host, work, hardware, parts];
  return digest(JSON.stringify(settings === undefined ? values : [...values, settings, ...otherWorkloads]));
}

/** A VMM as text: its parts in order with all parameters, so that a changed default gives another key. */
export function describeVmm(vmm: Vmm): string {
  const parts = SLOTS.map((slot) => [
    slot,
    partsIn(vmm, slot).map(({ definition, parameters }) => [definition.name, sorted(parameters)]),
  ]);
  const { mib, mibPerGib } = vmm.overheadPerGuest;
  return JSON.stringify([vmm.name, vmm.maxGuests ?? null, mib, mibPerGib ?? null, parts]);
}

function sorted(record: Readonly<Record<string, unknown>>): readonly (readonly [string, unknown])[] {
  return Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
}
