import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bootContents, type GuestMemory } from "../../src/guest/memory-manager.ts";
import type { KernelName } from "../../src/machine/profile.ts";
import { GuestDiscards } from "../../src/sim/guest-discards.ts";
import { proportionalShares } from "../../src/vmm/allocation/proportional-shares.ts";
import { staticPartition } from "../../src/vmm/allocation/static-partition.ts";
import type { Vmm } from "../../src/vmm/contract.ts";
import { esx } from "../../src/vmm/esx.ts";
import { kvm } from "../../src/vmm/kvm.ts";
import { ballooning } from "../../src/vmm/memory/ballooning.ts";
import { compression } from "../../src/vmm/memory/compression.ts";
import { frontswap } from "../../src/vmm/memory/frontswap.ts";
import { hostSwap } from "../../src/vmm/memory/host-swap.ts";
import { ksm } from "../../src/vmm/memory/ksm.ts";
import { patching } from "../../src/vmm/memory/patching.ts";
import { pageSharing } from "../../src/vmm/memory/page-sharing.ts";
import { hypercallbacks } from "../../src/vmm/memory/hypercallbacks.ts";
import { definePolicy } from "../../src/vmm/memory/policies/define-policy.ts";
import { satori } from "../../src/vmm/memory/satori.ts";
import { uksm } from "../../src/vmm/memory/uksm.ts";
import { xenBalloon } from "../../src/vmm/memory/xen-balloon.ts";
import { xlh } from "../../src/vmm/memory/xlh.ts";
import { native } from "../../src/vmm/native.ts";
import { xenPv } from "../../src/vmm/xen-pv.ts";
import { linuxSwap } from "../../src/vmm/memory/linux-swap.ts";
import { vmwareBalloon } from "../../src/vmm/memory/vmware-balloon.ts";
import { addGuest, buildHost, checkFrames, SCRIPTED, SHAPE, type TestHost } from "./fixtures.ts";

/** Few bits: contents that differ collide all the time. */
const sharing = pageSharing({ hashBits: 3, pagesPerSecond: 3000, pagesPerSecondPerVm: 3000 });

/** Whatever is not touched between two calls is patched. */
const FAST = { pagesPerSecond: 5000, secondsPerPass: 0.1 };

/** Gives each VM 50 pages, however many frames are free. */
const fifty = definePolicy({
  ...SCRIPTED,
  name: "fifty",
  decide: (_, { vms }) => ({
    state: 0,
    actions: vms.map(({ name }) => ({ kind: "target", vm: name, kib: 200, rule: "test" }) as const),
  }),
})();

interface Case {
  readonly name: string;
  readonly vmm: Pick<Vmm, "memory" | "allocation" | "scheduler">;
  readonly guests: number;
  readonly frames: number;
  /** Of these, frames that no VM is promised; none if nothing is said. */
  readonly spare?: number;
  /** Linux 2.4 if nothing is said. */
  readonly kernel?: KernelName;
}

