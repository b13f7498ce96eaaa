/** A reference trace replayed on VMMs, by name. */
import { InputError } from "../core/input-error.ts";
import { pagesInLarge } from "../guest/large-page-pool.ts";
import { KIB_PER_PAGE } from "../machine/page.ts";
import { PAGE_TABLE_FORMATS } from "../machine/page-tables.ts";
import type { MachineProfile } from "../machine/profile.ts";
import { replayTrace, type TraceReplay } from "../sim/trace-replay.ts";
import { readTrace } from "../workload/readers/trace.ts";
import { locate } from "./catalogue.ts";
import { loadMachine } from "./documents/load-machine.ts";
import { readInputFile } from "./input-files.ts";
import { loadVmms } from "./load-vmm.ts";

export interface ReplayTable {
  readonly trace: string;
  readonly machine: string;
  readonly unit: MachineProfile["unit"];
  /** Size of the pages that the guest maps the process's memory by, KiB. */
  readonly pageKib: number;
  /** By VMM, in the order in which they were named. */
  readonly replays: Readonly<Record<string, TraceReplay>>;
  /** VMMs that the trace could not be replayed on, and why: one sentence each. */
  readonly notReplayed: readonly string[];
}

/**
 * `largePages`: the guest maps the process's memory by large pages. Throws an {@link InputError} for a trace, machine or VMM that
 * doesn't exist, and when no VMM can replay the trace.
 */
export async function replayOnVmms(
  file: string,
  machine: string,
  vmmNames: readonly string[],
  largePages: boolean,
): Promise<ReplayTable> {
  const { profile } = loadMachine(locate("machines", machine, "."));
  const vmms = await loadVmms(vmmNames);
  const trace = readTrace(readInputFile(file).bytes, file);
  const replays: Record<string, TraceReplay> = {};
  const notReplayed: string[] = [];
  for (const vmm of vmms) {
    try {
      replays[vmm.name] = replayTrace(vmm, profile, trace, largePages);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      notReplayed.push(`${vmm.name}: ${error.message}`);
    }
  }
  if (notReplayed.length === vmms.length) throw new InputError(notReplayed);
  const pageKib = KIB_PER_PAGE * (largePages ? pagesInLarge(PAGE_TABLE_FORMATS[profile.pageTable]) : 1);
  return { trace: file, machine: profile.name, unit: profile.unit, pageKib, replays, notReplayed };
}
