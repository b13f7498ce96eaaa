/** Contents of pages in the format of workloads/data/ksm-staged.gz, and of the snapshots that runs of a kernel's KSM began with. */
import { join } from "node:path";
import { readInputFile } from "../../src/experiment/input-files.ts";
import { parseFingerprints } from "../../src/workload/readers/fingerprints.ts";
import { committed, guestMemory } from "./data-files.ts";

/** In place of a content: the page is given back. */
export const GONE = 0xffff_ffff;

/** What is different from the stage before: pages, and their contents. */
export interface Change {
  readonly pages: readonly number[];
  readonly contents: readonly number[];
}

/** By VM and stage. */
export function readChanges(path: string, vms: number, stages: number): Change[][] {
  const words = new Uint32Array(Uint8Array.from(readInputFile(path).bytes).buffer);
  let [at, known] = [0, 0];
  const change = (): Change => {
    const count = words[at++];
    let page = -1;
    const pages = Array.from({ length: count }, () => (page += words[at++]));
    const contents = Array.from({ length: count }, () => {
      const word = words[at++];
      if (word === GONE || word === 0) return word;
      return word === 1 ? ++known : word - 1;
    });
    return { pages, contents };
  };
  const changes = Array.from({ length: vms }, () => Array.from({ length: stages }, change));
  if (at !== words.length) throw new Error(`${path}: ${words.length - at} numbers too many`);
  return changes;
}

/** Changes between snapshots, contents numbered in the order of their first occurrence, VM by VM. */
export function changesOf(vms: readonly (readonly string[])[]): Change[][] {
  const numbers = new Map<number | bigint, number>();
  const numberOf = (content: number | bigint): number => {
    if (content === ZERO_PAGE || content === 0) return 0;
    const known = numbers.get(content) ?? numbers.size + 1;
    numbers.set(content, known);
    return known;
  };
  return vms.map((names) => {
    let before: ArrayLike<number | bigint> = [];
    return names.map((name) => {
      const now = snapshot(name);
      const pages = Array.from({ length: now.length }, (_, ppn) => ppn).filter((ppn) => now[ppn] !== before[ppn]);
      before = now;
      return { pages, contents: pages.map((ppn) => numberOf(now[ppn])) };
    });
  });
}

const ZERO_PAGE = 0xac869b6f32d8bbdbn;
/** Guests in ksm-staged.gz. Their snapshots are all taken from there, so that equal contents are equal numbers. */
const STAGED = ["d12-idle-a", "d12-nginx-a", "d12-postgres-a", "d12-gcc", "d12-idle-b"];
let staged: Change[][] | undefined;

/** Whether the repository has the snapshot. */
export function isCommitted(name: string): boolean {
  return name.endsWith(".t3") || STAGED.includes(name.slice(0, -3));
}

function snapshot(name: string): ArrayLike<number | bigint> {
  const [guest, time] = name.split(".t");
  if (!STAGED.includes(guest)) {
    const path = join(name.endsWith(".t3") ? committed : guestMemory, `${name}.fp.gz`);
    return parseFingerprints(readInputFile(path).bytes, path);
  }
  staged ??= readChanges(join(committed, "ksm-staged.gz"), STAGED.length, 4);
  const contents: number[] = [];
  for (const change of staged[STAGED.indexOf(guest)].slice(0, Number(time) + 1)) {
    change.pages.forEach((ppn, i) => (contents[ppn] = change.contents[i]));
  }
  return contents;
}
