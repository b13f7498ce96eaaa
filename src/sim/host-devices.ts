/** The way of an I/O request through the host: its ring, the back end if the VMM has one, then the device. */
import { Fifo } from "../core/fifo.ts";
import { event, type Ledger } from "../core/ledger.ts";
import { createDisk } from "../machine/disk.ts";
import { NetworkLink, packetsFor } from "../machine/network-link.ts";
import type { MachineProfile } from "../machine/profile.ts";
import type { Vmm } from "../vmm/contract.ts";
import type { DeviceQueue } from "../vmm/host-contract.ts";
import type { BackgroundReclaim } from "../vmm/host-memory/memory-roles.ts";
import { queueOf } from "../vmm/made-part.ts";
import type { BackendVm } from "./backend-vm.ts";
import { AnticipatoryScheduler } from "./anticipatory-scheduler.ts";
import { BusyDisk } from "./busy-disk.ts";
import type { DiskScheduler } from "./disk-scheduler.ts";
import { DiskShares } from "./disk-shares.ts";
import type { EventQueue } from "./event-queue.ts";
import { Event } from "./host-events.ts";
import { LinkSends } from "./link-sends.ts";
import type { DiskRequests } from "../guest/disk-requests.ts";
import { hostSwapJob, type IoJob, JobKind, NOBODY, OTHER_HOST } from "./io-job.ts";
import { RequestRings, type Taken, withoutRing } from "./request-rings.ts";
import { FrameWaits } from "./frame-waits.ts";
import { HostVolume } from "./host-volume.ts";
import { ShapedSends } from "./shaped-sends.ts";
import { TrafficShaper } from "./traffic-shaper.ts";
import { TransmitCredit } from "./transmit-credit.ts";

/** A guest whose request finds no room on its ring. */
const RING_FULL = event("io.ring-full");
/** A packet for which a shaper's queue has no room. */
const SHAPER_DROP = event("io.shaper-drop");
/** A packet for which the interface has no room. */
const LINK_DROP = event("io.link-drop");
/** Devices that say nothing of a ring take whatever comes, one guest's request after another's. */
const NO_RING: DeviceQueue = { entries: Infinity, pagesPerRequest: Infinity, inTurn: 1, underWay: Infinity };

const HOST_DISK = 0;
const SWAP_DISK = 1;

export interface DeviceSetup {
  readonly vmm: Pick<Vmm, "disk" | "network">;
  readonly profile: MachineProfile;
  /** Disk events have the number of the disk as subject. */
  readonly events: EventQueue;
  readonly ledger: Ledger;
  /** Disk shares of a guest, by its index. */
  readonly sharesOf: (guest: number) => number;
  /** Absent where the VMM's swap space is on the host's disk. */
  readonly swapDisk?: MachineProfile["disk"] | undefined;
  readonly backgroundReclaim?: BackgroundReclaim | undefined;
  /** The VMM makes a request for itself, and pays for it. */
  readonly ownRequest: () => void;
}

export class HostDevices {
  readonly link: NetworkLink;
  /** By kind of job: disk, packets to send, packets received. */
  readonly rings: readonly RequestRings[];
  backend: BackendVm | undefined;
  /** Packets that found no room at the interface. */
  packetsLost = 0;
  /** Absent: guests may send as much as they like. */
  readonly shaped: ShapedSends | undefined;
  /** Guests send straight to the link where no back end, and no shaper, is in between. */
  readonly sends: LinkSends;
  readonly #events: EventQueue;
  /** Messages from outside that have not arrived, by the number of their event. */
  readonly #arriving = new Map<number, IoJob>();
  #arrivals = 0;
  /** What back ends have given the link, in order. */
  readonly #leaving = new Fifo<Taken>();
  /** The host's disk, and that of the VMM's swap space if it has one of its own. */
  readonly #disks: readonly BusyDisk[];
  /** Whose disk requests go through rings. */
  readonly #disksHaveRings: boolean;
  /** Of the host's disk; absent: it gets requests as they come. */
  readonly #scheduler: DiskScheduler | undefined;
  /** When it is asked again. */
  #schedulerCalledAt = Infinity;
  /** Absent: virtual disks do not grow, and no other host uses them. */
  readonly volume: HostVolume | undefined;
  /** Absent where whoever needs a frame waits for the writes themselves. */
  readonly #frameWaits: FrameWaits | undefined;
  /** When the back end is to look at its rings again. */
  #backendCalledAt = Infinity;

