/**
 * The guest kernel's code as a binary translator meets it. A path through the kernel is a row of functions, each of which
 * calls the next; a function is a row of basic blocks, each of which ends in a direct branch to the next, the last in a
 * return.
 *
 * Addresses number instructions. Assumed: the lengths of the blocks, 36 instructions a function, between the mean of some
 * 40 that the functions of Linux 2.4 on these paths have and what of each is run; and that a path's calls beyond the
 * hundredth repeat functions it has been through, whose translations are found.
 */
import { sum } from "../../core/sum.ts";
import { kernelPaths } from "../../guest/kernel-paths.ts";
import type { KernelPath } from "../../guest/kernel-paths.ts";
import type { MachineProfile } from "../../machine/profile.ts";
import { UNIT_INSTRUCTIONS } from "./translation-cache.ts";

/** Instructions of the basic blocks of a function, in order. */
const BLOCKS: readonly number[] = [5, 6, 4, 14, 7];
const MOST_FUNCTIONS = 100;
const FUNCTION_LENGTH = sum(BLOCKS);
const FUNCTION_UNITS = sum(BLOCKS.map((instructions) => Math.ceil(instructions / UNIT_INSTRUCTIONS)));

/** Straight-line code: what ends it is a direct branch or call, or (for the last block of a function) a return. */
export interface BasicBlock {
  readonly address: number;
  readonly instructions: number;
  readonly returns: boolean;
}

/** The basic blocks that a path runs through, by number of path. No two paths share code. */
export function kernelCode(profile: MachineProfile): readonly (readonly BasicBlock[])[] {
  let address = 0;
  return Object.values(kernelPaths(profile)).map((path) => {
    const blocks = blocksOf(path, address);
    address += functionsOf(path) * FUNCTION_LENGTH;
    return blocks;
  });
}

/** Translation units that a path runs through, those of repeated functions among them. */
export function unitRuns({ calls }: KernelPath): number {
  return (calls + 1) * FUNCTION_UNITS;
}

function functionsOf({ calls }: KernelPath): number {
  return Math.min(MOST_FUNCTIONS, calls + 1);
}

function blocksOf(path: KernelPath, start: number): BasicBlock[] {
  const blocks: BasicBlock[] = [];
  let address = start;
  for (let count = 0; count < functionsOf(path); count++) {
    BLOCKS.forEach((instructions, i) => {
      blocks.push({ address, instructions, returns: i === BLOCKS.length - 1 });
      address += instructions;
    });
  }
  return blocks;
}
