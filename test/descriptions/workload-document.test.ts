import { describe, expect, test } from "vitest";
import { InputError } from "../../src/core/input-error.ts";
import { readWorkload } from "../../src/experiment/documents/workload-document.ts";

const OPEN = `name: tiny
title: Tiny
summary: For tests.
guest:
  memory: 64MiB
  kernel: 4MiB
  anonymous: 16MiB
  files: 8MiB
duration: 10s
activities:
  - name: requests
    arrivals: { rate: 5/s }
    request:
      - compute: 1Mcycles
`;

function problems(text: string): readonly string[] {
  try {
    readWorkload(text, "w.yaml");
  } catch (error) {
    if (error instanceof InputError) return error.problems;
    throw error;
  }
  return [];
}

function change(...replacements: readonly (readonly [string, string])[]): string {
  return replacements.reduce((text, [from, to]) => {
    expect(text).toContain(from);
    return text.replace(from, to);
  }, OPEN);
}

describe("a workload", () => {
  test("gets the defaults", () => {
    const { workload } = readWorkload(OPEN, "w.yaml");
    expect(workload.guest).toEqual({
      memoryPages: 16_384,
      kernelPages: 1024,
      processes: 1,
      anonymousPages: 4096,
      residentAnonymousPages: 4096,
      filePages: 2048,
      residentFilePages: 2048,
      swapPages: 0,
      threads: 1,
      contents: [],
      compressedSizes: [],
    });
    expect(workload).toMatchObject({ durationUs: 10_000_000, warmupUs: 0 });
    expect(workload.work).toEqual({
      kind: "open",
      activities: [
        {
          name: "requests",
          arrivals: { kind: "random", perSecond: 5, fromUs: 0, untilUs: 10_000_000 },
          steps: [{ action: { kind: "compute", cycles: { mean: 1_000_000, spread: "fixed" } }, times: 1, chance: 1 }],
        },
      ],
    });
  });

  test("says each kind of step in its own words", () => {
    const steps = `
      - { touch: { pages: 3, from: 1MiB, within: 2MiB, pattern: zipf(0.8), write: 30%, content: common, cycles: 2kcycles }, chance: 50% }
      - { syscall: stat, times: 4 }
      - fork: [{ exec: 600KiB }]
      - mmap: { at: 8MiB, size: 1MiB, backing: file }
      - munmap: { at: 8MiB, size: 1MiB }
      - mprotect: { at: 0B, size: 4KiB, writable: false }
      - signal: deliver
      - kernel: { mean: 900kcycles, spread: exponential }
      - read-file: { pages: 4 }
      - write-file: { pages: 1, from: 4MiB, within: 4MiB, pattern: sequential, sync: true }
      - write-file: { pages: 2, new: true }
      - send: { mean: 12KiB, spread: exponential }
      - receive: 600B`;
    const { work } = readWorkload(change(["\n      - compute: 1Mcycles", steps]), "w.yaml").workload;
    const actions = work.kind === "open" ? work.activities[0].steps.map(({ action }) => action) : [];
    expect(actions).toEqual([
      {
        kind: "touch",
        count: 3,
        range: { fromPage: 256, pages: 512 },
        pattern: { kind: "zipf", exponent: 0.8 },
        writeShare: 0.3,
        content: "common",
        cyclesPerPage: 2000,
      },
      { kind: "syscall", call: 2 },
      { kind: "fork", child: [{ action: { kind: "exec", pages: 150 }, times: 1, chance: 1 }] },
      { kind: "mmap", range: { fromPage: 2048, pages: 256 }, fileBacked: true },
      { kind: "munmap", range: { fromPage: 2048, pages: 256 } },
      { kind: "mprotect", range: { fromPage: 0, pages: 1 }, writable: false },
      { kind: "signal", deliver: true },
      { kind: "kernel", cycles: { mean: 900_000, spread: "exponential" } },
      { kind: "read-file", run: 4, range: { fromPage: 0, pages: 2048 }, pattern: { kind: "uniform" } },
      {
        kind: "write-file",
        run: 1,
        range: { fromPage: 1024, pages: 1024 },
        pattern: { kind: "sequential" },
        sync: true,
        isNew: false,
      },
      {
        kind: "write-file",
        run: 2,
        range: { fromPage: 0, pages: 2048 },
        pattern: { kind: "uniform" },
        sync: false,
        isNew: true,
      },
      { kind: "send", bytes: { mean: 12_288, spread: "exponential" } },
      { kind: "receive", bytes: { mean: 600, spread: "fixed" } },
    ]);
  });
});

