import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { OperationTable } from "../../src/experiment/operation-table.ts";
import { type Outcome, vmmbench } from "./vmmbench.ts";

const work = mkdtempSync(join(tmpdir(), "operations-test-"));
afterAll(() => rmSync(work, { recursive: true, force: true }));

const LIBRARY = new URL("../../dist/vmm/library.js", import.meta.url).href;

/** A module with this VMM; gives its path. */
function module(file: string, vmm: string): string {
  const path = join(work, file);
  writeFileSync(
    path,
    `import { bareMmu, defineVmm, esx, xenPv } from "${LIBRARY}"; export const mine = defineVmm({ ${vmm} });`,
  );
  return path;
}

function operations(...vmms: string[]): Promise<Outcome> {
  return vmmbench(["operations", "--only", "fork-proc", "--vmm", vmms.join(",")]);
}

function onBareMetal(machine: string, operation: string, ...more: string[]): Promise<Outcome> {
  return vmmbench(["operations", "--machine", machine, "--only", operation, "--vmm", "native", ...more]);
}

describe("vmmbench operations", () => {
  it("shows a VMM that is named by its path, under its own name and with the costs of its parts", async () => {
    const { code, stdout, stderr } = await operations("xen-pv", module("twin.js", '...xenPv, name: "twin"'));
    const [header, row] = stdout.split("\n").map((line) => line.split(/ {2,}/));
    expect([code, stderr, header.slice(1)]).toEqual([0, "", ["xen-pv", "twin"]]);
    expect(row[1]).toBe(row[2]);
  });

  it("says in JSON, too, what was not measured and why", async () => {
    const { stdout } = await vmmbench(["operations", "--only", "fork-proc", "--vmm", "native,kvm", "--json"]);
    const { notMeasured } = JSON.parse(stdout) as { notMeasured: readonly { vmm: string; operations: string[] }[] };
    expect(notMeasured).toMatchObject([
      { vmm: "kvm", operations: ["fork-proc"], reason: expect.stringContaining("gives no costs.") as string },
    ]);
  });

  it.each([
    ["xeon-3.2-walters08", 1],
    ["p4-672-asplos06", 0],
  ])(
    "counts on %s where the segments of translated code end: %s time a page of a file in high memory",
    async (machine, times) => {
      const words = [
        "--machine",
        machine,
        "--only",
        "cached-read-sequential",
        "--vmm",
        "native,xen-pv,esx-3,workstation",
      ];
      const { stdout } = await vmmbench(["operations", ...words, "--json"]);
      const { operations } = JSON.parse(stdout) as {
        operations: Record<string, Record<string, { events: Record<string, number> }>>;
      };
      const counts = Object.entries(operations["cached-read-sequential"]).map(([vmm, { events }]) => [
        vmm,
        (events["segment-limit.fault"] ?? 0) + (events["segment-limit.callout"] ?? 0),
      ]);
      expect(Object.fromEntries(counts)).toEqual({ native: 0, "xen-pv": 0, "esx-3": times, workstation: times });
    },
  );

  it("shows below what packets of bulk transfers cost at which rate they pass, of the wire and of the processor the slower one", async () => {
    const transfers = ["tcp-transmit-1500", "tcp-receive-1500", "tcp-transmit-500", "tcp-receive-500"];
    const words = ["operations", "--only", ["null-call", ...transfers].join(","), "--vmm", "native,xen-pv,kvm"];
    const { stdout } = await vmmbench(words);
    const [costs, rates] = stdout.split("\n\n").map((table) => table.split("\n").map((line) => line.split(/ {2,}/)));
    expect(rates[0]).toEqual(["Mb/s of payload on xeon-2.4-sosp03", "wire", "native", "xen-pv", "kvm"]);
    // Gigabit Ethernet: 52 bytes of IP and TCP headers within a packet, 38 of framing around it.
    const wire = { "1500": (1000 * 1448) / 1538, "500": (1000 * 448) / 538 };
    for (const [name, ...cells] of rates.slice(1, 1 + transfers.length)) {
      const mtu = name.endsWith("-1500") ? "1500" : "500";
      const cycles = costs.find(([operation]) => operation === name)?.slice(1, 3) ?? [];
      const rateOf = (cost: string): number => ((Number(mtu) - 52) * 8 * 2400) / Number(cost.replaceAll(",", ""));
      const expected = [wire[mtu], ...cycles.map((cost) => Math.min(wire[mtu], rateOf(cost)))];
      expect([name, ...cells]).toEqual([name, ...expected.map((rate) => rate.toFixed(0)), "-"]);
    }
    // The wire is the limit natively, with full packets; the processor is with small ones, and on Xen.
    expect(rates[1].slice(1, 3)).toEqual(["941", "941"]);
    expect(Number(rates[1][3])).toBeLessThan(941);
    expect(Number(rates[3][2])).toBeLessThan(833);
    expect(rates.slice(1, -2).map(([name]) => name)).toEqual(transfers);
    expect(rates.at(-2)?.[0]).toMatch(/^Where a VMM is as fast as the wire, /);
  });

  it("lets nobody pass the wire, and has no rates where nothing is transferred, nor in JSON", async () => {
    // A sender whose packets take a hundredth less than the wire's gets ahead of it while the socket buffer fills.
    const { stdout } = await onBareMetal("xeon-3.2-walters08", "tcp-transmit-500");
    expect(stdout.split("\n")[4].split(/ {2,}/)).toEqual(["tcp-transmit-500", "833", "833"]);
    expect((await onBareMetal("xeon-2.4-sosp03", "null-call")).stdout).not.toContain("Mb/s");
    const json = JSON.parse((await onBareMetal("xeon-2.4-sosp03", "tcp-transmit-500", "--json")).stdout) as object;
    expect(Object.keys(json)).toEqual(["machine", "unit", "operations", "notMeasured"]);
  });

  it("says in the table, and why below it, what a guest cannot do, on whatever machine, and prices the rest", async () => {
    const words = ["operations", "--machine", "p4-672-asplos06", "--only", "in,cr8wr", "--vmm", "native,xen-pv,uml"];
    const { code, stdout, stderr } = await vmmbench(words);
    const lines = stdout.trimEnd().split("\n");
    // Barham 2003, by way of the Xeon: the fault of an instruction takes 889 cycles, and Xen 932; Adams and Agesen 2006: 3209 and 150 natively.
    expect([code, stderr, lines.slice(0, 3).map((line) => line.split(/ {2,}/))]).toEqual([
      0,
      "",
      [
        ["cycles on p4-672-asplos06", "native", "xen-pv", "uml"],
        ["in", "3,209", "1,821", "impossible"],
        ["cr8wr", "150", "impossible", "impossible"],
      ],
    ]);
    expect(lines.slice(3)).toEqual([
      expect.stringMatching(/^impossible on xen-pv: cr8wr \(Xen emulates no write of CR8 .*\)$/),
      expect.stringMatching(/^impossible on uml: in, cr8wr \(the guest's kernel is a process of the host, .*\)$/),
    ]);
    const { notMeasured } = JSON.parse((await vmmbench([...words, "--json"])).stdout) as OperationTable;
    expect(notMeasured.map(({ vmm, operations, impossible }) => [vmm, operations, impossible])).toEqual([
      ["xen-pv", ["cr8wr"], true],
      ["uml", ["in", "cr8wr"], true],
    ]);
  });

  it("tells what this machine gives no cost of from what is impossible", async () => {
    const { stdout, stderr } = await vmmbench(["operations", "--only", "syscall,in", "--vmm", "esx,xen-pv"]);
    // Xen 1.x and 2.x, of which the machine is, emulate no port; without a cost of ESX the row is left out.
    expect(stdout).toMatch(/^impossible on xen-pv: in \(Xen before 3\.0 emulates no access to an I\/O port .*\)$/m);
    expect(stderr).toMatch(
      /^not measured on esx: in \(machine .* gives no costs\.binary-translation\.port-input; .*\)\n$/,
    );
  });

  it("is refused where nothing at all can be measured", async () => {
    const { code, stdout, stderr } = await operations("kvm");
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(
      /^not measured on kvm: fork-proc \(machine .* gives no costs\.hardware-assist\.exit; .*\)\n$/,
    );
  });

  it("does not take two VMMs with one name for each other", async () => {
    const path = module("same.js", '...esx, name: "xen-pv"');
    const { code, stdout, stderr } = await operations("xen-pv", path);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toBe(`${path}: is the VMM "xen-pv", as is xen-pv; give it another name in defineVmm\n`);
  });

  it.each([
    [
      '...esx, name: "a", mmu: undefined',
      "mmu is missing; expected a part for this slot, or ...esx to have that of ESX",
    ],
    ['...esx, name: "a", mmu: xenPv.cpu', "mmu: paravirtual is a part for the slot cpu"],
    ['...esx, name: "a", mmu: bareMmu', "mmu: bare is not called; expected the part that it makes"],
    ['...esx, name: "a", memory: esx.memory[0]', "memory: expected a list of parts; [] is none"],
    ['...esx, name: "a", scheduler: {}', "scheduler: expected a part, made with definePart"],
    [
      '...esx, name: "a", overheadPerGuest: undefined',
      'overheadPerGuest is missing; expected the memory that it keeps for each guest, such as { mib: 32, source: "..." }',
    ],
  ])("says which part of a VMM { %s } is wrong", async (vmm, problem) => {
    const path = module("wrong.js", vmm);
    const { code, stderr } = await operations(path);
    expect([code, stderr]).toEqual([2, `${path}: VMM "a": ${problem}\n`]);
  });

  it("says which parameters that a VMM gives to its parts there are not, or are out of their ranges", async () => {
    const given = "parameters: { ...esx.mmu.parameters, shadowTables: 4.5, shadowTable: 9 }";
    const path = module("given.js", `...esx, name: "a", mmu: { ...esx.mmu, ${given} }`);
    const { code, stderr } = await operations(path);
    expect([code, stderr.split("\n")]).toEqual([
      2,
      [
        `${path}: mmu shadow-paging shadowTables: expected a whole number of tables, at least 5, not 4.5`,
        `${path}: mmu shadow-paging has no parameter "shadowTable"; did you mean "shadowTables"?`,
        "",
      ],
    ]);
  });
});
