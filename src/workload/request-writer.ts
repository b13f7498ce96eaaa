/** Writes the operations of one activity's requests: draws what is random, expands what repeats. */
import type { RandomStream } from "../core/random.ts";
import { Op, type OperationStreamBuilder, Write } from "./operation-stream.ts";
import { SlotSampler } from "./slot-sampler.ts";
import type { Amount, PagePattern, PageRange, Step, StepAction } from "./workload.ts";

const UINT32_MAX = 2 ** 32 - 1;
/** Operand c of Op.Touch: 0 unique, 1 zeros, from 2 on contents that all guests have in common. */
const FIRST_COMMON_CONTENT = 2;
const ZERO_CONTENT = 1;
const UNIQUE_CONTENT = 0;

export class RequestWriter {
  readonly #steps: readonly Step[];
  readonly #random: RandomStream;
  readonly #samplers = new Map<StepAction, SlotSampler>();

  constructor(steps: readonly Step[], random: RandomStream) {
    this.#steps = steps;
    this.#random = random;
  }

  write(into: OperationStreamBuilder): void {
    this.#writeSteps(this.#steps, into);
  }

  #writeSteps(steps: readonly Step[], into: OperationStreamBuilder): void {
    for (const { action, times, chance } of steps) {
      // Drawn for each conditional step, taken or not, so that one step's outcome never shifts another's numbers.
      if (chance < 1 && this.#random.unit() >= chance) continue;
      if (action.kind === "syscall") into.add(Op.Syscall, action.call, times);
      else for (let i = 0; i < times; i++) this.#writeAction(action, into);
    }
  }

  #writeAction(action: Exclude<StepAction, { kind: "syscall" }>, into: OperationStreamBuilder): void {
    switch (action.kind) {
      case "compute":
        return this.#writeCompute(action.cycles, into);
      case "kernel":
        return into.add(Op.KernelCode, Math.max(1, Math.round(this.#amount(action.cycles) / 1000)));
      case "touch":
        return this.#writeTouches(action, into);
      case "fork":
        into.add(Op.Fork);
        this.#writeSteps(action.child, into);
        return into.add(Op.Exit);
      case "exec":
        return into.add(Op.Exec, action.pages);
      case "mmap":
        return into.add(Op.Mmap, action.range.fromPage, action.range.pages, action.fileBacked ? 1 : 0);
      case "munmap":
        return into.add(Op.Munmap, action.range.fromPage, action.range.pages);
      case "mprotect":
        return into.add(Op.Mprotect, action.range.fromPage, action.range.pages, action.writable ? 1 : 0);
      case "switch":
        return into.add(Op.Switch, action.process);
      case "signal":
        return into.add(Op.Signal, action.deliver ? 1 : 0);
      case "read-file":
        return into.add(Op.ReadFile, this.#fileRun(action), action.run);
      case "write-file":
        return into.add(Op.WriteFile, this.#fileRun(action), action.run, howToWrite(action));
      case "send":
        return into.add(Op.Send, this.#amount(action.bytes));
      case "receive":
        return into.add(Op.Receive, this.#amount(action.bytes));
    }
  }

  #writeCompute(cycles: Amount, into: OperationStreamBuilder): void {
    let left = this.#draw(cycles);
    for (; left > UINT32_MAX; left -= UINT32_MAX) into.add(Op.Compute, UINT32_MAX);
    into.add(Op.Compute, left);
  }

  #writeTouches(touch: Extract<StepAction, { kind: "touch" }>, into: OperationStreamBuilder): void {
    const random = this.#random;
    const sampler = this.#sampler(touch, touch.pattern, touch.range.pages);
    const { fromPage } = touch.range;
    const { writeShare, content, count } = touch;
    const cycles = touch.cyclesPerPage * 2;
    const plain = content === "zero" ? ZERO_CONTENT : UNIQUE_CONTENT;
    for (let i = 0; i < count; i++) {
      const page = fromPage + sampler.draw(random);
      const write = writeShare === 1 || (writeShare > 0 && random.unit() < writeShare);
      if (write) into.add(Op.Touch, page, cycles + 1, content === "common" ? FIRST_COMMON_CONTENT + page : plain);
      else into.add(Op.Touch, page, cycles);
    }
  }

  /** First page of a run: runs lie side by side, so that the same run is the same file. */
  #fileRun(
    action: StepAction & { readonly run: number; readonly range: PageRange; readonly pattern: PagePattern },
  ): number {
    const runs = Math.max(1, Math.floor(action.range.pages / action.run));
    return action.range.fromPage + this.#sampler(action, action.pattern, runs).draw(this.#random) * action.run;
  }

  #sampler(action: StepAction, pattern: PagePattern, slots: number): SlotSampler {
    let sampler = this.#samplers.get(action);
    if (sampler === undefined) {
      sampler = new SlotSampler(pattern, slots);
      this.#samplers.set(action, sampler);
    }
    return sampler;
  }

  /** At least 1 and at most what an operand holds. */
  #amount(amount: Amount): number {
    return Math.min(UINT32_MAX, this.#draw(amount));
  }

  #draw({ mean, spread }: Amount): number {
    if (spread === "fixed") return mean;
    return Math.max(1, Math.round(this.#random.exponential(mean)));
  }
}

function howToWrite({ sync, isNew }: { readonly sync: boolean; readonly isNew: boolean }): number {
  if (isNew) return sync ? Write.NewSync : Write.New;
  return sync ? Write.Sync : Write.Whole;
}
