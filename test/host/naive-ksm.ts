/** KSM written for obviousness: objects and searches through everything. What the scanner must agree with. */
import type { KsmSettings } from "../../src/vmm/memory/ksm-scanner.ts";
import { NaiveTree } from "./naive-tree.ts";

interface Frame {
  readonly content: number;
  readonly mappers: Set<Page>;
}

interface Node {
  readonly frame: Frame;
  /** Pages counted with it, whether they still map its frame or not. */
  readonly items: Set<Page>;
}

/** All nodes of a content. */
interface Nodes {
  /** In the order in which they are tried. */
  list: Node[];
  /** There have been several. */
  isChain: boolean;
  /** When all were looked at last. */
  prunedAt: number;
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
  timeMs = 0;
  readonly #pages: Page[];
  readonly #settings: KsmSettings;
  readonly #stable = new Map<number, Nodes>();
  readonly #tree = new NaiveTree();
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
    const nodes = [...this.#stable.values()].flatMap(({ list }) => list);
    const shared = nodes.length;
    const sharing = nodes.reduce((sum, { items: { size } }) => sum + size - 1, 0);
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
    page.item ??= { last: undefined, node: undefined, unstable: false, age: 0, skips: 0 };
    const { item } = page;
    const isSkipped = this.#settings.smartScan && this.#isSkipped(item);
    const node = this.#settings.stableFirst && !isSkipped ? this.#findStable(page) : undefined;
    this.#leaveTrees(page);
    if (isSkipped) return false;
    this.scanned++;
    if (node !== undefined) {
      this.#enter(node, page, item);
      return true;
    }
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
    const node = this.#findStable(page);
    if (node !== undefined) this.#enter(node, page, item);
    return node !== undefined;
  }

  #findStable({ content = NaN }: Page): Node | undefined {
    if (this.#isUnnoticed()) return this.#comeBy(content, true);
    const nodes = this.#stable.get(content);
    return nodes === undefined ? undefined : this.#choose(content, nodes, true);
  }

  /** Of the nodes that are looked at before one has room, or of all, those whose frame is gone go; the fullest of the others. */
  #choose(content: number, nodes: Nodes, prunes: boolean): Node | undefined {
    const { maxPageSharing, chainsPruneMs } = this.#settings;
    const all = prunes && nodes.isChain && this.timeMs >= nodes.prunedAt + chainsPruneMs;
    if (all) nodes.prunedAt = this.timeMs;
    const hasRoom = ({ frame, items }: Node): boolean => frame.mappers.size > 0 && items.size < maxPageSharing;
    const first = nodes.list.findIndex(hasRoom);
    const seen = all || first < 0 ? nodes.list : nodes.list.slice(0, first + 1);
    for (const node of seen) if (node.frame.mappers.size === 0) this.#drop(content, node);
    const [fullest] = seen.filter(hasRoom).sort((one, two) => two.items.size - one.items.size);
    if (fullest === undefined) return undefined;
    if (all && nodes.list.length === 1) nodes.isChain = false;
    else if (fullest.items.size + 1 < maxPageSharing)
      nodes.list = [fullest, ...nodes.list.filter((node) => node !== fullest)];
    return fullest;
  }

  /** There is a chain without nodes, or a node without a frame. */
  #isUnnoticed(): boolean {
    return [...this.#stable.values()].some(({ list }) => list.length === 0 || list.some(hasLostFrame));
  }

  /** A search goes through the tree, and begins anew when a content has gone. The node that it finds. */
  #comeBy(content: number, prunes: boolean): Node | undefined {
    for (const order of this.#tree.path(orderOf(content))) {
      const each = this.#contentAt(order);
      const nodes = this.#stable.get(each);
      if (nodes === undefined) throw new Error("a content has gone without a search that begins anew");
      const chosen = this.#choose(each, nodes, prunes);
      if (nodes.list.length === 0) this.#forget(each);
      if (!this.#stable.has(each)) return this.#comeBy(content, prunes);
      if (each === content) return chosen;
    }
    return undefined;
  }

  #contentAt(order: number): number {
    for (const content of this.#stable.keys()) if (orderOf(content) === order) return content;
    throw new Error("the tree has a content that is not there");
  }

  #drop(content: number, node: Node): void {
    const nodes = this.#stable.get(content);
    if (nodes === undefined) return;
    nodes.list = nodes.list.filter((one) => one !== node);
    if (nodes.list.length === 0 && !nodes.isChain) this.#forget(content);
  }

  #forget(content: number): void {
    if (this.#stable.delete(content)) this.#tree.remove(orderOf(content));
  }

  /** A new node. */
  #addNode(content: number): Node {
    if (this.#isUnnoticed()) this.#comeBy(content, false);
    const node: Node = { frame: { content, mappers: new Set() }, items: new Set() };
    const nodes = this.#stable.get(content);
    if (nodes === undefined) {
      this.#stable.set(content, { list: [node], isChain: false, prunedAt: 0 });
      this.#tree.insert(orderOf(content));
    } else {
      nodes.list.unshift(node);
      if (!nodes.isChain) nodes.prunedAt = this.timeMs;
      nodes.isChain = true;
    }
    return node;
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
    const node = this.#addNode(page.content ?? NaN);
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
    if (node === undefined || this.#stable.get(node.frame.content)?.list.includes(node) !== true) return;
    // A node without a frame goes altogether.
    if (node.frame.mappers.size === 0) this.#drop(node.frame.content, node);
    else node.items.delete(page);
  }

  #leaveFrame(page: Page): void {
    page.frame?.mappers.delete(page);
    page.frame = undefined;
    page.onZeroPage = false;
  }
}

function hasLostFrame({ frame }: Node): boolean {
  return frame.mappers.size === 0;
}

/** The order of contents in the tree. */
function orderOf(content: number): number {
  return Number((BigInt(content) * 0x9e3779b1n) & 0xffff_ffffn);
}
