/** What paths of Linux 2.4 execute, held against what one executed: docs/kernel-operations/linux-2.4. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type KernelPathName, kernelPaths } from "../../src/guest/kernel-paths.ts";
import { LMBENCH } from "../../src/sim/microbenchmarks/lmbench.ts";
import { type MeasuredCost, measureMicrobenchmark } from "../../src/sim/microbenchmarks/microbenchmark.ts";
import type { Vmm } from "../../src/vmm/contract.ts";
import { esx, native, workstation, xenPv1 } from "../../src/vmm/registry.ts";
import { XEON } from "./machines.ts";

const FLAGS = ["cli", "sti", "popf"] as const;
type Flags = Record<(typeof FLAGS)[number], number>;
type Counts = Flags &
  Record<
    | "instructions"
    | "returns"
    | "indirectCalls"
    | "indirectJumps"
    | "iret"
    | "pushf"
    | "debugRegisterWrites"
    | "cr3Writes",
    number
  >;

type Faults = Readonly<Record<"parent" | "childWithoutFile" | "childOnFile", number>>;

const { operations, programs } = JSON.parse(readFileSync("validation/linux-2.4.20-counts.json", "utf8")) as {
  operations: Readonly<Record<string, Counts>>;
  programs: {
    libraries: Readonly<
      Record<string, { faultsPerTurn: Readonly<Record<string, Faults>>; systemCalls: Readonly<Record<string, number>> }>
    >;
  };
};
const PATHS = kernelPaths(XEON);

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}

function calls(operation: string): number {
  const { returns, indirectCalls, indirectJumps } = operations[operation];
  return returns + indirectCalls + indirectJumps;
}

function instructions(operation: string): number {
  return operations[operation].instructions;
}

/** Without the cli with which each way out of the kernel begins. */
function flagWrites(operation: string): Flags {
  const { cli, sti, popf, iret } = operations[operation];
  return { cli: cli - iret, sti, popf };
}

/** So many times each of them, added up. */
function sum(...terms: readonly (readonly [times: number, Flags])[]): Flags {
  const of = (name: keyof Flags): number => terms.reduce((total, [times, flags]) => total + times * flags[name], 0);
  return { cli: of("cli"), sti: of("sti"), popf: of("popf") };
}

const SECTION: Flags = { cli: 1, sti: 0, popf: 1 };

function measured(name: string, vmm: Vmm, profile = XEON): MeasuredCost {
  const benchmark = LMBENCH.find((each) => each.name === name);
  if (benchmark === undefined) throw new Error(`no benchmark ${name}`);
  return measureMicrobenchmark(benchmark, vmm, profile);
}

/** Cycles by which an operation is dearer where each of such instructions takes 1000 cycles more. */
function dearer(instruction: string, name: string, vmm: Vmm): number {
  const costs = Object.entries(XEON.costs).map(([cost, cycles]) => {
    return [cost, cost.endsWith(`.${instruction}`) ? cycles + 1000 : cycles] as const;
  });
  const profile = { ...XEON, costs: Object.fromEntries(costs) };
  return measured(name, vmm, profile).cost - measured(name, vmm).cost;
}

/** Of what is counted in calls that write one page and 32: in one that writes three. */
function threePages(count: (operation: string) => number, one: string, many: string): number {
  return 2 * ((count(many) - count(one)) / 31) + count(one);
}

/** Of what is counted in a call that writes three pages of a file in memory. */
function threeWrittenAgain(count: (operation: string) => number): number {
  return threePages(count, "rewrite_1", "rewrite_32");
}

/** Of what is counted in a call that writes three pages behind the end of a long file. */
function threeBehindTheEnd(count: (operation: string) => number): number {
  return threePages(count, "append_1", "append_32");
}

const SINGLE: readonly (readonly [KernelPathName, string])[] = [
  ["syscall-null", "null"],
  ["syscall-null-io", "read_zero"],
  ["syscall-stat", "stat"],
  ["syscall-open-close", "open_close"],
  ["syscall-select", "select_tcp"],
  ["syscall-pipe", "pipe"],
  ["syscall-create-file", "create"],
  ["syscall-delete-file", "delete"],
  ["signal-install", "signal_install"],
  ["signal-handle", "signal_handle"],
  ["file-fault", "file_fault"],
  ["protection-fault", "protection_fault"],
  ["mmap", "mmap"],
  ["munmap", "munmap"],
  ["mprotect", "mprotect"],
  ["read-file-page", "read_page"],
];

describe.each(SINGLE)("%s", (path, operation) => {
  it("makes as many calls, and writes the flags as often, as were counted", () => {
    expect(PATHS[path].calls).toBe(calls(operation));
    expect(PATHS[path]).toMatchObject(flagWrites(operation));
  });
});

