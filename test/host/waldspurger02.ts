/** What the guests of Waldspurger 2002, sections 5 and 6, do, as far as the paper says. */
import { RandomStream } from "../../src/core/random.ts";
import type { CompiledWorkload, GuestShape } from "../../src/workload/compiled-workload.ts";
import { Op, OperationStreamBuilder } from "../../src/workload/operation-stream.ts";
import { profile } from "./fixtures.ts";

export const MIB = 256;
const MS = profile.megahertz * 1000;

const SHAPE: GuestShape = {
  memoryPages: 256 * MIB,
  kernelPages: 12 * MIB,
  processes: 1,
  anonymousPages: 0,
  residentAnonymousPages: 0,
  filePages: 0,
  residentFilePages: 0,
  swapPages: 256 * MIB,
  threads: 1,
};

export function guest(
  name: string,
  seconds: number,
  shape: Partial<GuestShape>,
  fill: (stream: OperationStreamBuilder) => void,
): CompiledWorkload {
  const stream = new OperationStreamBuilder();
  fill(stream);
  const durationUs = seconds * 1e6;
  return { name, guest: { ...SHAPE, ...shape }, stream: stream.finish(), durationUs, warmupUs: durationUs / 2 };
}

/** Booted Windows: all memory in use; services wake once a second and go round 8 MB in half a minute. */
export function idleWindows(seconds: number): CompiledWorkload {
  const shape = {
    anonymousPages: 40 * MIB,
    residentAnonymousPages: 40 * MIB,
    filePages: 200 * MIB,
    residentFilePages: 200 * MIB,
  };
  return guest("idle-windows", seconds, shape, (stream) => {
    for (let second = 0; second < seconds; second++) {
      stream.add(Op.Request, second, 500_000, 1);
      for (let i = 0; i < 68; i++) stream.add(Op.Touch, (second * 68 + i) % (8 * MIB), (2000 << 1) | 1, 0);
    }
  });
}

/** dbench, 40 clients: each reads and writes files of its own in runs of 32 KiB, 6 MB a client in all. */
export function dbench(seconds: number): CompiledWorkload {
  const clients = 40;
  const filePages = 6 * MIB;
  const random = new RandomStream(1, "dbench");
  const shape = {
    anonymousPages: 4 * MIB,
    residentAnonymousPages: 4 * MIB,
    filePages: clients * filePages,
    residentFilePages: 220 * MIB,
    threads: clients,
  };
  return guest("dbench", seconds, shape, (stream) => {
    for (let request = 0; request < seconds * 600; request++) {
      stream.add(Op.Request, 0, 0, 0);
      const client = random.below(clients);
      const first = client * filePages + 8 * random.below(filePages / 8);
      if (request % 3 === 0) stream.add(Op.WriteFile, first, 8, 0);
      else stream.add(Op.ReadFile, first, 8);
      stream.add(Op.Compute, 2 * MS);
    }
  });
}

const ZEROING_SECONDS = 30;
const LOADING_SECONDS = 180;

/**
 * A Windows server that boots: it zeroes all its memory in half a minute, then its system and its programs take `system` MB of
 * it within three minutes, of which the first 40 MB are the same in all of them, and it works on `active` MB, 2000 pages a
 * second. The paper gives no times and no sizes but those of the VMs: assumed.
 */
export function bootingWindows(
  name: string,
  mib: number,
  system: number,
  active: number,
  seconds: number,
): CompiledWorkload {
  const pages = (mib - 4) * MIB;
  const random = new RandomStream(1, name);
  const perSecond = 2000;
  const shape = { memoryPages: mib * MIB, kernelPages: 2 * MIB, anonymousPages: pages, swapPages: mib * MIB };
  return guest(name, seconds, shape, (stream) => {
    for (let second = 0; second < seconds; second++) {
      stream.add(Op.Request, second, 0, 1);
      if (second < ZEROING_SECONDS) {
        const end = Math.floor((pages * (second + 1)) / ZEROING_SECONDS);
        for (let page = Math.floor((pages * second) / ZEROING_SECONDS); page < end; page++) {
          stream.add(Op.Touch, page, (1000 << 1) | 1, 1);
        }
      } else if (second < ZEROING_SECONDS + LOADING_SECONDS) {
        const part = (system * MIB) / LOADING_SECONDS;
        const end = Math.floor(part * (second - ZEROING_SECONDS + 1));
        for (let page = Math.floor(part * (second - ZEROING_SECONDS)); page < end; page++) {
          stream.add(Op.Touch, page, (1000 << 1) | 1, page < 40 * MIB ? 2 + page : 0);
        }
      } else {
        for (let i = 0; i < perSecond; i++) {
          stream.add(Op.Touch, 40 * MIB + random.below(active * MIB), (1000 << 1) | (i % 4 === 0 ? 1 : 0), 0);
        }
      }
    }
  });
}
