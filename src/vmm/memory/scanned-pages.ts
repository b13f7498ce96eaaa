/**
 * What KSM remembers of each guest page, numbered through all VMs: the content at its last visit, and its place. 9 bytes a
 * page, or 8 without smart scan; the modelled kernel takes 64 (Linux, `Documentation/admin-guide/mm/ksm.rst`).
 */
import { copyInto } from "../../core/copy-into.ts";
import { NO_CONTENT } from "../../machine/content-ids.ts";
import type { HostMemory } from "../host-memory/host-memory.ts";
import { type VmMemory, vmOfPage } from "../host-memory/vm-memory.ts";

export const NO_PAGE = -1;
/** Places of a page besides the stable tree's nodes, which are numbers from 0. */
const UNKNOWN = -1;
const NOWHERE = -2;
/** In the unstable tree, the last of its bucket; numbers below say which page comes next. */
const LAST_UNSTABLE = -3;

export class ScannedPages {
  /** Pages of all VMs that have been met. */
  count = 0;
  /** Pages that are tracked: each takes an item of the modelled kernel's memory. */
  tracked = 0;
  /** Pages that their last visit left in the unstable tree, of this pass or of the one before. */
  unstable = 0;
  /** Content of each tracked page when it was last looked at: what the kernel remembers as a checksum. */
  lastContent = new Uint32Array(0);
  /** See smart-scan.ts. Empty without smart scan. */
  age = new Uint8Array(0);
  readonly #memory: HostMemory;
  readonly #withAge: boolean;
  #place = new Int32Array(0);
  /** VMs that there is room for. */
  #vms = 0;

  constructor(memory: HostMemory, withAge: boolean) {
    this.#memory = memory;
    this.#withAge = withAge;
  }

  /** VMs may have been added since the last call. Returns whether there are. */
  meetVms(): boolean {
    const { vms } = this.#memory;
    if (vms.length === this.#vms) return false;
    const known = this.count;
    for (const vm of vms.slice(this.#vms)) this.count += vm.pages;
    this.#vms = vms.length;
    this.lastContent = copyInto(this.lastContent, new Uint32Array(this.count));
    this.#place = copyInto(this.#place, new Int32Array(this.count).fill(UNKNOWN, known));
    if (this.#withAge) this.age = copyInto(this.age, new Uint8Array(this.count));
    return true;
  }

  pageOf(vm: VmMemory, ppn: number): number {
    return vm.firstPage + ppn;
  }

  vmOf(page: number): VmMemory {
    return vmOfPage(this.#memory.vms, page);
  }

  ppnOf(page: number, vm: VmMemory): number {
    return page - vm.firstPage;
  }

  /** Whether the page has a frame of its own with the content of its last visit. */
  isUnchanged(page: number): boolean {
    const vm = this.vmOf(page);
    const mpn = vm.backing[this.ppnOf(page, vm)];
    const { frames } = this.#memory;
    return mpn >= 0 && frames.isPrivate(mpn) && frames.content[mpn] === this.lastContent[page];
  }

  isTracked(page: number): boolean {
    return this.#place[page] !== UNKNOWN;
  }

  track(page: number): void {
    this.tracked++;
    this.lastContent[page] = NO_CONTENT;
    this.#place[page] = NOWHERE;
  }

  /** The page is in no tree and has to be visited anew. */
  untrack(page: number): void {
    this.tracked--;
    this.#place[page] = UNKNOWN;
    if (this.#withAge) this.age[page] = 0;
  }

  /** The node of the stable tree the page is counted with; negative: none. */
  nodeOf(page: number): number {
    return this.#place[page];
  }

  isUnstable(page: number): boolean {
    return this.#place[page] <= LAST_UNSTABLE;
  }

  /** The page is put in a node of the stable tree; whoever calls this has taken it out of where it was. */
  putInNode(page: number, node: number): void {
    this.#place[page] = node;
  }

  /** The page is put in the unstable tree, before `next` in its bucket. */
  linkUnstable(page: number, next: number): void {
    this.#place[page] = LAST_UNSTABLE - 1 - next;
  }

  nextUnstable(page: number): number {
    return LAST_UNSTABLE - 1 - this.#place[page];
  }

  putNowhere(page: number): void {
    this.#place[page] = NOWHERE;
  }
}
