/** The volume with the virtual disks of a host, at its disk and in its ledger. */
import { event, type Ledger } from "../core/ledger.ts";
import type { VolumeSettings } from "../vmm/host-contract.ts";
import type { EventQueue } from "./event-queue.ts";
import { Event } from "./host-events.ts";
import { hostDiskJob, type IoJob, otherHostJob } from "./io-job.ts";
import type { Taken } from "./request-rings.ts";
import { VmfsVolume } from "./vmfs-volume.ts";

/** A thin disk grows by a block; a command waits for a lock that somebody else has. */
const METADATA_OPERATION = event("io.vmfs.metadata-operation");
const LOCK_WAIT = event("io.vmfs.lock-wait");

interface Disk {
  request(job: IoJob, now: number): void;
  /** The VMM makes a request for itself, and pays for it. */
  ownRequest(): void;
  /** A guest's command goes to the disk. */
  goOn(taken: Taken, now: number): void;
}

export class HostVolume {
  /** Blocks that thin disks have grown by, and cycles for which commands have waited for locks, over all of them. */
  metadataOperations = 0;
  lockWait = 0;
  readonly #events: EventQueue;
  /** Cycles between two locks of other hosts. */
  readonly #otherHostPeriod: number;
  readonly #volume: VmfsVolume;

  constructor(settings: VolumeSettings, ledger: Ledger, events: EventQueue, megahertz: number, disk: Disk) {
    this.#events = events;
    this.#otherHostPeriod = Math.round((1e6 * megahertz) / settings.otherHostsPerSecond);
    if (settings.otherHostsPerSecond > 0) events.add(this.#otherHostPeriod, Event.OtherHost);
    this.#volume = new VmfsVolume(settings, {
      request: ({ page, pages, write, own }, now, done) => {
        if (own) disk.ownRequest();
        const jobOf = own ? hostDiskJob : otherHostJob;
        disk.request(jobOf({ begin() {}, done }, page, pages, write), now);
      },
      goOn: disk.goOn,
      grows: () => {
        this.metadataOperations++;
        ledger.count(METADATA_OPERATION);
      },
      waited: (cycles) => {
        this.lockWait += cycles;
        ledger.count(LOCK_WAIT);
      },
    });
  }

  submit(taken: Taken, now: number): void {
    this.#volume.submit(taken, now);
  }

  /** Another host takes a lock, or gives it back; the next one does so a period later. */
  otherHost(now: number): void {
    this.#events.add(now + this.#otherHostPeriod, Event.OtherHost);
    this.#volume.otherHost(now);
  }
}
