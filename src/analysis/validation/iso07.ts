/**
 * Matthews et al. 2007: good responses that servers lose next to one that misbehaves, and those that it loses itself. Nothing is
 * derived from any of them. OpenVZ, which the source measured, too, has no model here.
 */
import { type Hog, servers } from "./iso07-guests.ts";
import type { Bench, ValidationRow, ValidationSet } from "./validation-set.ts";

/** A Pentium 4 of the same time as that of the source; which one it had is not said. */
const MACHINE = "p4-672-asplos06";
/** How large the VMs of the source were is not known; the host has room for all of these. */
const HOST_MIB = 1280;

const SYSTEMS: Readonly<Record<string, string>> = { "vmware-workstation-5-5": "workstation", "xen-3-0": "xen-pv" };

/** Of the well-behaved VMs together, or of the misbehaving one. */
type Whose = "good" | "bad";

const FEW =
  "all requests of the well-behaved VMs are answered in time here, and a single one that is not would be a sixth of a percent; " +
  "what delayed a few in the source is not said";
const COUNTED =
  "a response is good here if it comes within 3 s of the last request: some that took longer before that are among them; and the bomb " +
  "goes off with the first request, where a run of the source is many times longer";
const CACHED =
  "what the source's server reads while IOzone runs is not said; this one finds all but one in a hundred of its files in memory, " +
  "and waits for a write in one of seven requests";
const LINK =
  "the flood is short of processor before it is short of link, of which it takes 38 to 65 %; and the server beside it, as little " +
  "busy as assumed, gets what it needs of what its VM has";

interface Stress {
  /** As in the ids of the published figures. */
  readonly name: string;
  readonly hog: Hog;
  /** Figures that there are; a VM that reported nothing has none. */
  readonly figures: Readonly<Record<string, readonly Whose[]>>;
  readonly reasons?: Partial<Readonly<Record<Whose, string>>>;
  /** Systems differ by more than a few responses: their order is compared. */
  readonly ordered?: true;
}

const BOTH: Readonly<Record<string, readonly Whose[]>> = {
  "vmware-workstation-5-5": ["good", "bad"],
  "xen-3-0": ["good", "bad"],
};
const STRESSES: readonly Stress[] = [
  {
    name: "memory-bomb",
    hog: { workload: "memory-bomb", requests: 1500 },
    figures: { ...BOTH, "xen-3-0": ["good"] },
    reasons: { bad: COUNTED },
  },
  {
    name: "fork-bomb",
    hog: { workload: "fork-bomb", requests: 8000 },
    figures: { "vmware-workstation-5-5": ["good"], "xen-3-0": ["good"] },
  },
  { name: "cpu", hog: { workload: "compute", requests: 1300 }, figures: BOTH },
  {
    name: "disk-10-x-iozone",
    hog: { workload: "disk-hog", requests: 4000 },
    figures: BOTH,
    reasons: { good: CACHED, bad: CACHED },
    ordered: true,
  },
  {
    name: "network-server-transmits",
    hog: { workload: "network-hog", requests: 30_000 },
    figures: BOTH,
    reasons: { bad: LINK },
    ordered: true,
  },
  {
    name: "network-server-receives",
    hog: { workload: "network-receiver", requests: 30_000 },
    figures: BOTH,
    reasons: { bad: LINK },
  },
];

/** Requests that were answered in time, of the well-behaved VMs together and of the other one. */
function answered(bench: Bench, vmm: string, hog?: Hog): Readonly<Record<Whose, number>> {
  const { vms } = bench.memory(`servers and ${hog?.workload}`, {
    machine: MACHINE,
    vmm,
    mib: HOST_MIB,
    guests: () => servers(hog),
  });
  if (vms === undefined) throw new Error("the VMs are alike");
  const done = vms.rows.map((row) => row[vms.columns.indexOf("requests_done")]);
  const bad = done[done.length - 1];
  return { good: done.reduce((sum, each) => sum + each, -bad), bad };
}

/** Percent of what is answered where nobody misbehaves. */
function loss(bench: Bench, vmm: string, hog: Hog, whose: Whose): number {
  const [beside, alone] = [answered(bench, vmm, hog)[whose], answered(bench, vmm)[whose]];
  // The requests of a server are the same: one more is one of the hog.
  if (beside > alone) throw new Error(`${hog.workload} has come to its end`);
  return 100 * (1 - beside / alone);
}

function rowsOf({ name, hog, figures, reasons = {}, ordered }: Stress): ValidationRow[] {
  return Object.entries(figures).flatMap(([system, of]) =>
    of.map((whose): ValidationRow => {
      const reason = reasons[whose] ?? (whose === "good" ? FEW : undefined);
      return {
        id: `iso07.${name}.${system}.${whose}`,
        role: "prediction",
        simulate: (bench) => loss(bench, SYSTEMS[system], hog, whose),
        ...(ordered && { group: `iso07 ${name} ${whose}` }),
        ...(reason === undefined ? {} : { reason }),
      };
    }),
  );
}

export const iso07: ValidationSet = {
  name: "iso07",
  source: "Matthews et al. 2007, Quantifying the Performance Isolation Properties of Virtualization Systems",
  rows: STRESSES.flatMap(rowsOf),
};
