/**
 * What an overcommit policy is: a pure function (observations, own state, now) -> actions, called at its own cadence. All
 * memory is in KiB, fractions allowed; whoever carries an action out rounds to pages. All times are in microseconds.
 */
import type { EvidenceGrade, Parameter, Parameters } from "../../contract.ts";
import type { Figures } from "../../host-memory/memory-decision.ts";
import type { ScanSpeed } from "../../host-memory/memory-roles.ts";

/** What a policy reads, so that a host that cannot give it is refused by name. */
export const SIGNALS = [
  /** The domain with the drivers, as a VM called dom0: policies that leave it alone do not see it. */
  "dom0",
  "host.free",
  "host.reclaimable",
  "host.swap",
  "host.sharing",
  "processes.resident",
  "processes.virtual",
  "processes.proportional",
  "vm.actual",
  "vm.driver",
  "vm.shares",
  "vm.stall",
  "vm.cold",
  "vm.active",
  "guest.unused",
  "guest.available",
  "guest.committed",
  "guest.reserved",
  "guest.frontswap",
] as const;
export type Signal = (typeof SIGNALS)[number];

/** How old pages are: what only a host shows that can swap. */
export const COLD: Signal = "vm.cold";
/** How much of each VM's memory is active: found by sampling, which is done and paid for only where a policy goes by it. */
export const ACTIVE: Signal = "vm.active";
/** How fast page sharing scans: what only a host shows whose page sharing can be told. */
export const SHARING: Signal = "host.sharing";

/** Sums over the processes of VMs, as a host on which VMs are processes counts them. */
export interface ProcessSizes {
  /** Pages that each has in memory; one that several share counts for each of them. */
  readonly resident: number;
  /** Their address spaces: what VMs are configured with, whether in use or not. */
  readonly virtual: number;
  /** As resident, but a page that several share counts once in all (proportional set size). */
  readonly proportional: number;
}

export interface HostObservations {
  readonly total: number;
  /** Used for nothing. */
  readonly free: number;
  /** In use, but the host could drop it at once: caches and buffers. */
  readonly reclaimable: number;
  /** Freed, but not yet cleaned for the next owner (Xen). */
  readonly scrubbing: number;
  /** Promised to VMs that are being built. */
  readonly reserved: number;
  readonly swapTotal: number;
  readonly swapUsed: number;
  /** Pages since the host started; a policy makes rates of them. */
  readonly swappedInPages: number;
  readonly swappedOutPages: number;
  readonly processes: ProcessSizes;
  /** As set last; absent where there is none, or none that can be told. */
  readonly sharing?: ScanSpeed;
}

/** What the guest said of itself, when it was last asked: older than the rest by up to the statistics period. */
export interface GuestReport {
  readonly atUs: number;
  /** Free pages of the guest. */
  readonly unused: number;
  /** Free, and what the guest could free at once: its caches. */
  readonly available: number;
  /** Memory promised to its processes. */
  readonly committed: number;
  /** Memory that its kernel keeps free for itself (Linux, totalreserve_pages). */
  readonly reserved: number;
  /** Of its swap device, what the VMM keeps in memory; absent: the VMM keeps none of any guest's. */
  readonly frontswap?: number;
}

export interface VmObservations {
  /** Unique; actions name it. */
  readonly name: string;
  /** Size of the VM without its balloon. */
  readonly actual: number;
  /** Last target it was given. */
  readonly target: number;
  /** Range that the administrator allows. */
  readonly minimum: number;
  readonly maximum: number;
  /** What the guest has been given so far, its balloon included; absent: all of its maximum. */
  readonly present?: number;
  /** Host memory that backs it. */
  readonly resident: number;
  readonly hostSwapped: number;
  /** Kept compressed, or as patches to other pages; absent: nothing is. */
  readonly compressed?: number;
  /** Of what is resident, in regions found unused for two minutes; absent where nobody looks at the age of pages. */
  readonly cold?: number;
  /** Of what is resident, estimated from samples to be in use: all of it at first; absent where nobody samples. */
  readonly active?: number;
  /** As set for the VM, or 1000; the levels high, normal and low are 2000, 1000 and 500, whatever its size. */
  readonly shares: number;
  /** A balloon driver has reported. */
  readonly canBalloon: boolean;
  readonly migrating: boolean;
  /** dom0: the administrator gave it its size (dom0_mem). */
  readonly fixedSize?: boolean;
  /** Time lost waiting for memory since the VM started. */
  readonly stallUs: number;
  /** Absent: no report has come yet. */
  readonly guest?: GuestReport;
}

/** Memory wanted for a VM that is to start. */
export interface MemoryRequest {
  readonly least: number;
  readonly most: number;
}

export interface Observations {
  readonly host: HostObservations;
  readonly vms: readonly VmObservations[];
  readonly request?: MemoryRequest;
}

