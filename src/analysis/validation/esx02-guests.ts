/** What the guests of Waldspurger 2002 do, as far as the paper says; what it does not say is assumed, and marked so. */
import { RandomStream } from "../../core/random.ts";
import { PAGES_PER_MIB as MIB } from "../../machine/page.ts";
import type { CompiledWorkload, GuestShape } from "../../workload/compiled-workload.ts";
import { Op, OperationStreamBuilder } from "../../workload/operation-stream.ts";
import type { MemorySettings } from "../../workload/vm-settings.ts";

export const LINUX_SHAPE: GuestShape = {
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

/** A run of so many seconds, the second half of it measured. */
export function guest(
  name: string,
  seconds: number,
  shape: Partial<GuestShape>,
  fill: (stream: OperationStreamBuilder) => void,
): CompiledWorkload {
  const stream = new OperationStreamBuilder();
  fill(stream);
  const durationUs = seconds * 1e6;
  return { name, guest: { ...LINUX_SHAPE, ...shape }, stream: stream.finish(), durationUs, warmupUs: durationUs / 2 };
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

/** Less than the 30 s of a sample, so that all of it is in each. */
const ROUND_SECONDS = 20;

/** Figure 6: what the program touches, by the minute at which it begins to. */
export type TouchedMib = readonly (readonly [minute: number, mib: number])[];

/**
 * A Windows server in which a program goes round its memory every 20 seconds; services go round 15 MB in half a minute, and in
 * each run begin elsewhere, so that samples hit other pages.
 */
export function toucher(name: string, minutes: number, touched: TouchedMib, run: number): CompiledWorkload {
  const seconds = Math.round(60 * minutes);
  const services = 15 * MIB;
  const largest = Math.max(...touched.map(([, mib]) => mib)) * MIB;
  const shape = {
    memoryPages: 512 * MIB,
    anonymousPages: services + largest,
    residentAnonymousPages: services + largest,
    filePages: 0,
    swapPages: 512 * MIB,
  };
  return guest(name, seconds, shape, (stream) => {
    for (let second = 0; second < seconds; second++) {
      stream.add(Op.Request, second, 0, 1);
      for (let i = 0; i < services / 30; i++)
        stream.add(Op.Touch, ((second + run) % 30) * (services / 30) + i, 1000, 0);
      const mib = touched.findLast(([minute]) => second >= 60 * minute)?.[1] ?? 0;
      const part = Math.floor((mib * MIB) / ROUND_SECONDS);
      for (let i = 0; i < part; i++)
        stream.add(Op.Touch, services + (second % ROUND_SECONDS) * part + i, (500 << 1) | 1, 0);
    }
  });
}

/** Sizes in MB. */
interface Server {
  readonly name: string;
  readonly mib: number;
  readonly system: number;
  readonly active: number;
}

const SERVERS: readonly Server[] = [
  { name: "exchange", mib: 256, system: 150, active: 60 },
  { name: "exchange-clients", mib: 256, system: 130, active: 40 },
  { name: "citrix", mib: 320, system: 170, active: 90 },
  { name: "citrix-clients", mib: 320, system: 120, active: 40 },
  { name: "sql-server", mib: 320, system: 150, active: 20 },
];

const ZEROING_SECONDS = 30;
const LOADING_SECONDS = 180;

/**
 * A Windows server that boots: it zeroes all its memory in half a minute, then its system and its programs take `system` MB of
 * it within three minutes, of which the first 40 MB are the same in all of them, and it works on `active` MB, 2000 pages a
 * second, while its file cache grows by `cached` pages a second until memory is full. The paper gives no times and no sizes but those of the VMs: assumed.
 */
function bootingWindows(server: Server, seconds: number, cached: number, seed: number): CompiledWorkload {
  const { name, mib, system, active } = server;
  const pages = (mib - 4) * MIB;
  const random = new RandomStream(seed, name);
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
        const first = system * MIB + (second - ZEROING_SECONDS - LOADING_SECONDS) * cached;
        for (let page = first; page < Math.min(first + cached, pages); page++) {
          stream.add(Op.Touch, page, (1000 << 1) | 1, 0);
        }
      }
    }
  });
}

/** Figure 8: five servers boot, without balloon drivers at first; each is guaranteed half of its memory. */
export function bootingServers(seconds: number, cached = 0, seed = 1): readonly CompiledWorkload[] {
  const driver = { fromUs: 45e6 };
  return SERVERS.map((server) => {
    const workload = bootingWindows(server, seconds, cached, seed);
    const memory: MemorySettings = { reservationPages: (server.mib / 2) * MIB };
    return { ...workload, guest: { ...workload.guest, memory, driver } };
  });
}

/** Figure 4: what the pages of one of the guests hold when its programs are loaded, in pages. */
export interface LinuxContents {
  readonly zero: number;
  /** Different contents that every such guest has. */
  readonly common: number;
  /** How many of them it has twice. */
  readonly twice: number;
}

const LINUX_MIB = 40;
const LINUX_KERNEL_PAGES = 3 * MIB;
/** In use at the end, by Figure 4: 39 MB; the others are free, and were never touched. */
const LINUX_PAGES = 39 * MIB - LINUX_KERNEL_PAGES;
const WRITES_PER_SECOND = 50;

/** Red Hat 7.2 with 40 MB runs SPEC95 for half an hour: it loads its programs, then writes to pages of its own. */
export function sharingLinux(
  number: number,
  { zero, common, twice }: LinuxContents,
  seconds: number,
): CompiledWorkload {
  const random = new RandomStream(number, "sharing-linux");
  const shape = {
    memoryPages: LINUX_MIB * MIB,
    kernelPages: LINUX_KERNEL_PAGES,
    anonymousPages: LINUX_PAGES,
    swapPages: LINUX_MIB * MIB,
  };
  const shared = zero + common + twice;
  const content = (page: number): number => {
    if (page < zero) return 1;
    if (page < shared) return 2 + ((page - zero) % common);
    return 0;
  };
  return guest("sharing-linux", seconds, shape, (stream) => {
    stream.add(Op.Request, number, 0, 1);
    for (let page = 0; page < LINUX_PAGES; page++) stream.add(Op.Touch, page, (1000 << 1) | 1, content(page));
    for (let second = 60; second < seconds; second++) {
      stream.add(Op.Request, second, 0, 1);
      for (let i = 0; i < WRITES_PER_SECOND; i++) {
        stream.add(Op.Touch, shared + random.below(LINUX_PAGES - shared), (1000 << 1) | 1, 0);
      }
    }
  });
}
