/**
 * Amit et al. 2014, VSwapper: a guest that believes in 512 MB and has 100 reads a file of 200 MB that it has read before, with the
 * host swapping its pages and with a balloon. Their own remedy has no model here. The figures are from memory.
 */
import { PAGES_PER_MIB as MIB } from "../../machine/page.ts";
import type { CompiledWorkload } from "../../workload/compiled-workload.ts";
import { Op } from "../../workload/operation-stream.ts";
import { guest } from "./esx02-guests.ts";
import type { Bench, ValidationRow, ValidationSet, VmmReference } from "./validation-set.ts";

const MACHINE = "xeon-2.4-sosp03";
const FILE_PAGES = 200 * MIB;
const RUN_PAGES = 32;
const LIMIT_MIB = 100;
/** One pass over the file to see what it costs, after one in which the host finds out what to take. */
const MOST_SECONDS = 4000;

function reader(): CompiledWorkload {
  const runs = FILE_PAGES / RUN_PAGES;
  const workload = guest(
    "file-reader",
    MOST_SECONDS,
    {
      memoryPages: 512 * MIB,
      filePages: FILE_PAGES,
      residentFilePages: FILE_PAGES,
      anonymousPages: 10 * MIB,
      residentAnonymousPages: 10 * MIB,
      memory: { limitPages: LIMIT_MIB * MIB },
    },
    (stream) => {
      for (let run = 0; run < 2 * runs; run++) {
        stream.add(Op.Request);
        stream.add(Op.ReadFile, (run % runs) * RUN_PAGES, RUN_PAGES);
      }
    },
  );
  return { ...workload, durationUs: 0, warmupUs: 0 };
}

/** Seconds for one pass over the file, of two. */
function seconds(bench: Bench, vmm: VmmReference): number {
  const { metrics } = bench.memory("file reader", { machine: MACHINE, vmm, mib: 600, guests: () => [reader()] });
  return metrics.elapsed_ms / 1000 / 2;
}

const BALLOON: VmmReference = { esx: { "memory.vmware-balloon": { maxPercent: 90 } } };
/** The source's host is Linux, of a version before 3.14 (3.7, from memory). */
const SWAPPING: VmmReference = {
  esx: { "memory.vmware-balloon": false, "memory.linux-swap": { wholeClusters: true } },
};

function row(name: string, vmm: VmmReference): ValidationRow {
  return {
    id: `oc.vswapper.read.${name}`,
    role: "prediction",
    group: "vswapper",
    simulate: (bench) => seconds(bench, vmm),
  };
}

export const vswapper14: ValidationSet = {
  name: "oc",
  source: "Amit et al. 2014, VSwapper: A Memory Swapper for Virtualized Environments",
  rows: [row("balloon", BALLOON), row("baseline", SWAPPING)],
};
