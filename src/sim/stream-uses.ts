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
  const files: Region[][] = Array.from({ length: guest.processes }, () => []);
  let process = 0;
  let depth = 0;
  let child: Region[] = [];
  let executes = false;
  const mapped = (): Region[] => (depth > 0 ? child : files[process]);
  const map = (regions: Region[]): void => {
    if (depth > 0) child = regions;
    else files[process] = regions;
  };
  for (let at = 0; at < length; at++) {
    const [first, count] = [a[at], b[at]];
    switch (op[at]) {
      case Op.Request:
        depth = 0;
        executes = false;
        break;
      case Op.Switch:
        process = first;
        break;
      case Op.Fork:
        if (depth++ === 0) child = files[process];
        break;
      case Op.Exit:
        if (depth > 0 && --depth === 0) executes = false;
        break;
      case Op.Exec:
        executes = true;
        child = [];
        break;
      case Op.Mmap:
        map(withoutRange(mapped(), first, first + count));
        if (c[at] === 1) map(withRegion(mapped(), { start: first, end: first + count, kind: "file", writable: true }));
        break;
      case Op.Munmap:
        map(withoutRange(mapped(), first, first + count));
        break;
      case Op.Touch: {
        const region = findRegion(mapped(), first);
        if (region !== undefined && guest.filePages > 0)
          use(anonymous + ((first - region.start) % guest.filePages), at);
        else if (!executes && first < guest.anonymousPages) use(process * guest.anonymousPages + first, at);
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
