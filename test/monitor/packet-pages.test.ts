/** The pages of packets and of their interfaces' drivers, by the pages that they visit. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { kernelFootprints } from "../../src/guest/kernel-footprints.ts";
import { type KernelMapping, KernelPages } from "../../src/guest/kernel-pages.ts";
import { PacketPages } from "../../src/guest/packet-pages.ts";
import { Meter } from "../../src/machine/meter.ts";
import { Tlb } from "../../src/machine/tlb.ts";
import { XEON } from "./machines.ts";

const DESCRIPTORS = 256;
/** Where the data of packets are; what is below are the interfaces', what is above sk_buffs. */
const DATA = { from: 0x6_0000, to: 0x7_0000 };

function isData(page: number): boolean {
  return page >= DATA.from && page < DATA.to;
}

function recorded(interfaces: number) {
  const visits: number[] = [];
  const pages = new PacketPages({ visit: (page) => void visits.push(page) }, interfaces, DESCRIPTORS);
  const visitsOf = (act: () => void): number[] => {
    visits.length = 0;
    act();
    return [...visits];
  };
  return { pages, visitsOf };
}

/** Data pages that a packet received visits: its own, and that of the buffer posted in its place. */
function receiveOne({ pages, visitsOf }: ReturnType<typeof recorded>): [own: number, posted: number] {
  const [own, posted] = visitsOf(() => pages.receive()).filter(isData);
  return [own, posted];
}

const steps = fc.array(fc.constantFrom("interrupt", "receive", "takeAll", "send"), { maxLength: 2000 });

describe("packets of network interfaces", () => {
  it("come in the buffers posted, in order, whatever happens between; no buffer is in two places", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), steps, (interfaces, acts) => {
        const recording = recorded(interfaces);
        const { pages, visitsOf } = recording;
        // Naively: the queue of buffers posted on each interface, once it is known.
        const queues: number[][] = Array.from({ length: interfaces }, () => []);
        const taken = Array<number>(interfaces).fill(0);
        const inUse = new Set<number>();
        const waiting: number[] = [];
        let at = 0;
        for (const act of acts) {
          if (act === "interrupt") at = (at + 1) % interfaces;
          if (act === "takeAll") for (const page of waiting.splice(0)) inUse.delete(page);
          if (act !== "receive") {
            visitsOf(() => pages[act]());
            continue;
          }
          const [own, posted] = receiveOne(recording);
          if (taken[at]++ >= DESCRIPTORS) expect(own).toBe(queues[at][taken[at] - 1 - DESCRIPTORS]);
          queues[at].push(posted);
          inUse.add(own);
          waiting.push(own);
          expect(inUse.has(posted)).toBe(false);
          inUse.add(posted);
        }
      }),
      { numRuns: 30 },
    );
  });

  it("post the buffer that was freed last", () => {
    const recording = recorded(1);
    const own = [receiveOne(recording), receiveOne(recording)].map(([page]) => page);
    recording.pages.takeAll();
    expect([receiveOne(recording)[1], receiveOne(recording)[1]]).toEqual(own.toReversed());
  });

  it("share nothing of the driver's between interfaces, which interrupt in turn", () => {
    const { pages, visitsOf } = recorded(4);
    const rounds = Array.from({ length: 8 }, () =>
      visitsOf(() => {
        pages.interrupt();
        pages.receive();
        pages.send();
      }).filter((page) => page < DATA.from),
    );
    const own = rounds.map((visited) => new Set(visited));
    for (let turn = 0; turn < 4; turn++) {
      // Structure, registers, two rings, what is known of a descriptor of each.
      expect(own[turn].size).toBe(6);
      expect(own[turn + 4]).toEqual(own[turn]);
      for (let other = 0; other < turn; other++) {
        expect([...own[turn]].filter((page) => own[other].has(page))).toEqual([]);
      }
    }
  });

  it("miss the TLB with every packet where the kernel is mapped by small pages, and hardly ever by large ones", () => {
    const packets = 3000;
    const missesWith = (mapping: KernelMapping): number => {
      const meter = new Meter();
      const tlb = new Tlb(64, 64);
      const footprints = kernelFootprints(XEON) ?? {};
      const pages = new PacketPages(new KernelPages(footprints, mapping, tlb, meter, XEON), 4, DESCRIPTORS);
      for (let packet = 0; packet < packets; packet++) {
        if (packet % 8 === 0) pages.interrupt();
        pages.receive();
        if (packet % 40 === 39) pages.takeAll();
      }
      return meter.ledger.eventsByCause()["hardware.tlb-miss.kernel"] ?? 0;
    };
    expect(missesWith({ largePages: false, global: false })).toBeGreaterThanOrEqual(packets);
    expect(missesWith({ largePages: true, global: true })).toBeLessThan(10);
  });
});
