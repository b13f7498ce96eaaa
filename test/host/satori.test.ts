import { expect, it } from "vitest";
import { bootContents } from "../../src/guest/memory-manager.ts";
import { satori } from "../../src/vmm/memory/satori.ts";
import { xenPv } from "../../src/vmm/xen-pv.ts";
import { addGuest, buildHost, checkFrames, SHAPE } from "./fixtures.ts";

const NOTHING_CACHED = { ...SHAPE, residentFilePages: 0, imagePages: 30 };

function guests(count: number) {
  const host = buildHost({ ...xenPv, memory: [satori()] }, count * SHAPE.memoryPages);
  const all = Array.from({ length: count }, () =>
    addGuest(host, NOTHING_CACHED, bootContents(NOTHING_CACHED, host.ids), SHAPE.memoryPages),
  );
  return { ...host, all };
}

/** Frames that one frame for each content of the image in memory would save: counted from contents alone. */
function equalImagePages({ memory, ids }: ReturnType<typeof guests>): number {
  const first = ids.ofImage(0);
  const inMemory = memory.vms.flatMap(({ backing }) => [...backing].map((mpn) => memory.frames.content[mpn]));
  const ofImage = inMemory.filter((content) => content >= first);
  return ofImage.length - new Set(ofImage).size;
}

it("Satori shares a block as soon as the second guest has read it", () => {
  const host = guests(3);
  const { all, memory } = host;
  for (let page = 0; page < 40; page++) all[0].cache.read(page);
  expect(memory.frames.saved).toBe(0);
  for (let page = 0; page < 40; page++) {
    all[1].cache.read(page);
    expect(memory.frames.saved).toBe(Math.min(30, page + 1));
  }
  for (let page = 10; page < 20; page++) all[2].cache.read(page);
  expect(memory.frames.saved).toBe(40);
  expect(equalImagePages(host)).toBe(40);
  checkFrames(memory);
});

it("Satori does not take a page for the block that it held before it was written to", () => {
  const { all, memory, ids } = guests(2);
  all[0].cache.read(3);
  const changed = ids.unique();
  all[0].cache.write(3, changed, false, 0);
  const original = all[1].cache.read(3);
  expect([memory.frames.saved, original === changed, all[0].cache.read(3)]).toEqual([0, false, changed]);
});

it("Satori copies a shared block for the guest that writes to it, and keeps the others'", () => {
  const { all, memory, ids } = guests(3);
  for (const { cache } of all) cache.read(5);
  const original = all[0].cache.read(5);
  const changed = ids.unique();
  all[1].cache.write(5, changed, false, 0);
  expect(all.map(({ cache }) => cache.read(5))).toEqual([original, changed, original]);
  expect([memory.frames.saved, memory.cowBreaks]).toEqual([1, 1]);
  checkFrames(memory);
});

it("Satori does not look at memory that no disk was read into", () => {
  const { all, memory } = guests(2);
  for (const { anonymous } of all) for (let page = 0; page < 20; page++) anonymous.write(page, 0);
  expect(memory.frames.saved).toBe(0);
});
