/** Which frame holds a content: equal pages found by looking, which no real VMM can do. */
import { NO_CONTENT } from "../../machine/content-ids.ts";
import type { HostMemory } from "../host-memory/host-memory.ts";
import type { VmMemory } from "../host-memory/vm-memory.ts";

const NONE = -1;

export class EqualContents {
  readonly #memory: HostMemory;
  readonly #frames = new Map<number, number>();
  /** By frame: the content under which it was entered. */
  readonly #entered: Uint32Array;

  constructor(memory: HostMemory) {
    this.#memory = memory;
    this.#entered = new Uint32Array(memory.frames.forVms).fill(NO_CONTENT);
  }

  /** A frame that holds the content now; -1: none is known. */
  frameOf(content: number): number {
    const mpn = this.#frames.get(content);
    if (mpn === undefined) return NONE;
    const { frames } = this.#memory;
    return !frames.isFree(mpn) && frames.content[mpn] === content ? mpn : NONE;
  }

  /** Back a mapped page with the frame of an equal page, if there is one; otherwise its own is the frame of that content. */
  share(vm: VmMemory, ppn: number): void {
    const { frames } = this.#memory;
    const own = vm.backing[ppn];
    const content = frames.content[own];
    const found = this.frameOf(content);
    if (found === own) return;
    if (found === NONE) return this.#enter(own, content);
    if (!frames.isPrivate(own)) return;
    if (frames.isPrivate(found)) frames.markShared(found);
    this.#memory.merge(vm, ppn, found);
  }

  #enter(mpn: number, content: number): void {
    const before = this.#entered[mpn];
    if (this.#frames.get(before) === mpn) this.#frames.delete(before);
    this.#frames.set(content, mpn);
    this.#entered[mpn] = content;
  }
}
