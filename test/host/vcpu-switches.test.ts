import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cause, Ledger } from "../../src/core/ledger.ts";
import { Vcpu, type VcpuWork } from "../../src/sim/vcpu.ts";
import { VcpuSwitches } from "../../src/sim/vcpu-switches.ts";
import type { MachineProfile } from "../../src/machine/profile.ts";
import { profile } from "./fixtures.ts";

/** A cache of 1024 lines, 64 a page. */
const machine: MachineProfile = { ...profile, cores: 1, cache: { bytes: 65_536, ways: 8, lineBytes: 64 } };
const LINES = 1024;
const LINE_FILL = machine.costs["hardware.cache-line-fill"];
const SWITCH_CYCLES = 1000;
const WORK = cause("guest.user");

function vcpuWith(index: number, workingPages: number | undefined): Vcpu {
  const work: VcpuWork = { advance: () => false, ...(workingPages !== undefined && { workingPages }) };
  return new Vcpu(index, work);
}

/** Put the vCPU on the pCPU with some work. Returns the lines that it fetches and whether the VMM had to switch. */
function runs(switches: VcpuSwitches, vcpu: Vcpu, cycles: number): { fills: number; switched: boolean } {
  const ledger = new Ledger();
  switches.switchTo(vcpu);
  vcpu.pending.settle(ledger);
  vcpu.pending.add(WORK, cycles);
  switches.refill(vcpu);
  vcpu.pending.settle(ledger);
  const events = ledger.eventsByCause();
  const spent = ledger.cyclesByCause();
  expect(spent["hardware.cache-line-fill"] ?? 0).toBe((events["hardware.cache-line-fill"] ?? 0) * LINE_FILL);
  expect(spent["vmm.vcpu-switch"] ?? 0).toBe((events["vmm.vcpu-switch"] ?? 0) * SWITCH_CYCLES);
  return { fills: events["hardware.cache-line-fill"] ?? 0, switched: (events["vmm.vcpu-switch"] ?? 0) > 0 };
}

/** The same cache line by line: least recently used replaced, and every VM uses first what it has used last. */
class LineByLine {
  /** Tags, the most recently used first. */
  #lines: string[] = [];

  run(vm: number, lines: number): number {
    const mine = Array.from({ length: lines }, (_, i) => `${vm}/${i}`);
    const found = this.#lines.filter((tag) => tag.startsWith(`${vm}/`));
    const inOrder = [...found, ...mine.filter((tag) => !found.includes(tag))];
    let fills = 0;
    for (const tag of inOrder) {
      const at = this.#lines.indexOf(tag);
      if (at >= 0) this.#lines.splice(at, 1);
      else fills++;
      this.#lines.unshift(tag);
      this.#lines.length = Math.min(this.#lines.length, LINES);
    }
    return fills;
  }
}

describe("another VM on a processor", () => {
  it("leaves the first one what it works on, though that shows only when its first process runs, and no more", () => {
    const switches = new VcpuSwitches(machine, SWITCH_CYCLES);
    const work = { advance: () => false, workingPages: 0 };
    const first = new Vcpu(0, work);
    switches.switchTo(first);
    work.workingPages = 4;
    expect(runs(switches, first, 1e6)).toEqual({ fills: 0, switched: false });
    const second = vcpuWith(1, LINES / 64);
    expect(runs(switches, second, 1e9).fills).toBe(LINES);
    // All its 256 lines have been displaced.
    expect(runs(switches, first, 1e9)).toEqual({ fills: 256, switched: true });
    // The others come back into what 256 lines have left.
    expect(runs(switches, second, 1e9).fills).toBe(256);
  });

  it("fetches exactly the lines that a cache of lines would have lost", () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 16 }), { minLength: 2, maxLength: 5 });
    const turns = fc.array(fc.nat({ max: 4 }), { minLength: 2, maxLength: 25 });
    fc.assert(
      fc.property(sizes, turns, (pages, order) => {
        const switches = new VcpuSwitches(machine, SWITCH_CYCLES);
        const exact = new LineByLine();
        const vcpus = pages.map((count, i) => vcpuWith(i, count));
        let before = -1;
        for (const turn of order) {
          const vm = turn % pages.length;
          const { fills, switched } = runs(switches, vcpus[vm], 2 * LINES * LINE_FILL);
          const expected = exact.run(vm, pages[vm] * 64);
          // The first VM of all has been up before.
          expect(fills).toBe(before < 0 ? 0 : expected);
          expect(switched).toBe(before >= 0 && before !== vm);
          before = vm;
        }
      }),
      { numRuns: 30 },
    );
  });

  it("fetches no more than it has the time for, and the rest when it goes on", () => {
    const switches = new VcpuSwitches(machine, SWITCH_CYCLES);
    const [one, other] = [vcpuWith(0, 16), vcpuWith(1, 16)];
    runs(switches, one, 1e6);
    // The 1000 cycles of the switch are time, too.
    expect(runs(switches, other, 100 * LINE_FILL).fills).toBe(100 + Math.floor(SWITCH_CYCLES / LINE_FILL));
    expect(runs(switches, one, 1e6).fills).toBe(100 + Math.floor(SWITCH_CYCLES / LINE_FILL));
    runs(switches, other, 50 * LINE_FILL);
    expect(runs(switches, other, 1e6).fills).toBeGreaterThan(LINES - 100);
  });

  it("is no switch when it is the VMM's own work, or that of the VM with the drivers, which is priced with it", () => {
    const switches = new VcpuSwitches(machine, SWITCH_CYCLES);
    const guest = vcpuWith(0, 16);
    const vmm = vcpuWith(1, undefined);
    runs(switches, guest, 1e6);
    expect(runs(switches, vmm, 1e6)).toEqual({ fills: 0, switched: false });
    expect(runs(switches, guest, 1e6)).toEqual({ fills: 0, switched: false });
  });

  it("costs only the VMM's part on a machine whose profile has no cache", () => {
    const { cache: _, ...without } = machine;
    const switches = new VcpuSwitches(without, SWITCH_CYCLES);
    runs(switches, vcpuWith(0, 16), 1e6);
    expect(runs(switches, vcpuWith(1, 16), 1e6)).toEqual({ fills: 0, switched: true });
  });
});
