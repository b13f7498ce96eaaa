/**
 * What a part makes, and what it answers when it is asked before a simulation begins. It may be JavaScript that no compiler has read: what
 * does not keep its contract ends the cell with the rule, and not with what comes of it somewhere else, or with a simulation without end.
 */
import type { KernelVersion } from "../guest/kernel-version.ts";
import type { MachineProfile } from "../machine/profile.ts";
import { SHORTEST_US } from "./allocation/answers.ts";
import { BrokenContract, showAnswer } from "./allocation/wrong-answer.ts";
import type { Part, PartDefinition, Slot, Slots, TimerEvents } from "./contract.ts";
import type { ConsoleSettings, DeviceQueue } from "./host-contract.ts";

/** Of a scheduler's ticks, as {@link SHORTEST_US}. */
const SHORTEST_CYCLES = 1000;

/** Methods that an instance must have: the compiler says when a contract has one that is not looked for here. */
type MethodOf<T> = {
  [K in keyof T]: Pick<T, K> extends Required<Pick<T, K>>
    ? T[K] extends (...values: never[]) => unknown
      ? K
      : never
    : never;
}[keyof T];

/** What a slot needs of an instance: methods, numbers that are 0 or no less than this, and what is one of few texts. */
interface Shape<S extends Slot> {
  readonly methods: Readonly<Record<MethodOf<Slots[S]["instance"]>, true>>;
  readonly numbers?: Partial<Record<keyof Slots[S]["instance"] & string, number>>;
  readonly kinds?: readonly string[];
}

const IO_PATH: Shape<"disk"> = {
  methods: { submit: true, notify: true, interrupt: true, complete: true, interruptsForSent: true },
  numbers: { segmentBytes: 0, descriptors: 0 },
};

const SHAPES: { readonly [S in Slot]: Shape<S> } = {
  cpu: {
    methods: {
      enterKernel: true,
      readFaultAddress: true,
      leaveKernel: true,
      switchTask: true,
      runKernel: true,
      execute: true,
      enter: true,
      forwardFault: true,
      tracedWrite: true,
    },
  },
  mmu: {
    methods: {
      access: true,
      raiseFault: true,
      useAsTable: true,
      reuse: true,
      readEntry: true,
      writeEntry: true,
      beginBatch: true,
      endBatch: true,
      invalidate: true,
      commit: true,
      switchRoot: true,
      activate: true,
      retire: true,
    },
  },
  memory: {
    methods: { work: true, reclaim: true },
    numbers: { periodUs: SHORTEST_US },
    kinds: ["backing", "sharing", "tuning", "reporting", "keeping", "compressing", "cooperative", "forced"],
  },
  allocation: { methods: { admit: true, start: true, rebalance: true }, numbers: { periodUs: SHORTEST_US } },
  scheduler: {
    methods: {
      add: true,
      ready: true,
      pick: true,
      ran: true,
      preemptsAt: true,
      tick: true,
      account: true,
      mustYield: true,
    },
    numbers: { tickCycles: SHORTEST_CYCLES, switchCycles: 0 },
  },
  disk: IO_PATH,
  network: IO_PATH,
};

/** Put a part to work. Throws a {@link BrokenContract} when what it makes does not keep the contract of its slot. */
export function makePart<S extends Slot>(part: Part<S>, context: Slots[S]["context"]): Slots[S]["instance"] {
  const { definition, parameters } = part;
  const made: unknown = definition.create(parameters, context);
  if (typeof made !== "object" || made === null || made instanceof Promise) {
    throw wrong(
      definition,
      `create returns ${showAnswer(made)}; expected an object with what the slot's contract asks for`,
    );
  }
  const instance = made as Readonly<Record<string, unknown>>;
  const { methods, numbers = {}, kinds } = SHAPES[definition.slot] as Shape<Slot>;
  for (const method of Object.keys(methods)) {
    if (typeof instance[method] === "function") continue;
    throw wrong(
      definition,
      `what create returns has ${showAnswer(instance[method])} as ${method}; expected a function`,
    );
  }
  for (const [name, least] of Object.entries(numbers)) {
    requireZeroOr(definition, name, instance[name], least as number);
    if (!name.endsWith("Us") && !Number.isInteger(instance[name])) {
      throw wrong(definition, `${name} is ${showAnswer(instance[name])}; expected a whole number`);
    }
  }
  if (kinds !== undefined && !kinds.includes(String(instance.kind))) {
    throw wrong(definition, `kind is ${showAnswer(instance.kind)}; expected one of ${kinds.join(", ")}`);
  }
  return made as Slots[S]["instance"];
}

/** Why a cpu or mmu part cannot be on a machine; undefined: it can. */
export function unsuitedReason(
  { definition, parameters }: Part<"cpu"> | Part<"mmu">,
  profile: MachineProfile,
): string | undefined {
  const reason: unknown = definition.unsuited?.(parameters, profile);
  if (reason === undefined || typeof reason === "string") return reason;
  throw wrong(definition, `unsuited returns ${showAnswer(reason)}; expected a reason, or undefined`);
}

/** The ring of a disk or network part, absent where it has none. */
export function queueOf({ definition, parameters }: Part<"disk"> | Part<"network">): DeviceQueue | undefined {
  const queue = definition.queueOf?.(parameters);
  if (queue === undefined) return undefined;
  for (const name of ["entries", "pagesPerRequest", "inTurn", "underWay"] as const) {
    requireAtLeast(definition, `queueOf: ${name}`, queue?.[name], 1);
  }
  return queue;
}

/** The timer events of a cpu part, absent where it has none of its own. */
export function timerEventsOf({ definition, parameters }: Part<"cpu">, kernel: KernelVersion): TimerEvents | undefined {
  const events = definition.timerEvents?.(parameters, kernel);
  if (events === undefined) return undefined;
  requireAtLeast(definition, "timerEvents: everyUs", events?.everyUs, SHORTEST_US);
  return events;
}

/** The service console of a scheduler, absent where it has none. */
export function consoleOf({ definition, parameters }: Part<"scheduler">): ConsoleSettings | undefined {
  const settings = definition.consoleOf?.(parameters);
  if (settings === undefined) return undefined;
  requireAtLeast(definition, "consoleOf: shares", settings?.shares, Number.MIN_VALUE);
  for (const name of ["reservationPercent", "loadPercent"] as const) {
    const value: unknown = settings[name];
    if (typeof value === "number" && value >= 0 && value <= 100) continue;
    throw wrong(definition, `consoleOf: ${name} is ${showAnswer(value)}; expected a number of % from 0 to 100`);
  }
  return settings;
}

function requireZeroOr(definition: PartDefinition, name: string, value: unknown, least: number): void {
  if (typeof value === "number" && Number.isFinite(value) && (value === 0 || value >= least)) return;
  const expected = least === 0 ? "a number that is not negative" : `0, or a number that is at least ${least}`;
  throw wrong(definition, `${name} is ${showAnswer(value)}; expected ${expected}`);
}

function requireAtLeast(definition: PartDefinition, name: string, value: unknown, least: number): void {
  if (typeof value === "number" && value >= least) return;
  const expected = least === Number.MIN_VALUE ? "a number above 0" : `a number that is at least ${least}`;
  throw wrong(definition, `${name} is ${showAnswer(value)}; expected ${expected}`);
}

function wrong({ slot, name }: PartDefinition, rule: string): BrokenContract {
  return new BrokenContract(`${slot} ${name}: ${rule}`);
}
