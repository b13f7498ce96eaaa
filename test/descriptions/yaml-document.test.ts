import { describe, expect, test } from "vitest";
import { z } from "zod";
import { InputError } from "../../src/core/input-error.ts";
import { duration, name, pages, percent } from "../../src/experiment/documents/quantities.ts";
import { readDocument } from "../../src/experiment/documents/yaml-document.ts";

const schema = z.strictObject({
  name,
  memory: pages,
  share: percent.optional(),
  kind: z.enum(["uniform", "zipf"]).optional(),
  pause: z.union([duration, z.strictObject({ mean: duration })]).optional(),
  steps: z.array(z.strictObject({ name, times: z.number().int().min(1).optional() })).optional(),
});

function problems(text: string): readonly string[] {
  try {
    readDocument(text, "a.yaml", schema);
  } catch (error) {
    if (error instanceof InputError) return error.problems;
    throw error;
  }
  return [];
}

describe("a document", () => {
  test("that fits its schema is returned in the units the program calculates in", () => {
    const { data } = readDocument("name: a\nmemory: 1MiB\nshare: 2.5%\npause: 5ms\n", "a.yaml", schema);
    expect(data).toEqual({ name: "a", memory: 256, share: 0.025, pause: 5000 });
  });

  test("locates a problem that a later check finds", () => {
    const document = readDocument("name: a\nmemory: 1MiB\nsteps:\n  - name: x\n", "a.yaml", schema);
    expect(document.problem(["steps", 0, "name"], "is odd")).toBe("a.yaml:4:11: steps[0].name: is odd");
  });
});

describe("what is no YAML", () => {
  test("is told by its first problems, for the others follow from them", () => {
    const prose = Array.from({ length: 40 }, (_, i) => `k${i}: \`x\`\n`).join("");
    const told = problems(prose);
    expect(told).toHaveLength(6);
    for (const sentence of told.slice(0, 5)) expect(sentence).toMatch(/^a\.yaml:\d+:\d+: not valid YAML: /);
    expect(told[5]).toMatch(/^a\.yaml: \d\d more of this kind$/);
  });

  test("may be two documents in one file", () => {
    expect(problems("name: a\n---\nname: b\n")).toEqual([
      "a.yaml:2:1: a second YAML document begins here; expected one in a file",
    ]);
  });
});

describe("a wrong document gets one sentence per problem, all at once", () => {
  const cases: readonly (readonly [string, string, readonly string[]])[] = [
    [
      "unknown key",
      "name: a\nmemroy: 1MiB\nmemory: 1MiB\n",
      ['a.yaml:2:1: unknown key "memroy"; did you mean "memory"?'],
    ],
    [
      "two unknown keys in a list",
      "name: a\nmemory: 1MiB\nsteps:\n  - name: x\n    tmes: 1\n    zzzzzzzz: 1\n",
      [
        'a.yaml:5:5: steps[0]: unknown key "tmes"; did you mean "times"?',
        'a.yaml:6:5: steps[0]: unknown key "zzzzzzzz"; expected one of: name, times',
      ],
    ],
    ["missing key", "name: a\n", ['a.yaml:1:1: the key "memory" is missing']],
    ["bare percent", "name: a\nmemory: 1MiB\nshare: 40\n", ["a.yaml:3:8: share: 40 has no unit; did you mean 40%?"]],
    ["1G", "name: a\nmemory: 1G\n", ['a.yaml:2:9: memory: "1G" has the unknown unit "G"; did you mean 1GiB?']],
    [
      "several kinds",
      "name: A b\nmemory: -1MiB\nshare: .nan\nkind: unifrom\n",
      [
        'a.yaml:1:7: name: "A b" is not a name; expected lower-case letters, digits, "-" and "."',
        'a.yaml:2:9: memory: "-1MiB" is negative; expected a size with its unit, like 4KiB, 256MiB, 2GiB, 500B',
        "a.yaml:3:8: share: NaN is not a percentage; expected a percentage with its unit, like 40%, 2.5%",
        'a.yaml:4:7: kind: "unifrom" is not known here; did you mean "uniform"?',
      ],
    ],
    [
      "the form meant in a union (mapping)",
      "name: a\nmemory: 1MiB\npause: { maen: 5ms }\n",
      ['a.yaml:3:10: pause: unknown key "maen"; did you mean "mean"?'],
    ],
    [
      "the form meant in a union (scalar)",
      "name: a\nmemory: 1MiB\npause: 5\n",
      ["a.yaml:3:8: pause: 5 has no unit; did you mean 5s?"],
    ],
    ["duplicate key", "name: a\nmemory: 1MiB\nname: b\n", ['a.yaml:3:1: duplicate key "name"']],
    ["empty file", "# nothing\n", ["a.yaml:1:1: the file is empty; expected a YAML mapping"]],
    ["a list", "- 1\n", ["a.yaml:1:1: expected a mapping, found a list"]],
    [
      "null",
      "name: a\nmemory:\n",
      ["a.yaml:2:8: memory: expected a size with its unit, like 4KiB, 256MiB, 2GiB, 500B"],
    ],
    [
      "through an alias",
      "name: a\nmemory: 1MiB\nsteps: [&x { name: q, times: 0 }, *x]\n",
      [
        "a.yaml:3:30: steps[0].times: 0 is too small; expected at least 1",
        "a.yaml:3:30: steps[1].times: 0 is too small; expected at least 1",
      ],
    ],
  ];
  test.each(cases)("%s", (_title, text, expected) => {
    expect(problems(text)).toEqual(expected);
  });

  test("broken syntax has line and column", () => {
    expect(problems("name: a\nmemory: [1MiB\n")[0]).toMatch(/^a\.yaml:3:1: not valid YAML: /);
    expect(problems("name: a\n\tmemory: 1MiB\n")[0]).toMatch(/^a\.yaml:2:1: not valid YAML: /);
  });

  test("an alias bomb is refused", () => {
    const levels = Array.from({ length: 12 }, (_, i) => `l${i + 1}: &l${i + 1} [${`*l${i},`.repeat(9)}]`);
    expect(problems(`l0: &l0 [x]\n${levels.join("\n")}\n`)[0]).toMatch(/^a\.yaml:1:1: not valid YAML: /);
  });
});
