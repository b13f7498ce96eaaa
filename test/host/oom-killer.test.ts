import { describe, expect, it } from "vitest";
import { HostSimulation } from "../../src/sim/host-simulation.ts";
import type { CellOutcome } from "../../src/sim/cell.ts";
import { native } from "../../src/vmm/native.ts";
import type { CompiledWorkload } from "../../src/workload/compiled-workload.ts";
import { Op, OperationStreamBuilder } from "../../src/workload/operation-stream.ts";
import { checkFrames, profile } from "./fixtures.ts";

const PAGES = 4000;
const KERNEL = 500;
const EACH = 5000;

type Write = (stream: OperationStreamBuilder) => void;

/** A guest with two services and one thread, which has nothing to begin with. */
function run(requests: readonly Write[], swapPages = 0): CellOutcome & { readonly simulation: HostSimulation } {
  const stream = new OperationStreamBuilder();
  requests.forEach((write, i) => {
    stream.add(Op.Request, i + 1, 0, 1);
    write(stream);
  });
  const guest: CompiledWorkload = {
    name: "two services",
    guest: {
      memoryPages: PAGES,
      kernelPages: KERNEL,
      processes: 2,
      anonymousPages: EACH,
      residentAnonymousPages: 0,
      filePages: 0,
      residentFilePages: 0,
      swapPages,
      threads: 1,
    },
    stream: stream.finish(),
    durationUs: 60e6,
    warmupUs: 0,
  };
  const simulation = new HostSimulation({
    vmm: native,
    profile,
    workloads: [guest],
    hostPages: PAGES,
    measure: () => ({}),
  });
  return { ...simulation.run(), simulation };
}

const fill =
  (process: number, pages: number): Write =>
  (stream) => {
    stream.add(Op.Switch, process);
    for (let page = 0; page < pages; page++) stream.add(Op.Touch, page, (100 << 1) | 1, 7);
  };

/** Pages that a service has, in memory or in swap space. */
function held({ simulation }: ReturnType<typeof run>, process: number): number {
  const { anonymous } = simulation.guests[0].memory;
  return Array.from({ length: EACH }, (_, page) => page).filter((page) => anonymous.isUsed(process * EACH + page))
    .length;
}

describe("a guest without memory and swap space", () => {
  it("kills the process that has most, not the one that asked, and serves its request all the same", () => {
    const guest = run([fill(0, 2500), fill(1, 1500)]);
    expect(guest.metrics.oom_kills).toBe(1);
    expect([held(guest, 0), held(guest, 1)]).toEqual([0, 1500]);
    expect(guest.metrics.requests_done).toBe(2);
    checkFrames(guest.simulation.host);
  });

  it("loses the request of a process that is killed for its own, which starts again with nothing", () => {
    const guest = run([fill(1, 100), fill(0, 4500), fill(0, 50)]);
    expect(guest.metrics.oom_kills).toBe(1);
    expect([held(guest, 0), held(guest, 1)]).toEqual([50, 100]);
    // The one in the middle is answered to nobody.
    expect(guest.metrics.requests_done).toBe(2);
  });

  it("counts what is in swap space: the larger process is killed wherever its pages are", () => {
    const guest = run([fill(0, 2900), fill(1, 2500)], 1000);
    expect(guest.metrics.oom_kills).toBe(1);
    expect([held(guest, 0), held(guest, 1)]).toEqual([0, 2500]);
  });

  it("kills nobody while there is swap space", () => {
    const guest = run([fill(0, 2500), fill(1, 1500)], 2000);
    expect(guest.metrics.oom_kills).toBeUndefined();
    expect([held(guest, 0), held(guest, 1)]).toEqual([2500, 1500]);
    expect(guest.metrics.guest_out_of_memory).toBe(0);
  });
});

describe("a child without memory", () => {
  it("dies, and its parent goes on with the next request", () => {
    const guest = run([
      fill(0, 1000),
      (stream) => {
        stream.add(Op.Fork);
        for (let page = 1000; page < 4500; page++) stream.add(Op.Touch, page, (100 << 1) | 1, 7);
        stream.add(Op.Exit);
      },
      fill(0, 1200),
    ]);
    expect(guest.metrics.oom_kills).toBe(1);
    expect(held(guest, 0)).toBe(1200);
    expect(guest.metrics.requests_done).toBe(2);
  });
});
