import * as fc from "fast-check";
import { expect, it } from "vitest";
import { PendingCharges } from "../../src/core/pending-charges.ts";
import { HostMemory } from "../../src/vmm/host-memory/host-memory.ts";
import { Mark, PageMarks } from "../../src/vmm/host-memory/page-marks.ts";
import { vmOfPage } from "../../src/vmm/host-memory/vm-memory.ts";
import { profile } from "./fixtures.ts";

const PAGES = 70;

it("marks of pages are those that were made and not taken away", () => {
  const step = fc.tuple(
    fc.constantFrom("add", "add", "delete", "clear", "addAll"),
    fc.nat(PAGES - 1),
    fc.constantFrom(...Object.values(Mark)),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const marks = new PageMarks(PAGES);
      const model = Array.from({ length: PAGES }, () => new Set<Mark>());
      for (const [kind, ppn, mark] of steps) {
        if (kind === "clear") {
          marks.clear(ppn);
          model[ppn].clear();
        } else if (kind === "addAll") {
          marks.addAll(mark);
          for (const one of model) one.add(mark);
        } else {
          marks[kind](ppn, mark);
          model[ppn][kind](mark);
        }
      }
      for (const [ppn, known] of model.entries()) {
        expect(marks.any(ppn)).toBe(known.size > 0);
        expect(Object.values(Mark).filter((mark) => marks.has(ppn, mark))).toEqual([...known].sort((a, b) => a - b));
      }
    }),
  );
});

it("each page of all VMs has a number of its own, by which its VM is found", () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(sizes, (pages) => {
      const memory = new HostMemory(profile, 1, new PendingCharges());
      const vms = pages.map((count) => memory.addVm(count));
      const owners = vms.flatMap((vm) => Array.from({ length: vm.pages }, (_, ppn) => [vm, ppn] as const));
      owners.forEach(([vm, ppn], page) => {
        expect(vm.firstPage + ppn).toBe(page);
        expect(vmOfPage(vms, page)).toBe(vm);
      });
    }),
  );
});
