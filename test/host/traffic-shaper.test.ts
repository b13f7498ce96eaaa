import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FRAME_HEADER_BYTES, PAYLOAD } from "../../src/machine/network-link.ts";
import { runHost } from "../../src/sim/host.ts";
import { TrafficShaper } from "../../src/sim/traffic-shaper.ts";
import type { Vmm } from "../../src/vmm/contract.ts";
import { esx } from "../../src/vmm/esx.ts";
import { vmxnet } from "../../src/vmm/io/vmkernel.ts";
import type { CompiledWorkload } from "../../src/workload/compiled-workload.ts";
import { Op, OperationStreamBuilder } from "../../src/workload/operation-stream.ts";
import { profile, SMALL_GUEST } from "./fixtures.ts";

/** Of one cycle a microsecond: 8000 kbit/s are a byte in each cycle. */
const MHZ = 1;
const FRAME = PAYLOAD + FRAME_HEADER_BYTES;

/** Sends messages of so many packets, one after the other. */
function sender(messages: number, packets: number): CompiledWorkload {
  const stream = new OperationStreamBuilder();
  for (let i = 0; i < messages; i++) {
    stream.add(Op.Request, 0, 0, 0);
    stream.add(Op.Send, packets * PAYLOAD);
  }
  const guest = { ...SMALL_GUEST, memoryPages: 4096 };
  return { name: "sender", guest, stream: stream.finish(), durationUs: 0, warmupUs: 0 };
}
const shaped = (averageKilobits: number): Vmm => ({ ...esx, network: vmxnet({ averageKilobits }) });
const run = (vmm: Vmm, work: CompiledWorkload) => runHost(vmm, profile, [work], 5000, () => ({}));

describe("traffic shaping", () => {
  it("lets a burst out at the peak rate, then goes on at the average", () => {
    const shaper = new TrafficShaper(
      { averageKilobits: 800, peakKilobits: 8000, burstKilobytes: 15.14, queuedPackets: 1000 },
      MHZ,
    );
    const leave = Array.from({ length: 30 }, () => shaper.offer(0, PAYLOAD, 0));
    const gaps = leave.slice(1).map((at, i) => at - leave[i]);
    // Ten packets of 1514 bytes are the burst, and what comes in while it goes out is one more.
    expect(leave[0]).toBe(0);
    expect(gaps.slice(0, 9)).toEqual(Array(9).fill(FRAME));
    expect(leave[29]).toBeGreaterThanOrEqual((30 * FRAME - 15_140) * 10);
    expect(leave[29]).toBeLessThanOrEqual((30 * FRAME - 15_140) * 10 + 30);
    expect(gaps.slice(12).every((gap) => gap >= 10 * FRAME && gap <= 10 * FRAME + 1)).toBe(true);
  });

  it("keeps to both rates over any stretch of time, in order, and drops what finds the queue full", () => {
    const limits = fc.record({
      averageKilobits: fc.integer({ min: 100, max: 8000 }),
      peakKilobits: fc.integer({ min: 8000, max: 80_000 }),
      burstKilobytes: fc.integer({ min: 0, max: 60 }),
      queuedPackets: fc.integer({ min: 1, max: 40 }),
    });
    const offers = fc.array(fc.record({ pause: fc.nat(20_000), payload: fc.integer({ min: 0, max: PAYLOAD }) }), {
      minLength: 1,
      maxLength: 80,
    });
    fc.assert(
      fc.property(limits, offers, (shaping, packets) => {
        const shaper = new TrafficShaper(shaping, MHZ);
        const sent: { at: number; bytes: number }[] = [];
        let now = 0;
        for (const { pause, payload } of packets) {
          now += pause;
          const queued = sent.filter(({ at }) => at > now).length;
          const at = shaper.offer(0, payload, now);
          expect(at < 0).toBe(queued >= shaping.queuedPackets);
          if (at < 0) continue;
          expect(at).toBeGreaterThanOrEqual(Math.max(now, sent.at(-1)?.at ?? 0));
          sent.push({ at, bytes: payload + FRAME_HEADER_BYTES });
        }
        const burst = Math.max(1000 * shaping.burstKilobytes, FRAME);
        for (let from = 0; from < sent.length; from++) {
          let bytes = 0;
          for (let to = from; to < sent.length; to++) {
            bytes += sent[to].bytes;
            const passed = sent[to].at - sent[from].at;
            expect(bytes).toBeLessThanOrEqual(burst + (passed * shaping.averageKilobits) / 8000 + 1e-6);
            expect(bytes).toBeLessThanOrEqual(FRAME + (passed * shaping.peakKilobits) / 8000 + 1e-6);
          }
        }
      }),
    );
  });

  it("makes a VM on a host wait until its message has left", () => {
    const { metrics, events } = run(shaped(8000), sender(100, 20));
    // A byte a microsecond; the first packet finds the bucket full.
    expect(metrics.elapsed_ms).toBeCloseTo(((100 * 20 - 1) * FRAME) / 1000, 0);
    expect(events["event.io.shaper-drop"]).toBeUndefined();
    // Without a shaper the link is what it waits for: 1538 bytes a packet at 8 ns.
    expect(run(esx, sender(100, 20)).metrics.elapsed_ms).toBeCloseTo(100 * 20 * 1538 * 8e-6, 1);
  });

  it("sends what was dropped again after TCP's time", () => {
    const { metrics, events } = run(shaped(80_000), sender(1, 150));
    // The first leaves at once, 100 wait; the others come again when those have long gone.
    expect(events["event.io.shaper-drop"]).toBe(49);
    expect(metrics.elapsed_ms).toBeGreaterThan(200);
    expect(metrics.elapsed_ms).toBeLessThan(200 + (49 * FRAME) / 10_000 + 1);
  });
});
