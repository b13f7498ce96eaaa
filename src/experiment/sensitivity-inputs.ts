/**
 * The inputs of an overcommit answer that are least certain, each halved and doubled: blocks of a matrix that differ from the one
 * in question by a changed VMM parameter, or by a changed copy of its workload or machine.
 */
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { parse, stringify } from "yaml";
import { InputError } from "../core/input-error.ts";
import { parseSize } from "../core/units.ts";
import { KIB_PER_PAGE, PAGE_BYTES } from "../machine/page.ts";
import type { DiskProfile } from "../machine/profile.ts";
import { locate } from "./catalogue.ts";
import { fileOfBase, loadMachine, loadWorkload } from "./documents/load.ts";
import { readInputText } from "./input-files.ts";
import type { Manifest } from "./manifest.ts";
import type { MatrixBlock } from "./matrix.ts";
import { parameterBlocks } from "./varied-parameters.ts";
import { type Side, SIDES, varied } from "./varied-block.ts";

export interface VariedBlocks {
  readonly blocks: readonly MatrixBlock[];
  /** What could not be varied, and why. */
  readonly left: readonly string[];
}

/**
 * Blocks beside `block`, which has one workload and one machine; changed files go to `folder`, and `described` is the block in
 * the manifest. Paths of matrices are relative to `matrixFolder`.
 */
export function variedBlocks(
  block: MatrixBlock,
  described: Manifest["blocks"][number],
  matrixFolder: string,
  folder: string,
): VariedBlocks {
  const left: string[] = [];
  const blocks = [
    ...parameterBlocks(block, described, left),
    ...workloadBlocks(block, matrixFolder, folder, left),
    ...machineBlocks(block, matrixFolder, folder),
  ];
  return { blocks, left };
}

function machineBlocks(block: MatrixBlock, matrixFolder: string, folder: string): MatrixBlock[] {
  const [machine] = block.machines;
  const file = locate("machines", machine, matrixFolder);
  const { positioningUs, stroke, megabytesPerSecond, writeCache } = loadMachine(file).profile.disk;
  copyBases(file, folder);
  return SIDES.map(([side, factor]) => {
    const document = parse(readInputText(file)) as Record<string, unknown>;
    const positioning = `${Math.round(positioningUs * factor)}us`;
    const source = `sensitivity: ${factor} times the ${milliseconds(positioningUs)} of ${machine}`;
    const disk = (document.disk as object | undefined) ?? {
      rate: `${megabytesPerSecond}MB/s`,
      ...(writeCache && { "write-cache": writtenCache(writeCache, `that of the base of ${machine}`) }),
    };
    document.disk = {
      ...disk,
      ...(stroke && scaledStroke(stroke, factor, source)),
      positioning,
      kind: "assumed",
      source,
    };
    const path = write(document, folder, matrixFolder, `disk-latency-${side}.yaml`);
    const [from, to] = [milliseconds(positioningUs), milliseconds(positioningUs * factor)];
    return varied(block, { input: "disk latency", side, from, to }, { machines: [path] });
  });
}

/** What a machine is based on, into the folder of its changed copies: a base is looked for beside a machine. */
function copyBases(file: string, folder: string): void {
  const { base } = parse(readInputText(file)) as { base?: string };
  if (base === undefined) return;
  const path = fileOfBase(file, base);
  mkdirSync(folder, { recursive: true });
  copyFileSync(path, join(folder, `${base}.yaml`));
  copyBases(path, folder);
}

function scaledStroke(stroke: NonNullable<DiskProfile["stroke"]>, factor: number, source: string): object {
  const positioning = `${Math.round(stroke.positioningUs * factor)}us`;
  return { "full-stroke": { positioning, size: `${stroke.pages * KIB_PER_PAGE}KiB`, kind: "assumed", source } };
}

function writtenCache(cache: NonNullable<DiskProfile["writeCache"]>, source: string): object {
  const { pages, commandUs, megabytesPerSecond } = cache;
  const size = `${pages * KIB_PER_PAGE}KiB`;
  return { size, command: `${commandUs}us`, rate: `${megabytesPerSecond}MB/s`, kind: "assumed", source };
}

