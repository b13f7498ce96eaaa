/**
 * A record of what a guest asks of its machine, call by call, and of what is charged meanwhile. Made by decorators around
 * the parts of a VMM, so that the parts themselves need no hooks.
 */
import { causeName, EVENT_PREFIX, eventName } from "../../core/ledger.ts";
import { Meter } from "../../machine/meter.ts";
import { WALK_REFERENCE } from "../../machine/page-walker.ts";

export interface Charge {
  readonly cause: string;
  readonly count: number;
  /** Of all `count` events together, in the unit of the machine profile. */
  readonly cost: number;
}

/** What kind of thing the guest does; the same work has the same calls on every VMM. */
export type CallKind =
  | "user-code"
  | "kernel-code"
  | "switch-task"
  | "page-work"
  | "enter-kernel"
  | "leave-kernel"
  | "fault-address"
  | "instruction"
  | "access"
  | "kernel-access"
  | "fault"
  | "use-as-table"
  | "reuse"
  | "read-entry"
  | "write-entry"
  | "batch"
  | "invalidate"
  | "commit"
  | "switch-root"
  | "activate"
  | "retire"
  | "device"
  | "wait"
  | "event";

export interface Call {
  /** The operation of the stream that it is part of (`fork`, `touch`), and the number of that operation in the round. */
  readonly operation: string;
  readonly turn: number;
  readonly kind: CallKind;
  /** In words, without the numbers of pages, tables and frames: equal for every turn of a loop. */
  readonly action: string;
  /** Those numbers: which page, which table and entry, what was in it and what is now. Empty where there are none. */
  readonly detail: string;
  readonly charges: Charge[];
}

/** Records nothing before the first {@link beginOperation}. */
export class Recorder {
  readonly calls: Call[] = [];
  #operation = "";
  #turn = -1;
  #charges: Charge[] | undefined;

  beginOperation(name: string): void {
    this.#operation = name;
    this.#turn += 1;
  }

  /** Carry out a call; `describe` is asked afterwards, when it is known how the call went. */
  call<T>(kind: CallKind, describe: (result: T) => readonly [action: string, detail?: string], carryOut: () => T): T {
    if (this.#turn === -1 || this.#charges !== undefined) return carryOut();
    const charges: Charge[] = [];
    this.#charges = charges;
    const result = carryOut();
    this.#charges = undefined;
    const [action, detail = ""] = describe(result);
    this.calls.push({ operation: this.#operation, turn: this.#turn, kind, action, detail, charges });
    return result;
  }

  /**
   * A charge belongs to the call under way. One outside any call is the guest's own work and a call by itself, unless it is
   * the hardware's: the lines that a page visited just now has to be fetched by depend on what else is in the cache, and what has
   * to be walked for a page of the kernel's own on what else is in the TLB.
   */
  charge(id: number, count: number, cost: number): void {
    if (this.#turn === -1) return;
    const cause = causeName(id);
    if (this.#charges !== undefined) {
      this.#charges.push({ cause: eventName(cause), count, cost });
      return;
    }
    const last = this.calls[this.calls.length - 1];
    if ((cause.startsWith("hardware.") || id === WALK_REFERENCE) && last?.turn === this.#turn) {
      last.charges.push({ cause: eventName(cause), count, cost });
      return;
    }
    const [kind, action] = ownWork(cause);
    this.call(
      kind,
      () => [action],
      () => this.charge(id, count, cost),
    );
  }
}

function ownWork(cause: string): [kind: CallKind, action: string] {
  if (cause.startsWith(EVENT_PREFIX)) return ["event", `counts ${eventName(cause)}`];
  return cause === "guest.user" ? ["user-code", "runs"] : ["page-work", "clears or copies memory"];
}

/** Charges its ledger like any other meter, and tells a recorder. */
export class RecordingMeter extends Meter {
  readonly #recorder: Recorder;

  constructor(recorder: Recorder) {
    super();
    this.#recorder = recorder;
  }

  override spend(cause: number, cycles: number): void {
    super.spend(cause, cycles);
    this.#recorder.charge(cause, 1, cycles);
  }

  override spendMany(cause: number, count: number, cyclesEach: number): void {
    super.spendMany(cause, count, cyclesEach);
    this.#recorder.charge(cause, count, count * cyclesEach);
  }

  override count(cause: number): void {
    super.count(cause);
    this.#recorder.charge(cause, 1, 0);
  }

  override countMany(cause: number, count: number): void {
    super.countMany(cause, count);
    this.#recorder.charge(cause, count, 0);
  }

  /** Recorded as a call even where nobody has to wait, because others may have to. */
  override waitUntil(cause: number, time: number): void {
    const before = this.now;
    this.#recorder.call(
      "wait",
      () => [`waits: ${causeName(cause)}`],
      () => {
        super.waitUntil(cause, time);
        if (this.now > before) this.#recorder.charge(cause, 1, this.now - before);
      },
    );
  }
}
