/**
 * Changing the parts of a VMM: what a matrix file writes behind a VMM's name, applied to its composition.
 *
 * Keys are `slot`, `slot.part`, `slot.parameter` or `slot.part.parameter`:
 *
 * - `memory.page-sharing: off`, `on` or `{ pagesPerSecond: 100 }`; what the VMM lacks is added in the order of the stages
 * - `memory: [page-sharing, ballooning]` replaces all mechanisms, `memory: off` takes them all away
 * - `allocation: static-partition` or `allocation: { static-partition: { balloon: on } }` replaces the part
 * - `allocation.idleMemoryTax: 0` sets a parameter of the part that is there
 */
import {
  MEMORY_STAGES,
  SLOTS,
  type Parameters,
  type Part,
  type PartDefinition,
  type Slot,
  type Vmm,
} from "./contract.ts";
import { camelCase, parameterMeant, partMeant, slotMeant } from "./meant-names.ts";
import { objection } from "./definition-problem.ts";
import { readParameter } from "./part-parameter.ts";

export interface Composition {
  readonly vmm: Vmm;
  /** What is wrong with the changes, by the key it is about; empty when all of them could be made. */
  readonly problems: readonly CompositionProblem[];
}

export interface CompositionProblem {
  readonly key: string;
  readonly message: string;
}

/** Apply changes to a VMM. The order in which they are written doesn't matter: whole slots first, then parts, then parameters. */
export function composeVmm(
  base: Vmm,
  changes: Readonly<Record<string, unknown>>,
  available: readonly PartDefinition[],
): Composition {
  const draft = new Draft(base, available);
  const keys = Object.keys(changes).sort((a, b) => depth(a) - depth(b) || (a < b ? -1 : 1));
  for (const key of keys) draft.change(key, changes[key]);
  draft.check();
  return { vmm: draft.finish(), problems: draft.problems };
}

function depth(key: string): number {
  return key.split(".").length;
}

/** The parts a VMM has in a slot: one, or for memory any number in order of preference. */
export function partsIn(vmm: Vmm, slot: Slot): readonly Part[] {
  return slot === "memory" ? vmm.memory : [vmm[slot]];
}

/** The parts of a VMM by slot, while they are being changed. */
class Draft {
  readonly problems: CompositionProblem[] = [];
  readonly #base: Vmm;
  readonly #available: readonly PartDefinition[];
  readonly #parts: Map<Slot, readonly Part[]>;
  #key = "";
  readonly #lastKeys = new Map<Slot, string>();

  constructor(base: Vmm, available: readonly PartDefinition[]) {
    const own = SLOTS.flatMap((slot) => partsIn(base, slot)).map((part) => part.definition);
    this.#base = base;
    this.#available = [...available, ...own.filter((definition) => !available.includes(definition))];
    this.#parts = new Map(SLOTS.map((slot) => [slot, partsIn(base, slot)]));
  }

