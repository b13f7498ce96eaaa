/**
 * Xia et al. 2018, UKSM: how many times as much memory it saves as a scanner that goes round all pages, here KSM, in the same time
 * and for the same CPU time. Only the abstract is known here. The guests are assumed: four real ones that are paused for the
 * static load, two that build a kernel for the dynamic one. Both scanners have the speed that they start with, and what each saves
 * counts by the CPU time that it took: with as little as UKSM takes KSM would hardly see a page of these twice, and save next to nothing.
 */
import type { CellOutcome } from "../../sim/cell.ts";
import type { CompiledWorkload } from "../../workload/compiled-workload.ts";
import { mean, rowsOf } from "./host-series.ts";
import { kernelBuilds } from "./kernel-build.ts";
import { snapshotGuest } from "./paused-guests.ts";
import type { Bench, ValidationSet } from "./validation-set.ts";

const MACHINE = "x86-64-server";
const STATIC = ["d12-idle-a", "d12-idle-b", "d12-nginx-a", "d12-nginx-b"];
const STATIC_MIB = 256;
/** KSM goes round these guests twice in 105 s, and merges pages at their second visit. */
const STATIC_SECONDS = 120;
const BUILDS = 2;
const BUILD_MIB = 512;

/** What kernels of the time had. */
const KSM = { smartScan: false, stableFirst: true, scannedBeforeStart: false };
interface Load {
  readonly name: string;
  readonly mib: number;
  readonly guests: () => readonly CompiledWorkload[];
  /** Memory saved, MiB. */
  readonly saved: (outcome: CellOutcome) => number;
}

const PAUSED: Load = {
  name: "paused guests",
  mib: STATIC.length * STATIC_MIB + 256,
  guests: () => STATIC.map((name) => snapshotGuest(name, STATIC_SECONDS)),
  saved: (outcome) => rowsOf(outcome)[STATIC_SECONDS - 1].memory_shared_saved_mib,
};

const BUILDING: Load = {
  name: "kernel builds",
  mib: BUILDS * BUILD_MIB + 256,
  guests: () => kernelBuilds(BUILDS, BUILD_MIB),
  saved: (outcome) => mean(rowsOf(outcome), "memory_shared_saved_mib"),
};

function outcomeOf(bench: Bench, { name, mib, guests }: Load, sharing: Readonly<Record<string, object>>): CellOutcome {
  return bench.memory(name, { machine: MACHINE, vmm: { kvm: { memory: [sharing] } }, mib, guests });
}

function savedPerCycle(bench: Bench, load: Load, sharing: Readonly<Record<string, object>>): number {
  const outcome = outcomeOf(bench, load, sharing);
  const { cycles } = outcome;
  return load.saved(outcome) / ((cycles["vmm.page-sharing.scan"] ?? 0) + (cycles["vmm.page-sharing.compare"] ?? 0));
}

function timesAsMuch(bench: Bench, load: Load): number {
  const uksm = savedPerCycle(bench, load, { uksm: { scannedBeforeStart: false } });
  return uksm / savedPerCycle(bench, load, { ksm: KSM });
}

const ABSTRACT =
  "only the abstract is known: which guests and other scanners were compared, for how long, and at what CPU time is not in it, and is assumed";
const PRICES =
  "a look at a page that has no equal costs UKSM a ninth of what it costs KSM here; the authors of its patch measured two fifths to a ninth (627 to 2,445 MB/s on a Core 2, where KSM has 260)";
const AT_REST =
  `${ABSTRACT}. Of guests at rest both find all that there is here, and the ratio is that of their CPU time: ${PRICES}, and UKSM looks more often and pays as much for ` +
  "a merge. At an early moment the ratio is any: had KSM slept 30 ms where it sleeps 20, it would have saved 314 of the 679 MiB after these two minutes, for 1.2 times the CPU time of UKSM, and at 40 ms 45 for 0.3 times";
const BUILDS_LAST =
  `${ABSTRACT}. KSM saves 365 MiB here for nine times the CPU time for which UKSM saves 508: it looks again and again at pages that builds do not change, and ${PRICES}. For five times that of UKSM ` +
  "it saves 175 MiB, for two thirds of it 3: at equal CPU time UKSM would be farther ahead the less time it is";

export const uksm18: ValidationSet = {
  name: "share",
  source: "Xia et al. 2018, UKSM: Swift Memory Deduplication via Hierarchical and Adaptive Memory Region Distilling",
  rows: [
    { id: "share.uksm.static", role: "prediction", simulate: (bench) => timesAsMuch(bench, PAUSED), reason: AT_REST },
    {
      id: "share.uksm.dynamic",
      role: "prediction",
      simulate: (bench) => timesAsMuch(bench, BUILDING),
      reason: BUILDS_LAST,
    },
  ],
};