const CASES: readonly Case[] = [
  { name: "native", vmm: native, guests: 1, frames: 96 },
  { name: "xen-pv", vmm: xenPv, guests: 3, frames: 300 },
  {
    name: "xen-pv ballooned, with page sharing",
    vmm: {
      ...xenPv,
      memory: [sharing, ballooning({ maxPercent: 65 })],
      allocation: staticPartition({ balloon: true }),
    },
    guests: 3,
    frames: 220,
  },
  {
    name: "esx, overcommitted, guests with Linux 6.1",
    vmm: { ...esx, memory: [sharing, ballooning(), hostSwap()] },
    guests: 3,
    frames: 150,
    kernel: "linux-6.1",
  },
  {
    name: "xen-pv ballooned, guests with Linux 6.1",
    vmm: { ...xenPv, memory: [ballooning({ maxPercent: 65 })], allocation: staticPartition({ balloon: true }) },
    guests: 3,
    frames: 220,
    kernel: "linux-6.1",
  },
  {
    name: "esx, overcommitted",
    vmm: { ...esx, memory: [sharing, vmwareBalloon(), hostSwap()] },
    guests: 3,
    frames: 150,
  },
  {
    name: "kvm ballooned, with KSM",
    vmm: {
      ...kvm,
      memory: [ksm({ pagesToScan: 90, maxPageSharing: 4 }), ballooning({ maxPercent: 65 })],
      allocation: staticPartition({ balloon: true }),
    },
    guests: 3,
    frames: 220,
  },
  {
    name: "esx with KSM and its page of zeros, overcommitted",
    vmm: {
      ...esx,
      memory: [ksm({ pagesToScan: 150, useZeroPages: true, stableFirst: true }), ballooning(), hostSwap()],
    },
    guests: 3,
    frames: 150,
  },
  { name: "esx, host swap only", vmm: { ...esx, memory: [hostSwap()] }, guests: 3, frames: 130 },
  { name: "esx with a Linux host's swap", vmm: { ...esx, memory: [linuxSwap()] }, guests: 3, frames: 130 },
  {
    name: "ksm, a balloon and a Linux host's swap",
    vmm: { ...esx, memory: [ksm({ pagesToScan: 90, maxPageSharing: 4 }), ballooning(), linuxSwap()] },
    guests: 3,
    frames: 150,
  },
  {
    name: "esx without tax, sharing within VMs",
    vmm: {
      ...esx,
      memory: [
        pageSharing({ hashBits: 2, interVm: false, pagesPerSecond: 3000, pagesPerSecondPerVm: 3000 }),
        ballooning(),
        hostSwap(),
      ],
      allocation: proportionalShares({ idleMemoryTax: 0 }),
    },
    guests: 3,
    frames: 150,
  },
  {
    name: "esx with compression",
    vmm: { ...esx, memory: [sharing, vmwareBalloon(), compression({ maxPercent: 25 }), hostSwap()] },
    guests: 3,
    frames: 150,
  },
  {
    name: "esx with patching, overcommitted",
    vmm: { ...esx, memory: [sharing, ballooning(), patching(FAST), hostSwap()] },
    guests: 3,
    frames: 170,
  },
  {
    name: "esx with patching and compression",
    vmm: { ...esx, memory: [sharing, ballooning(), patching(FAST), compression({ maxPercent: 50 }), hostSwap()] },
    guests: 3,
    frames: 170,
  },
  {
    name: "xen-pv with patching alone",
    vmm: { ...xenPv, memory: [patching(FAST), ballooning()] },
    guests: 3,
    frames: 300,
  },
  {
    name: "kvm ballooned, with KSM and patching",
    vmm: {
      ...kvm,
      memory: [ksm({ pagesToScan: 90, maxPageSharing: 4 }), ballooning({ maxPercent: 65 }), patching(FAST)],
      allocation: staticPartition({ balloon: true }),
    },
    guests: 3,
    frames: 260,
  },
  {
    name: "esx with compression and little swap space",
    vmm: { ...esx, memory: [compression({ maxPercent: 25 }), hostSwap({ spacePercent: 240 })] },
    guests: 3,
    frames: 130,
  },
  {
    name: "kvm ballooned, with KSM and hints for it",
    vmm: {
      ...kvm,
      memory: [
        xlh({ hints: 8 }),
        ksm({ pagesToScan: 30, maxPageSharing: 4, smartScan: false }),
        ballooning({ maxPercent: 65 }),
      ],
      allocation: staticPartition({ balloon: true }),
    },
    guests: 3,
    frames: 220,
  },
  {
    name: "esx with KSM, hints for it and a Linux host's swap, guests with Linux 6.1",
    vmm: { ...esx, memory: [xlh(), ksm({ pagesToScan: 60, stableFirst: true }), ballooning(), linuxSwap()] },
    guests: 3,
    frames: 150,
    kernel: "linux-6.1",
  },
  {
    name: "xen-pv with Satori",
    vmm: { ...xenPv, memory: [satori(), xenBalloon()], allocation: staticPartition({ balloon: true }) },
    guests: 3,
    frames: 220,
  },
  { name: "esx with Satori, overcommitted", vmm: { ...esx, memory: [satori(), hostSwap()] }, guests: 3, frames: 130 },
  {
    name: "esx with UKSM, overcommitted",
    vmm: { ...esx, memory: [uksm({ governor: 2 }), ballooning(), hostSwap()] },
    guests: 3,
    frames: 150,
  },
  {
    name: "xen-pv ballooned, which keeps guests' swap pages",
    vmm: { ...xenPv, memory: [xenBalloon(), frontswap()], allocation: staticPartition({ balloon: true }) },
    guests: 3,
    frames: 240,
    spare: 20,
  },
  {
    name: "xen-pv which shares pages and keeps guests' swap pages, guests with Linux 6.1",
    vmm: {
      ...xenPv,
      memory: [sharing, ballooning({ maxPercent: 65 }), frontswap()],
      allocation: staticPartition({ balloon: true }),
    },
    guests: 3,
    frames: 240,
    spare: 20,
    kernel: "linux-6.1",
  },
  {
    name: "VMs ballooned by a policy, host swap, and frames for guests' swap pages",
    vmm: { ...esx, memory: [sharing, ballooning({ maxPercent: 65 }), frontswap(), hostSwap()], allocation: fifty },
    guests: 3,
    frames: 170,
  },
  {
    name: "esx with hypercallbacks and host swap",
    vmm: { ...esx, memory: [hypercallbacks(), hostSwap()] },
    guests: 3,
    frames: 130,
  },
  {
    name: "hypercallbacks and a Linux host's swap, guests with Linux 6.1",
    vmm: { ...esx, memory: [ksm({ pagesToScan: 90 }), hypercallbacks(), linuxSwap()] },
    guests: 3,
    frames: 130,
    kernel: "linux-6.1",
  },
];

