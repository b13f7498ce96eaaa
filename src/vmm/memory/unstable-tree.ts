/**
 * KSM's unstable tree: pages of one pass that found no equal page so far, by their content (Linux,
 * `Documentation/admin-guide/mm/ksm.rst`). Nothing keeps them from changing, so it is thrown away after each pass.
 *
 * The kernel orders pages by the content they have at the moment, and a search can miss an equal page because others have
 * changed on the way to it. Here a page is found if it still has the content with which it was put in, and never otherwise.
 */
import { NO_PAGE, type ScannedPages } from "./scanned-pages.ts";

/** A bucket for so many pages at least: about half of all pages are merged or not yet scanned twice. */
const PAGES_PER_BUCKET = 2;

export class UnstableTree {
  /** Pages in the tree. */
  size = 0;
  readonly #pages: ScannedPages;
  #buckets = new Int32Array(1).fill(NO_PAGE);

  constructor(pages: ScannedPages) {
    this.#pages = pages;
  }

  /** Throw the tree away; what is known of the pages that were in it stays. */
  clear(): void {
    this.#buckets.fill(NO_PAGE);
    this.size = 0;
  }

  /** There are more pages than before. */
  grow(): void {
    const old = this.#buckets;
    this.#buckets = new Int32Array(2 ** Math.floor(Math.log2(Math.max(1, this.#pages.count / PAGES_PER_BUCKET))));
    this.#buckets.fill(NO_PAGE);
    for (let page of old) {
      while (page !== NO_PAGE) {
        const next = this.#pages.nextUnstable(page);
        this.#link(page);
        page = next;
      }
    }
  }

  /** Put a page in that is not in it, with the content of its last visit. */
  insert(page: number): void {
    this.size++;
    this.#pages.unstable++;
    this.#link(page);
  }

  /** Take out a page that has the given content, which the caller puts in its place; NO_PAGE: there is none. */
  take(content: number): number {
    const { lastContent } = this.#pages;
    const bucket = this.#bucketOf(content);
    let before = NO_PAGE;
    let page = this.#buckets[bucket];
    while (page !== NO_PAGE && (lastContent[page] !== content || !this.#pages.isUnchanged(page))) {
      before = page;
      page = this.#pages.nextUnstable(page);
    }
    if (page === NO_PAGE) return NO_PAGE;
    const next = this.#pages.nextUnstable(page);
    if (before === NO_PAGE) this.#buckets[bucket] = next;
    else this.#pages.linkUnstable(before, next);
    this.size--;
    this.#pages.unstable--;
    return page;
  }

  /** The page, which is or was in the tree, has another place from now on. */
  remove(page: number): void {
    const bucket = this.#bucketOf(this.#pages.lastContent[page]);
    let before = NO_PAGE;
    let at = this.#buckets[bucket];
    while (at !== NO_PAGE && at !== page) {
      before = at;
      at = this.#pages.nextUnstable(at);
    }
    if (at === NO_PAGE) return;
    if (before === NO_PAGE) this.#buckets[bucket] = this.#pages.nextUnstable(page);
    else this.#pages.linkUnstable(before, this.#pages.nextUnstable(page));
    this.size--;
  }

  #link(page: number): void {
    const bucket = this.#bucketOf(this.#pages.lastContent[page]);
    this.#pages.linkUnstable(page, this.#buckets[bucket]);
    this.#buckets[bucket] = page;
  }

  /** Ids of contents are handed out in order: unmixed they spread evenly, and pages visited in a row share cache lines. */
  #bucketOf(content: number): number {
    return content & (this.#buckets.length - 1);
  }
}