describe("a wrong workload is answered with place, problem and expectation", () => {
  const step = (text: string): string => change(["- compute: 1Mcycles", `- ${text}`]);
  const cases: readonly (readonly [string, string, readonly string[]])[] = [
    [
      "memory without unit",
      change(["64MiB", "64"]),
      ["w.yaml:5:11: guest.memory: 64 has no unit; did you mean 64MiB?"],
    ],
    [
      "decimal unit",
      change(["64MiB", "1G"]),
      ['w.yaml:5:11: guest.memory: "1G" has the unknown unit "G"; did you mean 1GiB?'],
    ],
    [
      "negative size",
      change(["16MiB", "-16MiB"]),
      [
        'w.yaml:7:14: guest.anonymous: "-16MiB" is negative; expected a size with its unit, like 4KiB, 256MiB, 2GiB, 500B',
      ],
    ],
    [
      "not a number",
      change(["kernel: 4MiB", "kernel: .nan"]),
      ["w.yaml:6:11: guest.kernel: NaN is not a size; expected a size with its unit, like 4KiB, 256MiB, 2GiB, 500B"],
    ],
    [
      "half a page",
      change(["kernel: 4MiB", "kernel: 2KiB"]),
      ['w.yaml:6:11: guest.kernel: "2KiB" is not a whole number of pages of 4KiB'],
    ],
    [
      "misspelt key",
      change(["kernel:", "kernal:"]),
      ['w.yaml:6:3: guest: unknown key "kernal"; did you mean "kernel"?'],
    ],
    [
      "misspelt step",
      step("compte: 1Mcycles"),
      ['w.yaml:14:9: activities[0].request[0]: unknown key "compte"; did you mean "compute"?'],
    ],
    [
      "misspelt system call",
      step("syscall: stats"),
      ['w.yaml:14:18: activities[0].request[0].syscall: "stats" is not known here; did you mean "stat"?'],
    ],
    [
      "misspelt pattern",
      step("touch: { pages: 1, pattern: zpif(0.8) }"),
      [
        'w.yaml:14:37: activities[0].request[0].touch.pattern: "zpif(0.8)" is not a pattern; expected sequential, uniform, or zipf(s) with 0 < s <= 4; did you mean zipf(0.8)?',
      ],
    ],
    [
      "bare share",
      step("{ chance: 40, syscall: stat }"),
      ["w.yaml:14:19: activities[0].request[0].chance: 40 has no unit; did you mean 40%?"],
    ],
    [
      "two actions in a step",
      step("{ send: 1KiB, receive: 1KiB }"),
      [
        "w.yaml:14:9: activities[0].request[0]: a step says several things to do: send, receive; expected exactly one of: compute, kernel, touch, syscall, exec, mmap, munmap, mprotect, switch, signal, read-file, write-file, send, receive, fork",
      ],
    ],
    [
      "a fork in a child",
      step("fork: [{ fork: [{ exec: 4KiB }] }]"),
      [
        'w.yaml:14:18: activities[0].request[0].fork[0]: unknown key "fork"; expected one of: compute, kernel, touch, syscall, exec, mmap, munmap, mprotect, switch, signal, read-file, write-file, send, receive, times, chance',
      ],
    ],
    [
      "beyond the process",
      step("touch: { pages: 1, from: 15MiB, within: 2MiB }"),
      ["w.yaml:14:16: activities[0].request[0].touch: reaches up to 17MiB, but guest.anonymous is 16MiB"],
    ],
    [
      "beyond the files, in a child",
      step("fork: [{ read-file: { pages: 4096 } }]"),
      ["w.yaml:14:29: activities[0].request[0].fork[0].read-file: reaches up to 16MiB, but guest.files is 8MiB"],
    ],
    [
      "no such process",
      step("switch: 1"),
      ["w.yaml:14:17: activities[0].request[0].switch: there is no process 1; expected 0 to 0"],
    ],
    [
      "too small a memory",
      change(["64MiB", "20MiB"]),
      [
        "w.yaml:5:11: guest.memory: 20MiB is less than kernel, resident (of each process) and cached-files together, 28MiB",
      ],
    ],
    [
      "warm-up too long",
      change(["duration: 10s", "duration: 10s\nwarmup: 10s"]),
      ["w.yaml:10:9: warmup: must be shorter than duration"],
    ],
    [
      "no duration",
      change(["duration: 10s\n", ""]),
      ['w.yaml:1:1: the key "duration" is missing: requests that arrive at given times need it'],
    ],
    [
      "two kinds of arrival",
      change(["rate: 5/s", "rate: 5/s, at: 1s"]),
      ["w.yaml:12:15: activities[0].arrivals: expected exactly one of: rate, every, at"],
    ],
    [
      "a rate that would fill the memory",
      change(["rate: 5/s", "rate: 5000000/s"]),
      ["w.yaml:11:5: activities[0]: comes to some 1.0e+8 operations; expected at most 20000000"],
    ],
    [
      "an empty window",
      change(["rate: 5/s", "rate: 5/s, from: 5s, until: 5s"]),
      ["w.yaml:12:45: activities[0].arrivals.until: must be later than from"],
    ],
    [
      "neither activities nor trace",
      change([OPEN.slice(OPEN.indexOf("activities")), ""]),
      ["w.yaml:1:1: expected either activities or a trace"],
    ],
    [
      "duplicate names",
      `${OPEN}  - name: requests\n    arrivals: { at: 1s }\n    request: [{ syscall: stat }]\n`,
      ['w.yaml:15:11: activities[1].name: duplicate activity name "requests"'],
    ],
    [
      "arrivals in a closed loop",
      change(["duration: 10s", "closed-loop: { requests: 5 }"]),
      ["w.yaml:12:15: activities[0].arrivals: does not apply to a closed-loop"],
    ],
    [
      "shares that do not add up",
      `${change(["duration: 10s", "closed-loop: { requests: 5 }"], ["arrivals: { rate: 5/s }", "share: 60%"])}  - name: b\n    share: 30%\n    request: [{ syscall: stat }]\n`,
      ["w.yaml:11:3: activities: the shares add up to 90%; expected 100%"],
    ],
  ];
  test.each(cases)("%s", (_title, text, expected) => {
    expect(problems(text)).toEqual(expected);
  });

  test("all problems at once, in the order of the file", () => {
    const found = problems(change(["title:", "titel:"], ["64MiB", "64"], ["5/s", "5"], ["1Mcycles", "1"]));
    expect(found.map((sentence) => sentence.split(":")[1])).toEqual(["2", "5", "12", "14"]);
  });
});