/** Guests whose files are on one image for the most part. */
const ON_IMAGE = { ...SHAPE, imagePages: 30 };

const OVERCOMMITTED = CASES.findIndex(({ name }) => name === "esx, overcommitted");

type Command =
  | {
      readonly kind: "write" | "read" | "discard";
      readonly guest: number;
      readonly page: number;
      readonly content: number;
    }
  | { readonly kind: "file-write" | "file-read"; readonly guest: number; readonly page: number; readonly sync: boolean }
  | { readonly kind: "background"; readonly rounds: number };

const guestNumber = fc.nat({ max: 2 });
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom("write" as const, "write" as const, "read" as const, "discard" as const),
      guest: guestNumber,
      page: fc.nat({ max: SHAPE.anonymousPages - 1 }),
      // Few contents, so that pages are equal often.
      content: fc.nat({ max: 5 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom("file-write" as const, "file-read" as const),
      guest: guestNumber,
      page: fc.nat({ max: SHAPE.filePages - 1 }),
      sync: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("background" as const), rounds: fc.integer({ min: 1, max: 3 }) }),
  },
);

/** What the guests must see: kept beside the simulation, without any of its mechanisms. */
class Expected {
  readonly anonymous = new Map<string, number>();
  readonly files = new Map<string, number>();
}

class Play {
  readonly #host: TestHost;
  readonly #guests: GuestMemory[] = [];
  readonly #expected = new Expected();
  #seconds = 0;

