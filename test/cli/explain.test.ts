import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { vmmbench } from "./vmmbench.ts";

const work = mkdtempSync(join(tmpdir(), "explain-test-"));
afterAll(() => rmSync(work, { recursive: true, force: true }));

/** Worked by hand: int 0x80 and iret take 889 cycles; of the 1,080 of a null call 191 remain, a call and return of 11 included. */
const NULL_CALL = `null-call on xeon-2.4-sosp03: getppid.
The guest's kernel runs: native in ring 0. Costs in cycles, of all turns of a loop together; on the right the sum so
far.

cycles                                                                native  sum native
syscall:                                                               1,080       1,080
  kernel is entered: system-call                                         889         889
    - hardware: to the kernel's ring and back [hardware.system-call]     889
  kernel runs its code: syscall-null                                     191       1,080
One step that costs nothing is left out (--all shows everything).

cycles by cause          native
guest.kernel          1 x = 191
hardware.system-call  1 x = 889
total                     1,080

null-call costs 1,080 cycles on native: 82 % hardware.system-call (1 x 889 cycles: to the kernel's ring and back); 18 %
guest.kernel (1 x 191 cycles).
`;

interface JsonStep {
  readonly cost: number;
  readonly costSoFar?: number;
  readonly steps?: readonly JsonStep[];
}
interface Json {
  readonly operation: string;
  readonly machine: string;
  readonly unit: string;
  readonly vmms: Readonly<Record<string, { steps: JsonStep[]; total: number; byCause: Record<string, number> }>>;
}

/** The cost of steps, of groups from what is in them. */
const costOf = (steps: readonly JsonStep[]): number =>
  steps.reduce((sum, { cost, steps: inner }) => sum + (inner === undefined ? cost : costOf(inner)), 0);

const whole = (cost: number): string => Math.round(cost).toLocaleString("en-US");

