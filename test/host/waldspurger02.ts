/** A guest for Waldspurger 2002, section 5, that writes to all of its files; the one of the validation writes to those in hand. */
import { RandomStream } from "../../src/core/random.ts";
import { guest } from "../../src/analysis/validation/esx02-guests.ts";
import { PAGES_PER_MIB as MIB } from "../../src/machine/page.ts";
import type { CompiledWorkload } from "../../src/workload/compiled-workload.ts";
import { Op } from "../../src/workload/operation-stream.ts";
import { profile } from "./fixtures.ts";

const MS = profile.megahertz * 1000;

/** dbench, 40 clients: each reads and writes files of its own in runs of 32 KiB, 6 MB a client in all. */
export function dbench(seconds: number): CompiledWorkload {
  const clients = 40;
  const filePages = 6 * MIB;
  const random = new RandomStream(1, "dbench");
  const shape = {
    anonymousPages: 4 * MIB,
    residentAnonymousPages: 4 * MIB,
    filePages: clients * filePages,
    residentFilePages: 220 * MIB,
    threads: clients,
  };
  return guest("dbench", seconds, shape, (stream) => {
    for (let request = 0; request < seconds * 600; request++) {
      stream.add(Op.Request, 0, 0, 0);
      const client = random.below(clients);
      const first = client * filePages + 8 * random.below(filePages / 8);
      if (request % 3 === 0) stream.add(Op.WriteFile, first, 8, 0);
      else stream.add(Op.ReadFile, first, 8);
      stream.add(Op.Compute, 2 * MS);
    }
  });
}
