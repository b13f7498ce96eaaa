/** Pages of files that Linux 2.4 maps in order to copy them, and leaves mapped. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { frameOf, Pte } from "../../src/machine/page-tables.ts";
import type { MachineProfile } from "../../src/machine/profile.ts";
import { machineFrames } from "../../src/sim/monitor-machine.ts";
import type { Vmm } from "../../src/vmm/contract.ts";
import { esx } from "../../src/vmm/esx.ts";
import { DirectPaging } from "../../src/vmm/mmu/direct-paging.ts";
import { native } from "../../src/vmm/native.ts";
import { xenPv } from "../../src/vmm/xen-pv.ts";
import type { GuestShape } from "../../src/workload/compiled-workload.ts";
import { SMALL_GUEST, VMMS, XEON } from "./machines.ts";
import { checkReferences } from "./reference-counts.ts";
import { watchTables } from "./watched-tables.ts";

const IA32 = XEON;
const PAE: MachineProfile = { ...XEON, pageTable: "ia32-pae" };
/** LAST_PKMAP, include/asm-i386/highmem.h. */
const ENTRIES = { ia32: 1024, "ia32-pae": 512, "x86-64": 0 };
/** PKMAP_BASE: 0xfe000000, and below Xen 8 MiB below 0xfc000000 or 0xf5800000. */
const FIRST_PAGE = { elsewhere: 0xfe000, ia32: 0xfb800, "ia32-pae": 0xf5000, "x86-64": 0 };
const FILE = 1600;
const LARGE_GUEST: GuestShape = {
  ...SMALL_GUEST,
  memoryPages: 1024 * 256,
  filePages: FILE,
  residentFilePages: FILE,
};

const isXen = (vmm: Vmm): boolean => vmm.mmu.definition.name === "direct-paging";

/** What mm/highmem.c does with pages that are mapped and given back one after the other. */
class Pkmap {
  readonly #entries: (number | undefined)[];
  #last = 0;
  sets = 0;
  clears = 0;
  flushes = 0;

  constructor(entries: number) {
    this.#entries = Array.from({ length: entries }, () => undefined);
  }

  map(page: number): number {
    const known = this.#entries.indexOf(page);
    if (known !== -1) return known;
    this.#last++;
    if (this.#last === this.#entries.length) {
      this.clears += this.#entries.filter((each) => each !== undefined).length;
      this.#entries.fill(undefined);
      this.flushes++;
      this.#last = 0;
    }
    this.sets++;
    this.#entries[this.#last] = page;
    return this.#last;
  }
}

/** A guest all of whose file is in high memory, and what is written to the table that maps its pages. */
function boot(vmm: Vmm, profile: MachineProfile, shape = LARGE_GUEST) {
  const guest = watchTables(vmm, profile, shape);
  const counted = { sets: 0, clears: 0, flushes: 0 };
  const mapped: number[] = [];
  const first = FIRST_PAGE[isXen(vmm) ? profile.pageTable : "elsewhere"];
  const { mmu } = guest.machine;
  guest.watch.onWrite = (_table, _index, entry) => {
    if ((entry & Pte.Present) === 0) counted.clears++;
    else counted.sets++;
    if ((entry & Pte.Present) !== 0) mapped.push(frameOf(entry));
  };
  const { invalidate } = mmu;
  mmu.invalidate = (page) => {
    counted.flushes++;
    invalidate.call(mmu, page);
  };
  return { ...guest, counted, mapped, first };
}

describe.each([native, xenPv, esx].flatMap((vmm) => [IA32, PAE].map((profile) => ({ name: vmm.name, vmm, profile }))))(
  "on $name with $profile.pageTable",
  ({ vmm, profile }) => {
    it("has entries written and the TLB flushed as the kernel's own rules say, whatever is read", () => {
      const read = fc.record({ start: fc.nat({ max: FILE - 1 }), pages: fc.integer({ min: 1, max: 400 }) });
      fc.assert(
        fc.property(fc.array(read, { maxLength: 20 }), (reads) => {
          const { kernel, counted } = boot(vmm, profile);
          const expected = new Pkmap(ENTRIES[profile.pageTable]);
          for (const { start, pages } of reads) {
            kernel.files.read(start, pages);
            for (let i = 0; i < pages; i++) expected.map((start + i) % FILE);
          }
          const { sets, clears, flushes } = expected;
          expect(counted).toEqual({ sets, clears, flushes });
        }),
        { numRuns: 10 },
      );
    });
  },
);

it.each([
  // A pass maps no page anew where all of them have entries.
  { profile: IA32, pages: 1024, again: { sets: 0, clears: 0, flushes: 0 } },
  // Pages 1,023 and 511 before the first entry is reached again: by then every page has to be mapped once more, each pass.
  { profile: PAE, pages: 1024, again: { sets: 1024, clears: 1024, flushes: 2 } },
  { profile: PAE, pages: 512, again: { sets: 0, clears: 0, flushes: 0 } },
])(
  "of a file of $pages pages that is read again and again, $again.sets are mapped each time, with $profile.pageTable",
  (each) => {
    const { kernel, counted } = boot(native, each.profile);
    for (let pass = 0; pass < 3; pass++) kernel.files.read(0, each.pages);
    const before = { ...counted };
    kernel.files.read(0, each.pages);
    expect({
      sets: counted.sets - before.sets,
      clears: counted.clears - before.clears,
      flushes: counted.flushes - before.flushes,
    }).toEqual(each.again);
  },
);

describe.each(VMMS.flatMap((vmm) => [IA32, PAE].map((profile) => ({ name: vmm.name, vmm, profile }))))(
  "on $name with $profile.pageTable",
  ({ vmm, profile }) => {
    it("shows the page that is copied, in every process", () => {
      const { kernel, machine, pages, first } = boot(vmm, profile);
      const { mmu } = machine;
      const behind = machineFrames(LARGE_GUEST.memoryPages);
      const rules = new Pkmap(ENTRIES[profile.pageTable]);
      const seen: boolean[] = [];
      let next = 0;
      pages.onCopy = () => {
        const page = next++ % FILE;
        const frame = kernel.files.cache.frameOf(page);
        const shown = mmu.access(first + rules.map(page), true);
        seen.push(shown === (vmm.mmu.definition.name === "bare" ? frame : behind[frame]));
      };
      const readOn = (count: number): void => {
        const start = next % FILE;
        kernel.files.read(start, count);
      };
      readOn(700);
      kernel.fork();
      readOn(700);
      kernel.exec(64);
      readOn(100);
      kernel.exit();
      kernel.switchTo(1);
      readOn(700);
      expect(seen).toEqual(Array.from({ length: 2200 }, () => true));
    });
  },
);

it.each([IA32, PAE])(
  "lets frames of files become page tables, which Xen maps for nobody, with $pageTable",
  (profile) => {
    // The kernel has all but what the files have, and a little, so that tables are made of frames that were mapped.
    const rest = FILE + 400;
    const shape = { ...LARGE_GUEST, kernelPages: LARGE_GUEST.memoryPages - rest };
    const { kernel, machine, tables, mapped } = boot(xenPv, profile, shape);
    kernel.files.read(0, 500);
    const frames = [...mapped];
    kernel.files.delete(0, FILE);
    for (let child = 0; child < 150; child++) kernel.fork();
    machine.mmu.commit();
    expect(frames.filter((frame) => tables.has(frame)).length).toBeGreaterThan(50);
    if (!(machine.mmu instanceof DirectPaging)) throw new Error("no direct paging");
    checkReferences(machine.mmu, LARGE_GUEST.memoryPages);
  },
);