  constructor(setup: DeviceSetup) {
    const { vmm, profile, events, ledger, sharesOf, swapDisk, backgroundReclaim, ownRequest } = setup;
    this.#frameWaits = backgroundReclaim && new FrameWaits(backgroundReclaim);
    const disks = swapDisk === undefined ? [profile.disk] : [profile.disk, swapDisk];
    this.#disks = disks.map((disk, i) => new BusyDisk(createDisk(profile, disk), i, events));
    this.link = new NetworkLink(profile);
    this.#events = events;
    const diskQueue = queueOf(vmm.disk);
    const { rate, shaping, ...networkQueue } = queueOf(vmm.network) ?? NO_RING;
    const credit = rate && new TransmitCredit(rate, profile.megahertz);
    const onDrop = (): void => ledger.count(SHAPER_DROP);
    if (shaping !== undefined) {
      this.shaped = new ShapedSends(new TrafficShaper(shaping, profile.megahertz), events, profile.megahertz, onDrop);
    }
    this.sends = new LinkSends(this.link, events, profile.megahertz, () => {
      this.packetsLost++;
      ledger.count(LINK_DROP);
    });
    const onFull = (): void => ledger.count(RING_FULL);
    this.#disksHaveRings = diskQueue !== undefined;
    this.#scheduler = schedulerOf(diskQueue, profile.megahertz, sharesOf);
    if (diskQueue?.volume !== undefined) {
      this.volume = new HostVolume(diskQueue.volume, ledger, events, profile.megahertz, {
        ownRequest,
        request: (job, now) => this.#toScheduler(withoutRing(job), now),
        goOn: (taken, now) => this.#toScheduler(taken, now),
      });
    }
    this.rings = [
      new RequestRings(diskQueue ?? NO_RING, onFull),
      new RequestRings(networkQueue, onFull, credit),
      new RequestRings(networkQueue, onFull),
    ];
  }

  /** Cycles that the host's disk has been busy. */
  get diskBusy(): number {
    return this.#disks[HOST_DISK].busy;
  }

  submit(job: IoJob, now: number): void {
    const { kind, waiter, arrives = 0 } = job;
    if (kind === JobKind.Frames) return this.#frameWaits?.wait(job);
    if (this.#goesStraightToLink(job) && waiter !== undefined) return this.sends.send(job, waiter, now);
    const toBackend = this.#goesToBackend(job);
    // It has arrived while its packets were being handled.
    if (kind === JobKind.Receive && !toBackend && arrives <= now) return;
    waiter?.begin();
    if (arrives > now) {
      this.#arriving.set(++this.#arrivals, job);
      return this.#events.add(arrives, Event.Arrival, 0, this.#arrivals);
    }
    if (toBackend) return this.backend?.enqueue(job);
    if (kind === JobKind.Transmit && this.shaped !== undefined) return this.shaped.send(job, now);
    if (kind === JobKind.Disk && job.guest !== NOBODY && this.#disksHaveRings) {
      this.rings[JobKind.Disk].put(job);
      return this.#takeFromRings(now);
    }
    this.afterBackend(withoutRing(job), now);
  }

  /** Reads and writes of the VMM's swap space that nobody waits for; they are taken. */
  swap(requests: DiskRequests, now: number): void {
    for (let i = 0; i < requests.length; i++)
      this.submit(hostSwapJob(undefined, requests.first(i), requests.pages(i), requests.writes(i)), now);
    requests.clear();
    this.#frameWaits?.nobodyWaits();
  }

  #goesToBackend({ guest, backend }: IoJob): boolean {
    return guest !== NOBODY && this.backend !== undefined && backend.total > 0;
  }

