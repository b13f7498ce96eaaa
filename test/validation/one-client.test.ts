import { describe, expect, it } from "vitest";
import { asplos06Apache } from "../../src/analysis/validation/asplos06-apache.ts";
import type { Bench, VmmReference } from "../../src/analysis/validation/validation-set.ts";
import { compileGuests, loadWorkload } from "../../src/experiment/documents/load.ts";
import { loadMachine } from "../../src/experiment/documents/load-machine.ts";
import { Op } from "../../src/workload/operation-stream.ts";

const { profile } = loadMachine("machines/p4-672-asplos06.yaml");
const BUSY_RATE = 2000;
const CLIENT_RATE = 10_000;

/** A server that takes 500 us for a connection, and a client that takes 100. */
const bench = {
  profile: () => profile,
  workload: (_machine: string, vmm: VmmReference, workload: string) => ({
    metrics: { throughput_rps: workload === "asplos-apache-client" && vmm === "native" ? CLIENT_RATE : BUSY_RATE / 4 },
  }),
} as unknown as Bench;

function rate(id: string): number {
  const row = asplos06Apache.rows.find((each) => each.id === id);
  if (row === undefined) throw new Error(`no row ${id}`);
  return row.simulate(bench);
}

describe("ApacheBench", () => {
  it.each(["native", "bt", "vt"])(
    "as a single client on the bare machine takes its time beside that of the server, %s",
    (system) => {
      for (const os of ["rhel3", "win2003"]) expect(1e6 / rate(`aa06.apache.${os}.1.${system}`)).toBeCloseTo(600, 6);
    },
  );

  it("sends and receives what tcpdump shows of a connection, and the client waits three times", () => {
    const [{ stream }] = compileGuests(loadWorkload("workloads/asplos-apache-client.yaml"), 1, 1);
    const requests = 500;
    const count = (op: number): number => stream.op.subarray(0, stream.length).filter((each) => each === op).length;
    // SYN, ACK, the request, ACK of FIN, FIN; besides, two acknowledgements of four packets of the page are made as these are received.
    expect(count(Op.Send)).toBe(5 * requests);
    // For SYN and ACK, the page, FIN.
    expect(count(Op.Receive)).toBe(3 * requests);
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
