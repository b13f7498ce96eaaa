/** Pages of files that the kernel has to map for each copy. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GuestKernel } from "../../src/guest/kernel.ts";
import { PageWork } from "../../src/guest/page-work.ts";
import { Meter } from "../../src/machine/meter.ts";
import type { MachineProfile } from "../../src/machine/profile.ts";
import { buildMachine, machineFrames } from "../../src/sim/monitor-machine.ts";
import type { Vmm } from "../../src/vmm/contract.ts";
import { native } from "../../src/vmm/native.ts";
import { xenPv } from "../../src/vmm/xen-pv.ts";
import type { GuestShape } from "../../src/workload/compiled-workload.ts";
import { SMALL_GUEST, VMMS, XEON } from "./machines.ts";

const FEDORA: MachineProfile = { ...XEON, kernelBuild: "fedora-core-5" };
const LOW_PAGES = 896 * 256;
/** The last page below the topmost 64 MiB. */
const WINDOW = 0x100000 - 64 * 256 - 1;
const FILES = 64;

function shapeWith(highPages: number): GuestShape {
  return { ...SMALL_GUEST, memoryPages: LOW_PAGES + highPages, filePages: FILES, residentFilePages: 0 };
}

/** Tells at every copy which machine frame the kernel's window shows. */
class WatchedCopies extends PageWork {
  onCopy: () => void = () => {};

  override copyBytes(bytes: number): void {
    super.copyBytes(bytes);
    this.onCopy();
  }
}

function boot(vmm: Vmm, profile: MachineProfile, shape: GuestShape) {
  const meter = new Meter();
  const machine = buildMachine(vmm, profile, shape.memoryPages, meter);
  const pages = new WatchedCopies(profile, meter);
  const kernel = new GuestKernel(machine, profile, shape, pages);
  let mapped = 0;
  const { invalidate } = machine.mmu;
  machine.mmu.invalidate = (page) => {
    if (page === WINDOW) mapped++;
    invalidate.call(machine.mmu, page);
  };
  return { kernel, machine, pages, meter, mapped: () => mapped };
}

it.each([
  { what: "no more than 896 MiB", profile: FEDORA, highPages: 0 },
  { what: "a kernel that leaves a thousand pages mapped", profile: XEON, highPages: 100 },
  {
    what: "page tables that reach all memory",
    profile: { ...FEDORA, pageTable: "x86-64" as const },
    highPages: 100,
  },
])("maps nothing with $what", ({ profile, highPages }) => {
  const { kernel, mapped } = boot(native, profile, shapeWith(highPages));
  kernel.files.read(0, FILES);
  expect(mapped()).toBe(0);
});

const FILE_ACTION = fc.record({
  kind: fc.constantFrom("read", "write", "delete"),
  start: fc.nat({ max: FILES - 1 }),
  pages: fc.integer({ min: 1, max: 8 }),
});

it("maps those pages of files that have got the high memory there is, each time", () => {
  fc.assert(
    fc.property(fc.nat({ max: 40 }), fc.array(FILE_ACTION, { maxLength: 30 }), (highPages, actions) => {
      const { kernel, mapped } = boot(native, FEDORA, shapeWith(highPages));
      // Every cached page, in the order in which they came, and whether it is high.
      const cached = new Map<number, boolean>();
      const free = (): number => highPages - [...cached.values()].filter(Boolean).length;
      let expected = 0;
      for (const { kind, start, pages } of actions) {
        for (let i = 0; i < pages; i++) {
          const page = (start + i) % FILES;
          if (kind === "delete") {
            cached.delete(page);
            continue;
          }
          // A read brings in, first, all that it misses up to the next page that is there, or the end of the file set.
          const end = kind === "read" ? Math.min(FILES, page + pages - i) : page + 1;
          for (let next = page; next < end && !cached.has(next); next++) cached.set(next, free() > 0);
          if (cached.get(page) === true) expected++;
        }
        if (kind === "write") kernel.files.write(start, pages);
        else kernel.files[kind as "read" | "delete"](start, pages);
      }
      expect(mapped()).toBe(expected);
    }),
    { numRuns: 30 },
  );
});

describe.each(VMMS.map((vmm) => ({ name: vmm.name, vmm })))("on $name", ({ vmm }) => {
  it("shows the page that is copied, in every process", () => {
    const { kernel, machine, pages } = boot(vmm, FEDORA, shapeWith(100));
    const behind = machineFrames(LOW_PAGES + 100);
    const machineFrame = (frame: number): number => (vmm.mmu.definition.name === "bare" ? frame : behind[frame]);
    const seen: boolean[] = [];
    let page = 0;
    pages.onCopy = () => {
      const frame = kernel.files.cache.frameOf(page++ % FILES);
      seen.push(machine.mmu.access(WINDOW, true) === machineFrame(frame));
    };
    kernel.files.read(0, FILES);
    kernel.fork();
    kernel.files.read(0, 5);
    page = 0;
    kernel.exec(64);
    kernel.files.write(0, 7);
    kernel.exit();
    page = 0;
    kernel.switchTo(1);
    kernel.files.read(0, 3);
    expect(seen).toEqual(Array.from({ length: FILES + 5 + 7 + 3 }, () => true));
  });
});

/** Hypercalls and validations of ten pages that are read from memory. */
function callsToRead(vmm: Vmm): number[] {
  const { kernel, meter, machine } = boot(vmm, FEDORA, shapeWith(100));
  kernel.files.read(0, FILES);
  machine.mmu.commit();
  const counts = (): number[] =>
    ["vmm.hypercall", "vmm.direct.validate"].map((name) => meter.ledger.eventsByCause()[name] ?? 0);
  const before = counts();
  kernel.files.read(0, 10);
  return counts().map((count, i) => count - before[i]);
}

it("takes Xen's guest two hypercalls a page, to map it and to forget it, and three validations, and bare metal none", () => {
  // Entry and invalidation to map it, the entry to forget it.
  expect([callsToRead(xenPv), callsToRead(native)]).toEqual([
    [20, 30],
    [0, 0],
  ]);
});