  change(key: string, value: unknown): void {
    this.#key = key;
    const [name = "", ...rest] = key.split(".");
    const slot = SLOTS.find((known) => known === name);
    if (slot === undefined) return this.#complain(`unknown slot "${name}"; ${slotMeant(name, this.#available)}`);
    this.#lastKeys.set(slot, key);
    if (rest.length === 0) return this.#changeSlot(slot, value);
    if (rest.length > 2) return this.#complain("expected slot, slot.part, slot.parameter or slot.part.parameter");
    const [second = "", parameter] = rest;
    if (parameter !== undefined) return this.#changePart(slot, second, { [parameter]: value });
    if (this.#isParameter(slot, second)) return this.#changePart(slot, this.#only(slot), { [second]: value });
    this.#changePart(slot, second, value);
  }

  /** What changes have made of a part's parameters together, told at the last one that named its slot. */
  check(): void {
    for (const [slot, key] of this.#lastKeys) {
      this.#key = key;
      for (const { definition, parameters } of this.#in(slot)) {
        const message = objection(definition, parameters);
        if (message !== undefined) this.#complain(`${definition.name} ${message}`);
      }
    }
  }

  finish(): Vmm {
    const parts = SLOTS.map((slot) => [slot, slot === "memory" ? this.#in(slot) : this.#current(slot)]);
    return { ...this.#base, ...(Object.fromEntries(parts) as Pick<Vmm, Slot>) };
  }

  /** `slot: part`, `slot: { part: parameters }`, and for memory a list of these or `off`. */
  #changeSlot(slot: Slot, value: unknown): void {
    if (slot === "memory" && (isOff(value) || Array.isArray(value))) {
      const entries = isOff(value) ? [] : (value as readonly unknown[]);
      const parts = entries.map((entry) => this.#readPart(slot, entry)).filter((part) => part !== undefined);
      const names = parts.map((part) => part.definition.name);
      const twice = names.find((name, i) => names.indexOf(name) !== i);
      if (twice !== undefined) return this.#complain(`lists "${twice}" twice`);
      for (const [i, part] of parts.entries()) {
        const rival = parts.slice(0, i).find((other) => sameRole(part.definition, other));
        if (rival !== undefined) return this.#complainOfRival(rival, part);
      }
      this.#parts.set(slot, parts);
      return;
    }
    if (slot === "memory")
      return this.#complain("expected a list of mechanisms, such as [page-sharing, ballooning], or off");
    if (isOff(value)) return this.#complain(`every VMM needs a part here; ${this.#choices(slot)}`);
    const part = this.#readPart(slot, value);
    if (part !== undefined) this.#parts.set(slot, [part]);
  }

  #readPart(slot: Slot, value: unknown): Part | undefined {
    const entries = isRecord(value) ? Object.entries(value) : [[value, {}] as const];
    const [name, written] = entries[0] ?? [];
    const parameters = written ?? {};
    if (entries.length !== 1 || typeof name !== "string" || !isRecord(parameters)) {
      this.#complain(`expected the name of a part, or { part: { parameter: value } }; ${this.#choices(slot)}`);
      return undefined;
    }
    const definition = this.#definition(slot, name);
    return definition && this.#configure({ definition, parameters: defaults(definition) }, parameters);
  }

  /** `slot.part: on | off | parameters`. */
  #changePart(slot: Slot, name: string, value: unknown): void {
    const definition = this.#definition(slot, name);
    if (definition === undefined) return;
    const present = this.#in(slot).find((part) => part.definition.name === definition.name);
    if (isOff(value)) return this.#switchOff(slot, definition, present);
    if (!isOn(value) && !isRecord(value))
      return this.#complain(`expected on, off or { parameter: value }, not ${show(value)}`);
    const part = this.#configure(
      present ?? { definition, parameters: defaults(definition) },
      isRecord(value) ? value : {},
    );
    this.#parts.set(slot, this.#withPart(slot, part));
  }

  #switchOff(slot: Slot, definition: PartDefinition, present: Part | undefined): void {
    if (slot !== "memory") {
      return this.#complain(`a ${slot} part can be replaced but not switched off; ${this.#choices(slot)}`);
    }
    if (present === undefined) {
      // Another part may just have taken its place.
      const own = partsIn(this.#base, slot).some((part) => part.definition === definition);
      if (own && this.#in(slot).some((other) => sameRole(definition, other))) return;
      const rival = this.#in(slot).find((other) => sameRole(definition, other));
      const instead = rival === undefined ? "" : `, but ${rival.definition.name}`;
      return this.#complain(`${this.#base.name} has no ${definition.name} to switch off${instead}`);
    }
    this.#parts.set(
      slot,
      this.#in(slot).filter((part) => part !== present),
    );
  }

  #withPart(slot: Slot, part: Part): readonly Part[] {
    if (slot !== "memory") return [part];
    const name = part.definition.name;
    const parts = this.#in(slot);
    const present = parts.findIndex((other) => other.definition.name === name);
    if (present >= 0) return parts.with(present, part);
    const rival = parts.findIndex((other) => sameRole(part.definition, other));
    if (rival >= 0) {
      // Not the VMM's own: it has been asked for, too.
      if (!partsIn(this.#base, slot).includes(parts[rival])) this.#complainOfRival(parts[rival], part);
      return parts.with(rival, part);
    }
    const later = parts.findIndex((other) => comesBefore(part.definition, other.definition));
    return parts.toSpliced(later < 0 ? parts.length : later, 0, part);
  }

  #configure(part: Part, values: Readonly<Record<string, unknown>>): Part {
    const parameters: Parameters = { ...part.parameters };
    for (const [written, value] of Object.entries(values)) {
      const name = camelCase(written);
      if (!Object.hasOwn(part.definition.parameters, name)) {
        this.#complain(
          `${part.definition.name} has no parameter "${written}"; ${parameterMeant(name, part, this.#available)}`,
        );
        continue;
      }
      const reading = readParameter(part.definition.parameters[name], value);
      if ("problem" in reading) this.#complain(`${part.definition.name} ${written}: ${reading.problem}`);
      else parameters[name] = reading.value;
    }
    return { definition: part.definition, parameters };
  }

