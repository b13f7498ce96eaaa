/** A log of decisions about memory as text for people: a line a decision, what was decided first, then why. */
import type { TimedDecision } from "../sim/decision-log.ts";
import type { Figures } from "../vmm/host-memory/memory-decision.ts";
import { foldDecisions, type FoldedDecision } from "./folded-decisions.ts";

/** Last words of figures' names that are units, as they are written after a number. */
const UNITS: Readonly<Record<string, string>> = {
  mib: "MiB",
  percent: "%",
  pages: "pages",
  regions: "regions of 2 MiB",
  vms: "VMs",
  decisions: "decisions",
  ms: "ms",
  s: "s",
};
/** Of the units, those that count things. */
const PLURAL = /^(page|region|VM|decision)s\b/;
/** What stands before a denominator in a name. */
const RATE = /^(.*)_pages_per_s$/;

/** `title`: the cell. */
export function decisionsText(title: string, decisions: readonly TimedDecision[]): string {
  const folded = foldDecisions(decisions);
  const lines = folded.map(lineOf);
  const several =
    folded.length < decisions.length
      ? "What is paged out of a VM within a second, by one rule and with nothing else decided meanwhile, is one line, with the figures before it.\n"
      : "";
  return `Decisions about memory: ${title}

${countText(decisions)}
Times are seconds of the simulation; VMs are admitted at -60, and balloons settle until 0, when the guests begin to work.
A line says when, about whom (host: all of it), what was decided, and after <- by which rule, whose, and by which figures.
${several}
${lines.join("\n")}
`;
}

/** "12 decisions: 8 target, 4 inflate". */
export function countText(decisions: readonly TimedDecision[]): string {
  const counts = new Map<string, number>();
  for (const { action } of decisions) counts.set(action, (counts.get(action) ?? 0) + 1);
  const parts = [...counts].sort(([, a], [, b]) => b - a).map(([action, count]) => `${thousands(count)} ${action}`);
  const total = `${thousands(decisions.length)} decision${decisions.length === 1 ? "" : "s"}`;
  return parts.length === 0 ? total : `${total}: ${parts.join(", ")}`;
}

function lineOf({ time_s, by, rule, vm, action, outcome, inputs, times, until_s }: FoldedDecision): string {
  const time = time_s.toFixed(3).padStart(10);
  const whom = (vm === undefined ? "host" : typeof vm === "number" ? `vm${vm}` : vm).padEnd(6);
  // Not "target: target 96.5 MiB" or "refuse: refused 2 VMs".
  const [decided, because] = [figuresText(outcome, action), figuresText(inputs)];
  const often = times === undefined ? "" : `${thousands(times)} times until ${until_s?.toFixed(3)}, `;
  const what = decided.startsWith(action)
    ? decided
    : [action, `${often}${decided}`].filter((text) => text !== "").join(": ");
  return `${time}  ${whom}${what} <- ${rule} (${by})${because === "" ? "" : `: ${because}`}`;
}

/** A figure called like the action stands for itself: "target 96.5 MiB". */
function figuresText(figures: Figures, action?: string): string {
  const texts = Object.entries(figures).map(([name, value]) => figureText(name, value));
  const own = texts.findIndex((text) => action !== undefined && text.startsWith(`${action} `));
  return [...texts.splice(own, own < 0 ? 0 : 1), ...texts].join(", ");
}

function figureText(name: string, value: number | string | boolean): string {
  const rate = RATE.exec(name)?.[1];
  if (rate !== undefined) return `${spaced(rate)} ${number(value)} pages/s`;
  const words = name.split("_");
  const unit = words.length > 1 && typeof value === "number" ? UNITS[words[words.length - 1]] : undefined;
  const what = spaced(unit === undefined ? name : words.slice(0, -1).join("_"));
  if (unit === undefined) return `${what} ${number(value)}`;
  return `${what} ${number(value)} ${value === 1 ? unit.replace(PLURAL, "$1") : unit}`;
}

function number(value: number | string | boolean): string {
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "string") return value;
  if (Number.isInteger(value)) return thousands(value);
  return Math.abs(value) < 1 ? String(Number(value.toPrecision(3))) : thousands(Number(value.toFixed(2)));
}

function thousands(value: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: 2 });
}

function spaced(name: string): string {
  return name.replaceAll("_", " ");
}
