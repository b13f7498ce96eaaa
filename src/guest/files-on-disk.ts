/** What a guest's files hold on its disk, and the requests that bring it from there and back. */
import type { ContentIds } from "../machine/content-ids.ts";
import type { GuestShape } from "../workload/compiled-workload.ts";
import { DiskRequestKind, type DiskRequests } from "./disk-requests.ts";

const UNSEEN = 0xffff_ffff;

export class FilesOnDisk {
  readonly #requests: DiskRequests;
  readonly #ids: ContentIds;
  /** Pages that the image behind all guests has. */
  readonly #imagePages: number;
  /** A page that nobody has looked at yet gets a content of its own when somebody does. */
  readonly #contents: Uint32Array;

  constructor(
    requests: DiskRequests,
    ids: ContentIds,
    { filePages, imagePages = 0 }: Pick<GuestShape, "filePages" | "imagePages">,
  ) {
    this.#requests = requests;
    this.#ids = ids;
    this.#imagePages = imagePages;
    this.#contents = new Uint32Array(filePages).fill(UNSEEN);
  }

  /** Content id of a page; nobody asks the disk for it. */
  content(page: number): number {
    if (this.#contents[page] === UNSEEN) {
      this.#contents[page] = page < this.#imagePages ? this.#ids.ofImage(page) : this.#ids.unique();
    }
    return this.#contents[page];
  }

  read(page: number): number {
    this.#requests.add(DiskRequestKind.FileRead, page);
    return this.content(page);
  }

  /** What is asked for next is another request. */
  endRequest(): void {
    this.#requests.end();
  }

  write(page: number, content: number): void {
    this.#contents[page] = content;
    this.#requests.add(DiskRequestKind.FileWrite, page);
  }

  /** The page has this content already. */
  adopt(page: number, content: number): void {
    this.#contents[page] = content;
  }

  /** The file that the page belongs to is deleted. */
  forget(page: number): void {
    this.#contents[page] = UNSEEN;
  }
}