interface WorkloadText {
  guest: Record<string, unknown>;
  trace?: { file: string };
  activities?: unknown;
}

function workloadBlocks(block: MatrixBlock, matrixFolder: string, folder: string, left: string[]): MatrixBlock[] {
  const file = locate("workloads", block.workloads[0], matrixFolder);
  const document = (): WorkloadText => movedTo(folder, file, parse(readInputText(file)) as WorkloadText);
  const add = (input: string, side: Side, from: string, to: string, changed: WorkloadText): MatrixBlock[] => {
    const name = `${input.replaceAll(" ", "-")}-${side}.yaml`;
    const path = write(changed, folder, matrixFolder, name);
    try {
      loadWorkload(join(folder, name));
      return [varied(block, { input, side, from, to }, { workloads: [path] })];
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      left.push(`${input}, ${to}: ${error.problems[0]}`);
      return [];
    }
  };
  const { anonymous } = document().guest;
  const workingSets =
    typeof anonymous === "string" && document().trace === undefined
      ? SIDES.flatMap(([side, factor]) => {
          const changed = scaledMemory(document(), factor);
          return add("working set", side, spaced(anonymous), spaced(String(changed.guest.anonymous)), changed);
        })
      : [];
  const contents = document().guest.contents as readonly string[] | undefined;
  if (contents === undefined) return workingSets;
  const measured = "as measured";
  const { contents: _, "compressed-sizes": sizes, ...others } = document().guest;
  const copies = {
    ...others,
    contents: contents.slice(0, 1),
    ...(Array.isArray(sizes) && { "compressed-sizes": sizes.slice(0, 1) }),
  };
  return [
    ...workingSets,
    ...add("similarity of guests", "lower", measured, "no page in common", { ...document(), guest: others }),
    ...add("similarity of guests", "higher", measured, "copies of one guest", { ...document(), guest: copies }),
  ];
}

/** The files that a workload names, seen from another folder. */
function movedTo(folder: string, file: string, document: WorkloadText): WorkloadText {
  const moved = (name: string): string => relative(folder, resolve(dirname(file), name));
  const { guest, trace } = document;
  for (const key of ["contents", "compressed-sizes"]) {
    if (Array.isArray(guest[key])) guest[key] = (guest[key] as string[]).map(moved);
  }
  return trace === undefined ? document : { ...document, trace: { ...trace, file: moved(trace.file) } };
}

/** Anonymous memory, and the ranges of it that requests work on. */
const RANGES = new Set(["touch", "mmap", "munmap", "mprotect"]);
const SIZES = ["from", "within", "at", "size"];

function scaledMemory(document: WorkloadText, factor: number): WorkloadText {
  const scaled = (written: unknown): unknown =>
    typeof written === "string" ? sizeText(parseSize(written) * factor) : written;
  const walk = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(walk);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => {
        if (!RANGES.has(key) || typeof inner !== "object" || inner === null) return [key, walk(inner)];
        const range = { ...(inner as Record<string, unknown>) };
        for (const size of SIZES) if (size in range) range[size] = scaled(range[size]);
        return [key, range];
      }),
    );
  };
  const guest = { ...document.guest };
  for (const key of ["anonymous", "resident"]) if (key in guest) guest[key] = scaled(guest[key]);
  return { ...document, guest, activities: walk(document.activities) };
}

/** In whole pages. */
function sizeText(bytes: number): string {
  const whole = Math.max(1, Math.round(bytes / PAGE_BYTES)) * PAGE_BYTES;
  return whole % 2 ** 20 === 0 ? `${whole / 2 ** 20}MiB` : `${whole / 2 ** 10}KiB`;
}

/** As tables and charts write a quantity. */
function spaced(quantity: string): string {
  return quantity.replace(/([0-9]) *([A-Za-z])/, "$1 $2");
}

function milliseconds(us: number): string {
  return `${us / 1000} ms`;
}

/** Returns the path as a matrix names it. */
function write(document: object, folder: string, matrixFolder: string, name: string): string {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), stringify(document));
  const path = relative(matrixFolder, join(folder, name));
  return path.startsWith("..") ? path : `./${path}`;
}
