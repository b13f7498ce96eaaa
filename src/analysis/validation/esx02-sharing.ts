/**
 * Waldspurger 2002, Figure 4: what page sharing finds in one to ten guests of the same kind. What their pages hold is
 * derived from one guest and from two; that it is so for more of them, and that the scan finds it, is predicted.
 */
import { sharingLinux, type LinuxContents } from "./esx02-guests.ts";
import { MACHINE, SOURCE } from "./esx02-machine.ts";
import { rowsOf, type SeriesRow } from "./host-series.ts";
import { PAGES_PER_MIB } from "../../machine/page.ts";
import type { Bench, ValidationRow, ValidationSet } from "./validation-set.ts";

const SECONDS = 1800;
const MOST_VMS = 10;
const CALIBRATED_VMS = 2;
const MIB_OF_VM = 40;

/** Of 39 MB: zeros (zero-pages.1), other copies in one guest (reclaimed.1), and what two have in common (reclaimed.2). */
const CONTENTS: LinuxContents = {
  zero: Math.round(2.9 * PAGES_PER_MIB),
  twice: Math.round(2.2 * PAGES_PER_MIB),
  common: Math.round(18.4 * PAGES_PER_MIB),
};

function lastRow(bench: Bench, vms: number): SeriesRow {
  const { rows } = bench.once(`sharing ${vms}`, () => {
    const outcome = bench.memory(`sharing ${vms}`, {
      machine: MACHINE,
      vmm: { esx: { "memory.page-sharing": { scannedBeforeStart: false } } },
      mib: 2 * MIB_OF_VM * vms,
      guests: () => Array.from({ length: vms }, (_, number) => sharingLinux(number, CONTENTS, SECONDS)),
    });
    return { rows: rowsOf(outcome) };
  });
  return rows[rows.length - 1];
}

function rows(vms: number): readonly ValidationRow[] {
  const role = vms <= CALIBRATED_VMS ? "calibration" : "prediction";
  return [
    {
      id: `esx02.f4.shared.${vms}`,
      role,
      simulate: (bench) => lastRow(bench, vms).memory_shared_mib + lastRow(bench, vms).memory_shared_saved_mib,
    },
    { id: `esx02.f4.reclaimed.${vms}`, role, simulate: (bench) => lastRow(bench, vms).memory_shared_saved_mib },
  ];
}

export const esx02Sharing: ValidationSet = {
  name: "esx02",
  source: SOURCE,
  rows: Array.from({ length: MOST_VMS }, (_, i) => rows(i + 1)).flat(),
};
