import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { InputError } from "../../src/core/input-error.ts";
import { densityProblems, groupProblems } from "../../src/experiment/documents/vm-settings-problems.ts";
import { expandMatrix } from "../../src/experiment/cells.ts";
import { readMatrix } from "../../src/experiment/matrix.ts";
import { planMatrix } from "../../src/experiment/plan.ts";
import { runCell } from "../../src/experiment/run-cell.ts";

/** Guests of typical-server have 256MiB. */
const matrix = (settings: string, density = "vms: [4]\n    overcommit: [2]", vmm = "esx"): string =>
  `name: m\nblocks:\n  - name: b\n    vmms: [${vmm}]\n    workloads: [typical-server]\n    machines: [xeon-2.4-sosp03]\n` +
  `    seeds: [1]\n    ${density}\n    settings: ${settings}\n`;

async function problemsOf(text: string): Promise<readonly string[]> {
  try {
    await planMatrix(text, "m.yaml");
  } catch (error) {
    if (error instanceof InputError) return error.problems;
    throw error;
  }
  return [];
}

async function keyOf(settings: string): Promise<string> {
  return (await planMatrix(matrix(settings), "m.yaml")).cells[0].key;
}

describe("settings of single VMs", () => {
  it("are read: a number or a range of VMs, sizes, shares by level or number, a missing driver", () => {
    const text = matrix(
      "[{ vms: 0, memory: { reservation: 64MiB, limit: 128MiB, shares: high } }, { vms: 1..3, memory: { shares: 700 }, balloon-driver: off }]",
    );
    const [{ settings }] = expandMatrix(readMatrix(text, "m.yaml").matrix);
    expect(settings).toEqual([
      { first: 0, last: 0, memory: { reservationPages: 16_384, limitPages: 32_768, shares: "high" } },
      { first: 1, last: 3, memory: { shares: 700 }, driver: { fromUs: "never" } },
    ]);
  });

  it.each([
    ["balloon-driver: broken", '"broken" is not known here; expected off, or when the driver starts (90s), or '],
    ["balloon-driver: 40", "40 is not known here; expected off, or when the driver starts (90s), or "],
    ["statistics: wrong", '"wrong" is not known here; expected off, or what is wrong with them ('],
  ])("name all that a guest's driver and statistics may be where there is something else: %s", (written, sentence) => {
    expect(() => readMatrix(matrix(`[{ vms: 0, ${written} }]`), "m.yaml")).toThrow(sentence);
  });

  it("say what is wrong with the driver and the statistics of a guest", () => {
    const text = matrix(
      "[{ vms: 0, balloon-driver: 90s, statistics: off }, { vms: 1, balloon-driver: { from: 1s, stuck-from: 40s, pages-per-second: 64 } }, " +
        "{ vms: 2, workload: memory-bomb, statistics: { stale-from: 0s, delay: 5s, overstates: 1MiB } }]",
    );
    const [{ settings }] = expandMatrix(readMatrix(text, "m.yaml").matrix);
    expect(settings).toEqual([
      { first: 0, last: 0, driver: { fromUs: 90e6 }, statistics: { missing: true } },
      { first: 1, last: 1, driver: { fromUs: 1e6, stuckFromUs: 40e6, pagesPerSecond: 64 } },
      {
        first: 2,
        last: 2,
        workload: "memory-bomb",
        statistics: { staleFromUs: 0, delayUs: 5e6, overstatedPages: 256 },
      },
    ]);
    // What goes into keys and results reads back as it was.
    expect(JSON.parse(JSON.stringify(settings))).toEqual(settings);
  });

  it("set disk shares, which only ESX keeps", async () => {
    const [{ settings }] = expandMatrix(readMatrix(matrix("[{ vms: 0, disk: { shares: low } }]"), "m.yaml").matrix);
    expect(settings).toEqual([{ first: 0, last: 0, diskShares: "low" }]);
    const { cells } = await planMatrix(matrix("[{ vms: 0, disk: { shares: 700 } }]", undefined, "xen-pv"), "m.yaml");
    const { status, reason } = await runCell(cells[0]);
    expect(status).toBe("skipped");
    expect(reason).toBe(
      "xen-pv has the disk driver split-driver, which knows no disk shares; VMMs that fit: esx-3, esx",
    );
  });

  it("say when VMs start: at 0s is as if nothing was said", async () => {
    const text = matrix("[{ vms: 0..1, start: 30s }, { vms: 2, start: 0s }]");
    const [{ settings }] = expandMatrix(readMatrix(text, "m.yaml").matrix);
    expect(settings).toEqual([
      { first: 0, last: 1, startUs: 30e6 },
      { first: 2, last: 2 },
    ]);
    expect(await keyOf("[{ vms: 0, start: 30s }]")).not.toBe(await keyOf("[{ vms: 0, start: 31s }]"));
  });

  it.each([
    [
      "[{ vms: 0, memory: { reservation: 128MiB, limit: 64MiB } }]",
      "VM 0: a reservation of 128MiB is more than the limit, 64MiB",
    ],
    [
      "[{ vms: 1..2, memory: { limit: 512MiB } }]",
      "VMs 1 to 2: a limit of 512MiB is more than configured memory, 256MiB",
    ],
    [
      "[{ vms: 3, memory: { reservation: 1GiB } }]",
      "VM 3: a reservation of 1024MiB is more than configured memory, 256MiB",
    ],
    [
      "[{ vms: 0..1, memory: { reservation: 192MiB } }, { vms: 3, memory: { reservation: 192MiB } }]",
      "VMs 0 to 1, VM 3: reservations of 576MiB together are more than the host's 512MiB with 4 VMs at an overcommit of 2",
    ],
    ["[{ vms: 4, memory: { shares: low } }]", "there is no VM 4 where vms is 4; expected 0 to 3"],
    ["[{ vms: 0..2 }, { vms: 2..3 }]", "VM 2 has settings already; expected each VM once"],
    ["[{ vms: 3..2 }]", "3..2 is empty; did you mean 2..3?"],
    ["[{ vms: 1..2, start: 10min }]", "VMs 1 to 2: a start after 600s is no earlier than the end of the run, 120s"],
    ["[{ vms: 0, memory: { reservation: -1MiB } }]", "negative"],
    ["[{ vms: 0, memory: { shares: hihg } }]", '"high"'],
    ["[{ vms: 0, memory: { limit: 0MiB } }]", "must be more than zero"],
    ["[{ vms: 0, balloon-driver: never }]", "never"],
    [
      "[{ vms: 0, balloon-driver: { stuck: 4s } }]",
      'unknown key "stuck"; expected one of: from, stuck-from, pages-per-second',
    ],
    ["[{ vms: 0, balloon-driver: { pages-per-second: 0 } }]", "expected at least 1"],
    ["[{ vms: 0, statistics: { delay: 0s } }]", "must be more than zero"],
    ["[{ vms: 0, statistics: { overstates: 5KiB } }]", "is not a whole number of pages"],
    ["[{ vms: 0, workload: 7 }]", "expected text"],
    ["[{ vms: 0, memory: { reservations: 1MiB } }]", 'unknown key "reservations"; did you mean "reservation"?'],
  ])("that cannot be are refused in one sentence: %s", async (settings, sentence) => {
    const problems = await problemsOf(matrix(settings));
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(/^m\.yaml:\d+:\d+: blocks\[0\]\.settings\[\d\]/);
    expect(problems[0]).toContain(sentence);
  });

  it("need a host with several VMs", async () => {
    const [problem] = await problemsOf(matrix("[{ vms: 0, memory: { shares: low } }]", "title: one"));
    expect(problem).toContain("needs vms");
  });

  it("give a cell another key, and leave the keys of cells without them alone", async () => {
    const [low, high] = [
      await keyOf("[{ vms: 0, memory: { shares: low } }]"),
      await keyOf("[{ vms: 0, memory: { shares: high } }]"),
    ];
    expect(low).not.toBe(high);
  });

  it("are skipped with a reason by a VMM that knows none", async () => {
    const { cells } = await planMatrix(matrix("[{ vms: 0, memory: { shares: low } }]", undefined, "xen-pv"), "m.yaml");
    const result = await runCell(cells[0]);
    expect([result.status, result.reason]).toEqual([
      "skipped",
      "xen-pv allocates memory by static-partition, which knows no settings of single VMs; VMMs that fit: esx-3, esx, workstation",
    ]);
  });

  const proxmox = "{ xen-pv: { allocation: proxmox }, as: proxmox }";
  const idle = (settings: string) =>
    matrix(settings, "vms: [2]\n    overcommit: [2]", proxmox).replace("typical-server", "idle-debian");

  it("of a VM's shares are what a policy goes by that divides memory by shares", async () => {
    for (const [shares, times] of [
      ["3000", 3],
      ["high", 2],
      ["low", 1 / 2],
    ] as const) {
      const { cells } = await planMatrix(idle(`[{ vms: 0, memory: { shares: ${shares} } }]`), "m.yaml");
      const { status, series } = await runCell(cells[0]);
      expect(status).toBe("done");
      const { columns = [], rows = [] } = series ?? {};
      const last = rows[rows.length - 1];
      // What each has beyond its minimum, 35 % of 256 MiB in whole pages, is in proportion to its shares.
      const least = Math.ceil(0.35 * 256 * 256) / 256;
      const [own, other] = [0, 1].map((vm) => last[columns.indexOf(`vm${vm}_machine_mib`)] - least);
      expect(own + other).toBeGreaterThan(10);
      expect(own / other).toBeCloseTo(times, 2);
    }
  });

  it("of more than shares are skipped with a reason under such a policy", async () => {
    const { cells } = await planMatrix(idle("[{ vms: 0, memory: { shares: 3000, limit: 128MiB } }]"), "m.yaml");
    const { status, reason } = await runCell(cells[0]);
    expect([status, reason]).toEqual([
      "skipped",
      "xen-pv allocates memory by proxmox, which knows the shares of single VMs and no more",
    ]);
  });

  it("that are faults of the guest need nothing of the VMM", async () => {
    const text = matrix(
      "[{ vms: 0, balloon-driver: { stuck-from: 1s }, statistics: off }]",
      "vms: [2]\n    overcommit: [1]",
      "xen-pv",
    );
    const { cells } = await planMatrix(text.replace("typical-server", "idle-debian"), "m.yaml");
    expect((await runCell(cells[0])).status).toBe("done");
  });

  it("of the VMM are skipped, too, where a mechanism lacks the one that it needs", async () => {
    const vmm = "{ esx: { memory: [page-sharing, compression] }, as: compressing }";
    const { cells } = await planMatrix(matrix("[{ vms: 0 }]", undefined, vmm), "m.yaml");
    const { status, reason } = await runCell(cells[0]);
    expect([status, reason]).toEqual(["skipped", "esx has compression, which does nothing without host-swap"]);
  });

  it("never let a reservation through that the host does not have", () => {
    const group = fc.record({
      first: fc.nat(9),
      length: fc.nat(3),
      reservationPages: fc.nat(3000),
      limitPages: fc.nat(3000),
    });
    fc.assert(
      fc.property(fc.array(group, { maxLength: 4 }), fc.integer({ min: 1, max: 12 }), (written, vms) => {
        const groups = written.map(({ first, length, ...memory }) => ({ first, last: first + length, memory }));
        const density = { vms, overcommit: 2, vmPages: 2000, durationUs: 0 };
        const accepted = [...groupProblems(groups), ...densityProblems(groups, density)].length === 0;
        const of = (vm: number) =>
          groups.filter(({ first, last }) => first <= vm && vm <= last).map(({ memory }) => memory);
        const each = Array.from({ length: 13 }, (_, vm) => of(vm));
        const right =
          each.every((memories, vm) => memories.length <= (vm < vms ? 1 : 0)) &&
          each.flat().every(({ reservationPages: r, limitPages: l }) => r <= l && l <= 2000) &&
          each.flat().reduce((sum, { reservationPages }) => sum + reservationPages, 0) <= vms * 1000;
        expect(accepted).toBe(right);
      }),
      { seed: 42, numRuns: 500 },
    );
  });
});