  constructor({ vmm, guests, frames, spare = 0, kernel }: Case) {
    this.#host = buildHost(vmm, frames);
    const requests = Array.from({ length: guests }, () => ({ pages: SHAPE.memoryPages }));
    const targets = this.#host.allocation.admit(requests, this.#host.memory.frames.free - spare);
    expect(targets.length).toBe(guests);
    for (const target of targets) {
      const guest = addGuest(this.#host, ON_IMAGE, bootContents(ON_IMAGE, this.#host.ids), target, kernel);
      this.#host.memory.vms[this.#guests.length].discardable = new GuestDiscards(guest);
      this.#guests.push(guest);
    }
    this.#guests.forEach((guest, g) => {
      for (let page = 0; page < SHAPE.residentAnonymousPages; page++) {
        this.#expected.anonymous.set(`${g}/${page}`, guest.anonymous.read(page));
      }
    });
  }

  run(step: Command): void {
    if (step.kind === "background") this.#background(step.rounds);
    else this.#guestCommand(step, step.guest % this.#guests.length);
    // As the simulation does after every event.
    if (this.#host.memory.alarm) this.#host.allocation.rebalance(this.#seconds * 1e6);
    this.#host.memory.alarm = false;
    checkFrames(this.#host.memory);
  }

  /** Everything that was ever written is still there. */
  readBackAll(): void {
    for (const [key, content] of this.#expected.anonymous) {
      const [guest, page] = key.split("/").map(Number);
      expect(this.#guests[guest].anonymous.read(page), `anonymous ${key}`).toBe(content);
    }
    for (const [key, content] of this.#expected.files) {
      const [guest, page] = key.split("/").map(Number);
      expect(this.#guests[guest].cache.read(page), `file ${key}`).toBe(content);
    }
    for (const guest of this.#guests) expect(guest.pages.outOfMemory).toBe(0);
    checkFrames(this.#host.memory);
    this.#checkFrontswap();
  }

  /** Pages of swap devices that the host has taken so far; undefined: it takes none. */
  get puts(): number | undefined {
    return this.#host.memory.frontswap?.puts;
  }

  /** What was put was given up, or is held for a page that its guest has on its swap device. */
  #checkFrontswap(): void {
    const { frontswap: keeper, vms } = this.#host.memory;
    if (keeper === undefined) return;
    const held = vms.map(({ frontswapFrames }) => frontswapFrames);
    expect(this.#guests.map(({ anonymous }) => anonymous.swap.frontswap?.pages)).toEqual(held);
    expect(keeper.puts - keeper.flushes).toBe(held.reduce((sum, one) => sum + one, 0));
    this.#guests.forEach(({ anonymous }, g) => expect(held[g]).toBeLessThanOrEqual(anonymous.swap.used));
  }

  #guestCommand(step: Exclude<Command, { kind: "background" }>, g: number): void {
    const guest = this.#guests[g];
    const key = `${g}/${step.page}`;
    const { anonymous, files } = this.#expected;
    if (step.kind === "write") {
      const content = step.content === 0 ? 0 : this.#host.ids.common(step.content);
      guest.anonymous.write(step.page, content);
      anonymous.set(key, content);
    } else if (step.kind === "read") {
      expect(guest.anonymous.read(step.page)).toBe(anonymous.get(key) ?? 0);
    } else if (step.kind === "discard") {
      guest.anonymous.discard(step.page);
      anonymous.delete(key);
    } else if (step.kind === "file-write") {
      const content = this.#host.ids.unique();
      guest.cache.write(step.page, content, step.sync, this.#seconds);
      files.set(key, content);
    } else {
      const content = guest.cache.read(step.page);
      expect(content).toBe(files.get(key) ?? content);
      files.set(key, content);
    }
  }

  #background(rounds: number): void {
    for (let round = 0; round < rounds; round++) {
      this.#seconds += 5;
      this.#host.allocation.rebalance(this.#seconds * 1e6);
      for (const mechanism of this.#host.mechanisms) mechanism.work();
      for (const guest of this.#guests) guest.cache.writeBack(this.#seconds - 10);
      for (const guest of this.#guests) guest.anonymous.unuse(3);
    }
  }
}

describe.each(CASES)("memory of guests on $name", (setup) => {
  it("what a guest reads is what it last wrote, frames are conserved, references are right", () => {
    const puts: (number | undefined)[] = [];
    fc.assert(
      fc.property(fc.array(command, { minLength: 50, maxLength: 250 }), (steps) => {
        const play = new Play(setup);
        for (const step of steps) play.run(step);
        play.readBackAll();
        puts.push(play.puts);
      }),
      { numRuns: 40, seed: 42 },
    );
    expect(puts.every((count) => count === 0)).toBe(false);
  });
});

it("the overcommitted cases do share, balloon, swap in the guest and on the host, and break sharing", () => {
  const host = buildHost(CASES[OVERCOMMITTED].vmm, CASES[OVERCOMMITTED].frames);
  const guests = [0, 1, 2].map(() => addGuest(host, SHAPE, bootContents(SHAPE, host.ids), 50));
  for (let second = 1; second < 60; second++) {
    for (const guest of guests) {
      for (let page = 0; page < SHAPE.anonymousPages; page++) {
        guest.anonymous.write(page, host.ids.common((second + page) % 7));
        if (page % 3 === 0) guest.cache.read((page + second) % SHAPE.filePages);
        // As the simulation does after every event.
        if (host.memory.alarm) host.allocation.rebalance(second * 1e6);
        host.memory.alarm = false;
      }
    }
    host.allocation.rebalance(second * 1e6);
    for (const mechanism of host.mechanisms) mechanism.work();
  }
  expect(host.memory.cowBreaks).toBeGreaterThan(0);
  expect(host.memory.swapOuts).toBeGreaterThan(0);
  expect(host.memory.swapIns).toBeGreaterThan(0);
  expect(host.memory.vms.some(({ ballooned }) => ballooned > 0)).toBe(true);
  expect(guests.some(({ anonymous }) => anonymous.swapOuts > 0)).toBe(true);
});