/** Every action says by which rule of the policy it was taken. */
export type Action = { readonly rule: string } & (
  | { readonly kind: "target"; readonly vm: string; readonly kib: number }
  /** The VM may not have more, whatever its balloon does. */
  | { readonly kind: "cap"; readonly vm: string; readonly kib: number }
  /** Move the VM to another host, or stop it. */
  | { readonly kind: "evict"; readonly vm: string }
  /** Take back from the VM this much of what it has not touched lately, or what can be taken in so much CPU time. */
  | { readonly kind: "reclaim"; readonly vm: string; readonly kib: number; readonly mostUs?: number }
  /** The guest brings back what the VMM keeps of its swap device, until this much is left there. */
  | { readonly kind: "shrink-frontswap"; readonly vm: string; readonly kib: number }
  /** The VM does not run, until it is let run again; it keeps its memory, which others may be given as before. */
  | { readonly kind: "block"; readonly vm: string; readonly blocked: boolean }
  /** Back all of the VM with small pages, which can be shared and taken singly. Nothing happens where it has no large ones. */
  | { readonly kind: "break"; readonly vm: string }
  /** A judgement for the administrator to see. */
  | { readonly kind: "flag"; readonly vm: string; readonly as: string }
  /** The request is granted this much. */
  | { readonly kind: "grant"; readonly kib: number }
  /** The request is refused. */
  | { readonly kind: "refuse"; readonly reason: string }
  /** Whether the host takes new VMs from now on. */
  | { readonly kind: "admission"; readonly open: boolean }
  /** How fast pages are scanned for sharing from now on; what is shared stays so when that stops. */
  | SharingAction
);

/** Only of a policy that says {@link Policy.tunesSharing}. Fractions of a page are not scanned; those of a millisecond count. */
export interface SharingAction extends ScanSpeed {
  readonly kind: "sharing";
}

export interface Decision<S> {
  readonly actions: readonly Action[];
  readonly state: S;
  /** Call again after this time instead of the cadence. */
  readonly nextInUs?: number;
  /**
   * Call at once, too, whenever a VM is given memory and the host has no more than this free (KiB). Large pages and frontswap leave
   * as much free. Default: never.
   */
  readonly alarmBelow?: number;
  /** Whether the host goes on looking at the age of pages, if it does at all. Default: it does. */
  readonly watchesAges?: boolean;
}

/** Seconds between two reports of a guest on its memory, where nothing else is set: libvirt asks a virtio balloon every few. */
export const STATISTICS_PERIOD_SECONDS = 5;

/** What holds for the host of every policy; see define-policy.ts. */
export interface PolicyHostParameters extends Record<string, number | boolean> {
  minimumPercent: number;
  statisticsPeriodSeconds: number;
  admissionRatio: number;
  admissionReserveMib: number;
}

export interface Policy<P extends Parameters = Parameters, S = unknown> {
  /** Name in matrix files: `allocation: squeezed`. */
  readonly name: string;
  readonly summary: string;
  /** Who decides: the host for all its VMs, or each guest for itself. */
  readonly side: "host" | "guest";
  readonly source: string;
  readonly grade: EvidenceGrade;
  readonly cadenceUs: number;
  /** Whether it moves balloons; VMs have no driver under a policy that does not. */
  readonly balloons: boolean;
  readonly signals: readonly Signal[];
  /**
   * It says whether and how fast pages are scanned for sharing: nothing is scanned before it has said so. A VMM without page
   * sharing that can be told, or where another part tells it, rejects the cell. Without balloons it is first called when the guests
   * begin to work, and not while the host settles.
   */
  readonly tunesSharing?: true;
  /** It leaves a host that is full to paging by force; a VMM that cannot do that rejects the cell. */
  readonly countsOnSwap?: true;
  /** It answers requests for memory of VMs that are to start. Default: a VM gets what is free, or does not start. */
  readonly answersRequests?: boolean;
  readonly parameters: { readonly [K in keyof P]: Parameter<P[K]> };
  /** Parameters of the host that have another default under this policy. */
  readonly hostParameters?: { readonly [K in keyof PolicyHostParameters]?: Parameter<number> };
  /** What is wrong with parameters that are each right by themselves, beginning with the name of one; undefined: nothing. */
  problem?(parameters: P): string | undefined;
  /** State before the first call. */
  start(parameters: P): S;
  /** Pure: the same arguments give the same decision, and none of them is changed. */
  decide(parameters: P, seen: Observations, state: S, nowUs: number): Decision<S>;
  /**
   * What the rules made of what they saw before they acted: means, preferences, goals; of a VM, or without one of the host.
   * Given what {@link decide} was given, and asked only for a log of decisions; the names end with the unit (`wanted_mib`).
   */
  figures?(parameters: P, seen: Observations, state: S, nowUs: number, vm?: VmObservations): Figures;
}

export const MIB = 1024;

/** Memory of a host that nobody holds, KiB: what is being scrubbed counts, what is promised does not. */
export function heldByNobody({ free, scrubbing, reserved }: HostObservations): number {
  return free + scrubbing - reserved;
}

export function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, value));
}

export function sumOf<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
