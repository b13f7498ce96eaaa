import * as fc from "fast-check";
import { expect, it } from "vitest";
import { WorkEnd } from "../../src/sim/work-end.ts";
import { WrongAnswer } from "../../src/vmm/allocation/wrong-answer.ts";

const step = fc.record({ kind: fc.constantFrom("finish", "finish", "come", "ask"), guest: fc.nat(9) });

it("is reached when every guest is done that has come or may still come, and no guest is asked again and again", () => {
  fc.assert(
    fc.property(fc.nat(4), fc.nat(4), fc.array(step, { maxLength: 60 }), (early, late, steps) => {
      let asked = 0;
      let toCome = late;
      const done: boolean[] = [];
      const guests: { readonly finished: boolean; readonly blocked: boolean }[] = [];
      const come = (): void => {
        const i = done.push(false) - 1;
        guests.push({
          get finished() {
            asked++;
            return done[i];
          },
          blocked: false,
        });
      };
      for (let i = 0; i < early; i++) come();
      const starts = {
        get pending() {
          return toCome > 0;
        },
        waiting: false,
      };
      const end = new WorkEnd(guests, starts);
      for (const { kind, guest } of steps) {
        if (kind === "finish" && guest < done.length) done[guest] = true;
        if (kind === "come" && toCome > 0) {
          toCome--;
          come();
        }
        expect(end.reached).toBe(toCome === 0 && done.every((one) => one));
      }
      // One question for each event, and one more for each guest that is done.
      expect(asked).toBeLessThanOrEqual(steps.length + guests.length);
    }),
  );
});

it("never comes where all who have work left stay blocked: that is told after an hour", () => {
  const guests = [
    { finished: false, blocked: true },
    { finished: false, blocked: false },
    { finished: true, blocked: false },
  ];
  const end = new WorkEnd(guests, { pending: false, waiting: false });
  const pass = (seconds: number): void => {
    for (let second = 0; second < seconds; second++) end.secondPassed("mine");
  };
  pass(7200);
  guests[1].blocked = true;
  pass(3599);
  guests[0].blocked = false;
  pass(1);
  guests[0].blocked = true;
  pass(3599);
  expect(() => pass(1)).toThrow(
    "mine has blocked all VMs that have work left for an hour; expected it to let one run again, or the work never ends",
  );
  expect(() => pass(1)).toThrow(WrongAnswer);
});

it("never comes where a VM is not let in although all others are done: that is told after an hour, too", () => {
  const guest = { finished: false, blocked: false };
  const starts = { pending: true, waiting: true };
  const end = new WorkEnd([guest], starts);
  const pass = (seconds: number): void => {
    for (let second = 0; second < seconds; second++) end.secondPassed("mine");
  };
  pass(7200);
  guest.finished = true;
  pass(3599);
  // It is being built, or the next one is only to come.
  starts.waiting = false;
  pass(7200);
  starts.waiting = true;
  pass(3599);
  expect(() => pass(1)).toThrow("mine has let a VM that is to start wait for an hour in which all others were done");
});
