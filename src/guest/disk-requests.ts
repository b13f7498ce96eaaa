/**
 * Disk requests that an operation at host resolution turned out to need, collected while its effects on memory are carried
 * out. At monitor resolution requests are made, and charged, one by one: block-layer.ts.
 */

export const DiskRequestKind = { FileRead: 0, FileWrite: 1, SwapRead: 2, SwapWrite: 3 } as const;

export class DiskRequests {
  #kind = new Uint8Array(16);
  #first = new Uint32Array(16);
  #pages = new Uint32Array(16);
  length = 0;
  /** The last request may go on. */
  #goesOn = false;
  readonly #most: number;

  /** `most`: pages of a request that is put together of several. */
  constructor(most = Infinity) {
    this.#most = most;
  }

  /** Ask for `pages` pages from page `first` of the device; continues the last request where it can. */
  add(kind: number, first: number, pages = 1): void {
    const last = this.length - 1;
    if (this.#goesOn && this.#follows(last, kind, first) && this.#pages[last] + pages <= this.#most) {
      this.#pages[last] += pages;
      return;
    }
    if (this.length === this.#kind.length) this.#grow();
    this.#kind[this.length] = kind;
    this.#first[this.length] = first;
    this.#pages[this.length++] = pages;
    this.#goesOn = true;
  }

  /** The last request does not go on. */
  end(): void {
    this.#goesOn = false;
  }

  kind(request: number): number {
    return this.#kind[request];
  }

  writes(request: number): boolean {
    const kind = this.#kind[request];
    return kind === DiskRequestKind.FileWrite || kind === DiskRequestKind.SwapWrite;
  }

  first(request: number): number {
    return this.#first[request];
  }

  pages(request: number): number {
    return this.#pages[request];
  }

  clear(): void {
    this.length = 0;
    this.#goesOn = false;
  }

  /** Nobody waits for what is to be read. */
  dropReads(): void {
    let kept = 0;
    for (let request = 0; request < this.length; request++) {
      if (!this.writes(request)) continue;
      this.#kind[kept] = this.#kind[request];
      this.#first[kept] = this.#first[request];
      this.#pages[kept++] = this.#pages[request];
    }
    this.length = kept;
    this.#goesOn = false;
  }

  #follows(request: number, kind: number, first: number): boolean {
    return this.#kind[request] === kind && this.#first[request] + this.#pages[request] === first;
  }

  #grow(): void {
    const size = this.length * 2;
    const [kind, first, pages] = [this.#kind, this.#first, this.#pages];
    this.#kind = new Uint8Array(size);
    this.#first = new Uint32Array(size);
    this.#pages = new Uint32Array(size);
    this.#kind.set(kind);
    this.#first.set(first);
    this.#pages.set(pages);
  }
}
