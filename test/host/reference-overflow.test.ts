import { describe, expect, it } from "vitest";
import { esx } from "../../src/vmm/esx.ts";
import { pageSharing } from "../../src/vmm/memory/page-sharing.ts";
import { buildHost, checkFrames } from "./fixtures.ts";

const PAGES = 40_000;
const MOST = 2 ** 16 - 1;

describe("a count of references that does not fit in 16 bits", () => {
  it("is kept in a frame of the VMM's as long as it does not", () => {
    const host = buildHost({ ...esx, memory: [pageSharing()] }, 2 * PAGES);
    const { frames, sharer } = host.memory;
    const { overhead } = frames;
    const vms = [0, 1].map(() => host.memory.addVm(PAGES));
    for (const vm of vms) for (let ppn = 0; ppn < PAGES; ppn++) host.memory.write(vm, ppn, 7);
    // Pages of both VMs by turns; the first finds nothing to share with.
    const pages = Array.from({ length: 2 * PAGES }, (_, i) => [vms[i % 2], Math.floor(i / 2)] as const);
    const overheads = pages.map(([vm, ppn]) => {
      sharer?.share(vm, ppn);
      return frames.overhead - overhead;
    });
    expect(frames.references(vms[0].backing[0])).toBe(2 * PAGES);
    expect([overheads.indexOf(1), overheads.at(-1)]).toEqual([MOST, 1]);
    checkFrames(host.memory);
    const [sharing] = host.mechanisms;
    const writes = 2 * PAGES - MOST;
    pages.slice(0, writes).forEach(([vm, ppn], i) => {
      host.memory.write(vm, ppn, 100 + i);
      if (i === writes - 2) sharing.work();
    });
    expect(frames.overhead - overhead).toBe(1);
    sharing.work();
    expect(frames.overhead - overhead).toBe(0);
    checkFrames(host.memory);
    expect(host.memory.read(...pages[writes])).toBe(7);
  });
});