  #goesStraightToLink(job: IoJob): boolean {
    return job.kind === JobKind.Transmit && this.shaped === undefined && !this.#goesToBackend(job);
  }

  /** An event of the devices; see {@link Event} for what subject and detail are. */
  onEvent(kind: number, subject: number, detail: number, now: number): void {
    switch (kind) {
      case Event.DiskDone:
        return this.#diskDone(subject, detail, now);
      case Event.DiskCalled:
        return this.#disks[subject].called(now);
      case Event.DiskScheduler:
        this.#schedulerCalledAt = Infinity;
        return this.#serveDisk(now);
      case Event.BackEnd:
        return this.#backEndCalled();
      case Event.Packet:
        return this.#onPacket(detail, now);
      case Event.LinkSend:
        return this.sends.onEvent(detail, now);
      case Event.LinkDone:
        return this.#linkDone(now);
      case Event.OtherHost:
        return this.volume?.otherHost(now);
      case Event.Arrival:
        return this.#arrived(detail, now);
      default:
        throw new RangeError(`event ${kind} is none of a device`);
    }
  }

  /** A message from outside has arrived: its packets are handled now. */
  #arrived(number: number, now: number): void {
    const job = this.#arriving.get(number);
    if (job === undefined) throw new RangeError(`no message arrives with event ${number}`);
    this.#arriving.delete(number);
    if (this.#goesToBackend(job)) this.backend?.enqueue(job);
    else job.waiter?.done(now);
  }

  /** The back end has dealt with requests. Packets keep their places on the ring until they have left. */
  afterBackend(taken: Taken, now: number): void {
    if (taken.job.kind !== JobKind.Disk) {
      const { bytes } = taken;
      const leaves = bytes > 0 ? this.link.transmitAll(now, bytes, packetsFor(bytes)) : now;
      if (leaves <= now) return this.#answer(taken, now);
      this.#leaving.push(taken);
      return this.#events.add(leaves, Event.LinkDone);
    }
    if (this.volume === undefined || taken.job.guest === NOBODY) return this.#toScheduler(taken, now);
    this.volume.submit(taken, now);
  }

  #toScheduler(taken: Taken, now: number): void {
    if (this.#scheduler === undefined || !this.#isScheduled(taken)) return this.#toDisk(taken, now);
    this.#scheduler.put(taken, now);
    this.#serveDisk(now);
  }

  /** The packets that have waited for the link longest have left. */
  #linkDone(now: number): void {
    const taken = this.#leaving.shift();
    if (taken === undefined) throw new RangeError("nothing waits for the link");
    this.#answer(taken, now);
    this.backend?.wake();
  }

  #serveDisk(now: number): void {
    const scheduler = this.#scheduler;
    if (scheduler === undefined) return;
    for (let next = scheduler.take(now); next !== undefined; next = scheduler.take(now)) this.#toDisk(next, now);
    if (scheduler.wakeAt >= this.#schedulerCalledAt) return;
    this.#schedulerCalledAt = scheduler.wakeAt;
    this.#events.add(scheduler.wakeAt, Event.DiskScheduler);
  }

  #toDisk(taken: Taken, now: number): void {
    this.#disks[this.#diskOf(taken)].submit(taken, now);
  }

  #isScheduled(taken: Taken): boolean {
    return taken.job.guest !== OTHER_HOST && this.#diskOf(taken) === HOST_DISK;
  }

  #diskOf({ job }: Taken): number {
    return job.hostSwap && this.#disks.length > 1 ? SWAP_DISK : HOST_DISK;
  }

  /** A disk is done with a request. */
  #diskDone(disk: number, number: number, now: number): void {
    const taken = this.#disks[disk].take(number);
    this.#answer(taken, now);
    if (taken.job.hostSwap && taken.job.write === true) this.#frameWaits?.written(taken.pages, now);
    if (this.#isScheduled(taken)) {
      this.#scheduler?.done(now);
      this.#serveDisk(now);
    }
    if (taken.ring === undefined) return;
    if (taken.job.backend.total > 0) this.backend?.wake();
    else this.#takeFromRings(now);
  }

  /** The back end has nothing to do before cycle `at`, when a guest may send again. */
  wakeBackendAt(at: number): void {
    if (at >= this.#backendCalledAt) return;
    this.#backendCalledAt = at;
    this.#events.add(at, Event.BackEnd);
  }

  /** The event of a packet of a guest whose traffic is shaped. */
  #onPacket(number: number, now: number): void {
    const bytes = this.shaped?.onEvent(number, now) ?? -1;
    if (bytes >= 0) this.link.transmit(now, bytes);
  }

  #backEndCalled(): void {
    this.#backendCalledAt = Infinity;
    this.rings[JobKind.Transmit].forgetCredit();
    this.backend?.wake();
  }

  /** Drivers in the VMM itself take requests as soon as they are on the ring. */
  #takeFromRings(now: number): void {
    const rings = this.rings[JobKind.Disk];
    for (let taken = rings.take(Infinity, now); taken !== undefined; taken = rings.take(Infinity, now)) {
      this.afterBackend(taken, now);
    }
  }

  #answer({ job, ring, requests }: Taken, now: number): void {
    if (ring === undefined || ring.rings.answer(ring.queued, requests)) job.waiter?.done(now);
  }
}

function schedulerOf(
  queue: DeviceQueue | undefined,
  megahertz: number,
  sharesOf: (guest: number) => number,
): DiskScheduler | undefined {
  if (queue?.sharing !== undefined) return new DiskShares(queue.sharing, sharesOf);
  return queue?.anticipatoryHz === undefined ? undefined : new AnticipatoryScheduler(queue.anticipatoryHz, megahertz);
}
