/** Pages of files that the kernel has to map for each copy. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GuestKernel } from "../../src/guest/kernel.ts";
import { PageWork } from "../../src/guest/page-work.ts";
import { Meter } from "../../src/machine/meter.ts";
import type { MachineProfile } from "../../src/machine/profile.ts";
import { buildMachine, machineFrames } from "../../src/sim/monitor-machine.ts";
import { defineVmm, type Vmm } from "../../src/vmm/contract.ts";
import { binaryTranslation } from "../../src/vmm/cpu/binary-translation.ts";
import { hardwareAssist } from "../../src/vmm/cpu/hardware-assist.ts";
import { esx } from "../../src/vmm/esx.ts";
import { ShadowPaging } from "../../src/vmm/mmu/shadow-paging.ts";
import { native } from "../../src/vmm/native.ts";
import { xenPv } from "../../src/vmm/xen-pv.ts";
import { xenPv1 } from "../../src/vmm/xen-pv-1.ts";
import type { GuestShape } from "../../src/workload/compiled-workload.ts";
import { LINUX_6_1, nested, PENTIUM_4, SMALL_GUEST, VMMS, XEON } from "./machines.ts";

/** Without the cost of an exit, guests that need one are refused. */
const FEDORA: MachineProfile = {
  ...XEON,
  kernelBuild: "fedora-core-5",
  costs: { ...PENTIUM_4.costs, ...XEON.costs },
};
/** The same with PAE. */
const FEDORA_PAE: MachineProfile = { ...FEDORA, pageTable: "ia32-pae" };
/**
 * The fourth gigabyte of an address space less 128 MiB for vmalloc (VMALLOC_RESERVE), and less what Xen has at its end: from 0xfc000000
 * on, or from 0xf5800000 on (HYPERVISOR_VIRT_START, xen/include/public/arch-x86_32.h and xen-x86_32.h of Xen 3.0).
 */
const LOW_MIB = { elsewhere: 1024 - 128, ia32: 0x3c0 - 128, "ia32-pae": 0x358 - 128 };
/**
 * Counted in include/asm-i386/fixmap.h and kmap_types.h of Linux 2.6.12, from the top page (0xfffff) down: a hole, the page of system
 * calls, the local APIC, eight I/O APICs, and three windows of interrupts and networks. XenLinux begins two pages below the hypervisor,
 * without the page of system calls.
 */
const WINDOW = 0xfffff - 1 - 1 - 1 - 8 - 3;
const XEN_WINDOWS = { ia32: 0xfc000 - 2 - 1 - 1 - 8 - 3, "ia32-pae": 0xf5800 - 2 - 1 - 1 - 8 - 3 };
/** First page of the topmost 4 MiB, where VMware's VMM is. */
const VMM_START = 0xffc00;
const FILES = 64;

/** The same VMM with and without hardware support. */
const adaptive = defineVmm({ ...esx, name: "adaptive", cpu: binaryTranslation({ adaptive: true }) });
const assisted = defineVmm({ ...esx, name: "assisted", cpu: hardwareAssist() });

function isXen(vmm: Vmm): boolean {
  return vmm.mmu.definition.name === "direct-paging";
}

function lowPages(vmm: Vmm, { pageTable }: MachineProfile): number {
  return 256 * LOW_MIB[isXen(vmm) && pageTable !== "x86-64" ? pageTable : "elsewhere"];
}

function shapeWith(highPages: number, vmm: Vmm, profile = FEDORA): GuestShape {
  return { ...SMALL_GUEST, memoryPages: lowPages(vmm, profile) + highPages, filePages: FILES, residentFilePages: 0 };
}

/** Tells at every copy which machine frame the kernel's window shows. */
class WatchedCopies extends PageWork {
  onCopy: () => void = () => {};

  override copyBytes(bytes: number): void {
    super.copyBytes(bytes);
    this.onCopy();
  }
}

function windowOf(vmm: Vmm, { pageTable }: MachineProfile): number {
  return isXen(vmm) && pageTable !== "x86-64" ? XEN_WINDOWS[pageTable] : WINDOW;
}

function boot(vmm: Vmm, profile: MachineProfile, shape: GuestShape) {
  const meter = new Meter();
  const machine = buildMachine(vmm, profile, shape.memoryPages, meter);
  const pages = new WatchedCopies(profile, meter);
  const kernel = new GuestKernel(machine, profile, shape, pages);
  let mapped = 0;
  const { invalidate } = machine.mmu;
  machine.mmu.invalidate = (page) => {
    if (page === windowOf(vmm, profile)) mapped++;
    invalidate.call(machine.mmu, page);
  };
  const count = (cause: string): number => meter.ledger.eventsByCause()[cause] ?? 0;
  const beyondSegment = (): number => count("event.segment-limit.fault") + count("event.segment-limit.callout");
  return { kernel, machine, pages, count, mapped: () => mapped, beyondSegment };
}

