import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type KernelPath, kernelPaths } from "../../src/guest/kernel-paths.ts";
import { Meter } from "../../src/machine/meter.ts";
import { Tlb } from "../../src/machine/tlb.ts";
import { binaryTranslation } from "../../src/vmm/cpu/binary-translation.ts";
import { kernelCode } from "../../src/vmm/cpu/kernel-code.ts";
import { hardwareAssist } from "../../src/vmm/cpu/hardware-assist.ts";
import type { Part } from "../../src/vmm/contract.ts";
import type { VirtualCpu } from "../../src/vmm/monitor-contract.ts";
import { hardwareOf, PENTIUM_4, XEON } from "./machines.ts";

const PATHS = kernelPaths(PENTIUM_4);

interface Processor {
  readonly cpu: VirtualCpu;
  readonly meter: Meter;
  readonly tlb: Tlb;
  readonly count: (cause: string) => number;
}

function processor(part: Part<"cpu">, profile = PENTIUM_4): Processor {
  const meter = new Meter();
  const hardware = hardwareOf(profile, meter);
  const cpu = part.definition.create(part.parameters, hardware);
  return { cpu, meter, tlb: hardware.tlb, count: (cause) => meter.ledger.eventsByCause()[cause] ?? 0 };
}

describe("adaptive binary translation", () => {
  const adaptive = { adaptive: true, faultsAllowed: 3 };

  it("lets an instruction fault three times, and calls the emulation of its writes from then on", () => {
    const { cpu, count } = processor(binaryTranslation(adaptive));
    cpu.runKernel(PATHS.fork, 1);
    const trapped = Array.from({ length: 10 }, () => cpu.tracedWrite("set", "unchanged"));
    expect(trapped).toEqual([true, true, true, ...Array.from({ length: 7 }, () => false)]);
    expect([count("vmm.trap"), count("vmm.translation.traced-write")]).toEqual([3, 7]);
    expect(count("event.translation.retranslated")).toBe(1);
  });

  it("finds other instructions innocent until they have faulted themselves", () => {
    const { cpu } = processor(binaryTranslation(adaptive));
    cpu.runKernel(PATHS.fork, 1);
    for (let write = 0; write < 4; write++) cpu.tracedWrite("set", "set");
    expect(cpu.tracedWrite("modify", "set")).toBe(true);
    cpu.runKernel(PATHS.exit, 1);
    expect(cpu.tracedWrite("set", "clear")).toBe(true);
    cpu.runKernel(PATHS.fork, 1);
    expect(cpu.tracedWrite("set", "set")).toBe(false);
  });

  it("forgets what it knows when the translation cache is emptied", () => {
    // fork takes 600 units, exit 600.
    const { cpu, count } = processor(binaryTranslation({ ...adaptive, translationCacheUnits: 700 }));
    cpu.runKernel(PATHS.fork, 1);
    for (let write = 0; write < 4; write++) cpu.tracedWrite("set", "set");
    cpu.runKernel(PATHS.exit, 1);
    expect(count("event.translation.cache-flush")).toBe(1);
    cpu.runKernel(PATHS.fork, 1);
    expect(cpu.tracedWrite("set", "set")).toBe(true);
  });

  it("traps every time when it is switched off", () => {
    const { cpu, count } = processor(binaryTranslation({ adaptive: false }));
    cpu.runKernel(PATHS.fork, 1);
    for (let write = 0; write < 10; write++) expect(cpu.tracedWrite("set", "unchanged")).toBe(true);
    expect([count("hardware.trap"), count("vmm.translation.traced-write")]).toEqual([10, 0]);
  });
});

/** Whether accesses to some pages are emulated: the last of user code, the last below the topmost 4 MB, and the first and the last of these. */
function emulated(part: Part<"cpu">, profile = XEON): (boolean | undefined)[] {
  const { cpu } = processor(part, profile);
  return [0xbffff, 0xffbff, 0xffc00, 0xfffff].map((page) => cpu.emulatesAccess?.(page, false));
}

