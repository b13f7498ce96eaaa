/** Disk requests that are collected while an operation is carried out. */
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { DiskRequestKind, DiskRequests } from "../../src/guest/disk-requests.ts";

const { FileRead, SwapRead, SwapWrite } = DiskRequestKind;

function listed(requests: DiskRequests): number[][] {
  return Array.from({ length: requests.length }, (_, i) => [requests.kind(i), requests.first(i), requests.pages(i)]);
}

it("forgets reads that nobody waits for, and keeps writes in their order, each on its own", () => {
  const request = fc.tuple(
    fc.constantFrom(...Object.values(DiskRequestKind)),
    fc.nat(50),
    fc.integer({ min: 1, max: 9 }),
  );
  fc.assert(
    fc.property(fc.array(request, { maxLength: 60 }), (made) => {
      const requests = new DiskRequests();
      for (const [kind, first, pages] of made) requests.add(kind, first, pages);
      const writes = listed(requests).filter(([kind]) => kind !== FileRead && kind !== SwapRead);
      requests.dropReads();
      expect(listed(requests)).toEqual(writes);
    }),
  );
});

it("does not put a write together with one from before a read was forgotten", () => {
  const requests = new DiskRequests();
  requests.add(SwapWrite, 7, 2);
  requests.add(FileRead, 0);
  requests.dropReads();
  requests.add(SwapWrite, 9);
  expect(listed(requests)).toEqual([
    [SwapWrite, 7, 2],
    [SwapWrite, 9, 1],
  ]);
});
