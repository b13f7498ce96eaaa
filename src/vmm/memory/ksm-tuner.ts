/** Services on a host that switch KSM on and off and set its speed by the host's memory: ksmtuned and its relatives. */
import { KIB_PER_PAGE } from "../../machine/page.ts";
import { definePart, type PartFactory } from "../contract.ts";
import type { HostContext, MemoryMechanism } from "../host-contract.ts";
import type { HostMemory } from "../host-memory/host-memory.ts";
import { KSMTUNED, type KsmTuner, MOM_KSM, PROXMOX_KSMTUNED, tuneKsm } from "./ksmtuned.ts";

const ROLE = "KSM's speed";

class KsmTuning implements MemoryMechanism {
  readonly name: string;
  readonly kind = "tuning";
  readonly periodUs: number;
  readonly #tuner: KsmTuner;
  readonly #memory: HostMemory;
  /** Samples of free memory, KiB, the newest last. */
  #free: readonly number[] = [];
  #pagesToScan: number;
  /** Samples still to take until the next decision. */
  #samplesLeft = 1;

  constructor(tuner: KsmTuner, { memory }: HostContext) {
    this.name = tuner.name;
    this.periodUs = (tuner.periodSeconds * 1e6) / tuner.samplesPerPeriod;
    this.#pagesToScan = tuner.initialPages;
    this.#tuner = tuner;
    this.#memory = memory;
  }

  /**
   * Look at free memory, and when a period is over decide until the next time. What that takes of the CPU is not counted: some
   * milliseconds a minute.
   */
  work(): void {
    const { frames } = this.#memory;
    this.#free = [...this.#free, frames.free * KIB_PER_PAGE].slice(-this.#tuner.freeSamples);
    if (--this.#samplesLeft > 0) return;
    this.#samplesLeft = this.#tuner.samplesPerPeriod;
    this.#decide();
  }

  #decide(): void {
    const { frames, sharer } = this.#memory;
    const freeKib = this.#free.reduce((sum, kib) => sum + kib, 0) / this.#free.length;
    const use = { totalKib: frames.forVms * KIB_PER_PAGE, freeKib, committedKib: this.#committed() * KIB_PER_PAGE };
    const tuning = tuneKsm(this.#tuner, use, this.#pagesToScan);
    this.#pagesToScan = tuning.pagesToScan;
    sharer?.tune?.(tuning);
  }

  reclaim(): number {
    return 0;
  }

  /** Pages of the VMs' processes: resident in each (RSS), of their address spaces, or resident in proportion to sharers (PSS). */
  #committed(): number {
    const { frames, vms } = this.#memory;
    switch (this.#tuner.committed) {
      case "resident":
        return vms.reduce((sum, { mapped }) => sum + mapped, 0);
      case "virtual":
        return vms.reduce((sum, { pages, evicted }) => sum + (evicted ? 0 : pages), 0);
      case "proportional":
        return frames.private + frames.shared;
    }
  }
}

/** A tuner as a part, which has no parameters: the services' own settings are what distributions ship. */
function tunerPart(tuner: KsmTuner, summary: string): PartFactory<"memory", Record<string, never>> {
  return definePart<"memory", Record<string, never>>({
    slot: "memory",
    stage: "scan rate",
    name: tuner.name,
    summary,
    role: ROLE,
    requiresPart: "ksm",
    parameters: {},
    create: (_, context) => new KsmTuning(tuner, context),
  });
}

export const ksmtuned = tunerPart(
  KSMTUNED,
  "ksmtuned of Linux distributions: KSM runs while VMs hold most of the host, faster the longer memory is short.",
);

export const momKsm = tunerPart(
  MOM_KSM,
  "The rules of oVirt's MOM for KSM (doc/ksm.rules): as ksmtuned, every 10 s, by what VMs are configured with.",
);

export const proxmoxKsmtuned = tunerPart(
  PROXMOX_KSMTUNED,
  "ksmtuned as Proxmox VE changes it: shared memory counts once, and KSM sleeps ten times as long.",
);
