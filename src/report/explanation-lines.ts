/** The steps of an explanation as lines: what happens to the left, what it costs on each VMM to the right. */
import { callerOf } from "../sim/explain/actors.ts";
import { costAfter, type Explanation, type Step } from "../sim/explain/explanation.ts";
import { type Group, itemsOf } from "../sim/explain/fold.ts";
import { addedUp, type Outline } from "../sim/explain/outline.ts";
import type { Actor } from "../sim/explain/work.ts";

export interface ExplanationLine {
  /** Levels of indentation. */
  readonly depth: number;
  readonly text: string;
  /** By VMM; undefined where it has no part in this. */
  readonly costs: readonly (number | undefined)[];
  /** By VMM, when this is over; empty inside a loop, and for the parts of a call. */
  readonly soFar: readonly number[];
}

const SHORT: Partial<Record<Actor, string>> = { "user code": "user", "guest kernel": "kernel" };

export function explanationLines(explanation: Explanation, outline: readonly Outline[]): ExplanationLine[] {
  return new Lines(explanation).of(outline, 0, 1);
}

/** How an entry is written down, where entries are. */
export function notation({ calls }: Explanation): string | undefined {
  if (!calls.some(({ kind }) => kind === "write-entry")) return undefined;
  return (
    "4161[72]: empty -> 17 P-UA- means: entry 72 of the table in frame 4161 was empty and now refers to frame 17; present, " +
    "not writable, user, accessed, not dirty."
  );
}

/** "native in ring 0, esx in ring 1". */
export function kernelRings({ vmms }: Explanation): string {
  return vmms
    .map(({ name, kernelRing }) => `${name} ${kernelRing === null ? "not stated" : `in ring ${kernelRing}`}`)
    .join(", ");
}

class Lines {
  readonly #explanation: Explanation;
  /** What a VMM has to do for a kind of call is told where it occurs first. */
  readonly #told = new Set<string>();
  /** Causes that have been put in words. */
  readonly #worded = new Set<string>();

  constructor(explanation: Explanation) {
    this.#explanation = explanation;
  }

  /** `turns`: how often the loop that these are in goes round. */
  of(outline: readonly Outline[], depth: number, turns: number): ExplanationLine[] {
    return outline.flatMap((each) =>
      "items" in each ? this.#call(each.items, depth, turns) : this.#group(each, depth, turns),
    );
  }

  #group({ title, times, body }: Group<number>, depth: number, turns: number): ExplanationLine[] {
    const [only] = body;
    // One call again and again: one line for both.
    if (body.length === 1 && title === undefined && "items" in only) return this.#call(only.items, depth, turns);
    const head = [title, times === 1 ? undefined : `${times} times`].filter((word) => word !== undefined).join(", ");
    const line = this.#line(`${head}:`, body.flatMap(itemsOf), depth, turns);
    return [line, ...this.of(body, depth + 1, turns * times)];
  }

  #call(calls: readonly number[], depth: number, turns: number): ExplanationLine[] {
    const { kind, action } = this.#explanation.calls[calls[0]];
    const times = calls.length === turns ? "" : ` x ${calls.length / turns}`;
    const details = detailsOf(this.#explanation, calls[0]);
    const where = details === "" ? "" : ` (${details}${calls.length === 1 ? "" : ", ..."})`;
    const caller = callerOf(kind);
    const line = this.#line(`${SHORT[caller] ?? caller} ${action}${times}${where}`, calls, depth, turns);
    const own = this.#explanation.vmms.map((vmm) => addedUp(calls.flatMap((call) => vmm.steps[call])));
    const charged = own.flatMap((steps) => steps.filter(({ cost }) => cost > 0));
    const causes = [...new Set(charged.flatMap(({ cause }) => cause ?? []))];
    const untold = causes.filter((cause) => !cause.startsWith("guest.") && !this.#told.has(`${kind} ${cause}`));
    for (const cause of untold) this.#told.add(`${kind} ${cause}`);
    return [line, ...untold.map((cause) => this.#cause(cause, own, depth + 1))];
  }

  #cause(cause: string, own: readonly (readonly Step[])[], depth: number): ExplanationLine {
    const isWorded = this.#worded.has(cause);
    this.#worded.add(cause);
    return causeLine(cause, own, depth, isWorded);
  }

  /** In a loop there is no one sum so far. */
  #line(text: string, calls: readonly number[], depth: number, turns: number): ExplanationLine {
    const { vmms } = this.#explanation;
    const last = calls.reduce((a, b) => Math.max(a, b), 0);
    const own = vmms.map(({ steps }) => calls.flatMap((call) => steps[call]));
    const costs = own.map((steps) => (steps.length === 0 ? undefined : costOf(steps)));
    const soFar = turns > 1 ? [] : vmms.map((vmm) => costAfter(vmm, last));
    return { depth, text, costs, soFar };
  }
}

/** Which page or entry a call is about; by VMM where kernels that are made for theirs have other ones. */
function detailsOf({ vmms }: Explanation, call: number): string {
  const namesBy = new Map<string, string[]>();
  for (const { name, steps } of vmms) {
    const [own] = steps[call];
    if (own !== undefined && own.detail !== "") namesBy.set(own.detail, [...(namesBy.get(own.detail) ?? []), name]);
  }
  const details = [...namesBy];
  if (details.length === 1) return details[0][0];
  return details.map(([detail, names]) => `${names.join(", ")}: ${detail}`).join("; ");
}

function causeLine(
  cause: string,
  own: readonly (readonly Step[])[],
  depth: number,
  isWorded: boolean,
): ExplanationLine {
  const found = own.map((steps) => steps.find((step) => step.cause === cause));
  const steps = found.filter((step) => step !== undefined);
  const rings = [...new Set(steps.map(({ ring }) => ring).filter((ring) => ring !== null))];
  const ring = rings.length === 0 ? "" : ` in ring ${rings.join(" or ")}`;
  const counts = [...new Set(steps.map(({ count }) => count))];
  const count = counts.every((each) => each === 1) ? "" : ` x ${counts.join(" or ")}`;
  const action = isWorded ? "" : `: ${steps[0].action}`;
  const text = `- ${steps[0].actor}${ring}${action} [${cause}${count}]`;
  return { depth, text, costs: found.map((step) => step?.cost), soFar: [] };
}

function costOf(steps: readonly Step[]): number {
  return steps.reduce((sum, { cost }) => sum + cost, 0);
}
