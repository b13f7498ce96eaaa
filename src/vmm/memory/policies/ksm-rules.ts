/**
 * The rules of controllers that switch KSM on when a host runs short of memory, and let it scan faster as long as it does. They
 * differ in how often they look, in what they take for the memory that VMs use, and in how long KSM sleeps.
 */
import { SECOND_US } from "../../../core/time.ts";
import type { ScanSpeed } from "../../host-memory/memory-roles.ts";
import { definePolicy, type PolicyFactory } from "./define-policy.ts";
import { MIB, type Observations, type Policy, type ProcessSizes, SHARING, sumOf } from "./policy-contract.ts";

/** What an administrator sets in the controller's configuration. */
export interface KsmSettings extends Record<string, number | boolean> {
  /** Pages more or fewer that KSM scans each time, from one decision to the next. */
  boostPages: number;
  decayPages: number;
  leastPages: number;
  mostPages: number;
  /** KSM's sleep on a host of 16 GiB; smaller hosts sleep longer in proportion. */
  sleepMs: number;
  thresholdPercent: number;
  leastThresholdKib: number;
}

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
  /** As they are shipped. */
  readonly settings: KsmSettings;
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
/** What ksmtuned ships, and the others unless they say something else. */
export const SHIPPED: KsmSettings = {
  boostPages: 300,
  decayPages: 50,
  leastPages: 64,
  mostPages: 1250,
  sleepMs: 10,
  thresholdPercent: 20,
  leastThresholdKib: 2048,
};

/** `pagesToScan`: what KSM is set to, or what was decided last. */
export function tuneKsm(
  tuner: KsmTuner,
  host: HostUse,
  pagesToScan: number,
  settings: KsmSettings = tuner.settings,
): KsmTuning {
  const { boostPages, decayPages, leastPages, mostPages } = settings;
  const threshold = thresholdKib(settings, host.totalKib);
  const sleepMs = sleepOf(tuner, settings, host.totalKib);
  const plenty = host.committedKib + threshold < host.totalKib && host.freeKib > threshold;
  if (plenty) return { rule: "stop", run: false, pagesToScan, sleepMs };
  const isShort = host.freeKib < threshold;
  const wanted = isShort ? pagesToScan + boostPages : pagesToScan - decayPages;
  const pages = Math.min(Math.max(wanted, leastPages), mostPages);
  return { rule: isShort ? "boost" : "decay", run: true, pagesToScan: pages, sleepMs };
}

function thresholdKib({ thresholdPercent, leastThresholdKib }: KsmSettings, totalKib: number): number {
  return Math.max(leastThresholdKib, (thresholdPercent * totalKib) / 100);
}

function sleepOf({ leastSleepMs, wholeMs }: KsmTuner, { sleepMs }: KsmSettings, totalKib: number): number {
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

type Described = Pick<Policy, "summary" | "source">;

/** What such a controller takes of the CPU is not counted: some milliseconds a minute. */
export function ksmPolicy(tuner: KsmTuner, described: Described): PolicyFactory<KsmSettings, KsmTunerState> {
  const { name, periodSeconds, samplesPerPeriod, committed, initialPages } = tuner;
  return definePolicy<KsmSettings, KsmTunerState>({
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
    parameters: settingsOf(tuner, described.source),
    problem: ({ leastPages, mostPages }) =>
      leastPages > mostPages
        ? `leastPages: ${leastPages} pages are more than mostPages, ${mostPages}; expected at most as many`
        : undefined,
    start: () => ({ free: [], samplesLeft: 1, pagesToScan: initialPages ?? 0 }),
    decide(settings, seen, state) {
      const free = withSample(tuner, seen, state);
      const samplesLeft = state.samplesLeft - 1;
      if (samplesLeft > 0) return { actions: [], state: { ...state, free, samplesLeft } };
      const set = initialPages === undefined ? seen.host.sharing?.pagesToScan : undefined;
      const tuning = tuneKsm(tuner, hostUse(tuner, seen, free), set ?? state.pagesToScan, settings);
      return {
        actions: [{ kind: "sharing", ...tuning }],
        state: { free, samplesLeft: samplesPerPeriod, pagesToScan: tuning.pagesToScan },
      };
    },
    figures(settings, seen, state) {
      const { totalKib, freeKib } = hostUse(tuner, seen, withSample(tuner, seen, state));
      return {
        threshold_mib: thresholdKib(settings, totalKib) / MIB,
        ...(tuner.freeSamples > 1 && { mean_free_mib: freeKib / MIB }),
      };
    },
  });
}

function settingsOf({ settings }: KsmTuner, source: string): Policy<KsmSettings>["parameters"] {
  const setting = (summary: string, name: keyof KsmSettings & string, unit: string, min: number, max?: number) => ({
    summary,
    default: settings[name] as number,
    unit,
    min,
    ...(max !== undefined && { max }),
    source,
    grade: "S" as const,
  });
  return {
    boostPages: setting("Pages more that KSM scans each time when memory is short", "boostPages", "pages", 0),
    decayPages: setting("Pages fewer that it scans each time when memory is not", "decayPages", "pages", 0),
    leastPages: setting("Fewest pages that it scans each time", "leastPages", "pages", 1),
    mostPages: setting("Most pages that it scans each time", "mostPages", "pages", 1),
    sleepMs: setting("How long KSM sleeps on a host of 16 GiB; longer on smaller ones", "sleepMs", "ms", 1),
    thresholdPercent: setting("Memory is short when less of it is free", "thresholdPercent", "%", 0, 100),
    leastThresholdKib: setting("Memory is short when less is free, on small hosts", "leastThresholdKib", "KiB", 0),
  };
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
