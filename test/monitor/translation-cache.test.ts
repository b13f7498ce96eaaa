import { describe, expect, it } from "vitest";
import { kernelPaths } from "../../src/guest/kernel-paths.ts";
import { type BasicBlock, kernelCode } from "../../src/vmm/cpu/kernel-code.ts";
import { TranslationCache } from "../../src/vmm/cpu/translation-cache.ts";
import { XEON } from "./machines.ts";

const block = (address: number, instructions: number, returns = false): BasicBlock => ({
  address,
  instructions,
  returns,
});
const NOTHING = { exits: 0, units: 0, instructions: 0, chained: 0, flushes: 0 };

describe("the translation cache", () => {
  it("translates a block of 30 instructions as units of 12, 12 and 6, each of which leads to the next", () => {
    const cache = new TranslationCache(100);
    expect(cache.run([block(0, 30, true)])).toEqual({ exits: 3, units: 3, instructions: 30, chained: 2, flushes: 0 });
    for (const from of [0, 12]) expect(cache.run([block(from, 12), block(from + 12, 12, true)])).toEqual(NOTHING);
    expect(cache.used).toBe(3);
  });

  it("ends a unit where control flow changes, however short", () => {
    const cache = new TranslationCache(100);
    const work = cache.run([block(0, 5), block(5, 1), block(6, 13, true)]);
    expect(work).toEqual({ exits: 4, units: 4, instructions: 19, chained: 3, flushes: 0 });
  });

  it("stays in the cache from the second time on", () => {
    const cache = new TranslationCache(100);
    const code = [block(0, 5), block(5, 20, true), block(25, 3, true)];
    cache.run(code);
    expect(cache.run(code)).toEqual(NOTHING);
  });

  it("leaves once more to chain a branch between units that both were there", () => {
    const cache = new TranslationCache(100);
    cache.run([block(0, 5, true)]);
    cache.run([block(40, 5, true)]);
    const jump = [block(0, 5), block(40, 5, true)];
    expect(cache.run(jump)).toEqual({ ...NOTHING, exits: 1, chained: 1 });
    expect(cache.run(jump)).toEqual(NOTHING);
  });

  it("does not chain returns, whose target is looked up", () => {
    const cache = new TranslationCache(100);
    cache.run([block(0, 5, true), block(40, 5, true)]);
    // Nor has the return left a link behind that a branch at the same place would find.
    expect(cache.run([block(0, 5), block(40, 5, true)])).toEqual({ ...NOTHING, exits: 1, chained: 1 });
  });

  it("is emptied when it is full, and what is needed then is translated anew", () => {
    const cache = new TranslationCache(3);
    const code = [block(0, 12), block(12, 12), block(24, 12, true)];
    expect(cache.run(code)).toMatchObject({ units: 3, flushes: 0 });
    // A fourth unit does not fit: it is alone afterwards, and the branch that led to it is gone.
    expect(cache.run([block(24, 12), block(36, 4, true)])).toEqual({
      exits: 1,
      units: 1,
      instructions: 4,
      chained: 0,
      flushes: 1,
    });
    expect([cache.used, cache.generation]).toEqual([1, 1]);
    expect(cache.run([block(36, 4, true)])).toEqual(NOTHING);
    expect(cache.run([block(0, 12, true)])).toMatchObject({ units: 1, flushes: 0 });
  });
});

describe("the kernel's code", () => {
  it("has 36 instructions in six units for each function of a path, up to a hundred", () => {
    const code = kernelCode(XEON);
    const { "page-fault": fault, exec } = kernelPaths(XEON);
    // 14 calls: 15 functions; the path of exec makes 600.
    expect(new TranslationCache(10_000).run(code[fault.id])).toMatchObject({ units: 90, instructions: 540 });
    expect(new TranslationCache(10_000).run(code[exec.id])).toMatchObject({ units: 600, instructions: 3600 });
  });

  it("is shared by no two paths", () => {
    const addresses = kernelCode(XEON).flatMap((blocks) => blocks.map(({ address }) => address));
    expect(new Set(addresses).size).toBe(addresses.length);
  });
});
