/** What paths of Linux 2.4 execute, held against what one executed: docs/kernel-operations/linux-2.4. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type KernelPathName, kernelPaths } from "../../src/guest/kernel-paths.ts";
import { XEON } from "./machines.ts";

type Counts = Record<"returns" | "indirectCalls" | "indirectJumps" | "cli" | "sti" | "popf" | "iret", number>;

const { operations } = JSON.parse(readFileSync("validation/linux-2.4.20-counts.json", "utf8")) as {
  operations: Readonly<Record<string, Counts>>;
};
const PATHS = kernelPaths(XEON);

function calls(operation: string): number {
  const { returns, indirectCalls, indirectJumps } = operations[operation];
  return returns + indirectCalls + indirectJumps;
}

/** Without the cli with which each way out of the kernel begins. */
function flagWrites(operation: string): number {
  const { cli, sti, popf, iret } = operations[operation];
  return cli + sti + popf - iret;
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
    expect([PATHS[path].calls, PATHS[path].flagWrites]).toEqual([calls(operation), flagWrites(operation)]);
  });
});

describe("counts that follow from several operations", () => {
  it("faults that take a page: that it is given back is counted with them", () => {
    for (const [path, operation] of [
      ["page-fault", "anonymous_fault"],
      ["copy-on-write", "copy_on_write"],
    ] as const) {
      expect([PATHS[path].calls, PATHS[path].flagWrites]).toEqual([calls(operation), flagWrites(operation) + 2]);
    }
  });

  it("a switch: two processes that write to and read from each other's pipes, less one that does so alone", () => {
    const of = (count: typeof calls): number => (count("ping") + count("pong") - 2 * count("pipe")) / 2;
    expect([PATHS["context-switch"].calls, PATHS["context-switch"].flagWrites]).toEqual([of(calls), of(flagWrites)]);
  });

  it("a page of a file of 10 KB: a third of what is written, or deleted besides the empty file", () => {
    const written = PATHS["write-file-page"];
    expect([written.calls, written.flagWrites]).toEqual([calls("write_10k") / 3, flagWrites("write_10k") / 3]);
    const [more, flags] = [calls("delete_10k") - calls("delete"), flagWrites("delete_10k") - flagWrites("delete")];
    const { calls: released, flagWrites: releasedFlags } = PATHS["release-file-page"];
    expect([released, releasedFlags]).toEqual([Math.round(more / 3), flags / 3]);
  });

  it("packets: a segment and its acknowledgement, sent and received; the soft interrupt of the loopback is another path's", () => {
    const both = ["send_byte", "send_byte_softirq", "receive_byte", "receive_byte_softirq"];
    const { "send-packet": send, "receive-packet": receive } = PATHS;
    expect([send.calls, send.flagWrites]).toEqual([calls("send_byte"), flagWrites("send_byte")]);
    expect(2 * (send.calls + receive.calls)).toBe(both.reduce((sum, part) => sum + calls(part), 0));
    // do_softirq is counted with the interrupt (four), net_rx_action with the driver (two).
    const flags = both.reduce((sum, part) => sum + flagWrites(part), 0);
    expect(2 * (send.flagWrites + receive.flagWrites + 4 + 2)).toBe(flags);
  });

  it("the timer, with the interrupt that it is", () => {
    const { interrupt, "timer-interrupt": timer } = PATHS;
    expect(interrupt.calls + timer.calls).toBe(calls("timer") + calls("timer_softirq"));
    expect(interrupt.flagWrites + timer.flagWrites).toBe(flagWrites("timer") + flagWrites("timer_softirq"));
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
