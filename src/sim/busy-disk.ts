/** A disk of the host simulation, the requests at it, and the events that tell what becomes of them. */
import type { DiskDevice } from "../machine/disk.ts";
import type { EventQueue } from "./event-queue.ts";
import { Event } from "./host-events.ts";
import type { Taken } from "./request-rings.ts";

export class BusyDisk {
  readonly #disk: DiskDevice;
  readonly #index: number;
  readonly #events: EventQueue;
  /** By number; numbers that are free again. */
  readonly #requests: (Taken | undefined)[] = [];
  readonly #free: number[] = [];
  /** When it is looked at again. */
  #calledAt = Infinity;

  /** `index`: subject of its events. */
  constructor(disk: DiskDevice, index: number, events: EventQueue) {
    this.#disk = disk;
    this.#index = index;
    this.#events = events;
  }

  /** Cycles that it has been busy. */
  get busy(): number {
    return this.#disk.busy;
  }

  submit(taken: Taken, now: number): void {
    const number = this.#free.pop() ?? this.#requests.length;
    this.#requests[number] = taken;
    const { page, pages, job } = taken;
    const at = this.#disk.submit(now, page, pages, job.write === true, number);
    if (at >= 0) this.#events.add(at, Event.DiskDone, this.#index, number);
    this.#callAgain();
  }

  /** The disk may have gone on. */
  called(now: number): void {
    this.#calledAt = Infinity;
    for (const { tag, at } of this.#disk.advance(now)) this.#events.add(at, Event.DiskDone, this.#index, tag);
    this.#callAgain();
  }

  /** The request is done. */
  take(number: number): Taken {
    const taken = this.#requests[number];
    if (taken === undefined) throw new RangeError(`no request ${number} at the disk`);
    this.#requests[number] = undefined;
    this.#free.push(number);
    return taken;
  }

  #callAgain(): void {
    const at = this.#disk.wakeAt;
    if (at >= this.#calledAt) return;
    this.#calledAt = at;
    this.#events.add(at, Event.DiskCalled, this.#index);
  }
}
