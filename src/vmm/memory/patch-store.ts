/** Pages that are kept as a patch to a similar one, and the frames of the pages that patches refer to. */
import { copyInto } from "../../core/copy-into.ts";
import type { MachineFrames } from "../../machine/frames.ts";
import { PAGE_BYTES } from "../../machine/page.ts";
import { familyOf } from "../../machine/page-similarity.ts";

export const NO_REFERENCE = -1;

export class PatchStore {
  readonly #machine: MachineFrames;
  /** The last reference of each family. */
  readonly #byFamily = new Map<number, number>();
  /** By reference: its frame, its content, and the patches that refer to it, which hold the frame. */
  readonly #mpn: number[] = [];
  readonly #referenceContent: number[] = [];
  readonly #uses: number[] = [];
  readonly #unusedReferences: number[] = [];
  /** By patch. */
  #content = new Uint32Array(1024);
  #reference = new Int32Array(1024);
  #bytes = new Uint16Array(1024);
  readonly #unused: number[] = [];
  #fresh = 0;
  /** Frames with the patches of each VM: they are kept close together. */
  readonly #patchBytes: number[] = [];
  readonly #frames: number[][] = [];

  constructor(machine: MachineFrames) {
    this.#machine = machine;
  }

  /** A frame that still holds a content of that family, or NO_REFERENCE. */
  referenceFor(content: number): number {
    const reference = this.#byFamily.get(familyOf(content)) ?? NO_REFERENCE;
    return reference !== NO_REFERENCE && this.#isThere(reference) ? reference : NO_REFERENCE;
  }

  contentOf(reference: number): number {
    return this.#referenceContent[reference];
  }

  frameOf(reference: number): number {
    return this.#mpn[reference];
  }

  /** From now on patches of its family may refer to a private frame. */
  addReference(mpn: number): void {
    const content = this.#machine.content[mpn];
    const family = familyOf(content);
    const old = this.#byFamily.get(family);
    // Nobody refers to one that is not there any more.
    const reference =
      old !== undefined && this.#uses[old] === 0 ? old : (this.#unusedReferences.pop() ?? this.#mpn.length);
    this.#mpn[reference] = mpn;
    this.#referenceContent[reference] = content;
    this.#uses[reference] = 0;
    this.#byFamily.set(family, reference);
  }

  /** Keep a content as a patch of so many bytes. There must be a free frame. */
  add(vm: number, content: number, reference: number, bytes: number): number {
    const patch = this.#unused.pop() ?? this.#newPatch();
    this.#content[patch] = content;
    this.#reference[patch] = reference;
    this.#bytes[patch] = bytes;
    if (this.#uses[reference]++ === 0) this.#machine.hold(this.#mpn[reference]);
    this.#resize(vm, bytes);
    return patch;
  }

  /** Drop a patch; the content that it stood for. */
  take(vm: number, patch: number): number {
    const reference = this.#reference[patch];
    this.#unused.push(patch);
    this.#resize(vm, -this.#bytes[patch]);
    if (--this.#uses[reference] === 0) this.#machine.letGo(this.#mpn[reference]);
    return this.#content[patch];
  }

  /** Frames that hold the patches of a VM. */
  framesOf(vm: number): number {
    return this.#frames[vm]?.length ?? 0;
  }

  /** Frames that patches refer to, for checks. */
  heldFrames(): readonly number[] {
    return this.#mpn.filter((_, reference) => this.#uses[reference] > 0);
  }

  /** A frame that is held does not change; another one may have got another content, or be free. */
  #isThere(reference: number): boolean {
    if (this.#uses[reference] > 0) return true;
    const mpn = this.#mpn[reference];
    const machine = this.#machine;
    return machine.isPrivate(mpn) && machine.content[mpn] === this.#referenceContent[reference];
  }

  #resize(vm: number, bytes: number): void {
    const frames = (this.#frames[vm] ??= []);
    this.#patchBytes[vm] = (this.#patchBytes[vm] ?? 0) + bytes;
    const needed = Math.ceil(this.#patchBytes[vm] / PAGE_BYTES);
    while (frames.length < needed) frames.push(this.#machine.takeForVmm());
    for (let last = frames.pop(); last !== undefined; last = frames.pop()) {
      if (frames.length < needed) {
        frames.push(last);
        break;
      }
      this.#machine.giveBack(last);
    }
  }

  #newPatch(): number {
    if (this.#fresh === this.#content.length) {
      this.#content = copyInto(this.#content, new Uint32Array(2 * this.#fresh));
      this.#reference = copyInto(this.#reference, new Int32Array(2 * this.#fresh));
      this.#bytes = copyInto(this.#bytes, new Uint16Array(2 * this.#fresh));
    }
    return this.#fresh++;
  }
}
