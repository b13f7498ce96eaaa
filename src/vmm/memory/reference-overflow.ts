/**
 * The table of reference counts that do not fit in the 16 bits that an entry of page sharing's table has for one (Waldspurger
 * 2002, section 4.2): those of frames that more than 65,535 guest pages map, which is the frame of zeros or nobody. It takes
 * whole frames of the host, and as long as it is empty none.
 */
import type { MachineFrames } from "../../machine/frames.ts";
import { PAGE_BYTES } from "../../machine/page.ts";

const FIRST_BEYOND = 2 ** 16;
/** Frame and count, and a link to the next entry: an assumption. The source calls the table separate and says no more. */
const ENTRY_BYTES = 16;

export class ReferenceOverflow {
  readonly #frames: MachineFrames;
  /** Frames with an entry. */
  #entries: number[] = [];
  /** Frames that hold the table. */
  readonly #held: number[] = [];

  constructor(frames: MachineFrames) {
    this.#frames = frames;
  }

  /** A frame has got one reference more, and the page that got it has just given up a frame of its own. */
  referenceAdded(mpn: number): void {
    if (this.#frames.references(mpn) < FIRST_BEYOND || this.#entries.includes(mpn)) return;
    this.#entries.push(mpn);
    this.#fit();
  }

  /** Entries of counts that fit again are dropped; not at once, since that is looked at in the background. */
  sweep(): void {
    if (this.#entries.length === 0) return;
    this.#entries = this.#entries.filter((mpn) => this.#frames.references(mpn) >= FIRST_BEYOND);
    this.#fit();
  }

  #fit(): void {
    const wanted = Math.ceil((this.#entries.length * ENTRY_BYTES) / PAGE_BYTES);
    while (this.#held.length < wanted) this.#held.push(this.#frames.takeForVmm());
    while (this.#held.length > wanted) this.#frames.giveBack(this.#held.pop() ?? 0);
  }
}
