import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FREE } from "../../src/core/pending-charges.ts";
import { NetworkLink, packetsFor, PAYLOAD, SOCKET_BUFFER } from "../../src/machine/network-link.ts";
import { EventQueue } from "../../src/sim/event-queue.ts";
import { runHost } from "../../src/sim/host.ts";
import { JobKind, NOBODY } from "../../src/sim/io-job.ts";
import { LinkSends } from "../../src/sim/link-sends.ts";
import { Outstanding } from "../../src/sim/outstanding.ts";
import { esx } from "../../src/vmm/esx.ts";
import { xenPv } from "../../src/vmm/xen-pv.ts";
import type { Vmm } from "../../src/vmm/contract.ts";
import { Op, OperationStreamBuilder } from "../../src/workload/operation-stream.ts";
import { profile, SMALL_GUEST } from "./fixtures.ts";

/** A gigabit link: eight nanoseconds a byte, with 90 bytes of headers and framing about each packet's payload. */
const NS_PER_BYTE = 8;
const OVERHEAD = 90;
/** Linux 2.4, as on the machine of the tests. */
const QUEUE = 100;
const wireNs = (bytes: number): number => NS_PER_BYTE * (bytes + OVERHEAD * packetsFor(bytes));
const cycles = (ns: number): number => (ns * profile.megahertz) / 1000;

/** A link by itself, and senders whose messages come at given cycles, each as soon as the one before it has left. */
class Wire {
  readonly link = new NetworkLink(profile);
  drops = 0;
  readonly #events = new EventQueue();
  readonly #sends = new LinkSends(this.link, this.#events, profile.megahertz, () => this.drops++);
  longest = 0;

