/** Pages that are not in memory, by content. */
import { SharerLists } from "./sharer-lists.ts";

export class PagesAside {
  readonly #lists = new SharerLists();
  readonly #listOf = new Map<number, number>();
  /** By list: the content of its pages. */
  readonly #contentOf: number[] = [];
  readonly #free: number[] = [];

  /** There are pages with numbers below `pages`. */
  grow(pages: number): void {
    this.#lists.grow(pages, pages);
  }

  /** A page with this content; -1: there is none. */
  first(content: number): number {
    const list = this.#listOf.get(content);
    return list === undefined ? -1 : this.#lists.first(list);
  }

  add(content: number, page: number): void {
    let list = this.#listOf.get(content);
    if (list === undefined) {
      list = this.#free.pop() ?? this.#contentOf.length;
      this.#listOf.set(content, list);
      this.#contentOf[list] = content;
    }
    this.#lists.add(list, page);
  }

  /** The page is in memory again, or gone. */
  remove(page: number): void {
    const list = this.#lists.listOf(page);
    this.#lists.remove(page);
    if (list < 0 || this.#lists.count(list) > 0) return;
    this.#listOf.delete(this.#contentOf[list]);
    this.#free.push(list);
  }
}
