import type { PhysicalMemory } from "../guest/physical-memory.ts";
import { ZERO_CONTENT } from "../machine/content-ids.ts";
import type { HostMemory } from "../vmm/host-memory/host-memory.ts";
import type { DiskWatcher } from "../vmm/host-memory/memory-roles.ts";
import { BALLOONED, isSwapped, type VmMemory } from "../vmm/host-memory/vm-memory.ts";

/** A guest's physical memory, backed by the host page by page from the moment it is populated. */
export class GuestPhysicalMemory implements PhysicalMemory {
  readonly #host: HostMemory;
  readonly #vm: VmMemory;
  readonly #populateReturned: boolean;
  readonly #watcher: DiskWatcher | undefined;
  /** Contents while the guest is being built. */
  #building: Uint32Array | undefined;

  constructor(host: HostMemory, vm: VmMemory, contents: Uint32Array, populateReturned: boolean) {
    this.#host = host;
    this.#vm = vm;
    this.#building = contents;
    this.#populateReturned = populateReturned;
    // dom0 has the driver of its disk itself: no back end sees what it reads and writes.
    this.#watcher = vm === host.driverDomain?.vm ? undefined : host.diskWatcher;
  }

  lookAhead(ppns: Int32Array, count: number, written: boolean): number {
    const { backing, marks } = this.#vm;
    let seen = 0;
    if (!written) {
      for (let i = 0; i < count; i++) seen ^= backing[ppns[i]] ^ (marks.any(ppns[i]) ? 1 : 0);
      return seen;
    }
    // Nobody has marked them, and there are frames behind them: it is these that a write needs.
    for (let i = 0; i < count; i++) ppns[i] = Math.max(0, backing[ppns[i]]);
    return this.#host.frames.lookAhead(ppns, count);
  }

  read(ppn: number): number {
    return this.#building === undefined ? this.#host.read(this.#vm, ppn) : this.#building[ppn];
  }

  touch(ppn: number): void {
    if (this.#building === undefined) this.#host.touch(this.#vm, ppn);
  }

  isSettled(ppn: number): boolean {
    return this.#building === undefined && this.#vm.isSettled(ppn);
  }

  write(ppn: number, content: number): void {
    if (this.#building === undefined) this.#host.write(this.#vm, ppn, content);
    else this.#building[ppn] = content;
  }

  writeSettled(ppn: number, content: number): void {
    this.#host.writeSettled(this.#vm, ppn, content);
  }

  /** Double paging: the guest chose the same page as the host, which has to read it before the guest can write it. */
  readForDisk(ppn: number): number {
    if (isSwapped(this.#vm.backing[ppn])) this.#host.doublePagedOuts++;
    const content = this.read(ppn);
    this.#watcher?.writtenOut(this.#vm, ppn);
    return content;
  }

  /** The host reads what the guest is about to overwrite: it cannot know. */
  writeFromDisk(ppn: number, content: number): void {
    if (isSwapped(this.#vm.backing[ppn])) this.#host.doublePagedIns++;
    this.write(ppn, content);
    if (this.#building === undefined) this.#watcher?.readIn(this.#vm, ppn);
  }

  release(ppn: number): void {
    this.#host.release(this.#vm, ppn);
  }

  reclaim(ppn: number): void {
    this.#host.reclaim(this.#vm, ppn, this.#populateReturned);
  }

  /**
   * The guest is ready: put its pages into machine memory. The first `always` pages are backed even if they are zero; others
   * only if they are not, or if everything is (`all`). `share`: look for an equal page right away.
   */
  populate(always: number, all: boolean, share: boolean): void {
    const contents = this.#building ?? new Uint32Array(0);
    this.#building = undefined;
    for (let ppn = 0; ppn < contents.length; ppn++) {
      const wanted = all || ppn < always || contents[ppn] !== ZERO_CONTENT;
      if (!wanted || this.#vm.backing[ppn] === BALLOONED) continue;
      this.#host.write(this.#vm, ppn, contents[ppn]);
      if (share) this.#host.sharer?.share(this.#vm, ppn);
    }
  }
}
