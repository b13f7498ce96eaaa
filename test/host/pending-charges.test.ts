/** Charges that are pending, of several at once, against what a plain list of them says. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cause, Ledger } from "../../src/core/ledger.ts";
import { PendingCharges } from "../../src/core/pending-charges.ts";

const CAUSES = ["test.a", "test.b", "test.c"].map(cause);
const OWNERS = 3;

interface Charge {
  readonly cause: number;
  cycles: number;
  events: number;
}

/** By cause, in order of the first charge. */
class PlainCharges {
  list: Charge[] = [];

  add(id: number, cycles: number, events: number): void {
    const found = this.list.find((charge) => charge.cause === id);
    if (found === undefined) {
      if (cycles > 0 || events > 0) this.list.push({ cause: id, cycles, events });
      return;
    }
    found.cycles += cycles;
    found.events += events;
  }

  get total(): number {
    return this.list.reduce((sum, { cycles }) => sum + cycles, 0);
  }

  /** Events are counted with the last cycle of their cause. */
  settle(ledger: Ledger, cycles: number): void {
    let left = cycles;
    while (this.list.length > 0 && this.list[0].cycles <= left) {
      const [first] = this.list.splice(0, 1);
      ledger.chargeMany(first.cause, first.events, 0);
      ledger.cycles[first.cause] += first.cycles;
      ledger.total += first.cycles;
      left -= first.cycles;
    }
    if (left === 0) return;
    this.list[0].cycles -= left;
    ledger.cycles[this.list[0].cause] += left;
    ledger.total += left;
  }
}

describe("pending charges", () => {
  const step = fc.record({
    owner: fc.nat(OWNERS - 1),
    kind: fc.constantFrom("add", "part", "all", "move"),
    id: fc.constantFrom(...CAUSES),
    cycles: fc.nat(1000),
    events: fc.nat(3),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
  });

  it("are each owner's own, and charged in the order in which they were incurred", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const owners = Array.from({ length: OWNERS }, () => ({
          pending: new PendingCharges(),
          ledger: new Ledger(),
          plain: new PlainCharges(),
          expected: new Ledger(),
        }));
        for (const { owner, kind, id, cycles, events, share } of steps) {
          const { pending, ledger, plain, expected } = owners[owner];
          if (kind === "add") {
            pending.add(id, cycles, events);
            plain.add(id, cycles, events);
          } else if (kind === "move") {
            const next = owners[(owner + 1) % OWNERS];
            pending.moveTo(next.pending);
            for (const charge of plain.list.splice(0)) next.plain.add(charge.cause, charge.cycles, charge.events);
          } else if (kind === "all") {
            pending.settle(ledger);
            plain.settle(expected, plain.total);
          } else {
            const part = Math.floor(share * plain.total);
            pending.settlePart(ledger, part);
            plain.settle(expected, part);
          }
          for (const each of owners) {
            expect(each.pending.total).toBe(each.plain.total);
            for (const one of CAUSES) {
              const waiting = each.plain.list.find((charge) => charge.cause === one)?.cycles ?? 0;
              expect(each.pending.cyclesOf(one)).toBe(waiting);
              expect(each.ledger.cycles[one]).toBe(each.expected.cycles[one]);
              expect(each.ledger.events[one]).toBe(each.expected.events[one]);
            }
          }
        }
      }),
    );
  });

  it("that are fewer than what has run are an error, of which nobody else has anything", () => {
    const [one, other] = [new PendingCharges(), new PendingCharges()];
    expect(() => one.settlePart(new Ledger(), 5)).toThrow("5 more cycles have run than were pending");
    expect(CAUSES.map((id) => other.cyclesOf(id))).toEqual([0, 0, 0]);
  });
});
