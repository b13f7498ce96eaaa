/** The nanobenchmarks of Adams and Agesen 2006, section 6.3: single instructions of a guest kernel, and a page fault. */
import { INSTRUCTIONS } from "../../guest/virtual-hardware.ts";
import type { GuestShape } from "../../workload/compiled-workload.ts";
import { Op, SYSTEM_CALLS } from "../../workload/operation-stream.ts";
import type { Microbenchmark } from "./microbenchmark.ts";

const ROUNDS = 100;

const GUEST: GuestShape = {
  memoryPages: 4096,
  kernelPages: 512,
  processes: 1,
  anonymousPages: 16,
  residentAnonymousPages: 16,
  filePages: 16,
  residentFilePages: 16,
  swapPages: 64,
  threads: 1,
};

function nanobenchmark(name: string, summary: string, round: Microbenchmark["round"]): Microbenchmark {
  return { name, summary, guest: GUEST, warmUpRounds: ROUNDS, rounds: ROUNDS, operationsPerRound: 1, round };
}

function instruction(name: string, summary: string, which: (typeof INSTRUCTIONS)[number]): Microbenchmark {
  return nanobenchmark(name, summary, (builder) => builder.add(Op.Instruction, INSTRUCTIONS.indexOf(which), 1));
}

export const NANOBENCHMARKS: readonly Microbenchmark[] = [
  nanobenchmark("syscall", "into the kernel and back", (builder) =>
    builder.add(Op.Syscall, SYSTEM_CALLS.indexOf("null"), 1),
  ),
  instruction("in", "read of I/O port 0x80", "port-input"),
  instruction("cr8wr", "write of the task priority", "task-priority"),
  instruction("callret", "call and return in the kernel", "call-return"),
  nanobenchmark("divzero", "division by zero, caught", (builder) => builder.add(Op.DivideError)),
];