describe("instructions that go with others", () => {
  it.each(Object.entries(operations))(
    "%s: what is popped was pushed; DR7 is written for a signal alone",
    (name, of) => {
      expect(of.pushf).toBe(of.popf);
      expect(of.debugRegisterWrites).toBe(name === "signal_handle" || name === "protection_fault" ? 1 : 0);
    },
  );

  // lmbench subtracts from a protection fault what catching a signal takes: what is in both is in no cost of a fault.
  describe.each(["signal-handle", "prot-fault"])("%s", (name) => {
    it("is delivered with a write of DR7 natively and in translated code, and without one in XenoLinux", () => {
      expect([native, esx, workstation, xenPv1].map((vmm) => dearer("debug-register", name, vmm))).toEqual([
        1000, 1000, 1000, 0,
      ]);
    });

    it("is returned from with two loads of segment registers everywhere", () => {
      expect([native, esx, workstation, xenPv1].map((vmm) => dearer("segment-load", name, vmm))).toEqual([
        2000, 2000, 2000, 2000,
      ]);
    });

    it("takes a call-out in translated code for each of the three", () => {
      expect(measured(name, workstation).events["vmm.translation.callout"]).toBe(3);
    });
  });
});

describe("counts that follow from several operations", () => {
  it("faults that take a page: that it is given back is counted with them", () => {
    for (const [path, operation] of [
      ["page-fault", "anonymous_fault"],
      ["copy-on-write", "copy_on_write"],
    ] as const) {
      expect(PATHS[path].calls).toBe(calls(operation));
      expect(PATHS[path]).toMatchObject(sum([1, flagWrites(operation)], [1, SECTION]));
    }
  });

  it("a switch: two processes that write to and read from each other's pipes, less one that does so alone", () => {
    expect(PATHS["context-switch"].calls).toBe((calls("ping") + calls("pong") - 2 * calls("pipe")) / 2);
    const [ping, pong, pipe] = ["ping", "pong", "pipe"].map(flagWrites);
    expect(PATHS["context-switch"]).toMatchObject(sum([0.5, ping], [0.5, pong], [-1, pipe]));
  });

  it("a page of a file of 10 KB: a third of what is written, or deleted besides the empty file", () => {
    const { "write-file-page": written, "release-file-page": released } = PATHS;
    expect(written.calls).toBe(calls("write_10k") / 3);
    expect(sum([3, written])).toEqual(flagWrites("write_10k"));
    expect(released.calls).toBe(Math.round((calls("delete_10k") - calls("delete")) / 3));
    expect(sum([3, released], [1, flagWrites("delete")])).toEqual(flagWrites("delete_10k"));
  });

  it("pages behind the end of a long file: three of them, with a call of their own, nearly as those of a file of 10 KB", () => {
    const { calls: made, cli, popf } = PATHS["write-file-page"];
    // The blocks of the first twelve pages are in the inode itself, those of others in a block that it points to.
    expect(threeBehindTheEnd(calls) / (3 * made)).toBeGreaterThan(1);
    expect(threeBehindTheEnd(calls) / (3 * made)).toBeLessThan(1.1);
    expect(threeBehindTheEnd((operation) => flagWrites(operation).cli)).toBeCloseTo(3 * cli, 0);
    expect(threeBehindTheEnd((operation) => flagWrites(operation).popf)).toBeCloseTo(3 * popf, 0);
  });

  it("a page that is written again: of three, with a call of their own, a third", () => {
    const { calls: made, cli, popf } = PATHS["rewrite-file-page"];
    expect(threeWrittenAgain(calls)).toBe(3 * made);
    expect(threeWrittenAgain((operation) => flagWrites(operation).cli)).toBe(3 * cli);
    expect(threeWrittenAgain((operation) => flagWrites(operation).popf)).toBe(3 * popf);
  });

  it("a page that is written again takes as much of a new one as it has instructions besides the copies and the entries", () => {
    const COPY = 1024;
    const entry = instructions("null");
    const again = threePages(instructions, "rewrite_1", "rewrite_32") - 3 * COPY - entry;
    // Of 10 KB.
    const anew = instructions("write_10k") - 10_240 / 4 - entry;
    const { "rewrite-file-page": rewritten, "write-file-page": written } = XEON.kernelPaths;
    expect(rewritten / written).toBeCloseTo(again / anew, 3);
  });

  it("packets: a segment and its acknowledgement, sent and received; the soft interrupt of the loopback is another path's", () => {
    const both = ["send_byte", "send_byte_softirq", "receive_byte", "receive_byte_softirq"];
    const { "send-packet": send, "receive-packet": receive } = PATHS;
    expect(send.calls).toBe(calls("send_byte"));
    expect(send).toMatchObject(flagWrites("send_byte"));
    expect(2 * (send.calls + receive.calls)).toBe(both.reduce((total, part) => total + calls(part), 0));
    // do_softirq is counted with the interrupt (four), net_rx_action with the driver (two).
    const softirq: Flags = { cli: 2, sti: 1, popf: 1 };
    const netRxAction: Flags = { cli: 1, sti: 1, popf: 0 };
    const ours = sum([2, send], [2, receive], [2, softirq], [2, netRxAction]);
    expect(ours).toEqual(sum(...both.map((part) => [1, flagWrites(part)] as const)));
  });

  it("the timer, with the interrupt that it is", () => {
    const { interrupt, "timer-interrupt": timer } = PATHS;
    expect(interrupt.calls + timer.calls).toBe(calls("timer") + calls("timer_softirq"));
    expect(sum([1, interrupt], [1, timer])).toEqual(sum([1, flagWrites("timer")], [1, flagWrites("timer_softirq")]));
  });

  it("processes: fork does not depend on the pages, exit goes through each; the parent's copy of its stack is a fault", () => {
    expect(PATHS.fork.calls).toBe(calls("fork_50") - calls("copy_on_write"));
    expect(calls("fork_150")).toBe(calls("fork_50"));
    expect(100 * PATHS["zap-entry"].calls).toBe(calls("exit_150") - calls("exit_50"));
    // The parent runs on at once: the child's stack and data, its text and the switch are not counted one by one.
    const pages = (calls("exit_50") - PATHS["context-switch"].calls - PATHS.exit.calls) / PATHS["zap-entry"].calls;
    expect(pages).toBeGreaterThanOrEqual(50);
    expect(pages).toBeLessThanOrEqual(60);
    expect(PATHS.vfork.calls).toBe(calls("vfork") - PATHS["context-switch"].calls);
  });
});

