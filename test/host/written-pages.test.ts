/** What pages of files that are written for the first time and again cost at host resolution. */
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { PlainMemory } from "../../src/analysis/validation/balloon/plain-memory.ts";
import { cause } from "../../src/core/ledger.ts";
import { PendingCharges } from "../../src/core/pending-charges.ts";
import { GuestMemory } from "../../src/guest/memory-manager.ts";
import { ContentIds } from "../../src/machine/content-ids.ts";
import { FileOperations } from "../../src/sim/file-operations.ts";
import { OperationPrices } from "../../src/sim/operation-prices.ts";
import type { GuestShape } from "../../src/workload/compiled-workload.ts";
import { Write } from "../../src/workload/operation-stream.ts";

const RESIDENT = 100;
const SHAPE: GuestShape = {
  memoryPages: 2048,
  kernelPages: 24,
  processes: 1,
  anonymousPages: 0,
  residentAnonymousPages: 0,
  filePages: 500,
  residentFilePages: RESIDENT,
  swapPages: 0,
  threads: 1,
};

/** A price of one cycle for each, charged to a cause of its own. */
const CAUSES = {
  "write-file": "guest.user",
  "write-file-page": "io.backend.driver",
  "rewrite-file-page": "hardware.trap",
  "delete-file-page": "guest.kernel",
};
const PRICES = new OperationPrices(
  Object.fromEntries(Object.entries(CAUSES).map(([name, to]) => [name, { frontend: { [to]: 1 }, backend: {} }])),
);

const step = fc.record({
  how: fc.constantFrom("delete", ...Object.values(Write)),
  first: fc.nat({ max: SHAPE.filePages - 33 }),
  pages: fc.integer({ min: 1, max: 32 }),
});

it("is that of a new page unless it is in memory, or a part of it is left as it was", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const ids = new ContentIds();
      const memory = new GuestMemory(SHAPE, new PlainMemory(SHAPE.memoryPages), ids, "linux-2.4");
      memory.boot(SHAPE, new Uint32Array(SHAPE.memoryPages));
      const files = new FileOperations(memory.cache, PRICES, ids);
      const pending = new PendingCharges();
      const cached = new Set(Array.from({ length: RESIDENT }, (_, page) => page));
      const expected = { "write-file": 0, "write-file-page": 0, "rewrite-file-page": 0, "delete-file-page": 0 };
      steps.forEach(({ how, first, pages }, now) => {
        const run = Array.from({ length: pages }, (_, i) => first + i);
        if (how === "delete") files.delete(pending, first, pages);
        else files.write(pending, first, pages, how as number, now);
        const anew = how === Write.New || how === Write.NewSync;
        if (how === "delete") expected["delete-file-page"] += pages;
        if (anew) expected["delete-file-page"] += run.filter((page) => cached.has(page)).length;
        if (how === "delete" || anew) for (const page of run) cached.delete(page);
        if (how === "delete") return;
        const inPart = how === Write.InPart || how === Write.InPartToEnd;
        const again = run.filter((page) => inPart || cached.has(page)).length;
        expected["write-file"] += 1;
        expected["rewrite-file-page"] += again;
        expected["write-file-page"] += pages - again;
        for (const page of run) cached.add(page);
      });
      const charged = Object.entries(CAUSES).map(([name, to]) => [name, pending.cyclesOf(cause(to))]);
      expect(Object.fromEntries(charged)).toEqual(expected);
    }),
    { seed: 1, numRuns: 100 },
  );
});
