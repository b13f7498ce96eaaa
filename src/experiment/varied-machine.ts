/** The machine of a block with its host's disk, whose latency is least certain, half and twice as slow. */
import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { KIB_PER_PAGE } from "../machine/page.ts";
import type { DiskProfile } from "../machine/profile.ts";
import { locate } from "./catalogue.ts";
import { fileOfNamed, loadMachine, machinesNamed, readMachineDocument } from "./documents/load-machine.ts";
import { readInputText } from "./input-files.ts";
import type { MatrixBlock } from "./matrix.ts";
import { SIDES, variedBlock, writeCopy } from "./varied-block.ts";

export function machineBlocks(block: MatrixBlock, matrixFolder: string, folder: string): MatrixBlock[] {
  const [machine] = block.machines;
  const file = locate("machines", machine, matrixFolder);
  const { positioningUs, stroke, megabytesPerSecond, writeCache } = loadMachine(file).profile.disk;
  copyNamed(file, folder);
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
    const path = writeCopy(document, folder, matrixFolder, `disk-latency-${side}.yaml`);
    const [from, to] = [milliseconds(positioningUs), milliseconds(positioningUs * factor)];
    return variedBlock(block, { input: "disk latency", side, from, to }, { machines: [path] });
  });
}

/** The machines that a machine names, into the folder of its changed copies: they are looked for beside it. */
function copyNamed(file: string, folder: string): void {
  for (const machine of machinesNamed(readMachineDocument(file))) {
    const path = fileOfNamed(file, machine);
    mkdirSync(folder, { recursive: true });
    copyFileSync(path, join(folder, `${machine}.yaml`));
    copyNamed(path, folder);
  }
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

function milliseconds(us: number): string {
  return `${us / 1000} ms`;
}
