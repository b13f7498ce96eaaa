/** What real guests have counted in the balloon measurement, by the names of its runs. */
import { join } from "node:path";
import { z } from "zod";
import { PACKAGE_ROOT } from "../../../experiment/catalogue.ts";
import { readDocument } from "../../../experiment/documents/yaml-document.ts";
import { readInputText } from "../../../experiment/input-files.ts";
import type { GuestName } from "./guest-names.ts";
import { FIRST_GUEST, type MeasuredGuest, SECOND_GUEST } from "./measured-guest.ts";

export const GUESTS: Readonly<Record<GuestName, MeasuredGuest>> = { first: FIRST_GUEST, second: SECOND_GUEST };

const FILES: Readonly<Record<GuestName, string>> = {
  first: "validation/balloon-measured.json",
  second: "validation/balloon-repeated.json",
};

const count = z.int().min(0);
const counters = z.object({
  pgmajfault: count,
  pswpin: count,
  pswpout: count,
  pgscan: count,
  pgsteal: count,
  workingset_refault_anon: count,
  workingset_refault_file: count,
  workingset_activate_anon: count,
  workingset_activate_file: count,
});
const run = z.object({
  fileReading: counters,
  wholeJob: counters,
  /** Guest time, of all and of the reading of files. */
  seconds: z.number(),
  secondsReading: z.number().optional(),
});
const measurement = z.object({ runs: z.record(z.string(), z.union([run, z.array(run)])) });

export type MeasuredRun = z.output<typeof run>;

/** Of `b160`: booted with 160 MiB; of `b256to160`: booted with 256 and ballooned down to 160. */
export function runName(bootedMib: number, balloonedToMib: number): string {
  return bootedMib === balloonedToMib ? `b${bootedMib}` : `b${bootedMib}to${balloonedToMib}`;
}

/** All runs that a guest has measured, repeated ones under one name. */
export function measuredRuns(guest: GuestName): ReadonlyMap<string, readonly MeasuredRun[]> {
  const file = join(PACKAGE_ROOT, FILES[guest]);
  const { data } = readDocument(readInputText(file), file, measurement);
  const byName = new Map<string, MeasuredRun[]>();
  for (const [written, runs] of Object.entries(data.runs)) {
    // A trailing r is a repeat run.
    const name = written.replace(/r$/, "");
    byName.set(name, [...(byName.get(name) ?? []), ...(Array.isArray(runs) ? runs : [runs])]);
  }
  return byName;
}