/** Faults of a turn of lat_proc, with the C library of 2001 and with that of 2003. */
function countedFaults(turn: string): number[] {
  return Object.values(programs.libraries).map(({ faultsPerTurn }) => sumOf(Object.values(faultsPerTurn[turn])));
}

function faultsOf(name: string): number {
  return measured(name, native).events["hardware.trap"];
}

describe("a turn of lat_proc", () => {
  it("faults as often as was counted, where the child exits", () => {
    expect(new Set(countedFaults("fork"))).toEqual(new Set([faultsOf("fork-proc")]));
  });

  // Pages of data that are read before they are written fault twice, and are visited once here.
  it.each([
    ["exec", "exec-proc", 0.06],
    ["shell", "sh-proc", 0.06],
  ])("faults as often as was counted on the mean, with %s", (turn, name, tolerance) => {
    const mean = sumOf(countedFaults(turn)) / countedFaults(turn).length;
    expect(faultsOf(name)).toBeLessThan(mean);
    expect(faultsOf(name)).toBeGreaterThan((1 - tolerance) * mean);
  });

  // Around the program: fork, close, execve and wait4. Without a locale the older library makes the fewer calls in a shell.
  it.each([
    ["hello", "exec-proc", 0],
    ["sh -c hello", "sh-proc", 0.03],
  ])("makes as many system calls as were counted, with %s", (program, name, tolerance) => {
    const counted = Object.values(programs.libraries).map(({ systemCalls }) => 4 + systemCalls[program]);
    const calls = measured(name, native).events["hardware.system-call"];
    // Of the older library the shell was counted without a locale.
    const least = tolerance === 0 ? Math.min(...counted) : (1 - tolerance) * Math.max(...counted);
    expect(calls).toBeGreaterThan(least);
    expect(calls).toBeLessThan((1 + tolerance) * Math.max(...counted));
  });

  // Of a process with 14 mappings; those of lmbench's have 12, and lat_proc one more, of libraries: a flush each, one at the end, one of the switch.
  it("flushes the TLB once for each mapping as a process ends, once more, and in the switch", () => {
    const flushes = measured("exec-proc", native).events["hardware.tlb-flush"];
    const { cr3Writes: exit } = operations.exit_50;
    expect(exit).toBe(14 + 2);
    expect(operations.exec_50.cr3Writes).toBe(14 + 1);
    // exec drops the mappings of lat_proc, exit those of the program; fork has one, and the switch to the child. Three pages that
    // the child writes and two that its parent writes leave the TLB by themselves.
    expect(flushes).toBe(13 + 1 + (12 + 2) + 2 + 5);
  });
});