describe("the segments of translated code", () => {
  const ADAPTIVE = { adaptive: true, faultsAllowed: 3 };
  it("end where the topmost 4 MB begin, with PAE, too; in long mode none does", () => {
    expect(emulated(binaryTranslation())).toEqual([false, false, true, true]);
    expect(emulated(binaryTranslation(), { ...XEON, pageTable: "ia32-pae" })).toEqual([false, false, true, true]);
    expect(emulated(binaryTranslation(), { ...XEON, pageTable: "x86-64" })).toEqual([false, false, false, false]);
  });

  it("are there for translated code alone", () => {
    expect(emulated(hardwareAssist(), { ...PENTIUM_4, pageTable: "ia32" })).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it("stop an instruction three times; then it has been translated anew, and calls the VMM", () => {
    const { cpu, meter, count } = processor(binaryTranslation(ADAPTIVE), XEON);
    cpu.runKernel(kernelPaths(XEON)["read-file-page"], 1);
    const before = meter.ledger.eventsByCause();
    const callouts = before["vmm.translation.callout"];
    const translated = before["vmm.translation.translator"];
    for (let copy = 0; copy < 10; copy++) cpu.emulatesAccess?.(0xffff1, false);
    expect([count("event.segment-limit.fault"), count("event.segment-limit.callout")]).toEqual([3, 7]);
    expect([count("hardware.trap"), count("vmm.trap"), count("vmm.translation.callout") - callouts]).toEqual([3, 3, 7]);
    // A unit of 12 instructions, once.
    expect(count("event.translation.retranslated")).toBe(1);
    expect(count("vmm.translation.translator") - translated).toBe(12);
  });

  it("stop the instruction that copies the other way by itself, and no write of a table for it", () => {
    const { cpu, count } = processor(binaryTranslation(ADAPTIVE), XEON);
    for (let copy = 0; copy < 4; copy++) cpu.emulatesAccess?.(0xffff1, false);
    expect(count("event.segment-limit.fault")).toBe(3);
    for (let copy = 0; copy < 4; copy++) cpu.emulatesAccess?.(0xffff1, true);
    expect(count("event.segment-limit.fault")).toBe(6);
    for (const path of Object.values(kernelPaths(XEON))) {
      if (Number.isNaN(path.cycles)) continue;
      cpu.runKernel(path, 1);
      for (const change of ["set", "protect", "modify"] as const)
        expect([path.name, change, cpu.tracedWrite(change, "set")]).toEqual([path.name, change, true]);
    }
  });

  it("stop it again when the translation cache has been emptied", () => {
    const { cpu, count } = processor(binaryTranslation({ ...ADAPTIVE, translationCacheUnits: 700 }), XEON);
    for (let copy = 0; copy < 4; copy++) cpu.emulatesAccess?.(0xffff1, false);
    const { fork, exit } = kernelPaths(XEON);
    cpu.runKernel(fork, 1);
    cpu.runKernel(exit, 1);
    expect(count("event.translation.cache-flush")).toBeGreaterThan(0);
    cpu.emulatesAccess?.(0xffff1, false);
    expect([count("event.segment-limit.fault"), count("event.segment-limit.callout")]).toEqual([4, 1]);
  });

  it("stop it every time when nothing is translated anew", () => {
    const { cpu, count } = processor(binaryTranslation({ adaptive: false }), XEON);
    for (let copy = 0; copy < 10; copy++) cpu.emulatesAccess?.(0xffff1, false);
    expect([count("event.segment-limit.fault"), count("event.segment-limit.callout")]).toEqual([10, 0]);
  });
});

it("pays for translation once, 2300 cycles an instruction", () => {
  const { cpu, meter, count } = processor(binaryTranslation());
  cpu.runKernel(PATHS.interrupt, 1);
  // 6 calls: 7 functions of 36 instructions, 6 units each; every unit is missed once.
  expect(meter.ledger.cyclesByCause()["vmm.translation.translator"]).toBe(7 * 36 * 2300);
  expect(count("vmm.translation.callout")).toBe(42);
  cpu.runKernel(PATHS.interrupt, 5);
  expect(count("vmm.translation.translator")).toBe(7 * 36);
});

/** Units translated, branches chained, and times that control left the cache. */
function translationCounts({ count }: Processor): number[] {
  return ["event.translation.unit-translated", "event.translation.chained", "vmm.translation.callout"].map(count);
}

describe("the translation cache of a processor", () => {
  it("has each unit of the code that is run translated once, and each branch between two of them chained once", () => {
    const all = processor(binaryTranslation());
    const reached = [PATHS.fork, PATHS["page-fault"], PATHS.interrupt, PATHS.exit];
    for (let round = 0; round < 3; round++) for (const path of reached) all.cpu.runKernel(path, 2);
    const blocks = reached.flatMap(({ id }) => kernelCode(PENTIUM_4)[id]);
    const starts = blocks.flatMap(({ address, instructions }) =>
      Array.from({ length: instructions }, (_, at) => at)
        .filter((at) => at % 12 === 0)
        .map((at) => address + at),
    );
    const units = new Set(starts).size;
    // From one function to the next leads a call, which is looked up like a return.
    const branches = units - blocks.filter(({ returns }) => returns).length;
    expect(translationCounts(all)).toEqual([units, branches, units]);
    expect(branches).toBeLessThan(units);
  });

  it("has them translated and chained again after a flush, but for the branch on the way to what found no room", () => {
    // A function has 6 units and 5 branches between them; exec and exit are a hundred functions each.
    const small = processor(binaryTranslation({ translationCacheUnits: 700 }));
    small.cpu.runKernel(PATHS.exec, 1);
    expect(translationCounts(small)).toEqual([600, 500, 600]);
    // Room for 100 units: the 101st is in the middle of a function.
    small.cpu.runKernel(PATHS.exit, 1);
    expect(translationCounts(small)).toEqual([1200, 999, 1200]);
    // Its first 100 units are gone with the flush; they come after the other 500, and one branch leads from them to these.
    small.cpu.runKernel(PATHS.exit, 1);
    expect(translationCounts(small)).toEqual([1300, 1083, 1301]);
    small.cpu.runKernel(PATHS.exit, 1);
    expect(translationCounts(small)).toEqual([1300, 1083, 1301]);
  });
});

/** A cache of units by address that is emptied when it is full, asked about each unit of each run: what it finds, and what not. */
function naiveCounts(
  capacity: number,
  runs: readonly (readonly [KernelPath, number])[],
): [found: number, missed: number] {
  const code = kernelCode(PENTIUM_4);
  const cache = new Set<number>();
  let [found, missed] = [0, 0];
  for (const [path, times] of runs) {
    for (let run = 0; run < times; run++) {
      for (const { address, instructions } of code[path.id]) {
        for (let unit = address; unit < address + instructions; unit += 12) {
          if (cache.has(unit)) found++;
          else {
            missed++;
            if (cache.size === capacity) cache.clear();
            cache.add(unit);
          }
        }
      }
      // Beyond a hundred functions they are the same again, of 6 units (5, 6, 4, 12 + 2 and 7 instructions).
      found += 6 * Math.max(0, path.calls + 1 - 100);
    }
  }
  return [found, missed];
}

/** Units of the functions that a path of more than a hundred calls again. */
const again = ({ calls }: KernelPath): number => 6 * (calls - 99);
const HITS_AND_MISSES = ["event.translation.unit-found", "event.translation.unit-translated"];

describe("hits and misses of the translation cache", () => {
  const known = Object.values(PATHS).filter(({ cycles }) => !Number.isNaN(cycles));
  const run = fc.tuple(fc.constantFrom(...known), fc.nat({ max: 4 }));

  it("are those of a cache that is asked about every unit, whatever runs, and together the units that are run", () => {
    fc.assert(
      fc.property(fc.array(run, { maxLength: 25 }), fc.constantFrom(1, 90, 650, 1300, 40_000), (runs, capacity) => {
        const { cpu, count } = processor(binaryTranslation({ translationCacheUnits: capacity }));
        for (const [path, times] of runs) cpu.runKernel(path, times);
        const [found, missed] = HITS_AND_MISSES.map(count);
        expect([found, missed]).toEqual(naiveCounts(capacity, runs));
        const functions = runs.reduce((sum, [{ calls }, times]) => sum + times * (calls + 1), 0);
        expect(found + missed).toBe(6 * functions);
      }),
    );
  });

  it("are misses once, hits from then on, and misses once more when the cache has been emptied", () => {
    // The path of interrupts is 7 functions, 42 units; those of exec and exit are a hundred, 600 units, which they call again.
    const { cpu, count } = processor(binaryTranslation({ translationCacheUnits: 700 }));
    const more = (path: KernelPath, times: number): number[] => {
      const before = HITS_AND_MISSES.map(count);
      cpu.runKernel(path, times);
      return HITS_AND_MISSES.map((name, i) => count(name) - before[i]);
    };
    expect(more(PATHS.interrupt, 1)).toEqual([0, 42]);
    expect(more(PATHS.interrupt, 3)).toEqual([3 * 42, 0]);
    expect(more(PATHS.exec, 1)).toEqual([again(PATHS.exec), 600]);
    // There is room for 58 of them; then all is gone, exec and interrupts, too.
    expect(more(PATHS.exit, 1)).toEqual([again(PATHS.exit), 600]);
    expect(count("event.translation.cache-flush")).toBe(1);
    expect(more(PATHS.interrupt, 2)).toEqual([42, 42]);
  });
});

describe("hardware assist", () => {
  it("exits for ports, interrupts and the way into the VMM, but not for system calls, exceptions, calls and priorities", () => {
    const { cpu, count } = processor(hardwareAssist());
    const exits = (action: () => void): number => {
      const before = count("vmm.exit.world-switch");
      action();
      return count("vmm.exit.world-switch") - before;
    };
    expect(exits(() => cpu.enterKernel("system-call"))).toBe(0);
    expect(exits(() => cpu.enterKernel("exception"))).toBe(0);
    expect(exits(() => cpu.enterKernel("page-fault"))).toBe(0);
    expect(exits(() => cpu.execute("call-return"))).toBe(0);
    expect(exits(() => cpu.execute("task-priority"))).toBe(0);
    expect(exits(() => cpu.execute("port-input"))).toBe(1);
    expect(exits(() => cpu.enterKernel("interrupt"))).toBe(1);
    expect(exits(() => cpu.enter("page-fault"))).toBe(1);
    expect(exits(() => cpu.enter("instruction"))).toBe(1);
    expect(exits(() => cpu.tracedWrite("set", "set"))).toBe(1);
  });

  it("exits for the task priority where the hardware keeps no copy of it", () => {
    const { cpu, count } = processor(hardwareAssist({ priorityShadow: false }));
    cpu.execute("task-priority");
    expect(count("vmm.exit.world-switch")).toBe(1);
  });

  it.each([
    { taggedTlb: false, kept: false },
    { taggedTlb: true, kept: true },
  ])("keeps translations over an exit if they are tagged: $taggedTlb", ({ taggedTlb, kept }) => {
    const { cpu, tlb } = processor(hardwareAssist({ taggedTlb }));
    tlb.insert(7, 0x101);
    cpu.enter("instruction");
    expect(tlb.lookup(7) !== -1).toBe(kept);
  });

  it("takes 4340 cycles for the bare round trip on the Pentium 4 (Agesen et al. 2010), and ten reads", () => {
    const { cpu, meter } = processor(hardwareAssist());
    cpu.enter("instruction");
    expect(meter.ledger.cyclesByCause()).toMatchObject({
      "vmm.exit.world-switch": 4340,
      "vmm.exit.control-block": 10 * 178,
    });
  });
});

describe("a call and its return in translated code", () => {
  /**
   * Reciprocal throughputs on a Pentium 4 model 2, and on a Prescott (Fog, Instruction tables): of a call (US patent 6,711,672), of a
   * return (Adams and Agesen 2006, section 3.2) with two registers spilled, and of confirming its address.
   */
  const INSTRUCTIONS: Readonly<Record<string, readonly [model2: number, prescott: number]>> = {
    "push i": [2, 2],
    "mov m, i": [2, 2],
    "jmp near": [1, 1],
    "pop r": [1, 1],
    "mov m, r": [2, 2],
    "mov m, r, the second": [2, 2],
    "movzx r, r": [0.25, 0.25],
    "jmp m": [4, 10],
    "lea r, [r + i]": [0.5, 0.5],
    jecxz: [4, 4],
    "mov r, m": [1, 1],
    "mov r, m, the second": [1, 1],
  };
  const sum = (processor: 0 | 1): number =>
    Object.values(INSTRUCTIONS).reduce((total, cycles) => total + cycles[processor], 0);

  it("take on a Xeon of 2003 what the nanobenchmark on a Prescott makes of them", () => {
    const [here, there] = [XEON, PENTIUM_4].map(({ costs }) => costs["binary-translation.call-return"]);
    expect(here).toBe(Math.round((there * sum(0)) / sum(1)));
    expect(there).toBe(51);
  });
});