  /** When the last of a sender's messages has left, in cycles. */
  run(senders: readonly (readonly number[])[]): readonly number[] {
    const ends = senders.map(() => 0);
    senders.forEach((messages, i) => {
      let next = 0;
      const goOn = (now: number): void => {
        ends[i] = now;
        if (next < messages.length) this.#send(messages[next++], waiter, now);
      };
      const waiter = new Outstanding(goOn);
      goOn(0);
    });
    while (this.#events.take()) {
      this.#sends.onEvent(this.#events.detail, this.#events.time);
      this.longest = Math.max(this.longest, QUEUE - this.link.room(this.#events.time));
    }
    return ends;
  }

  #send(bytes: number, waiter: Outstanding, now: number): void {
    const job = { kind: JobKind.Transmit, guest: NOBODY, waiter, backend: FREE, units: packetsFor(bytes), bytes };
    this.#sends.send({ ...job, page: 0, pages: 0, hostSwap: false, endsRequest: true }, waiter, now);
  }
}

describe("senders on a link", () => {
  it("are told when a message has left: at the link's rate, if nobody else sends", () => {
    const wire = new Wire();
    const [end] = wire.run([[12_288, 100]]);
    expect(end).toBeCloseTo(cycles(wireNs(12_288) + wireNs(100)), -1);
    expect(wire.drops).toBe(0);
  });

  it("get everything through whatever is lost: each byte is on the wire once, and the queue is never longer than it is", () => {
    const sizes = fc.array(fc.integer({ min: 0, max: 400_000 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(fc.array(sizes, { minLength: 1, maxLength: 40 }), (senders) => {
        const wire = new Wire();
        const ends = wire.run(senders);
        const all = senders.flat();
        const wanted = all.reduce((sum, bytes) => sum + cycles(wireNs(bytes)), 0);
        const packets = all.reduce((sum, bytes) => sum + packetsFor(bytes), 0);
        // Each packet takes a whole number of cycles.
        expect(Math.abs(wire.link.busyTransmit - wanted)).toBeLessThanOrEqual(packets);
        expect(Math.max(...ends)).toBeGreaterThanOrEqual(wire.link.busyTransmit - 1);
        expect(wire.longest).toBeLessThanOrEqual(QUEUE);
      }),
    );
  });

  it("lose what finds the interface's queue full, slow down, and share the link all the same", () => {
    const wire = new Wire();
    const senders = Array.from({ length: 20 }, () => Array<number>(100).fill(60 * 1024));
    const ends = wire.run(senders);
    expect(wire.drops).toBeGreaterThan(0);
    // The link idles only when the last of them wait for TCP's time.
    expect(wire.link.busyTransmit).toBeGreaterThan(0.95 * (Math.max(...ends) - cycles(200e6)));
    // One that had the link for itself would be done in a twentieth of the time.
    expect(Math.min(...ends)).toBeGreaterThan(0.25 * Math.max(...ends));
  });

  it("lose packets of a burst that is longer than the queue, and wait for TCP's time only for the last of a message", () => {
    // 51 that begin at once offer two packets each: the 101st and 102nd of them are lost, all that the last one has to send.
    const wire = new Wire();
    const ends = wire.run(Array.from({ length: 51 }, () => [2 * PAYLOAD]));
    expect(wire.drops).toBe(2);
    expect(ends[50] / profile.megahertz).toBeCloseTo(200_000 + wireNs(PAYLOAD * 2) / 1000, -3);
    expect(Math.max(...ends.slice(0, 50)) / cycles(50 * wireNs(2 * PAYLOAD))).toBeCloseTo(1, 4);
  });
});

function work(
  op: typeof Op.Send | typeof Op.Receive,
  messages: number,
  bytes: number,
  threads: number,
  last = true,
  durationUs = 0,
) {
  const stream = new OperationStreamBuilder();
  for (let i = 0; i < messages; i++) {
    stream.add(Op.Request, 0, 0, 0);
    stream.add(op, bytes);
    if (!last) stream.add(Op.Compute, 1);
  }
  const guest = { ...SMALL_GUEST, memoryPages: 4096, threads };
  return { name: "talker", guest, stream: stream.finish(), durationUs, warmupUs: 0 };
}
const run = (vmm: Vmm, guests: readonly ReturnType<typeof work>[]) =>
  runHost({ ...vmm, memory: [] }, profile, guests, 20_000, () => ({}));

describe.each([esx, xenPv])("guests of $name", (vmm) => {
  it.each([
    { name: "send no faster than the link", op: Op.Send },
    { name: "receive no faster than the link", op: Op.Receive },
  ])("$name, however many there are", ({ op }) => {
    const bytes = 60 * 1024;
    const guests = [2, 4].map((threads) => work(op, 2000, bytes, threads, true, 0.5e6));
    const { metrics } = run(vmm, guests);
    const most = 0.5e9 / wireNs(bytes);
    expect(metrics.requests_done).toBeLessThan(most + 1);
    expect(metrics.requests_done).toBeGreaterThan(0.95 * most);
    expect(metrics.network_busy_percent).toBeGreaterThan(95);
  });

  it("wait for the flood of another: its queue is in the latency of an answer", () => {
    const flood = work(Op.Send, 400, 60 * 1024, 4);
    const small = work(Op.Send, 50, 1000, 1);
    const alone = run(vmm, [small]).metrics.latency_mean_ms;
    const { vms } = run(vmm, [{ ...flood, name: "flood" }, small]);
    const beside = vms?.rows[1][vms.columns.indexOf("latency_mean_ms")] ?? 0;
    expect(alone).toBeCloseTo(wireNs(1000) / 1e6, 4);
    expect(beside).toBeGreaterThan(10 * alone);
  });
});

function sendsThenComputes(bytes: number): number {
  return run(esx, [work(Op.Send, 1, bytes, 1, false)]).metrics.latency_mean_ms;
}

it("goes on with other things while the socket buffer holds what it has sent, and waits when it does not", () => {
  expect(sendsThenComputes(SOCKET_BUFFER)).toBeLessThan(0.01);
  const over = 100_000;
  // As much as does not fit has to have left, up to the end of the window that it leaves in.
  const waited = sendsThenComputes(SOCKET_BUFFER + over);
  expect(waited).toBeGreaterThan(wireNs(over) / 1e6);
  expect(waited).toBeLessThan(wireNs(2 * over) / 1e6);
});
