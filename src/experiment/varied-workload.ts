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

/** What could not be varied is added to `left`, with the reason. */
export function workloadBlocks(
  block: MatrixBlock,
  matrixFolder: string,
  folder: string,
  left: string[],
): MatrixBlock[] {
  const file = locate("workloads", block.workloads[0], matrixFolder);
  const document = (): WorkloadText => movedTo(folder, file, parse(readInputText(file)) as WorkloadText);
  const add = (input: string, side: Side, from: string, to: string, changed: WorkloadText): MatrixBlock[] => {
    const name = `${input.replaceAll(" ", "-")}-${side}.yaml`;
    const path = writeCopy(changed, folder, matrixFolder, name);
    try {
      loadWorkload(join(folder, name));
      return [variedBlock(block, { input, side, from, to }, { workloads: [path] })];
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
