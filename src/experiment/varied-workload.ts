/** The workload of a block with a smaller and a larger working set, and with guests that are less and more alike. */
import { dirname, join, relative, resolve } from "node:path";
import { parse } from "yaml";
import { InputError } from "../core/input-error.ts";
import { parseSize } from "../core/units.ts";
import { PAGE_BYTES } from "../machine/page.ts";
import { locate } from "./catalogue.ts";
import { loadWorkload } from "./documents/load.ts";
import { readInputText } from "./input-files.ts";
import type { MatrixBlock } from "./matrix.ts";
import { type Side, SIDES, variedBlock, writeCopy } from "./varied-block.ts";

interface WorkloadText {
  guest: Record<string, unknown>;
  trace?: { file: string };
  activities?: unknown;
}

/** A workload with one input changed. */
interface ChangedWorkload {
  readonly input: string;
  readonly side: Side;
  readonly from: string;
  readonly to: string;
  readonly document: WorkloadText;
}

/** What could not be varied is added to `left`, with the reason. */
export function workloadBlocks(
  block: MatrixBlock,
  matrixFolder: string,
  folder: string,
  left: string[],
): MatrixBlock[] {
  const file = locate("workloads", block.workloads[0], matrixFolder);
  const document = movedTo(folder, file, parse(readInputText(file)) as WorkloadText);
  return [...workingSets(document), ...similarities(document)].flatMap(({ document: changed, ...variation }) => {
    const { input, side, to } = variation;
    const name = `${input.replaceAll(" ", "-")}-${side}.yaml`;
    const path = writeCopy(changed, folder, matrixFolder, name);
    try {
      loadWorkload(join(folder, name));
      return [variedBlock(block, variation, { workloads: [path] })];
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      left.push(`${input}, ${to}: ${error.problems[0]}`);
      return [];
    }
  });
}

/** What a trace touches is not scaled. */
function workingSets(document: WorkloadText): readonly ChangedWorkload[] {
  const { anonymous } = document.guest;
  if (typeof anonymous !== "string" || document.trace !== undefined) return [];
  return SIDES.map(([side, factor]) => {
    const changed = scaledMemory(document, factor);
    const to = spaced(String(changed.guest.anonymous));
    return { input: "working set", side, from: spaced(anonymous), to, document: changed };
  });
}

/** Guests with no page in common, and guests that are copies of one. */
function similarities(document: WorkloadText): readonly ChangedWorkload[] {
  const { contents, "compressed-sizes": sizes, ...others } = document.guest;
  if (!Array.isArray(contents)) return [];
  const copies = {
    ...others,
    contents: contents.slice(0, 1),
    ...(Array.isArray(sizes) && { "compressed-sizes": sizes.slice(0, 1) }),
  };
  const variation = { input: "similarity of guests", from: "as measured" };
  return [
    { ...variation, side: "lower", to: "no page in common", document: { ...document, guest: others } },
    { ...variation, side: "higher", to: "copies of one guest", document: { ...document, guest: copies } },
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