/** Machine memory of each VM at the end. */
async function machineMib(settings: string, overcommit: number): Promise<readonly number[]> {
  const { cells } = await planMatrix(matrix(settings, `vms: [4]\n    overcommit: [${overcommit}]`), "m.yaml");
  const { status, series } = await runCell(cells[0]);
  expect(status).toBe("done");
  const last = series?.rows.at(-1) ?? [];
  return [0, 1, 2, 3].map((vm) => last[series?.columns.indexOf(`vm${vm}_machine_mib`) ?? -1]);
}

describe("on a host with too little memory", () => {
  it("a VM keeps what is reserved for it, and the others have less", async () => {
    const [reserved, ...others] = await machineMib("[{ vms: 0, memory: { reservation: 220MiB } }]", 3);
    expect(reserved).toBeGreaterThan(219);
    expect(Math.max(...others)).toBeLessThan(200);
  });

  it("more shares are more memory, and a limit is not exceeded", async () => {
    // With more memory the VM of normal shares gets all that it asks for, like that of high ones.
    const [high, normal, low, limited] = await machineMib(
      "[{ vms: 0, memory: { shares: high } }, { vms: 2, memory: { shares: low } }, { vms: 3, memory: { limit: 64MiB } }]",
      4,
    );
    expect(high).toBeGreaterThan(1.1 * normal);
    expect(normal).toBeGreaterThan(1.2 * low);
    expect(limited).toBeLessThan(65);
  });
});
