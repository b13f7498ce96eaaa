/**
 * A red-black tree of page contents (Cormen et al. 2009, chapter 13), as the kernel has one of shared frames (Linux,
 * lib/rbtree.c). It is not needed to find a content, but to know which others the kernel's search comes by.
 *
 * The kernel orders pages by their bytes. Here a content is only a number, so they are in an order that has nothing to do with it;
 * what a search comes by then agrees in number with the kernel's, and not one by one, unless the pages' bytes are in this order.
 */
import { copyInto } from "../../core/copy-into.ts";

/** No entry: what a leaf has for children. It is black. */
export const NO_ENTRY = 0;
/** 2^32 divided by the golden ratio, odd: numbers in a row are spread evenly (Knuth 1998, section 6.4). */
const SPREAD = 0x9e3779b1;

function orderOf(content: number): number {
  return Math.imul(content, SPREAD) >>> 0;
}

/** Entries are numbers from 1 that the caller hands out. */
export class ContentTree {
  root = NO_ENTRY;
  #order = new Uint32Array(1);
  #left = new Uint32Array(1);
  #right = new Uint32Array(1);
  #parent = new Uint32Array(1);
  #isRed = new Uint8Array(1);

  /** Room for entries below `count`. */
  grow(count: number): void {
    this.#order = copyInto(this.#order, new Uint32Array(count));
    this.#left = copyInto(this.#left, new Uint32Array(count));
    this.#right = copyInto(this.#right, new Uint32Array(count));
    this.#parent = copyInto(this.#parent, new Uint32Array(count));
    this.#isRed = copyInto(this.#isRed, new Uint8Array(count));
  }

  /** Where a search for the content goes on from an entry; NO_ENTRY: it is at its end. */
  next(entry: number, content: number): number {
    const order = orderOf(content);
    const here = this.#order[entry];
    if (order === here) return NO_ENTRY;
    return order < here ? this.#left[entry] : this.#right[entry];
  }

  /** The content is not in the tree. */
  insert(entry: number, content: number): void {
    const order = orderOf(content);
    let parent = NO_ENTRY;
    for (let at = this.root; at !== NO_ENTRY; at = order < this.#order[at] ? this.#left[at] : this.#right[at])
      parent = at;
    this.#order[entry] = order;
    this.#left[entry] = NO_ENTRY;
    this.#right[entry] = NO_ENTRY;
    this.#parent[entry] = parent;
    this.#isRed[entry] = 1;
    if (parent === NO_ENTRY) this.root = entry;
    else if (order < this.#order[parent]) this.#left[parent] = entry;
    else this.#right[parent] = entry;
    this.#balanceInserted(entry);
  }

  remove(entry: number): void {
    const [left, right] = [this.#left[entry], this.#right[entry]];
    if (left === NO_ENTRY || right === NO_ENTRY) {
      const child = left === NO_ENTRY ? right : left;
      this.#replace(entry, child);
      if (this.#isRed[entry] === 0) this.#balanceRemoved(child);
      return;
    }
    let successor = right;
    while (this.#left[successor] !== NO_ENTRY) successor = this.#left[successor];
    const wasRed = this.#isRed[successor];
    const child = this.#right[successor];
    if (this.#parent[successor] === entry) this.#parent[child] = successor;
    else {
      this.#replace(successor, child);
      this.#setRight(successor, right);
    }
    this.#replace(entry, successor);
    this.#setLeft(successor, left);
    this.#isRed[successor] = this.#isRed[entry];
    if (wasRed === 0) this.#balanceRemoved(child);
  }

  /** Red below red is not allowed. */
  #balanceInserted(inserted: number): void {
    let entry = inserted;
    while (this.#isRed[this.#parent[entry]] === 1) {
      let parent = this.#parent[entry];
      const grandparent = this.#parent[parent];
      const isLeft = parent === this.#left[grandparent];
      const uncle = isLeft ? this.#right[grandparent] : this.#left[grandparent];
      if (this.#isRed[uncle] === 1) {
        this.#isRed[parent] = 0;
        this.#isRed[uncle] = 0;
        this.#isRed[grandparent] = 1;
        entry = grandparent;
        continue;
      }
      if (entry === (isLeft ? this.#right[parent] : this.#left[parent])) {
        entry = parent;
        this.#rotate(entry, isLeft);
        parent = this.#parent[entry];
      }
      this.#isRed[parent] = 0;
      this.#isRed[grandparent] = 1;
      this.#rotate(grandparent, !isLeft);
    }
    this.#isRed[this.root] = 0;
  }

  /** A black entry is missing on the way to `at`, which may be a leaf's child: its parent is known for that. */
  #balanceRemoved(at: number): void {
    let entry = at;
    while (entry !== this.root && this.#isRed[entry] === 0) {
      const parent = this.#parent[entry];
      const isLeft = entry === this.#left[parent];
      let sibling = isLeft ? this.#right[parent] : this.#left[parent];
      if (this.#isRed[sibling] === 1) {
        this.#isRed[sibling] = 0;
        this.#isRed[parent] = 1;
        this.#rotate(parent, isLeft);
        sibling = isLeft ? this.#right[parent] : this.#left[parent];
      }
      const [near, far] = isLeft
        ? [this.#left[sibling], this.#right[sibling]]
        : [this.#right[sibling], this.#left[sibling]];
      if (this.#isRed[near] === 0 && this.#isRed[far] === 0) {
        this.#isRed[sibling] = 1;
        entry = parent;
        continue;
      }
      if (this.#isRed[far] === 0) {
        this.#isRed[near] = 0;
        this.#isRed[sibling] = 1;
        this.#rotate(sibling, !isLeft);
        sibling = isLeft ? this.#right[parent] : this.#left[parent];
      }
      this.#isRed[sibling] = this.#isRed[parent];
      this.#isRed[parent] = 0;
      this.#isRed[isLeft ? this.#right[sibling] : this.#left[sibling]] = 0;
      this.#rotate(parent, isLeft);
      entry = this.root;
    }
    this.#isRed[entry] = 0;
  }

  /** `entry` goes down to the left or right, and its child on the other side is where it was. */
  #rotate(entry: number, toLeft: boolean): void {
    const child = toLeft ? this.#right[entry] : this.#left[entry];
    const inner = toLeft ? this.#left[child] : this.#right[child];
    this.#replace(entry, child);
    if (toLeft) {
      this.#right[entry] = inner;
      this.#setLeft(child, entry);
    } else {
      this.#left[entry] = inner;
      this.#setRight(child, entry);
    }
    if (inner !== NO_ENTRY) this.#parent[inner] = entry;
  }

  /** In the place of `entry` below its parent is another one. */
  #replace(entry: number, other: number): void {
    const parent = this.#parent[entry];
    if (parent === NO_ENTRY) this.root = other;
    else if (this.#left[parent] === entry) this.#left[parent] = other;
    else this.#right[parent] = other;
    this.#parent[other] = parent;
  }

  #setLeft(entry: number, child: number): void {
    this.#left[entry] = child;
    this.#parent[child] = entry;
  }

  #setRight(entry: number, child: number): void {
    this.#right[entry] = child;
    this.#parent[child] = entry;
  }
}