it.each([
  { what: "no more than 896 MiB", profile: FEDORA, highPages: 0 },
  { what: "a kernel that leaves a thousand pages mapped", profile: XEON, highPages: 100 },
  {
    what: "page tables that reach all memory",
    profile: { ...FEDORA, pageTable: "x86-64" as const },
    highPages: 100,
  },
])("maps nothing with $what, and reaches beyond no segment", ({ profile, highPages }) => {
  for (const vmm of [native, adaptive]) {
    const { kernel, mapped, beyondSegment } = boot(vmm, profile, shapeWith(highPages, vmm, profile));
    kernel.files.read(0, FILES);
    kernel.files.write(0, FILES);
    expect([mapped(), beyondSegment()]).toEqual([0, 0]);
  }
});

it.each([
  { what: "Linux 2.6 on IA-32", profile: FEDORA, isThere: true },
  { what: "Linux 2.4 on IA-32", profile: XEON, isThere: true },
  { what: "Linux 2.6 with tables of x86-64", profile: { ...FEDORA, pageTable: "x86-64" as const }, isThere: false },
  { what: "Linux 6.1, for x86-64", profile: LINUX_6_1, isThere: false },
  { what: "that with tables of IA-32", profile: { ...LINUX_6_1, pageTable: "ia32" as const }, isThere: false },
])("with $what there is high memory: $isThere", ({ profile, isThere }) => {
  const { kernel } = boot(native, profile, shapeWith(100, native, profile));
  expect(kernel.files.mapsCopies).toBe(isThere);
});

const FILE_ACTION = fc.record({
  kind: fc.constantFrom("read", "write", "delete"),
  start: fc.nat({ max: FILES - 1 }),
  pages: fc.integer({ min: 1, max: 8 }),
});

it.each([
  { vmm: native, isTranslated: false },
  { vmm: xenPv, isTranslated: false },
  { vmm: assisted, isTranslated: false },
  { vmm: esx, isTranslated: true },
  { vmm: adaptive, isTranslated: true },
])("maps, on $vmm.name, pages of files that have got the high memory there is, each time", ({ vmm, isTranslated }) => {
  const machines = fc.constantFrom(FEDORA, FEDORA_PAE);
  fc.assert(
    fc.property(
      machines,
      fc.nat({ max: 40 }),
      fc.array(FILE_ACTION, { maxLength: 30 }),
      (profile, highPages, actions) => {
        const { kernel, mapped, beyondSegment } = boot(vmm, profile, shapeWith(highPages, vmm, profile));
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
        // Translated code has its segments end below, and copies a page by one instruction.
        expect(beyondSegment()).toBe(isTranslated ? expected : 0);
      },
    ),
    { numRuns: 20 },
  );
});