describe("vmmbench explain", () => {
  it("tells a system call on bare metal", async () => {
    const { code, stdout, stderr } = await vmmbench(["explain", "null-call", "--vmm", "native"]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toBe(NULL_CALL);
  });

  it("takes the first word of an operation that no other begins with", async () => {
    const short = await vmmbench(["explain", "fork", "--vmm", "native"]);
    expect([short.code, short.stderr]).toEqual([0, ""]);
    expect(short.stdout).toBe((await vmmbench(["explain", "fork-proc", "--vmm", "native"])).stdout);
  });

  it("fits a fork on three VMMs into lines of a terminal, with all that the student asked", async () => {
    const { stdout } = await vmmbench(["explain", "fork-proc"]);
    const lines = stdout.split("\n");
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(145);
    expect(lines.length).toBeLessThan(180);
    expect(stdout).toContain("native in ring 0, xen-pv in ring 1, esx in ring 1");
    expect(stdout.replace(/\s+/g, " ")).toMatch(/writes page-table entry: unmaps a page x 130 \(\d+\[72\]: 0 P-UA-/);
    const { operations } = JSON.parse((await vmmbench(["operations", "--only", "fork-proc", "--json"])).stdout) as {
      operations: Record<string, Record<string, { cost: number }>>;
    };
    const totals = ["native", "xen-pv", "esx"].map((vmm) => operations["fork-proc"][vmm].cost.toLocaleString("en-US"));
    expect(stdout.replace(/ +/g, " ")).toContain(`\ntotal ${totals.join(" ")}\n`);
    const all = await vmmbench(["explain", "fork-proc", "--all"]);
    expect(all.stdout.split("\n").length).toBeGreaterThan(5000);
    expect(all.stdout).not.toContain("left out");
  });

  it("says where the round that it shows costs something else than operations says, and only there", async () => {
    const options = ["--vmm", "native,esx", "--json"];
    const { operations } = JSON.parse((await vmmbench(["operations", "--only", "2p/0K", ...options])).stdout) as {
      operations: Record<string, Record<string, { cost: number }>>;
    };
    const { vmms, findings } = JSON.parse((await vmmbench(["explain", "2p/0K", ...options])).stdout) as Json & {
      findings: string[];
    };
    const each = ["native", "esx"].map(
      (vmm) => `${whole(operations["2p/0K"][vmm].cost)} on ${vmm} (here ${whole(vmms[vmm].total / 2)})`,
    );
    expect(findings.filter((sentence) => sentence.startsWith("The round shown"))).toEqual([
      `The round shown is the first of 48, which differ; over all of them, an operation takes ${each.join(", ")}, in cycles.`,
    ]);
    const alike = await vmmbench(["explain", "fork-proc", ...options]);
    expect(alike.stdout).not.toContain("The round shown");
  });

  it.each([[[]], [["--all"]]])("gives JSON that adds up: %j", async (more) => {
    const { stdout } = await vmmbench(["explain", "page-fault", "--vmm", "native,esx", "--json", ...more]);
    const { operation, machine, unit, vmms } = JSON.parse(stdout) as Json;
    expect([operation, machine, unit]).toEqual(["page-fault", "xeon-2.4-sosp03", "cycles"]);
    expect(Object.keys(vmms)).toEqual(["native", "esx"]);
    for (const { steps, total, byCause } of Object.values(vmms)) {
      expect(costOf(steps)).toBe(total);
      expect(Object.values(byCause).reduce((a, b) => a + b, 0)).toBe(total);
    }
    const [first] = vmms.esx.steps[0].steps ?? [];
    const keys = ["call", "actor", "ring", "action", "detail", "cause", "count", "cost", "costSoFar"];
    expect(Object.keys(first)).toEqual(keys);
  });

  it("writes the diagram, or everything as a page", async () => {
    for (const name of ["fault.svg", "fault.png", "fault.vl.json", "deep/fault.html"]) {
      const out = join(work, name);
      const { code, stdout } = await vmmbench(["explain", "page-fault", "--out", out]);
      expect([code, stdout]).toEqual([0, `${out}\n`]);
    }
    expect(readFileSync(join(work, "fault.svg"), "utf8")).toMatch(/vmm\.shadow\.trace [\d,]+/);
    expect(readFileSync(join(work, "deep/fault.html"), "utf8")).toContain("hardware.trap");
  });

  const wrong: readonly [string[], string][] = [
    [["forkproc"], 'machine "xeon-2.4-sosp03" has no operation "forkproc"; did you mean "fork-proc"?'],
    [["10k"], 'machine "xeon-2.4-sosp03" has no operation "10k"; did you mean "10k-create" or "10k-delete"?'],
    [
      ["tcp"],
      'machine "xeon-2.4-sosp03" has no operation "tcp"; did you mean one of: tcp-receive-1500, tcp-receive-500, tcp-transmit-1500, tcp-transmit-500?',
    ],
    [["fork-proc", "--vmm", "native,exs"], 'there is no VMM "exs"; did you mean "esx"?'],
    [["fork-proc", "--vmm", ","], '--vmm: a name is empty in ","; expected names like --vmm native,esx'],
    [
      ["fork-proc", "--machine", "xeon-2.4-sosp04"],
      'there is no machine "xeon-2.4-sosp04"; did you mean "xeon-2.4-sosp03"?',
    ],
    // Measured by Adams and Agesen, on two machines; Xen's guests of these read ports, but have no task priority.
    [
      ["in"],
      'native: machine "xeon-2.4-sosp03" gives no costs.hardware.port-input; machines that fit: core2-asplos06, p4-672-asplos06',
    ],
    [
      ["cr8wr"],
      'native: machine "xeon-2.4-sosp03" gives no costs.hardware.task-priority; machines that fit native: core2-asplos06, p4-672-asplos06',
    ],
    [
      ["cr8wr", "--machine", "core2-asplos06"],
      "xen-pv: Xen emulates no write of CR8 and passes the fault on to the guest's kernel, which stops; it has event channels, and no task priority",
    ],
    [
      ["fork-proc", "--vmm", "native,kvm"],
      'kvm: machine "xeon-2.4-sosp03" gives no costs.hardware-assist.exit; machines that fit: core2-asplos06',
    ],
    [
      ["null-call", "--out", join(work, "fault.svg"), "--json", "--all"],
      `--all and --json: only for what is printed, and --out ${join(work, "fault.svg")} writes a file; expected one or the other`,
    ],
    [[], "<operation> is missing; expected vmmbench explain <operation>; see vmmbench --help"],
    [
      ["null-call", "--out", join(work, "fault.gif")],
      `${join(work, "fault.gif")}: no explanation can be written like that; expected a file ending in .svg, .png, .vl.json or .html`,
    ],
    [
      ["null-call", "--vmm", "native", "--out", "/proc/x.svg"],
      "/proc/x.svg: cannot be written: no file can be made there",
    ],
    [["null-call", "--vmm", "./none.js"], "./none.js: the module cannot be loaded: there is no such file"],
    [["null-call", "--vmm", "./machines"], "./machines: the module cannot be loaded: is a folder; expected a file"],
  ];
  it("names the kernel paths that a machine gives no length of, rather than add up what is no number", async () => {
    const machine = join(work, "no-fork.yaml");
    writeFileSync(machine, readFileSync("machines/linux-6.1-icount.yaml", "utf8").replace(/^ {2}fork:.*\n/m, ""));
    const { code, stderr } = await vmmbench(["explain", "fork_exit", "--vmm", "native", "--machine", machine]);
    expect([code, stderr.split("\n").length]).toEqual([2, 2]);
    expect(stderr).toMatch(/does not give the length of a kernel path that this work runs; it lacks .*\bfork\b/);
  });

  it.each([["operations"], ["trace", "replay", "workloads/data/sort.lackey.gz"]])(
    "like %s does not go on without a VMM",
    async (...command) => {
      const { code, stdout, stderr } = await vmmbench([...command, "--vmm", " ,"]);
      expect([code, stdout]).toEqual([2, ""]);
      expect(stderr).toBe('--vmm: a name is empty in " ,"; expected names like --vmm native,esx\n');
    },
  );

  it("like operations says once why there is nothing of a VMM, and does without", async () => {
    const { code, stdout, stderr } = await vmmbench([
      "operations",
      "--only",
      "null-call,fork-proc",
      "--vmm",
      "native,kvm",
    ]);
    expect([code, stderr]).toEqual([
      0,
      'nothing measured on kvm: machine "xeon-2.4-sosp03" gives no costs.hardware-assist.exit; machines that fit: core2-asplos06\n',
    ]);
    expect(stdout).toMatch(/^null-call +1,080 +-$/m);
  });

  it("names no machine that would be refused, too", async () => {
    for (const [machine, refused] of [
      ["core2-asplos06", false],
      ["p4-672-asplos06", true],
      ["x86-64-server", true],
    ] as const) {
      const { code } = await vmmbench(["explain", "fork-proc", "--vmm", "native,kvm", "--machine", machine]);
      expect(code).toBe(refused ? 2 : 0);
    }
  });

  it.each(wrong)("is told what is wrong with: %j", async (words, sentence) => {
    const { code, stdout, stderr } = await vmmbench(["explain", ...words]);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toBe(`${sentence}\n`);
    expect(existsSync(join(work, "fault.gif"))).toBe(false);
  });
});
