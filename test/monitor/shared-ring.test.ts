import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SharedRing } from "../../src/vmm/io/shared-ring.ts";

/** Two domains at a ring: what each has done, kept in plain lists. */
class Ends {
  readonly ring: SharedRing;
  /** Bytes of requests, in order. */
  readonly put: number[] = [];
  readonly taken: number[] = [];
  published = 0;
  answered = 0;
  answersPublished = 0;
  answersTaken = 0;
  /** The taker of requests sleeps; woken up by an event only. */
  asleep = true;
  lost = 0;
  events = 0;

  constructor(size: number) {
    this.ring = new SharedRing(size);
  }

  request(bytes: number): void {
    if (this.put.length - this.answersTaken === this.ring.size)
      expect(() => this.ring.putRequest(bytes)).toThrow("full");
    else {
      this.ring.putRequest(bytes);
      this.put.push(bytes);
    }
  }

  publish(): void {
    const news = this.put.length > this.published;
    this.published = this.put.length;
    const event = this.ring.publishRequests();
    if (event) {
      expect(this.asleep, "an event for somebody who is awake").toBe(true);
      this.events += 1;
      this.asleep = false;
    } else if (news && this.asleep) this.lost += 1;
  }

  take(): void {
    if (this.asleep) return;
    if (this.taken.length === this.published) this.asleep = this.ring.awaitRequests();
    else {
      expect(this.ring.awaitRequests(), "slept although there is a request").toBe(false);
      this.taken.push(this.ring.takeRequest());
    }
  }

  answer(): void {
    if (this.answered === this.taken.length) expect(() => this.ring.putResponse()).toThrow("no request");
    else {
      this.ring.putResponse();
      this.answered += 1;
    }
    this.ring.publishResponses();
    this.answersPublished = this.answered;
  }

  collect(): void {
    if (this.answersTaken === this.answersPublished) expect(() => this.ring.takeResponse()).toThrow("no response");
    else {
      this.ring.takeResponse();
      this.answersTaken += 1;
    }
  }
}

const steps = fc.array(fc.tuple(fc.constantFrom("request", "publish", "take", "answer", "collect"), fc.nat(65_536)), {
  maxLength: 400,
});

describe("a shared ring", () => {
  it("never overflows, keeps order, answers every request once, and loses no notification", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), steps, (size, actions) => {
        const ends = new Ends(size);
        for (const [action, bytes] of actions) {
          if (action === "request") ends.request(bytes);
          else ends[action as "publish"]();
          const { ring } = ends;
          expect(ring.free).toBe(size - (ends.put.length - ends.answersTaken));
          expect(ring.waiting).toBe(ends.published - ends.taken.length);
          expect(ring.unanswered).toBe(ends.taken.length - ends.answered);
          expect(ring.answers).toBe(ends.answersPublished - ends.answersTaken);
          expect(ends.lost).toBe(0);
        }
        expect(ends.taken).toEqual(ends.put.slice(0, ends.taken.length));
        expect(ends.answersTaken).toBeLessThanOrEqual(ends.answered);
      }),
      { numRuns: 300 },
    );
  });

  it("tells of responses when as many as were asked for are there, once", () => {
    const ring = new SharedRing(8);
    for (let entry = 0; entry < 8; entry++) ring.putRequest(1);
    ring.publishRequests();
    for (let entry = 0; entry < 8; entry++) ring.takeRequest();
    expect(ring.awaitResponses(3)).toBe(true);
    const events = Array.from({ length: 6 }, () => {
      ring.putResponse();
      return ring.publishResponses();
    });
    expect(events).toEqual([false, false, true, false, false, false]);
    expect(ring.awaitResponses(), "there are some already").toBe(false);
  });

  it("says nothing of requests that nobody waits for", () => {
    const ring = new SharedRing(8);
    ring.putRequest(1);
    expect(ring.publishRequests(), "the first one is waited for").toBe(true);
    ring.putRequest(1);
    expect(ring.publishRequests(), "the other side is awake").toBe(false);
    ring.takeRequest();
    expect(ring.awaitRequests(), "one is left").toBe(false);
    ring.takeRequest();
    expect(ring.awaitRequests()).toBe(true);
    ring.putRequest(1);
    expect(ring.publishRequests(), "it sleeps").toBe(true);
  });
});
