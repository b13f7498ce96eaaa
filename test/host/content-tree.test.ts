import * as fc from "fast-check";
import { expect, it } from "vitest";
import { ContentTree, NO_ENTRY } from "../../src/vmm/memory/content-tree.ts";
import { NaiveTree } from "./naive-tree.ts";

/** The order of contents in the tree, as docs/page-sharing/README.md says it. */
const orderOf = (content: number): number => Number((BigInt(content) * 0x9e3779b1n) & 0xffff_ffffn);

function path(tree: ContentTree, contents: ReadonlyMap<number, number>, content: number): (number | undefined)[] {
  const seen: (number | undefined)[] = [];
  for (let at = tree.root; at !== NO_ENTRY; at = tree.next(at, content)) seen.push(contents.get(at));
  return seen;
}

it("is the red-black tree of the textbook: searches come by the same contents, whatever was put in and removed", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(60), { minLength: 1, maxLength: 300 }), fc.nat(0xffff_ffff), (steps, base) => {
      const [tree, naive] = [new ContentTree(), new NaiveTree()];
      tree.grow(64);
      const contents = new Map<number, number>();
      for (const step of steps) {
        const content = (base + step) >>> 0;
        const entry = step + 1;
        if (contents.delete(entry)) {
          tree.remove(entry);
          naive.remove(orderOf(content));
        } else {
          tree.insert(entry, content);
          naive.insert(orderOf(content));
          contents.set(entry, content);
        }
        for (const sought of [content, (content + 7) >>> 0]) {
          expect(path(tree, contents, sought).map((each) => orderOf(each ?? NaN))).toEqual(naive.path(orderOf(sought)));
        }
      }
    }),
    { numRuns: 150, seed: 5 },
  );
});
