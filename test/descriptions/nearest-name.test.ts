import { assert, constantFrom, nat, pre, property, stringMatching } from "fast-check";
import { describe, expect, it } from "vitest";
import { nearestName, suggestion } from "../../src/core/nearest-name.ts";

describe("a name that was probably meant", () => {
  it.each([
    ["exs", ["esx", "xen-pv"], "esx"],
    ["ESX", ["esx", "xen-pv"], "esx"],
    ["xne-pv", ["xen-pv", "xen-hvm"], "xen-pv"],
    ["forkproc", ["fork-proc", "exec-proc"], "fork-proc"],
    ["baloning", ["ballooning", "page-sharing"], "ballooning"],
    ["xen3", ["oc", "xen03"], "xen03"],
  ])("%s", (name, candidates, meant) => {
    expect(nearestName(name, candidates)).toBe(meant);
  });

  it.each([
    ["foo", ["oc", "mom", "aa06"]],
    ["base", ["name", "title", "blocks"]],
    ["cpu", ["disk", "io"]],
  ])("%s is none of %j, and all are named", (name, candidates) => {
    expect(nearestName(name, candidates)).toBeUndefined();
    expect(suggestion(name, candidates)).toBe(`expected one of: ${[...candidates].sort().join(", ")}`);
  });

  const word = stringMatching(/^[a-z]{3,12}$/);

  it("is found behind any one slip: a letter less, more, another, or two that changed places", () => {
    assert(
      property(word, nat(), constantFrom("less", "more", "another", "swap"), (name, at, slip) => {
        const i = at % (name.length - 1);
        const written = {
          less: name.slice(0, i) + name.slice(i + 1),
          more: `${name.slice(0, i)}-${name.slice(i)}`,
          another: `${name.slice(0, i)}-${name.slice(i + 1)}`,
          swap: name.slice(0, i) + name[i + 1] + name[i] + name.slice(i + 2),
        }[slip];
        expect(nearestName(written, [name])).toBe(name);
      }),
    );
  });

  it("is not one that is longer or shorter by more than a third, and by more than a letter", () => {
    assert(
      property(word, word, (name, other) => {
        pre(Math.abs(name.length - other.length) > Math.max(1, name.length / 3));
        expect(nearestName(name, [other])).toBeUndefined();
      }),
    );
  });
});
