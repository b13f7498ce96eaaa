/**
 * A guest's exceptions (Barham 2003, section 2.1.2): it registers a handler for each of them, to which the hypervisor, where all
 * of them arrive, sends it with a copy of the frame on its own stack. One handler can be put into the hardware's table, so that the
 * processor enters it directly: the one of an instruction that user code executes for that. It never is the handler of page faults:
 * the hypervisor alone can read which address was at fault, and writes that into their frame.
 *
 * What goes into the hardware's table is checked (set_fast_trap, xen/arch/x86/traps.c, Xen 2.0.6): it is vector 0x80, or one of 0x20 to
 * 0x2f, which no exception of the processor has, and it does not begin with interrupts disabled, since the processor knows nothing
 * of the word of memory that has their flag. Xen copies there who may call it; what user code may not is no use there, and not put.
 */
import type { TrapHandler } from "../../guest/virtual-hardware.ts";

const NONE = -1;
const UNIX_SYSTEM_CALL = 0x80;
const WINDOWS_CALLS = { first: 0x20, last: 0x2f };

export class TrapTable {
  readonly #handlers = new Map<number, TrapHandler>();
  #direct = NONE;

  register(handlers: readonly TrapHandler[]): void {
    for (const handler of handlers) this.#handlers.set(handler.vector, handler);
  }

  /** Put the handler of a vector into the hardware's table, in place of another. False: it may not be there, and nothing changes. */
  enterDirectly(vector: number): boolean {
    const handler = this.#handlers.get(vector);
    if (handler === undefined || !mayBeDirect(handler)) return false;
    this.#direct = vector;
    return true;
  }

  /** Whether the processor enters the handler of a vector without the hypervisor. */
  isDirect(vector: number): boolean {
    return vector === this.#direct;
  }

  /** The handler that the hypervisor sends the guest to. A guest that has none would not go on. */
  handlerOf(vector: number): TrapHandler {
    const handler = this.#handlers.get(vector);
    if (handler === undefined) throw new Error(`the guest has registered no handler of vector ${vector}`);
    return handler;
  }
}

function mayBeDirect({ vector, isCallable, disablesInterrupts }: TrapHandler): boolean {
  const isFree = vector === UNIX_SYSTEM_CALL || (vector >= WINDOWS_CALLS.first && vector <= WINDOWS_CALLS.last);
  return isFree && isCallable && !disablesInterrupts;
}
