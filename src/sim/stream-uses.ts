/**
 * Where in an operation stream each page of a guest is used. Items: the anonymous pages of the service processes, one process
 * after the other, then the pages of the file set. Positions of item i, ascending: `positions[starts[i]]` up to
 * `positions[starts[i + 1] - 1]`.
 */
import { findRegion, type Region, withoutRange, withRegion } from "../guest/regions.ts";
import type { GuestShape } from "../workload/compiled-workload.ts";
import { Op, type OperationStream } from "../workload/operation-stream.ts";

export class StreamUses {
  /** Number of anonymous pages, which is the first item that is a page of a file. */
  readonly anonymous: number;
  readonly starts: Uint32Array;
  readonly positions: Uint32Array;

  constructor(stream: OperationStream, guest: GuestShape) {
    this.anonymous = guest.processes * guest.anonymousPages;
    const counts = new Uint32Array(this.anonymous + guest.filePages + 1);
    forEachUse(stream, guest, (item) => counts[item + 1]++);
    for (let item = 1; item < counts.length; item++) counts[item] += counts[item - 1];
    this.starts = counts;
    this.positions = new Uint32Array(counts[counts.length - 1]);
    const next = counts.slice();
    forEachUse(stream, guest, (item, at) => {
      this.positions[next[item]++] = at;
    });
  }
}

function forEachUse(stream: OperationStream, guest: GuestShape, use: (item: number, at: number) => void): void {
  const { op, a, b, c, length } = stream;
  const anonymous = guest.processes * guest.anonymousPages;
  const mappings = new ProcessMappings(guest.processes);
  for (let at = 0; at < length; at++) {
    const [first, count] = [a[at], b[at]];
    if (mappings.follow(op[at], first, count, c[at])) continue;
    switch (op[at]) {
      case Op.Touch: {
        const region = findRegion(mappings.regions, first);
        if (region !== undefined && guest.filePages > 0)
          use(anonymous + ((first - region.start) % guest.filePages), at);
        else if (!mappings.executes && first < guest.anonymousPages)
          use(mappings.process * guest.anonymousPages + first, at);
        break;
      }
      case Op.ReadFile:
      case Op.WriteFile:
        // A read of no page copies from one that has just been read.
        for (let page = first; page < Math.min(first + Math.max(1, count), guest.filePages); page++) {
          use(anonymous + page, at);
        }
    }
  }
}

/** Where the process that runs has mapped files, as operations go by. */
class ProcessMappings {
  /** Of the service that runs, or has forked. */
  process = 0;
  /** A child runs another program. */
  executes = false;
  readonly #services: Region[][];
  /** Of the child, while there is one. */
  #child: Region[] = [];
  #depth = 0;

  constructor(services: number) {
    this.#services = Array.from({ length: services }, () => []);
  }

  get regions(): Region[] {
    return this.#depth > 0 ? this.#child : this.#services[this.process];
  }

  /** Returns whether the operation was about processes or mappings. */
  follow(op: number, first: number, count: number, isFile: number): boolean {
    switch (op) {
      case Op.Request:
        this.#depth = 0;
        this.executes = false;
        return true;
      case Op.Switch:
        this.process = first;
        return true;
      case Op.Fork:
        if (this.#depth++ === 0) this.#child = this.#services[this.process];
        return true;
      case Op.Exit:
        if (this.#depth > 0 && --this.#depth === 0) this.executes = false;
        return true;
      case Op.Exec:
        this.executes = true;
        this.#child = [];
        return true;
      case Op.Mmap:
      case Op.Munmap:
        this.#unmap(first, count);
        if (op === Op.Mmap && isFile === 1) this.#mapFile(first, count);
        return true;
      default:
        return false;
    }
  }

  #unmap(first: number, count: number): void {
    this.#set(withoutRange(this.regions, first, first + count));
  }

  #mapFile(first: number, count: number): void {
    this.#set(withRegion(this.regions, { start: first, end: first + count, kind: "file", writable: true }));
  }

  #set(regions: Region[]): void {
    if (this.#depth > 0) this.#child = regions;
    else this.#services[this.process] = regions;
  }
}
