/**
 * Settled pages: a bit that says that a read changes nothing must never change what happens. Two hosts do the same, one of
 * which keeps no such bits; and each bit is held against what it stands for.
 */
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { kernelVersion } from "../../src/guest/kernel-builds.ts";
import type { GuestMemory } from "../../src/guest/memory-manager.ts";
import { clairvoyant } from "../../src/vmm/allocation/clairvoyant.ts";
import { esx } from "../../src/vmm/esx.ts";
import { esx6 } from "../../src/vmm/esx-6.ts";
import { kvm } from "../../src/vmm/kvm.ts";
import { compression } from "../../src/vmm/memory/compression.ts";
import { hostSwap } from "../../src/vmm/memory/host-swap.ts";
import { pageSharing } from "../../src/vmm/memory/page-sharing.ts";
import { patching } from "../../src/vmm/memory/patching.ts";
import { Mark } from "../../src/vmm/host-memory/page-marks.ts";
import { xenPv } from "../../src/vmm/xen-pv.ts";
import type { MachineProfile } from "../../src/machine/profile.ts";
import { packReadCall } from "../../src/workload/read-call.ts";
import { addGuest, buildHost, SHAPE, type TestHost } from "./fixtures.ts";

/** Pages become patches or are compressed once they have not been touched for a while. */
const ENGINE = {
  ...esx,
  name: "patching",
  memory: [pageSharing(), patching(), compression({ maxPercent: 5 }), hostSwap()],
};
/** It learns from touches which page is needed last. */
const OPTIMUM = { ...esx, name: "clairvoyant", memory: [], allocation: clairvoyant() };
const FRAMES = 130;
/** Xen takes memory from nobody by force: there are frames for all that balloons may give back. */
const ENOUGH_FRAMES = 200;
const TARGET = 60;

interface Pair {
  readonly host: TestHost;
  readonly guests: readonly GuestMemory[];
}

