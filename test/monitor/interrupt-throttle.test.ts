/** Interfaces that interrupt no sooner than an interval after they did last. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadMachine } from "../../src/experiment/documents/load-machine.ts";
import { HEADER_BYTES } from "../../src/machine/network-link.ts";
import { InterruptThrottle } from "../../src/machine/interrupt-throttle.ts";
import { measureMicrobenchmark } from "../../src/sim/microbenchmarks/microbenchmark.ts";
import { TCP } from "../../src/sim/microbenchmarks/tcp.ts";
import { native } from "../../src/vmm/native.ts";
import { xenPv } from "../../src/vmm/xen-pv.ts";
import { Op, type OperationStreamBuilder } from "../../src/workload/operation-stream.ts";

const intervals = fc.integer({ min: 1000, max: 100_000 });

/** Mean of an interrupt, where one takes `perInterrupt`, and a packet so many cycles and so long on the wire. */
function meanPackets(interval: number, perInterrupt: number, perPacket: number, wire: number): number {
  const throttle = new InterruptThrottle(interval);
  let now = 0;
  let taken = 0;
  for (let interrupt = 0; interrupt < 4000; interrupt++) {
    const together = throttle.packets(now, wire);
    now += Math.max(perInterrupt + together * perPacket, together * wire);
    if (interrupt >= 2000) taken += together;
  }
  return taken / 2000;
}

describe("a throttled interface", () => {
  it("interrupts as soon as it may for what it has had to say since, whenever the kernel looks", () => {
    const steps = fc.array(fc.integer({ min: 0, max: 50_000 }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(intervals, steps, (interval, gaps) => {
        const throttle = new InterruptThrottle(interval);
        let now = 0;
        let free = 0;
        for (const gap of gaps) {
          const since = now;
          now += gap;
          // Never sooner than it had something to say, nor than an interval after the last one.
          const at = Math.max(free, since);
          expect(throttle.interrupts(now, since)).toBe(at <= now);
          if (at <= now) free = at + interval;
        }
        expect(free).toBeLessThanOrEqual(now + interval);
      }),
    );
  });

  const shares = fc.double({ min: 0, max: 0.9, noNaN: true });
  const packets = fc.integer({ min: 50, max: 5000 });

  it("announces to a kernel that is busy all the time what it takes in an interval, less what the interrupt takes", () => {
    fc.assert(
      fc.property(intervals, shares, packets, (interval, share, perPacket) => {
        const perInterrupt = Math.round(share * interval);
        const most = (interval - perInterrupt) / perPacket;
        const mean = meanPackets(interval, perInterrupt, perPacket, 1);
        if (most > 1) expect(Math.abs(mean / most - 1)).toBeLessThan(0.02);
        else expect(mean).toBe(1);
      }),
    );
  });

  it("announces to one that has time to wait what the wire carries in an interval", () => {
    fc.assert(
      fc.property(intervals, packets, (interval, wire) => {
        const mean = meanPackets(interval, 0, 1, wire);
        expect(Math.abs(mean / Math.max(1, interval / wire) - 1)).toBeLessThan(0.01);
      }),
    );
  });

  /** Linux, e1000: at most 8,000 interrupts a second and interface, of which Menon 2006 had four. */
  it.each(
    [native, xenPv].flatMap((vmm) =>
      ["tcp-receive-1500", "tcp-transmit-1500", "ttcp-transmit-1500"].map((name) => ({ vmm: vmm.name, name, of: vmm })),
    ),
  )("interrupts $vmm no oftener than its driver lets it: $name", ({ of, name }) => {
    const { profile } = loadMachine("machines/xeon-3.0-menon06.yaml");
    const benchmark = TCP.find((each) => each.name === name);
    if (benchmark === undefined) throw new Error("no benchmark");
    const { cost, events } = measureMicrobenchmark(benchmark, of, profile);
    const perSecond = (events["hardware.interrupt"] / cost) * profile.megahertz * 1e6;
    expect(perSecond).toBeLessThan(1.02 * 4 * 8000);
    expect(perSecond).toBeGreaterThan(0.9 * 4 * 8000);
  });

  it("interrupts a sender as often whatever its calls are: acknowledgements are held back beyond the end of a call", () => {
    const { profile } = loadMachine("machines/xeon-3.0-menon06.yaml");
    const bulk = TCP[0];
    const interruptsOf = (packets: number): number => {
      const rounds = Math.ceil(1800 / packets);
      const { cost, events } = measureMicrobenchmark(
        {
          ...bulk,
          warmUpRounds: rounds,
          rounds,
          operationsPerRound: packets,
          round: (builder) => builder.add(Op.Send, packets * (1500 - HEADER_BYTES), 1500, 1),
        },
        native,
        profile,
      );
      return (events["hardware.interrupt"] / cost) * profile.megahertz * 1e6;
    };
    for (const packets of [1, 2, 3, 7, 45]) {
      const perSecond = interruptsOf(packets);
      // Of some 260 interrupts that are measured one more or less may be.
      expect(Math.abs(perSecond / (4 * 8000) - 1), `${packets} packets`).toBeLessThan(0.02);
    }
  });

  it("does no less for a message after a stream than for the stream alone: what was held back is taken", () => {
    const { profile } = loadMachine("machines/xeon-3.0-menon06.yaml");
    const roundOf = (messages: number): number => {
      const benchmark = {
        ...TCP[0],
        warmUpRounds: 100,
        rounds: 200,
        operationsPerRound: 1,
        round: (builder: OperationStreamBuilder) => {
          for (let send = 0; send < 9; send++) builder.add(Op.Send, 8 * (1500 - HEADER_BYTES), 1500, 1);
          for (let send = 0; send < messages; send++) builder.add(Op.Send, 100, 1500, 0);
        },
      };
      return measureMicrobenchmark(benchmark, native, profile).cost;
    };
    expect(roundOf(1)).toBeGreaterThan(roundOf(0));
  });
});
