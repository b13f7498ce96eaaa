/** KSM written for obviousness: objects and searches through everything. What the scanner must agree with. */
import type { KsmSettings } from "../../src/vmm/memory/ksm-scanner.ts";

interface Frame {
  readonly content: number;
  readonly mappers: Set<Page>;
}

interface Node {
  readonly frame: Frame;
  /** Pages counted with it, whether they still map its frame or not. */
  readonly items: Set<Page>;
}

interface Page {
  /** Undefined: not mapped. */
  content: number | undefined;
  frame: Frame | undefined;
  onZeroPage: boolean;
  item: Item | undefined;
}

interface Item {
  last: number | undefined;
  node: Node | undefined;
  unstable: boolean;
  age: number;
  skips: number;
}

export class NaiveKsm {
  fullScans = 0;
  scanned = 0;
  skipped = 0;
  cowBreaks = 0;
  readonly #pages: Page[];
  readonly #settings: KsmSettings;
  /** Those that have got room last come first. */
  #nodes: Node[] = [];
  /** Those put in last come first. */
  #unstable: Page[] = [];
  #next = 0;

  constructor(contents: readonly number[], settings: KsmSettings) {
    this.#settings = settings;
    this.#pages = contents.map((content) => ({ content, frame: undefined, onZeroPage: false, item: undefined }));
  }

  write(index: number, content: number): void {
    const page = this.#pages[index];
    if (page.frame !== undefined || page.onZeroPage) this.cowBreaks++;
    this.#leaveFrame(page);
    page.content = content;
  }

  /** To the swap space; the page keeps its content for when it is back. */
  unmap(index: number): number | undefined {
    const page = this.#pages[index];
    const { content } = page;
    this.#leaveFrame(page);
    page.content = undefined;
    return content;
  }

  map(index: number, content: number): void {
    this.#pages[index].content = content;
  }

  scan(most: number): void {
    if (this.#next === 0) this.#unstable = [];
    for (let visits = 0; visits < most; ) {
      if (this.#next === this.#pages.length) {
        this.#next = 0;
        this.fullScans++;
        return;
      }
      if (this.#visit(this.#pages[this.#next++])) visits++;
    }
  }

  counters() {
    const items = this.#pages.flatMap(({ item }) => item ?? []);
    const shared = this.#nodes.length;
    const sharing = this.#nodes.reduce((sum, { items: { size } }) => sum + size - 1, 0);
    const unshared = items.filter(({ unstable }) => unstable).length;
    return {
      pages_shared: shared,
      pages_sharing: sharing,
      pages_unshared: unshared,
      pages_volatile: items.length - shared - sharing - unshared,
      ksm_zero_pages: this.#pages.filter(({ onZeroPage }) => onZeroPage).length,
    };
  }

  /** For each page the first page with the same frame, -1 for one that is not mapped, -2 for the page of zeros. */
  partition(): number[] {
    return this.#pages.map((page, index) => {
      if (page.content === undefined) return -1;
      if (page.onZeroPage) return -2;
      return page.frame === undefined ? index : this.#pages.findIndex(({ frame }) => frame === page.frame);
    });
  }

  #visit(page: Page): boolean {
    if (page.content === undefined || page.onZeroPage) {
      this.#leaveTrees(page);
      page.item = undefined;
      return false;
    }
    if (page.frame !== undefined) {
      this.scanned++;
      return true;
    }
    this.#leaveTrees(page);
    page.item ??= { last: undefined, node: undefined, unstable: false, age: 0, skips: 0 };
    const { item } = page;
    if (this.#settings.smartScan && this.#isSkipped(item)) return false;
    this.scanned++;
    if (this.#settings.stableFirst && this.#joinStable(page, item)) return true;
    const changed = item.last !== page.content;
    item.last = page.content;
    if (changed) return true;
    if (this.#settings.useZeroPages && page.content === 0) page.onZeroPage = true;
    else if (this.#settings.stableFirst || !this.#joinStable(page, item)) this.#searchUnstable(page, item);
    return true;
  }

  #isSkipped(item: Item): boolean {
    const age = item.age++;
    if (age < 3) return false;
    if (item.skips > 0) {
      item.skips--;
      this.skipped++;
      return true;
    }
    if (age <= 3) item.skips = 1;
    else if (age <= 5) item.skips = 2;
    else if (age <= 8) item.skips = 4;
    else item.skips = 8;
    return false;
  }

  #joinStable(page: Page, item: Item): boolean {
    const { maxPageSharing } = this.#settings;
    const node = this.#nodes.find(
      ({ frame, items }) => frame.mappers.size > 0 && frame.content === page.content && items.size < maxPageSharing,
    );
    if (node === undefined) return false;
    this.#enter(node, page, item);
    return true;
  }

  #searchUnstable(page: Page, item: Item): void {
    const other = this.#unstable.find(
      (one) => one.frame === undefined && one.content === page.content && one.item?.last === page.content,
    );
    if (other?.item === undefined) {
      item.unstable = true;
      this.#unstable.unshift(page);
      return;
    }
    this.#unstable = this.#unstable.filter((one) => one !== other);
    other.item.unstable = false;
    const node: Node = { frame: { content: page.content ?? NaN, mappers: new Set() }, items: new Set() };
    this.#nodes.unshift(node);
    this.#enter(node, other, other.item);
    this.#enter(node, page, item);
  }

  #enter(node: Node, page: Page, item: Item): void {
    node.frame.mappers.add(page);
    node.items.add(page);
    page.frame = node.frame;
    item.node = node;
  }

  #leaveTrees(page: Page): void {
    const { item } = page;
    if (item === undefined) return;
    item.unstable = false;
    const { node } = item;
    item.node = undefined;
    // A node without a frame goes altogether.
    if (node === undefined || !this.#nodes.includes(node)) return;
    const wasFull = node.items.size === this.#settings.maxPageSharing;
    node.items.delete(page);
    const others = this.#nodes.filter((one) => one !== node);
    if (node.frame.mappers.size === 0) this.#nodes = others;
    else if (wasFull) this.#nodes = [node, ...others];
  }

  #leaveFrame(page: Page): void {
    page.frame?.mappers.delete(page);
    page.frame = undefined;
    page.onZeroPage = false;
  }
}