/** Few enough that most are read several times. */
const page = fc.nat(29);
/** Reads and writes come more often than what unsettles pages. */
const USES = ["touch", "touch", "touch", "write", "file", "file", "sequence", "write-file"] as const;
const step = fc.record({
  guest: fc.nat(1),
  kind: fc.constantFrom(...USES, "discard", "balloon", "reclaim", "work", "mark", "second"),
  page,
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

type Kernel = Pick<MachineProfile, "kernel" | "kernelBuild">;
const KERNELS: readonly Kernel[] = [
  { kernel: "linux-2.4" },
  { kernel: "linux-2.4", kernelBuild: "redhat-7.2" },
  { kernel: "linux-6.1" },
];

function build(vmm: typeof esx, version: Kernel, settles: boolean): Pair {
  const host = buildHost(vmm, vmm === xenPv ? ENOUGH_FRAMES : FRAMES);
  const guests = [0, 1].map((i) => {
    const contents = Uint32Array.from({ length: SHAPE.memoryPages }, (_, ppn) => (ppn < 38 ? 1000 * i + ppn + 2 : 0));
    const guest = addGuest(host, SHAPE, contents, TARGET, version.kernel, kernelVersion(version));
    const vm = host.memory.vms[i];
    vm.reads = settles ? guest.pages : undefined;
    guest.anonymous.settle();
    return guest;
  });
  return { host, guests };
}

/** The rest of a file of so many pages, to its last one. */
const LENGTH = 8;
function readOn({ cache }: GuestMemory, first: number): void {
  const begin = first - (first % LENGTH);
  const whole = Math.min(SHAPE.filePages, begin + LENGTH) - begin;
  cache.calls.open(0, 0, begin, 0);
  for (let next = first; next < begin + whole; next++) {
    cache.calls.begin(0, next, packReadCall({ file: 0, goesOn: false, asked: 2, whole }));
    cache.touch(next, true);
  }
}

function take({ host, guests }: Pair, { guest, kind, page: number }: Step, content: number): void {
  const { anonymous, cache, balloon, pages } = guests[guest];
  const vm = host.memory.vms[guest];
  if (kind === "touch") anonymous.touch(number);
  else if (kind === "write") anonymous.write(number, content);
  else if (kind === "file") cache.touch(number % SHAPE.filePages);
  else if (kind === "sequence") readOn(guests[guest], number % SHAPE.filePages);
  else if (kind === "second") pages.replacement.secondPassed();
  else if (kind === "write-file") cache.write(number % SHAPE.filePages, content, number % 3 === 0, content);
  else if (kind === "discard") anonymous.discard(number);
  else if (kind === "balloon") balloon.poll(2 * number, SHAPE.memoryPages);
  else if (kind === "reclaim") for (const mechanism of host.mechanisms) mechanism.reclaim(vm, 1 + (number & 3));
  else if (kind === "work") for (const mechanism of host.mechanisms) mechanism.work();
  else if (vm.backing[number] >= 0) vm.mark(number, Mark.Sampled);
}

/** All that a simulation goes by. */
function stateOf({ host: { memory }, guests }: Pair): unknown {
  const { frames, payer, requests, cowBreaks, swapIns, swapOuts } = memory;
  return {
    host: [frames.free, frames.private, frames.shared, payer.total, requests.length, cowBreaks, swapIns, swapOuts],
    vms: memory.vms.map((vm) => [[...vm.backing], vm.sampleTouched, vm.sharingBroken, vm.returned]),
    marked: memory.vms.map((vm) => [...vm.backing.keys()].filter((ppn) => vm.marks.any(ppn))),
    guests: guests.map(({ pages, anonymous, cache, requests: own }) => [
      [...pages.descriptors.flags],
      [...pages.descriptors.next],
      pages.freePages,
      [anonymous.swapIns, anonymous.swapOuts, anonymous.demandZeroFaults, cache.misses, own.length],
    ]),
  };
}

/** Settled pages that a read would change something of, or that are not there. */
function wronglySettled({ host, guests }: Pair): readonly string[] {
  return guests.flatMap(({ settled, anonymous, cache, pages }, i) => {
    const vm = host.memory.vms[i];
    const isRight = (ppn: number, isKnown: (ppn: number) => boolean): boolean =>
      ppn >= 0 && vm.backing[ppn] >= 0 && !vm.marks.any(ppn) && isKnown(ppn);
    const { replacement } = pages;
    const logical = Array.from({ length: SHAPE.anonymousPages }, (_, number) => number)
      .filter((number) => settled.has(number))
      .filter((number) => !isRight(anonymous.ppnOf(number), (ppn) => replacement.isKnownUsed(ppn)));
    const files = Array.from({ length: SHAPE.filePages }, (_, number) => number)
      .filter((number) => settled.hasFile(number))
      .filter((number) => !isRight(cache.ppnOf(number), (ppn) => replacement.isKnownToCalls(ppn)));
    return [
      ...logical.map((number) => `guest ${i}, page ${number}`),
      ...files.map((n) => `guest ${i}, file page ${n}`),
    ];
  });
}

it.each(
  [esx, esx6, kvm, xenPv, ENGINE, OPTIMUM].flatMap((vmm) =>
    KERNELS.map((kernel) => ({ vmm, kernel, name: kernel.kernelBuild ?? kernel.kernel })),
  ),
)("a bit for pages that reads leave as they are changes nothing: $vmm.name, $name", ({ vmm, kernel }) => {
  let settledReads = 0;
  fc.assert(
    fc.property(fc.array(step, { minLength: 50, maxLength: 200 }), (steps) => {
      const [settling, plain] = [build(vmm, kernel, true), build(vmm, kernel, false)];
      for (const [i, one] of steps.entries()) {
        const guest = settling.guests[one.guest];
        if (one.kind === "touch" && guest.settled.has(one.page)) settledReads++;
        if (one.kind === "file" && guest.settled.hasFile(one.page % SHAPE.filePages)) settledReads++;
        for (const pair of [settling, plain]) take(pair, one, 10_000 + i);
        expect(wronglySettled(settling)).toEqual([]);
        expect(stateOf(settling)).toEqual(stateOf(plain));
      }
    }),
    { numRuns: 20, seed: 42 },
  );
  // Or nothing would have been tried.
  expect(settledReads).toBeGreaterThan(20);
});