  #definition(slot: Slot, name: string): PartDefinition | undefined {
    const found = this.#available.find((part) => part.slot === slot && part.name === name);
    if (found === undefined) {
      const ownParameters = slot === "memory" ? [] : Object.keys(this.#current(slot).definition.parameters);
      const candidates = [...this.#names(slot), ...ownParameters];
      const kind = ownParameters.length === 0 ? "part" : "part or parameter";
      const hint = partMeant(name, slot, candidates, this.#available);
      this.#complain(`unknown ${kind} "${name}" in slot ${slot}; ${hint}`);
    }
    return found;
  }

  #isParameter(slot: Slot, name: string): boolean {
    return slot !== "memory" && Object.hasOwn(this.#current(slot).definition.parameters, camelCase(name));
  }

  #only(slot: Slot): string {
    return this.#current(slot).definition.name;
  }

  #current(slot: Slot): Part {
    return this.#in(slot)[0];
  }

  #in(slot: Slot): readonly Part[] {
    return this.#parts.get(slot) ?? [];
  }

  #names(slot: Slot): readonly string[] {
    return this.#available.filter((part) => part.slot === slot).map((part) => part.name);
  }

  #choices(slot: Slot): string {
    return `expected one of: ${[...this.#names(slot)].sort().join(", ")}`;
  }

  /** Two parts with one role, and both were asked for. */
  #complainOfRival(one: Part, other: Part): void {
    const [first, second] = [one.definition.name, other.definition.name];
    this.#complain(`a VMM has one part for ${one.definition.role ?? ""}; expected ${first} or ${second}, not both`);
  }

  #complain(message: string): void {
    this.problems.push({ key: this.#key, message });
  }
}

/** In the order of the stages; within one by name, so that it does not matter which was added first. */
function comesBefore({ stage, name }: PartDefinition, other: PartDefinition): boolean {
  if (stage === undefined) return false;
  if (other.stage === undefined) return true;
  if (stage === other.stage) return name < other.name;
  return MEMORY_STAGES.indexOf(stage) < MEMORY_STAGES.indexOf(other.stage);
}

function sameRole(definition: PartDefinition, other: Part): boolean {
  return definition.role !== undefined && definition.role === other.definition.role;
}

function defaults(definition: PartDefinition): Parameters {
  return Object.fromEntries(Object.entries(definition.parameters).map(([name, { default: value }]) => [name, value]));
}

function isOff(value: unknown): boolean {
  return value === false || value === "off";
}

function isOn(value: unknown): boolean {
  return value === true || value === "on";
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function show(value: unknown): string {
  return JSON.stringify(value) ?? String(value);
}
