import * as fc from "fast-check";
import { expect, it } from "vitest";
import { WorkEnd } from "../../src/sim/work-end.ts";

const step = fc.record({ kind: fc.constantFrom("finish", "finish", "come", "ask"), guest: fc.nat(9) });

it("is reached when every guest is done that has come or may still come, and no guest is asked again and again", () => {
  fc.assert(
    fc.property(fc.nat(4), fc.nat(4), fc.array(step, { maxLength: 60 }), (early, late, steps) => {
      let asked = 0;
      let toCome = late;
      const done: boolean[] = [];
      const guests: { readonly finished: boolean }[] = [];
      const come = (): void => {
        const i = done.push(false) - 1;
        guests.push({
          get finished() {
            asked++;
            return done[i];
          },
        });
      };
      for (let i = 0; i < early; i++) come();
      const starts = {
        get pending() {
          return toCome > 0;
        },
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
