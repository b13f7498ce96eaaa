/**
 * The rules of controllers that switch KSM on when a host runs short of memory, and let it scan faster as long as it does. They
 * differ in how often they look, in what they take for the memory that VMs use, and in how long KSM sleeps.
 */
import type { ScanSpeed } from "../../host-memory/memory-roles.ts";
import { definePolicy, type PolicyFactory } from "./define-policy.ts";
import {
  MIB,
  type Observations,
  type Policy,
  type ProcessSizes,
  SECOND_US,
  SHARING,
  sumOf,
} from "./policy-contract.ts";

export interface KsmTuner {
  readonly name: string;
  /** Seconds between two decisions. */
  readonly periodSeconds: number;
  /** Free memory is the mean of that many samples, so many of them in each period. */
  readonly freeSamples: number;
  readonly samplesPerPeriod: number;
  /** Pages that the first change is made to; absent: every change is made to what KSM is set to. */
  readonly initialPages?: number;
  /** What is added up for {@link HostUse.committedKib}: the memory VM processes hold, have asked for, or hold in proportion. */
  readonly committed: keyof ProcessSizes;
  /** KSM's sleep on a host of 16 GiB; smaller hosts sleep longer in proportion. */
  readonly sleepMs: number;
  /** Larger hosts do not sleep less than that. */
  readonly leastSleepMs: number;
  /** The sleep is cut to whole milliseconds: shell arithmetic. */
  readonly wholeMs: boolean;
}

/** A host's memory as the controller sees it, in KiB. */
export interface HostUse {
  readonly totalKib: number;
  /** Free, buffers and page cache. */
  readonly freeKib: number;
  /** Sum over VM processes of what {@link KsmTuner.committed} says. */
  readonly committedKib: number;
}

/** What KSM does until the next decision, and why. */
export interface KsmTuning extends ScanSpeed {
  readonly rule: "stop" | "boost" | "decay";
}

const SLEEP_OF_KIB = 16 * 1024 * 1024;
const BOOST = 300;
const DECAY = -50;
const LEAST_PAGES = 64;
const MOST_PAGES = 1250;
const THRESHOLD_FRACTION = 0.2;
const LEAST_THRESHOLD_KIB = 2048;

/** `pagesToScan`: what KSM is set to, or what was decided last. */
export function tuneKsm(tuner: KsmTuner, host: HostUse, pagesToScan: number): KsmTuning {
  const threshold = thresholdKib(host.totalKib);
  const sleepMs = sleepOf(tuner, host.totalKib);
  const plenty = host.committedKib + threshold < host.totalKib && host.freeKib > threshold;
  if (plenty) return { rule: "stop", run: false, pagesToScan, sleepMs };
  const isShort = host.freeKib < threshold;
  const wanted = pagesToScan + (isShort ? BOOST : DECAY);
  const pages = Math.min(Math.max(wanted, LEAST_PAGES), MOST_PAGES);
  return { rule: isShort ? "boost" : "decay", run: true, pagesToScan: pages, sleepMs };
}

function thresholdKib(totalKib: number): number {
  return Math.max(LEAST_THRESHOLD_KIB, THRESHOLD_FRACTION * totalKib);
}

function sleepOf({ sleepMs, leastSleepMs, wholeMs }: KsmTuner, totalKib: number): number {
  const proportional = (sleepMs * SLEEP_OF_KIB) / totalKib;
  return Math.max(leastSleepMs, wholeMs ? Math.floor(proportional) : proportional);
}

export interface KsmTunerState {
  /** Samples of free memory, KiB, the newest last. */
  readonly free: readonly number[];
  /** Samples still to take until the next decision. */
  readonly samplesLeft: number;
  /** What was decided last. */
  readonly pagesToScan: number;
}

/** None have parameters: their settings are those that distributions ship. */
type NoParameters = Record<string, never>;
type Described = Pick<Policy, "summary" | "source">;

/** What such a controller takes of the CPU is not counted: some milliseconds a minute. */
export function ksmPolicy(tuner: KsmTuner, described: Described): PolicyFactory<NoParameters, KsmTunerState> {
  const { name, periodSeconds, samplesPerPeriod, committed, initialPages } = tuner;
  return definePolicy<NoParameters, KsmTunerState>({
    name,
    ...described,
    side: "host",
    grade: "S",
    cadenceUs: (periodSeconds * SECOND_US) / samplesPerPeriod,
    balloons: false,
    tunesSharing: true,
    signals: [
      "host.free",
      "host.reclaimable",
      `processes.${committed}`,
      ...(initialPages === undefined ? [SHARING] : []),
    ],
    parameters: {},
    start: () => ({ free: [], samplesLeft: 1, pagesToScan: initialPages ?? 0 }),
    decide(_, seen, state) {
      const free = withSample(tuner, seen, state);
      const samplesLeft = state.samplesLeft - 1;
      if (samplesLeft > 0) return { actions: [], state: { ...state, free, samplesLeft } };
      const set = initialPages === undefined ? seen.host.sharing?.pagesToScan : undefined;
      const tuning = tuneKsm(tuner, hostUse(tuner, seen, free), set ?? state.pagesToScan);
      return {
        actions: [{ kind: "sharing", ...tuning }],
        state: { free, samplesLeft: samplesPerPeriod, pagesToScan: tuning.pagesToScan },
      };
    },
    figures(_, seen, state) {
      const { totalKib, freeKib } = hostUse(tuner, seen, withSample(tuner, seen, state));
      return {
        threshold_mib: thresholdKib(totalKib) / MIB,
        ...(tuner.freeSamples > 1 && { mean_free_mib: freeKib / MIB }),
      };
    },
  });
}

function withSample({ freeSamples }: KsmTuner, { host }: Observations, { free }: KsmTunerState): readonly number[] {
  return [...free, host.free + host.reclaimable].slice(-freeSamples);
}

function hostUse({ committed }: KsmTuner, { host }: Observations, free: readonly number[]): HostUse {
  return {
    totalKib: host.total,
    freeKib: sumOf(free, (kib) => kib) / free.length,
    committedKib: host.processes[committed],
  };
}
