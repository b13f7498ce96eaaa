/**
 * The guest kernel's own memory in the TLB. Each path of the kernel visits pages of code and data ({@link KernelFootprint}),
 * which go through the same TLB as user pages do, by the pages with which the kernel's memory is mapped on this VMM. The
 * kernel's part of the tables is the same in every address space and always present, so that its walks find an entry; what
 * they cost is counted in references, as those of user pages are.
 */
import { cause } from "../core/ledger.ts";
import type { Meter } from "../machine/meter.ts";
import { PAGE_TABLE_FORMATS, Pte } from "../machine/page-tables.ts";
import { WALK_REFERENCE } from "../machine/page-walker.ts";
import { type MachineProfile, primitiveCost } from "../machine/profile.ts";
import type { Tlb } from "../machine/tlb.ts";
import { KERNEL_PATH_NAMES, type KernelPath, type KernelPathName } from "./kernel-paths.ts";

const KERNEL_MISS = cause("hardware.tlb-miss.kernel");

/** How the tables that the hardware walks map the guest kernel's memory. */
export interface KernelMapping {
  /** By the largest pages of the last level but one, or by pages of 4 KiB. */
  readonly largePages: boolean;
  /** Its translations stay when the page-table base is written. */
  readonly global: boolean;
  /** The hardware walks nested tables as well, for every table of the guest and for the page itself. */
  readonly nested?: true;
}

/**
 * What one run of a path visits, by page frame of the kernel's memory, in order; a page that comes again is visited again.
 * Below zero: a page that the run before did not visit (of a new object, of the page cache), the same one in one run.
 */
export interface KernelFootprint {
  readonly code: readonly number[];
  readonly data: readonly number[];
}

export type KernelFootprints = Readonly<Partial<Record<KernelPathName, KernelFootprint>>>;

/** In the TLB, kernel pages have numbers that no user page of a kernel with footprints has: small ones, large ones. */
const SMALL_PAGES = 0x4000_0000;
const LARGE_PAGES = 0x6000_0000;
/** New pages come one after the other from 256 MiB of memory, behind what footprints name. */
const NEW_PAGES_START = 0x4_0000;
const NEW_PAGES = 0x1_0000;

/** Whose kernel it is: what its misses are charged to, and where its pages begin, so that no two kernels share one. */
interface Owner {
  readonly miss: number;
  readonly firstFrame: number;
}

const GUEST: Owner = { miss: KERNEL_MISS, firstFrame: 0 };
const DRIVER_DOMAIN: Owner = { miss: cause("io.backend.tlb-miss"), firstFrame: 0x10_0000 };

export class KernelPages {
  readonly #tlb: Tlb;
  readonly #meter: Meter;
  /** By number of path. */
  readonly #footprints: readonly (CompiledFootprint | undefined)[];
  readonly #largeShift: number;
  readonly #references: number;
  readonly #walkCycles: number;
  readonly #entry: number;
  readonly #owner: Owner;
  #newPages = 0;
  /** The kernel of the driver domain, which is like the guest's, on the same processor. */
  readonly ofDriverDomain: () => KernelPages;

  constructor(
    footprints: KernelFootprints,
    mapping: KernelMapping,
    tlb: Tlb,
    meter: Meter,
    profile: MachineProfile,
    owner = GUEST,
  ) {
    const { levels, bitsPerLevel, rootInRegisters } = PAGE_TABLE_FORMATS[profile.pageTable];
    this.#tlb = tlb;
    this.#meter = meter;
    this.#footprints = KERNEL_PATH_NAMES.map((name) => compile(footprints[name]));
    this.#largeShift = mapping.largePages ? bitsPerLevel : 0;
    const read = rootInRegisters && !mapping.nested ? levels - 1 : levels;
    const walked = mapping.largePages ? read - 1 : read;
    // Bhargava et al. 2008: nm + n + m references of a walk in two dimensions.
    this.#references = mapping.nested ? walked * walked + 2 * walked : walked;
    this.#walkCycles = this.#references * primitiveCost(profile, "hardware.page-walk-level");
    this.#owner = owner;
    this.ofDriverDomain = () => new KernelPages(footprints, mapping, tlb, meter, profile, DRIVER_DOMAIN);
    this.#entry = mapping.global ? Pte.Present | Pte.Global : Pte.Present;
  }

  /** The kernel runs a path, a number of times. */
  run({ id }: KernelPath, times: number): void {
    const footprint = this.#footprints[id];
    if (footprint === undefined) return;
    let misses = 0;
    for (let time = 0; time < times; time++) {
      if (this.#tlb.instructions !== undefined) misses += this.#visit(this.#tlb.instructions, footprint.code);
      misses += this.#visit(this.#tlb, footprint.data);
      this.#newPages = (this.#newPages + footprint.newPages) % NEW_PAGES;
    }
    if (misses > 0) this.#charge(misses);
  }

  /** The kernel visits one page of data, by its page frame. */
  visit(frame: number): void {
    if (this.#isMiss(this.#tlb, frame)) this.#charge(1);
  }

  #charge(misses: number): void {
    this.#meter.spendMany(this.#owner.miss, misses, this.#walkCycles);
    this.#meter.countMany(WALK_REFERENCE, misses * this.#references);
  }

  /** Visit pages in order. Returns how many were not in the TLB; they are then. */
  #visit(tlb: Tlb, pages: Int32Array): number {
    let misses = 0;
    for (let i = 0; i < pages.length; i++) if (this.#isMiss(tlb, this.#frame(pages[i]))) misses++;
    return misses;
  }

  #isMiss(tlb: Tlb, ownFrame: number): boolean {
    const frame = this.#owner.firstFrame + ownFrame;
    const page = this.#largeShift === 0 ? SMALL_PAGES + frame : LARGE_PAGES + (frame >>> this.#largeShift);
    if (tlb.lookup(page) !== -1) return false;
    tlb.insert(page, this.#entry);
    return true;
  }

  #frame(page: number): number {
    return page >= 0 ? page : NEW_PAGES_START + ((this.#newPages - 1 - page) % NEW_PAGES);
  }
}

interface CompiledFootprint {
  readonly code: Int32Array;
  readonly data: Int32Array;
  readonly newPages: number;
}

function compile(footprint: KernelFootprint | undefined): CompiledFootprint | undefined {
  if (footprint === undefined) return undefined;
  const { code, data } = footprint;
  const newPages = -data.reduce((lowest, page) => Math.min(lowest, page), 0);
  return { code: Int32Array.from(code), data: Int32Array.from(data), newPages };
}
