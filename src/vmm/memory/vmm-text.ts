/**
 * Program text of VMs' processes on a Linux host. To the host all memory of a guest is anonymous, and the only pages of files
 * that the process has are those of its own program: reclaim that prefers files takes what the VMM needs to serve the guest
 * (Amit et al. 2014, VSwapper, section 3: false page anonymity). All processes run one program, whose pages are in memory
 * once, charged to whoever read them last.
 *
 * Measured on QEMU 7.2 (Debian 12) under KVM, whose guest read its virtio disk without pause: of 7.0 MB of files in memory, but
 * for those of libc, which any process keeps in use, it used 123 pages in three seconds, 102 of them executable (Referenced in
 * /proc/PID/smaps after clear_refs); once all had been paged out (process_madvise), it came to 40 faults of 64 KiB each until
 * it had them back. The other pages are those of its start, and gone for good when reclaim first finds them: they are left out.
 */
import { DiskRequests, DiskRequestKind } from "../../guest/disk-requests.ts";
import type { HostMemory } from "../host-memory/host-memory.ts";

const NONE = -1;
/** Pages of text and constants that are used to serve a request; of these are executable, and lie in one place. */
export const TEXT_PAGES = 123;
const EXECUTABLE_PART = 102 / TEXT_PAGES;
const PAGES_PER_PLACE = TEXT_PAGES / 40;
/** A fault reads 128 KiB around (mm/filemap.c, do_sync_mmap_readahead). */
const READ_AROUND = 32;
/** Where the program is on the host's disk: beyond swap space. */
const FIRST_PAGE = 2 ** 24;

export class VmmText {
  /** Faults that had to read from the disk, and what they read, since that was last cleared. */
  majorFaults = 0;
  readonly requests = new DiskRequests();
  readonly #memory: HostMemory;
  readonly #frames: Int32Array;
  readonly #accessed: Uint8Array;
  readonly #places: number;
  /** No page is out, and all have been used since that was last looked at. */
  allInUse = true;

  /** It is in memory from the beginning, on top of what there is for VMs. `pages`: how many it is. */
  constructor(memory: HostMemory, pages: number) {
    this.#memory = memory;
    memory.frames.addFrames(pages);
    this.#frames = Int32Array.from({ length: pages }, () => memory.frames.takeForVmm());
    this.#accessed = new Uint8Array(pages).fill(1);
    this.#places = Math.ceil(pages / PAGES_PER_PLACE);
  }

  get pages(): number {
    return this.#frames.length;
  }

  isExecutable(page: number): boolean {
    return page < this.pages * EXECUTABLE_PART;
  }

  /** A request is served. `cameBack` is told of every page that has been read for it. */
  use(cameBack: (page: number) => void): void {
    this.allInUse = true;
    for (let page = 0; page < this.pages; page++) {
      if (this.#frames[page] === NONE && !this.#read(page % this.#places, cameBack)) this.allInUse = false;
      else this.#accessed[page] = 1;
    }
  }

  /** The accessed bit, and clear it. */
  takeAccessed(page: number): boolean {
    const accessed = this.#accessed[page] === 1;
    this.#accessed[page] = 0;
    this.allInUse = false;
    return accessed;
  }

  /** Its frame is free for others. */
  evict(page: number): void {
    this.#memory.frames.giveBack(this.#frames[page]);
    this.#frames[page] = NONE;
  }

  /** All that is out of one place. Returns whether there were frames for it. */
  #read(place: number, cameBack: (page: number) => void): boolean {
    const { frames, reserve, wakeBelow, roomMaker, backgroundReclaim } = this.#memory;
    this.majorFaults++;
    this.requests.add(DiskRequestKind.FileRead, FIRST_PAGE + 2 * place * READ_AROUND, READ_AROUND);
    for (let page = place; page < this.pages; page += this.#places) {
      if (this.#frames[page] !== NONE) continue;
      if (frames.free <= reserve && (roomMaker?.makeRoom() ?? 0) === 0) return false;
      if (frames.free <= wakeBelow) backgroundReclaim?.wake();
      this.#frames[page] = frames.takeForVmm();
      cameBack(page);
    }
    return true;
  }
}
