/** What packets of a TCP stream miss in a TLB by small kernel pages, counted in an emulator: docs/kernel-operations/linux-2.4. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { SimulatedBench } from "../../src/analysis/validation/simulated-bench.ts";
import { primitiveCost } from "../../src/machine/profile.ts";

type Missed = Readonly<Record<"dataMisses" | "codeMisses" | "entriesFromMemory", number>>;
type Counted = { readonly packets: number } & Readonly<Record<"largePages" | "smallPages", Missed>>;
const { connections } = JSON.parse(readFileSync("validation/linux-2.4.20-file-walks.json", "utf8")) as {
  connections: Readonly<Record<string, Counted>>;
};
const PUBLISHED = JSON.parse(readFileSync("validation/published.json", "utf8")) as { id: string; value: number }[];
const MACHINE = "xeon-3.0-menon06";
/** A line of memory, in cycles of 3 GHz: 100 ns, which is long for a machine of 2005. */
const MEMORY = 300;
const PAYLOAD_BITS = 1448 * 8;

function published(id: string): number {
  const figure = PUBLISHED.find((each) => each.id === id);
  if (figure === undefined) throw new Error(`no ${id} is published`);
  return figure.value;
}

function missesOfPacket({ packets, smallPages }: Counted): number {
  return (smallPages.dataMisses + smallPages.codeMisses) / packets;
}

describe("packets received by kernel pages of 4 KiB", () => {
  const bench = new SimulatedBench();
  const profile = bench.profile(MACHINE);

  it.each(Object.entries(connections))("of %s connections: a few misses, and none by large pages", (_, counted) => {
    expect(counted.largePages.dataMisses + counted.largePages.codeMisses).toBe(0);
    expect(missesOfPacket(counted)).toBeGreaterThan(0);
  });

  it("do not take what the driver domain of Menon et al. 2006 gains by superpages, not a tenth of it", () => {
    const cyclesOf = (id: string): number => (PAYLOAD_BITS * profile.megahertz) / published(id);
    const gained = cyclesOf("menon06.rx.driver") - cyclesOf("menon06.rx.driver-opt");
    const walk = 2 * primitiveCost(profile, "hardware.page-walk-level");
    for (const counted of Object.values(connections)) {
      const fromMemory = (counted.smallPages.entriesFromMemory * MEMORY) / counted.packets;
      expect(missesOfPacket(counted) * walk + fromMemory).toBeLessThan(gained / 10);
    }
  });

  it("are simulated with no fewer: four interfaces have more pages than one, and a buffer has one of its own", () => {
    const driver = { "xen-pv": { network: { "driver-domain": { segmentationOffload: true } } } };
    const { events } = bench.operation(MACHINE, driver, "tcp-receive-1500");
    expect(events["hardware.tlb-miss.kernel"]).toBeGreaterThan(missesOfPacket(connections[4]));
  });
});
