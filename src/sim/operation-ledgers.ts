/** One ledger for each kind of operation, so that the cost of each can be read off afterwards. */
import { Ledger } from "../core/ledger.ts";
import { OP_NAMES, SYSTEM_CALLS, Op } from "../workload/operation-stream.ts";
import type { OperationCost } from "./cell.ts";

/** What costs time outside the operations of the stream, or apart from the one it interrupts. */
const EXTRA = ["page-fault", "timer-interrupt", "write-back", "signal-install", "signal-handle"] as const;
export type ExtraOperation = (typeof EXTRA)[number];

const SYSTEM_CALL_BASE = OP_NAMES.length;
const EXTRA_BASE = SYSTEM_CALL_BASE + SYSTEM_CALLS.length;
const NAMES: readonly string[] = [...OP_NAMES, ...SYSTEM_CALLS.map((kind) => `syscall:${kind}`), ...EXTRA];

/** Number of the kind of an operation of the stream. */
export function kindOf(op: number, a: number): number {
  if (op === Op.Syscall) return SYSTEM_CALL_BASE + a;
  if (op === Op.Signal) return extraKind(a === 0 ? "signal-install" : "signal-handle");
  return op;
}

export function extraKind(name: ExtraOperation): number {
  return EXTRA_BASE + EXTRA.indexOf(name);
}

export class OperationLedgers {
  readonly counts = new Float64Array(NAMES.length);
  readonly #ledgers: readonly Ledger[] = NAMES.map(() => new Ledger());

  of(kind: number): Ledger {
    return this.#ledgers[kind];
  }

  total(): Ledger {
    const total = new Ledger();
    for (const ledger of this.#ledgers) total.add(ledger);
    return total;
  }

  /** Operations that occurred, by name. */
  costs(): Record<string, OperationCost> {
    const entries = NAMES.map((name, kind) => {
      return [name, { count: this.counts[kind], cycles: this.#ledgers[kind].cyclesByCause() }] as const;
    });
    return Object.fromEntries(entries.filter(([, { count }]) => count > 0));
  }
}
