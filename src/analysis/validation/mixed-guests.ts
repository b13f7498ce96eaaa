/**
 * MIXED-2 of Gupta et al. 2010 (section 3.2) while it runs: three VMs of 512 MB, the first with Apache and 32,000 pages crawled
 * from Wikipedia, the second with the database of SysBench, the third with dbench for six minutes. At first their pages hold
 * what Table 1 has of another mix at rest; what is zero there is free, and what the programs read and write goes there.
 *
 * Not there: IOzone, which follows dbench, and whose files' sizes are not given.
 */
import { PAGE_BYTES, PAGES_PER_MIB as MIB } from "../../machine/page.ts";
import type { CompiledWorkload, GuestShape } from "../../workload/compiled-workload.ts";
import { Op, type OperationStream, OperationStreamBuilder } from "../../workload/operation-stream.ts";
import { RandomStream } from "../../core/random.ts";
import { dbench } from "./esx02-dbench.ts";
import { pausedGuest, table1Contents } from "./paused-guests.ts";

/** Those of dbench. */
export const MIXED_SECONDS = 360;
const WEB_PAGES = 32_000;
/**
 * 28 KB: an empty article was 17 KB of HTML in 2009 (M. Kozuch), a long one 35 KB in 2008 (B. Vibber). In between: assumed. With
 * 5 pages or 9 Difference Engine would need 664 or 696 MB instead of 680, and 693 if httperf asked in random order.
 */
const PAGES_EACH = 7;
/** Of Apache in user code, as for a connection of the workload asplos-apache-processes: what it computes, and what it does with 40 pages. */
const WEB_CYCLES = 278_000 + 40 * 3000;
/** More than can be answered in the time. */
const MOST_WEB_REQUESTS = 150_000;

const DATABASE_THREADS = 10;
const TRANSACTIONS = 100_000;
/** SysBench has a table of 10,000 rows unless it is told otherwise: 2 MB (from memory); the time of a transaction is assumed. */
const TABLE_MIB = 2;
const ROWS_EACH = 20;
const ROW_CYCLES = 100_000;
const CLIENTS = 10;

/** As many cycles as on the machine that its time is derived for. */
const DBENCH_MEGAHERTZ = 733;
/** dbench goes on until its time is over; at the most so often. */
const DBENCH_TIMES = 12;

export function mixed2Guests(): readonly CompiledWorkload[] {
  const file = dbench({ clients: CLIENTS, times: DBENCH_TIMES, megahertz: DBENCH_MEGAHERTZ });
  return [
    mixed(0, "web server", { filePages: WEB_PAGES * PAGES_EACH, threads: 1 }, webRequests()),
    mixed(1, "database", databaseShape(), transactions()),
    mixed(2, "dbench", { filePages: file.guest.filePages, threads: CLIENTS }, file.stream),
  ];
}

function mixed(vm: number, name: string, shape: Partial<GuestShape>, stream: OperationStream): CompiledWorkload {
  const { contents, inUse } = table1Contents(vm);
  const paused = pausedGuest(name, contents, MIXED_SECONDS);
  return { ...paused, guest: { ...paused.guest, kernelPages: inUse, ...shape }, stream };
}

/** httperf asks for one after the other as soon as it has been answered, unless it is given a rate (its manual, --rate), in the order of its list. */
function webRequests(): OperationStream {
  const stream = new OperationStreamBuilder();
  for (let request = 0; request < MOST_WEB_REQUESTS; request++) {
    stream.add(Op.Request, 0, 0, 0);
    stream.add(Op.ReadFile, (request % WEB_PAGES) * PAGES_EACH, PAGES_EACH);
    stream.add(Op.Compute, WEB_CYCLES);
    stream.add(Op.Send, PAGES_EACH * PAGE_BYTES);
  }
  return stream.finish();
}

function databaseShape(): Partial<GuestShape> {
  const anonymousPages = TABLE_MIB * MIB;
  return { anonymousPages, residentAnonymousPages: anonymousPages, filePages: MIB, threads: DATABASE_THREADS };
}

/** A transaction reads rows, writes some, and is done when its log is on disk. */
function transactions(): OperationStream {
  const random = new RandomStream(1, "transactions");
  const stream = new OperationStreamBuilder();
  for (let transaction = 0; transaction < TRANSACTIONS; transaction++) {
    stream.add(Op.Request, 0, 0, 0);
    for (let row = 0; row < ROWS_EACH; row++) {
      stream.add(Op.Touch, random.below(TABLE_MIB * MIB), (ROW_CYCLES << 1) | (row % 4 === 0 ? 1 : 0), 0);
    }
    stream.add(Op.WriteFile, transaction % MIB, 1, 1);
  }
  return stream.finish();
}
