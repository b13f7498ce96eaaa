/**
 * Waldspurger 2002, Figure 4: what page sharing finds in one to ten guests of the same kind. What their pages hold is
 * derived from one guest and from two; that it is so for more of them, and that the scan finds it, is predicted. Figure 5:
 * what it finds on hosts in production with nine and with five Linux guests, for which as many real guests of today stand.
 *
 * Not held against: site A of Figure 5, for there are no contents of guests with Windows NT; what sites have in MB, which is the percentage
 * of their memory once more; how much of what was reclaimed there was zero, for guests that have been up for long have filled
 * what is free here; and what sharing did to the throughput of SPEC95, +1.8 to -1.6 %, of which the sign is that of processor caches.
 */
import { sharingLinux, type LinuxContents } from "./esx02-guests.ts";
import { MACHINE, SOURCE } from "./esx02-machine.ts";
import { rowsOf, type SeriesRow } from "./host-series.ts";
import { agedGuests } from "./paused-guests.ts";
import { PAGES_PER_MIB } from "../../machine/page.ts";
import type { Bench, ValidationRow, ValidationSet } from "./validation-set.ts";

/** Of the half hour: after two passes of the scan over ten guests nothing changes any more. */
const SECONDS = 1000;
const MOST_VMS = 10;
const CALIBRATED_VMS = 2;
const MIB_OF_VM = 40;

/** Of 39 MB: zeros (zero-pages.1), other copies in one guest (reclaimed.1), and what two have in common (reclaimed.2). */
const CONTENTS: LinuxContents = {
  zero: Math.round(2.9 * PAGES_PER_MIB),
  twice: Math.round(2.2 * PAGES_PER_MIB),
  common: Math.round(18.4 * PAGES_PER_MIB),
};

/** Of which nothing but zeros is the same: what sharing finds then are the zero pages. */
const ONLY_ZEROS: LinuxContents = { ...CONTENTS, twice: 0, common: 0 };

function lastRow(bench: Bench, vms: number, contents = CONTENTS): SeriesRow {
  const name = `sharing ${vms}${contents === ONLY_ZEROS ? ", zeros" : ""}`;
  const { rows } = bench.once(name, () => {
    const outcome = bench.memory(name, {
      machine: MACHINE,
      vmm: { esx: { "memory.page-sharing": { scannedBeforeStart: false } } },
      mib: 2 * MIB_OF_VM * vms,
      guests: () => Array.from({ length: vms }, (_, number) => sharingLinux(number, contents, SECONDS)),
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
    {
      id: `esx02.f4.zero-pages.${vms}`,
      // Zeros are derived from one guest alone.
      role: vms === 1 ? "calibration" : "prediction",
      simulate: (bench) => lastRow(bench, vms, ONLY_ZEROS).memory_shared_saved_mib,
    },
  ];
}

interface Site {
  /** Memory of all its VMs: esx02.f5.*.total. */
  readonly mib: number;
  readonly guests: readonly string[];
}

/** B: web, mail and lists; C: a proxy, mail and a login server. */
const PRODUCTION: Readonly<Record<string, Site>> = {
  b: {
    mib: 1846,
    guests: [
      "d12-nginx-a",
      "d12-nginx-b",
      "d12-postgres-a",
      "d12-redis",
      "d12-python",
      "d12-gcc",
      "d12-idle-a",
      "d12-idle-b",
      "d13-idle",
    ],
  },
  c: { mib: 1658, guests: ["d12-nginx-a", "d12-redis", "d12-postgres-a", "d12-idle-a", "d13-idle"] },
};
/** Long enough for all guests to fill their page caches from one disk. */
const AGEING_SECONDS = 120;
const OTHER_GUESTS =
  "contents are of guests of today, most from one disk image; what those of the source had in common, which had been at work for long, is not " +
  "known. Of the memory reclaimed on C, 235 MB for 120, 52 are values that a load generator makes all alike, and 26 are in a guest that is " +
  "minutes old, without another one from its image to tell what of it lasts";

/** Percent of the guests' memory. */
function production(site: string, kind: "shared" | "reclaimed"): ValidationRow {
  const { mib, guests: names } = PRODUCTION[site];
  return {
    id: `esx02.f5.${site}.${kind}-pct`,
    role: "prediction",
    reason: OTHER_GUESTS,
    simulate: (bench) => {
      const guests = () => agedGuests(names, mib * PAGES_PER_MIB, AGEING_SECONDS);
      const host = { machine: MACHINE, vmm: "esx", mib: 2 * mib, guests };
      const row = rowsOf(bench.memory(`production ${site}`, host))[AGEING_SECONDS - 1];
      const saved = row.memory_shared_saved_mib;
      const pages = kind === "shared" ? saved + row.memory_shared_mib : saved;
      return (100 * pages) / mib;
    },
  };
}

const SITES = Object.keys(PRODUCTION).flatMap((site) => [production(site, "shared"), production(site, "reclaimed")]);

export const esx02Sharing: ValidationSet = {
  name: "esx02",
  source: SOURCE,
  rows: [...Array.from({ length: MOST_VMS }, (_, i) => rows(i + 1)).flat(), ...SITES],
};