describe.each(VMMS.flatMap((vmm) => [FEDORA, FEDORA_PAE].map((profile) => ({ name: vmm.name, vmm, profile }))))(
  "on $name with $profile.pageTable",
  ({ vmm, profile }) => {
    it("shows the page that is copied, in every process", () => {
      const shape = shapeWith(100, vmm, profile);
      const { kernel, machine, pages } = boot(vmm, profile, shape);
      const behind = machineFrames(shape.memoryPages);
      const { mmu } = machine;
      const machineFrame = (frame: number): number => (vmm.mmu.definition.name === "bare" ? frame : behind[frame]);
      const seen: boolean[] = [];
      let page = 0;
      pages.onCopy = () => {
        const frame = kernel.files.cache.frameOf(page++ % FILES);
        const window = windowOf(vmm, profile);
        const shown = mmu.kernelAccess?.(window, true) ?? mmu.access(window, true);
        seen.push(shown === machineFrame(frame));
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
  },
);

describe.each(
  [FEDORA, FEDORA_PAE].flatMap((profile) => [
    { vmm: esx, profile, hasShadow: false },
    { vmm: adaptive, profile, hasShadow: false },
    { vmm: assisted, profile, hasShadow: true },
  ]),
)("shadow tables on $vmm.name with $profile.pageTable", ({ vmm, profile, hasShadow }) => {
  it(`${hasShadow ? "map" : "never map"} what the guest has where the VMM is, which its own tables do`, () => {
    const { kernel, machine, pages } = boot(vmm, profile, shapeWith(100, vmm, profile));
    const { mmu } = machine;
    if (!(mmu instanceof ShadowPaging)) throw new Error("no shadow paging");
    let root = -1;
    const { switchRoot } = mmu;
    mmu.switchRoot = (next) => switchRoot.call(mmu, (root = next));
    let [copies, shadowed] = [0, 0];
    pages.onCopy = () => {
      const page = copies++ % FILES;
      const { guest, shadows } = mmu;
      expect(guest.words[guest.walk(root, WINDOW)] >>> 8).toBe(kernel.files.cache.frameOf(page));
      const shadowRoot = shadows.find(root);
      const tables = new Set<number>();
      for (let at = VMM_START; at <= 0xfffff; at++) {
        const position = shadows.memory.walk(shadowRoot, at);
        if (position !== -1) tables.add(Math.floor(position / shadows.memory.entriesPerTable));
      }
      shadowed += tables.size;
    };
    kernel.switchTo(1);
    kernel.files.read(0, FILES);
    kernel.switchTo(0);
    kernel.files.write(0, FILES);
    expect([copies, shadowed]).toEqual([2 * FILES, hasShadow ? 2 * FILES : 0]);
  });
});

it("takes trap and emulation, 2030 cycles (Adams and Agesen 2006, section 3.2), each time, or three times and then a call-out of 1254", () => {
  const costOf = (vmm: Vmm): Record<string, number> => {
    const { kernel, machine, count } = boot(vmm, FEDORA, shapeWith(100, vmm));
    kernel.files.read(0, FILES);
    const reached = machine.meter.now;
    kernel.files.read(0, 1);
    const one = machine.meter.now - reached;
    return { one, faults: count("event.segment-limit.fault"), callouts: count("event.segment-limit.callout") };
  };
  const [each, called] = [costOf(esx), costOf(adaptive)];
  expect([each.faults, each.callouts]).toEqual([FILES + 1, 0]);
  expect([called.faults, called.callouts]).toEqual([3, FILES - 2]);
  expect(each.one - called.one).toBe(2030 - 1254);
});

/** Hypercalls and validations of ten pages that are read from memory. */
function callsToRead(vmm: Vmm, profile: MachineProfile): number[] {
  const { kernel, count, machine } = boot(vmm, profile, shapeWith(100, vmm, profile));
  kernel.files.read(0, FILES);
  machine.mmu.commit();
  const counts = (): number[] => ["vmm.hypercall", "vmm.direct.validate"].map(count);
  const before = counts();
  kernel.files.read(0, 10);
  return counts().map((now, i) => now - before[i]);
}

it.each([FEDORA, FEDORA_PAE])(
  "takes Xen's guest two hypercalls a page, to map it and to forget it, and three validations, and bare metal none, with $pageTable",
  (profile) => {
    // Entry and invalidation to map it, the entry to forget it.
    expect([callsToRead(xenPv, profile), callsToRead(native, profile)]).toEqual([
      [20, 30],
      [0, 0],
    ]);
  },
);

const MIB = 256;

function isMapped(vmm: Vmm, profile: MachineProfile, memoryPages: number): boolean {
  const shape = { ...SMALL_GUEST, memoryPages, filePages: FILES, residentFilePages: 0 };
  const { kernel, mapped } = boot(vmm, profile, shape);
  kernel.files.read(0, FILES);
  return mapped() > 0;
}

describe("low memory", () => {
  it.each([
    { vmm: native, profile: FEDORA, mib: 896 },
    { vmm: native, profile: FEDORA_PAE, mib: 896 },
    { vmm: esx, profile: FEDORA_PAE, mib: 896 },
    { vmm: nested, profile: FEDORA_PAE, mib: 896 },
    { vmm: xenPv, profile: FEDORA, mib: 832 },
    { vmm: xenPv, profile: FEDORA_PAE, mib: 728 },
    { vmm: xenPv1, profile: FEDORA, mib: 832 },
  ])("is $mib MiB on $vmm.name with $profile.pageTable, to the page", ({ vmm, profile, mib }) => {
    expect([0, 1].map((more) => isMapped(vmm, profile, mib * MIB + more))).toEqual([false, true]);
  });

  it("holds a guest of 800 MiB everywhere but below the 168 MB of Xen with PAE", () => {
    const where = [native, esx, xenPv].map((vmm) =>
      [FEDORA, FEDORA_PAE].map((profile) => isMapped(vmm, profile, 800 * MIB)),
    );
    expect(where).toEqual([
      [false, false],
      [false, false],
      [false, true],
    ]);
  });
});
