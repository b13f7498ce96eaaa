/** Interrupts of devices whose drivers are in the hypervisor: who handles them, whom they hold up, and that no cycle is lost or made. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { MachineProfile } from "../../src/machine/profile.ts";
import { runHost } from "../../src/sim/host.ts";
import type { MeasureOperations } from "../../src/sim/operation-prices.ts";
import type { MeasuredOperation } from "../../src/sim/operations.ts";
import { reasonToSkip } from "../../src/sim/reason-to-skip.ts";
import { xenDriversDisk, xenDriversNetwork } from "../../src/vmm/io/xen-drivers.ts";
import { xenPv } from "../../src/vmm/xen-pv.ts";
import { xenPv1 } from "../../src/vmm/xen-pv-1.ts";
import { paravirtual } from "../../src/vmm/cpu/paravirtual.ts";
import type { Vmm } from "../../src/vmm/contract.ts";
import type { CompiledWorkload } from "../../src/workload/compiled-workload.ts";
import { Op, OperationStreamBuilder } from "../../src/workload/operation-stream.ts";
import { profile, SMALL_GUEST } from "./fixtures.ts";

const { cache: _, ...uncached } = profile;
/** Two processors without a cache. */
const TWO: MachineProfile = { ...uncached, cores: 2 };
const ONE: MachineProfile = { ...TWO, cores: 1 };
const XEN: Vmm = { ...xenPv1, memory: [] };
const HERE = 30_000;
const THERE = 20_000;
const HANDLER = 7000;
const HANDLED = "io.hypervisor.interrupt.driver";

/** A packet costs so much on the processor that handles interrupts, and on another one. */
const priced: MeasureOperations = ({ network }): Record<string, MeasuredOperation> => {
  const elsewhere = network.parameters.otherProcessor === true;
  const frontend = { "guest.kernel": elsewhere ? THERE : HERE };
  return { "send-packet": { frontend, backend: elsewhere ? { [HANDLED]: HANDLER } : {} } };
};

function guest(name: string, steps: readonly (readonly [number, number])[]): CompiledWorkload {
  const stream = new OperationStreamBuilder();
  stream.add(Op.Request, 0, 0, 0);
  for (const [op, amount] of steps) stream.add(op, amount);
  return { name, guest: SMALL_GUEST, stream: stream.finish(), durationUs: 0, warmupUs: 0 };
}

function run(guests: readonly CompiledWorkload[], machine = TWO, vmm = XEN) {
  return runHost(vmm, machine, guests, guests.length * SMALL_GUEST.memoryPages, priced);
}

const cyclesOf = (ms: number): number => Math.round(ms * TWO.megahertz * 1000);
/** Sends so many packets, computing before each of them. */
function sender(packets: number, cycles = 50_000): CompiledWorkload {
  const steps = Array.from(
    { length: packets },
    () =>
      [
        [Op.Compute, cycles],
        [Op.Send, 1448],
      ] as const,
  );
  return guest("sender", steps.flat());
}
const computing = (cycles: number): CompiledWorkload =>
  guest(
    "computing",
    Array.from({ length: 10 }, () => [Op.Compute, cycles / 10] as const),
  );

describe("interrupts for a domain on another processor than the one that handles them", () => {
  it("are handled by one that idles, to the cycle, and cost the domain what they cost there", () => {
    const { cycles, metrics } = run([sender(20)]);
    expect(cycles[HANDLED]).toBe(20 * HANDLER);
    expect(cycles["guest.kernel"]).toBe(20 * THERE);
    expect(cycles["guest.user"]).toBe(20 * 50_000);
    const total = Object.values(cycles).reduce((sum, each) => sum + each, 0);
    expect(total).toBe(2 * cyclesOf(metrics.elapsed_ms));
  });

  it("hold up the domain that runs there, for as long as they take and no longer", () => {
    const work = 4_000_000;
    const alone = run([computing(work), computing(work)]);
    const beside = run([sender(20), computing(work)]);
    expect(cyclesOf(alone.metrics.elapsed_ms)).toBe(work);
    expect(beside.cycles[HANDLED]).toBe(20 * HANDLER);
    // The sender is done before.
    expect(20 * (50_000 + THERE)).toBeLessThan(work);
    expect(cyclesOf(beside.metrics.elapsed_ms)).toBe(work + 20 * HANDLER);
  });

  it("cost a domain on the processor that handles them what they cost a guest by itself, and nobody else anything", () => {
    const work = 4_000_000;
    const { cycles, metrics } = run([computing(work), sender(20)]);
    expect(cycles[HANDLED]).toBeUndefined();
    expect(cycles["guest.kernel"]).toBe(20 * HERE);
    expect(cyclesOf(metrics.elapsed_ms)).toBe(work);
  });

  it("do not exist with a single processor, nor where a driver domain has the drivers", () => {
    const single = run([sender(20)], ONE);
    expect(single.cycles[HANDLED]).toBeUndefined();
    expect(single.cycles["guest.kernel"]).toBe(20 * HERE);
    const domain = run([sender(20)], TWO, { ...xenPv, memory: [], cpu: paravirtual() });
    expect(domain.cycles["guest.kernel"]).toBe(20 * HERE);
  });

  it("are not said by the VMM where guests share a host: those of a guest would be handled twice", () => {
    for (const part of [
      { disk: xenDriversDisk({ otherProcessor: true }) },
      { network: xenDriversNetwork({ otherProcessor: true }) },
    ]) {
      expect(reasonToSkip({ ...XEN, ...part }, TWO, { vms: 2 })).toBe(
        "xen-pv-1 has otherProcessor true, which is for a guest by itself; expected false: on a host it follows from where guests run",
      );
      expect(reasonToSkip({ ...XEN, ...part }, TWO, {})).toBeUndefined();
    }
    expect(reasonToSkip(XEN, TWO, { vms: 2 })).toBeUndefined();
  });

  it("neither lose nor make a cycle, whatever domains do", () => {
    const step = fc.oneof(
      fc.integer({ min: 1, max: 400_000 }).map((cycles) => [Op.Compute, cycles] as const),
      fc.integer({ min: 1, max: 4 }).map((packets) => [Op.Send, packets * 1448] as const),
      fc.constant([Op.ReadFile, 5] as const),
    );
    const domains = fc.array(fc.array(step, { minLength: 1, maxLength: 20 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(domains, (each) => {
        const { cycles, metrics } = run(each.map((steps, i) => guest(`${i}`, steps)));
        // Domains are put on the first processor, the second, the first ...
        const packets = (parity: number): number =>
          each
            .filter((__, i) => i % 2 === parity)
            .flat()
            .reduce((sum, [op, amount]) => sum + (op === Op.Send ? amount / 1448 : 0), 0);
        expect(cycles[HANDLED] ?? 0).toBe(packets(0) * HANDLER);
        expect(cycles["guest.kernel"] ?? 0).toBe(packets(0) * THERE + packets(1) * HERE);
        const total = Object.values(cycles).reduce((sum, cause) => sum + cause, 0);
        expect(total).toBe(2 * cyclesOf(metrics.elapsed_ms));
      }),
      { numRuns: 60 },
    );
  });
});
