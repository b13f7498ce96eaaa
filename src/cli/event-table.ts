/** How often each event has happened, side by side: what `--events` of a command adds. */
import { textTable } from "./text-table.ts";

type Events = Readonly<Record<string, number>>;

/** A column for each VMM, whose events are undefined where there are none. */
export function eventTable(title: string, vmms: readonly string[], eventsOf: readonly (Events | undefined)[]): string {
  const names = [...new Set(eventsOf.flatMap((events) => Object.keys(events ?? {})))].sort();
  const rows = names.map((name) => [name, ...eventsOf.map((events) => amount(events?.[name] ?? 0))]);
  return textTable([[title, ...vmms], ...rows]);
}

/** At most two decimals below a hundred, none above. */
export function amount(value: number): string {
  const digits = Math.abs(value) >= 100 || Number.isInteger(value) ? 0 : 2;
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
