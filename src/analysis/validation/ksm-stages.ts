/**
 * The same kernel on guests that go on: a snapshot is merged, the scanner is stopped, every page that differs in the next snapshot
 * is rewritten in place, and the scanner goes on. The contents are numbers here that say which pages are equal; see
 * workloads/data/README.md.
 */
import { join } from "node:path";
import { PACKAGE_ROOT } from "../../experiment/catalogue.ts";
import { readInputFile } from "../../experiment/input-files.ts";
import { type KsmRun, ksmScanner, runOf, VM_PAGES } from "./ksm-kernel.ts";
import type { Bench, ValidationRow, ValidationSet } from "./validation-set.ts";

const STAGES = 4;
/** Order of the guests in the file. */
const GUESTS = ["d12-idle-a", "d12-nginx-a", "d12-postgres-a", "d12-gcc", "d12-idle-b"];

/** Pages that differ from the stage before, all in the first, and their contents. */
interface Change {
  readonly pages: Int32Array;
  readonly contents: Uint32Array;
}

/** By guest and stage. */
function changes(bench: Bench): ReadonlyMap<string, readonly Change[]> {
  return bench.once("ksm stages", () => {
    const bytes = readInputFile(join(PACKAGE_ROOT, "workloads/data/ksm-staged.gz")).bytes;
    return readChanges(new Uint32Array(Uint8Array.from(bytes).buffer));
  });
}

/** A count, the distance of each page from the one before, then contents: 0 zeros, 1 one not seen before, n + 1 the n-th of these. */
function readChanges(words: Uint32Array): ReadonlyMap<string, readonly Change[]> {
  const guests = new Map<string, readonly Change[]>();
  let at = 0;
  let known = 0;
  for (const guest of GUESTS) {
    const stages: Change[] = [];
    for (let stage = 0; stage < STAGES; stage++) {
      const count = words[at++];
      const pages = new Int32Array(count);
      const contents = new Uint32Array(count);
      for (let i = 0, page = -1; i < count; i++) pages[i] = page += words[at++];
      for (let i = 0; i < count; i++) {
        const word = words[at++];
        contents[i] = word === 1 ? ++known : word === 0 ? 0 : word - 1;
      }
      stages.push({ pages, contents });
    }
    guests.set(guest, stages);
  }
  return guests;
}

/** At the end of each stage: what is saved, and the copies that rewriting made at its beginning. */
interface Stage {
  readonly sharing: number;
  readonly copies: number;
}

function play(bench: Bench, run: KsmRun): readonly Stage[] {
  const ofGuest = changes(bench);
  const guests = run.vms.map(([first]) => ofGuest.get(first.replace(/\.t0$/, "")) ?? []);
  const { memory, scanner } = ksmScanner(bench, run.settings, run.vms.length * VM_PAGES);
  const vms = guests.map(() => memory.addVm(VM_PAGES));
  let scanned = 0;
  return run.stages.map(({ pages_scanned }, stage) => {
    const copiesBefore = memory.cowBreaks;
    guests.forEach((stages, vm) => {
      const { pages, contents } = stages[stage];
      for (let i = 0; i < pages.length; i++) memory.write(vms[vm], pages[i], contents[i]);
    });
    const copies = memory.cowBreaks - copiesBefore;
    scanned += pages_scanned;
    while (scanner.pagesScanned < scanned) {
      scanner.scan(Math.min(run.settings.pages_to_scan, scanned - scanner.pagesScanned));
    }
    return { sharing: scanner.pagesSharing, copies };
  });
}

function stageOf(bench: Bench, id: string, stage: number): Stage {
  return bench.once(`ksm ${id}`, () => play(bench, runOf(bench, id)))[stage];
}

function rows(id: string, stage: number): readonly ValidationRow[] {
  const name = `ksm.${id.toLowerCase().replace(".", "-")}.stage-${stage}`;
  const sharing: ValidationRow = {
    id: `${name}.sharing`,
    role: "prediction",
    simulate: (bench) => stageOf(bench, id, stage).sharing,
  };
  const copies: ValidationRow = {
    id: `${name}.cow-faults`,
    role: "prediction",
    simulate: (bench) => stageOf(bench, id, stage).copies,
  };
  return stage === 0 ? [sharing] : [sharing, copies];
}

export const ksmStages: ValidationSet = {
  name: "ksm",
  source: "Measured: KSM of Linux 6.18, on the memory of real guests",
  rows: ["P2.staged", "P4.staged"].flatMap((id) => [0, 1, 2, 3].flatMap((stage) => rows(id, stage))),
};
