/**
 * Controllers that switch KSM on when a host runs short of memory, and let it scan faster as long as it does: ksmtuned as it
 * comes with Linux distributions, the rules of oVirt's MOM (doc/ksm.rules), and ksmtuned as Proxmox VE changes it. They differ in
 * how often they look, in what they take for the memory that VMs use, and in how long KSM sleeps.
 */
import type { ScanSpeed } from "../host-memory/memory-roles.ts";

export interface KsmTuner {
  readonly name: string;
  /** Seconds between two decisions. */
  readonly periodSeconds: number;
  /** Free memory is the mean of that many samples, so many of them in each period. */
  readonly freeSamples: number;
  readonly samplesPerPeriod: number;
  /** Pages that the first change is made to. */
  readonly initialPages: number;
  /** What is added up for {@link HostUse.committedKib}: the memory VM processes hold, have asked for, or hold in proportion. */
  readonly committed: "resident" | "virtual" | "proportional";
  /** KSM's sleep on a host of 16 GiB; smaller hosts sleep longer in proportion. */
  readonly sleepMs: number;
  /** Larger hosts do not sleep less than that. */
  readonly leastSleepMs: number;
  /** The sleep is cut to whole milliseconds: shell arithmetic. */
  readonly wholeMs: boolean;
}

export const KSMTUNED: KsmTuner = {
  name: "ksmtuned",
  periodSeconds: 60,
  freeSamples: 1,
  samplesPerPeriod: 1,
  initialPages: 0,
  committed: "resident",
  sleepMs: 10,
  leastSleepMs: 10,
  wholeMs: true,
};

export const MOM_KSM: KsmTuner = {
  name: "mom-ksm",
  periodSeconds: 10,
  // doc/mom-balloon+ksm.conf: monitors sample every 5 s. KSM's own default is what is found and changed.
  freeSamples: 10,
  samplesPerPeriod: 2,
  initialPages: 100,
  committed: "virtual",
  sleepMs: 10,
  leastSleepMs: 0,
  wholeMs: false,
};

export const PROXMOX_KSMTUNED: KsmTuner = {
  ...KSMTUNED,
  name: "proxmox-ksmtuned",
  committed: "proportional",
  sleepMs: 100,
};

/** A host's memory as the controller sees it, in KiB. */
export interface HostUse {
  readonly totalKib: number;
  /** Free, buffers and page cache. */
  readonly freeKib: number;
  /** Sum over VM processes of what {@link KsmTuner.committed} says. */
  readonly committedKib: number;
}

const SLEEP_OF_KIB = 16 * 1024 * 1024;
const BOOST = 300;
const DECAY = -50;
const LEAST_PAGES = 64;
const MOST_PAGES = 1250;
const THRESHOLD_FRACTION = 0.2;
const LEAST_THRESHOLD_KIB = 2048;

/** What KSM does until the next decision. `pagesToScan`: what was decided last. */
export function tuneKsm(tuner: KsmTuner, host: HostUse, pagesToScan = tuner.initialPages): ScanSpeed {
  const threshold = Math.max(LEAST_THRESHOLD_KIB, THRESHOLD_FRACTION * host.totalKib);
  const sleepMs = sleepOf(tuner, host.totalKib);
  const plenty = host.committedKib + threshold < host.totalKib && host.freeKib > threshold;
  if (plenty) return { run: false, pagesToScan, sleepMs };
  const wanted = pagesToScan + (host.freeKib < threshold ? BOOST : DECAY);
  return { run: true, pagesToScan: Math.min(Math.max(wanted, LEAST_PAGES), MOST_PAGES), sleepMs };
}

function sleepOf({ sleepMs, leastSleepMs, wholeMs }: KsmTuner, totalKib: number): number {
  const proportional = (sleepMs * SLEEP_OF_KIB) / totalKib;
  return Math.max(leastSleepMs, wholeMs ? Math.floor(proportional) : proportional);
}
