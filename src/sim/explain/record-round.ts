/** One round of a microbenchmark on a VMM, recorded. */
import { Ledger } from "../../core/ledger.ts";
import type { MachineProfile } from "../../machine/profile.ts";
import type { Vmm } from "../../vmm/contract.ts";
import { OP_NAMES } from "../../workload/operation-stream.ts";
import { compileMicrobenchmark, type Microbenchmark } from "../microbenchmarks/microbenchmark.ts";
import { buildMachine } from "../monitor-machine.ts";
import { bootOn } from "../monitor.ts";
import { playOperation } from "../stream-player.ts";
import { type Call, Recorder, RecordingMeter } from "./recorder.ts";
import { recordingMachine } from "./recording-machine.ts";

export interface RecordedRound {
  readonly calls: readonly Call[];
  /** What the round was charged: the sum of the charges of all calls. */
  readonly ledger: Ledger;
}

/**
 * The first round after the warm-up: the one that `measureMicrobenchmark` measures when it is told to measure one. Throws
 * an InputError when the machine profile lacks a cost that it needs.
 */
export function recordRound(benchmark: Microbenchmark, vmm: Vmm, profile: MachineProfile): RecordedRound {
  const { workload, measured } = compileMicrobenchmark({ ...benchmark, rounds: 1 });
  const [{ from, to }] = measured;
  const recorder = new Recorder();
  const meter = new RecordingMeter(recorder);
  const machine = recordingMachine(buildMachine(vmm, profile, workload.guest.memoryPages, meter), recorder);
  const kernel = bootOn(machine, profile, workload);
  const { stream } = workload;
  for (let i = 0; i < from; i++) playOperation(kernel, stream, i);
  const ledger = new Ledger();
  meter.ledger = ledger;
  for (let i = from; i < to; i++) {
    recorder.beginOperation(OP_NAMES[stream.op[i]]);
    playOperation(kernel, stream, i);
  }
  return { calls: recorder.calls, ledger };
}
