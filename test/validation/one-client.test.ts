import { describe, expect, it } from "vitest";
import { asplos06Apache } from "../../src/analysis/validation/asplos06-apache.ts";
import type { Bench } from "../../src/analysis/validation/validation-set.ts";
import { loadMachine } from "../../src/experiment/documents/load-machine.ts";

const { profile } = loadMachine("machines/p4-672-asplos06.yaml");
const MESSAGE_US = 10;
const BUSY_RATE = 2000;

/** A server that takes 500 us for a connection, and messages of 10 us. */
const bench = {
  profile: () => profile,
  operation: () => ({ cost: MESSAGE_US * profile.megahertz }),
  workload: () => ({ metrics: { throughput_rps: BUSY_RATE / 4 } }),
} as unknown as Bench;

function rate(id: string): number {
  const row = asplos06Apache.rows.find((each) => each.id === id);
  if (row === undefined) throw new Error(`no row ${id}`);
  return row.simulate(bench);
}

describe("ApacheBench", () => {
  it.each(["rhel3", "win2003"])("as a single client of %s waits for two answers and for a page on the wire", (os) => {
    // 5,120 bytes in four packets with 52 bytes of TCP and IP and 38 of Ethernet each, at 1 Gb/s.
    const wireUs = ((5120 + 4 * (52 + 38)) * 8) / 1000;
    expect(1e6 / rate(`aa06.apache.${os}.1.native`)).toBeCloseTo(500 + 2 * MESSAGE_US + wireUs, 1);
  });

  it.each(["native", "bt", "vt"])(
    "as 256 clients keeps a server busy, %s, whether or not each finds a process",
    (system) => {
      for (const os of ["rhel3", "win2003"]) {
        expect(rate(`aa06.apache.${os}.256.${system}`)).toBe(BUSY_RATE);
      }
    },
  );

  it("calibrates nothing but the native rate of each system with 128 clients", () => {
    const calibrated = asplos06Apache.rows.filter(({ role }) => role === "calibration");
    expect(calibrated.map(({ id }) => id)).toEqual(["aa06.apache.rhel3.128.native", "aa06.apache.win2003.128.native"]);
    expect(asplos06Apache.rows).toHaveLength(2 * 6 * 3);
  });
});
