/** An explanation in short: repetitions folded, calls that cost nobody anything left out, charges added up. */
import type { Explanation, Step } from "./explanation.ts";
import { type Fold, fold, itemsOf, type Part } from "./fold.ts";

/** A place in the outline, and what was done there: numbers of calls of the guest. */
export type Outline = Fold<number>;

/** What happens in an operation, by operations of the stream. `all`: nothing is folded or left out. */
export function outlineOf(explanation: Explanation, all: boolean): readonly Outline[] {
  const parts: { title: string; items: number[] }[] = [];
  const isOneFault = explanation.calls.filter(({ kind }) => kind === "fault-address").length === 1;
  explanation.calls.forEach(({ kind, operation, turn }, call) => {
    parts[turn] ??= { title: operation, items: [] };
    const isItsAddress = isOneFault && kind === "fault-address";
    if (all || isItsAddress || isWorthALine(explanation, call)) parts[turn].items.push(call);
  });
  const worth: readonly Part<number>[] = parts.filter(({ items }) => items.length > 0);
  if (!all) return fold(worth, (call) => explanation.calls[call].action).map(simplified);
  return worth.map(({ title, items }) => ({ title, times: 1, body: items.map((item) => ({ items: [item] })) }));
}

/** One part of the stream again and again: its title and the number in one group. */
function simplified(each: Outline): Outline {
  if ("items" in each) return each;
  const body = each.body.map(simplified);
  const [only] = body;
  const isOnePart = each.title === undefined && body.length === 1 && "body" in only && only.times === 1;
  return isOnePart ? { ...only, times: each.times } : { ...each, body };
}

/** Calls that an outline leaves out. */
export function leftOut(explanation: Explanation, outline: readonly Outline[]): number {
  return explanation.calls.length - outline.reduce((sum, each) => sum + itemsOf(each).length, 0);
}

/** Entries that are written are shown even where that is free, so that it can be seen where it isn't. */
function isWorthALine({ calls, vmms }: Explanation, call: number): boolean {
  return calls[call].kind === "write-entry" || vmms.some(({ steps }) => steps[call].some((step) => step.cost > 0));
}

/** The steps of some calls with equal causes added up, in the order of first appearance; so far: when the last is over. */
export function addedUp(steps: readonly Step[]): Step[] {
  const byCause = new Map<string | null, Step>();
  for (const step of steps) {
    const first = byCause.get(step.cause);
    if (first === undefined) byCause.set(step.cause, step);
    else {
      const [count, cost] = [first.count + step.count, first.cost + step.cost];
      byCause.set(step.cause, { ...first, count, cost, costSoFar: step.costSoFar });
    }
  }
  const charged = [...byCause.values()].filter(({ cause }) => cause !== null);
  // Where some of these calls are charged for, those that are not have nothing to say.
  return charged.length > 0 ? charged : [...byCause.values()];
}
