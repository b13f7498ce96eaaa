/** Every workload that comes with the project. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { compileGuests, type LoadedWorkload, loadWorkload } from "../../src/experiment/documents/load.ts";
import type { CompiledWorkload } from "../../src/workload/compiled-workload.ts";
import { Op, SYSTEM_CALLS } from "../../src/workload/operation-stream.ts";

const FOLDER = "workloads";
const NAMES = readdirSync(FOLDER)
  .filter((file) => file.endsWith(".yaml"))
  .map((file) => file.replace(/\.yaml$/, ""));

test("the workloads that the project promises are there", () => {
  const promised = ["typical-server", "compute", "process-churn", "file-server", "network-server", "database"];
  expect(NAMES).toEqual(
    expect.arrayContaining([...promised, "desktop-pool", "memory-spike", "idle-debian", "sort-trace"]),
  );
});

describe.each(NAMES)("%s", (name) => {
  const file = `${FOLDER}/${name}.yaml`;
  let loaded: LoadedWorkload;
  let guest: CompiledWorkload;
  beforeAll(() => {
    loaded = loadWorkload(file);
    [guest] = compileGuests(loaded, 1, 1);
  });

  test("has the name of its file, says what it stands for, and names an existing schema", () => {
    expect(loaded.workload.name).toBe(name);
    expect(loaded.workload.summary.length).toBeGreaterThan(100);
    const [, schema] = /^# yaml-language-server: \$schema=\.\.\/(.*)\n/.exec(readFileSync(file, "utf8")) ?? [];
    expect(existsSync(schema)).toBe(true);
  });

  test("compiles to a stream whose operands are in range", () => {
    expect(problemsOf(guest)).toEqual([]);
    expect(guest.stream.length).toBeGreaterThan(1000);
    if (loaded.workload.work.kind !== "trace") expect(guest.stream.length).toBeLessThan(250_000);
  });

  test("compiles to the same stream for the same seed; seeds and guests differ unless it is a recording", () => {
    const again = compileGuests(loadWorkload(file), 1, 2);
    const [other] = compileGuests(loaded, 2, 1);
    expect(again[0].stream.digest).toBe(guest.stream.digest);
    const digests = new Set([guest, again[1], other].map(({ stream }) => stream.digest));
    expect(digests.size).toBe(loaded.workload.work.kind === "trace" ? 1 : 3);
  });
});

test("guests take the contents in turn, and share the arrays", () => {
  const loaded = loadWorkload(`${FOLDER}/typical-server.yaml`);
  const files = loaded.workload.guest.contents.length;
  const contents = compileGuests(loaded, 1, files + 1).map(({ guest }) => guest.contents);
  expect(contents[0]?.length).toBe(65_536);
  // Identity as a boolean: a failing comparison would print megabytes.
  expect(contents[files] === contents[0]).toBe(true);
  expect(new Set(contents).size).toBe(files);
});

/** An independent reading of the definitions in operation-stream.ts. */
function problemsOf({ guest, stream, durationUs }: CompiledWorkload): readonly string[] {
  const problems = new Set<string>();
  const require = (condition: boolean, message: string): void => {
    if (!condition) problems.add(message);
  };
  let lastArrival = 0;
  let depth = 0;
  require(stream.op[0] === Op.Request, "begins with a request");
  for (let i = 0; i < stream.length; i++) {
    const [a, b, c] = [stream.a[i], stream.b[i], stream.c[i]];
    switch (stream.op[i]) {
      case Op.Request:
        require(depth === 0, "no child outlives its request");
        require(b < 1_000_000, "microseconds below a second");
        if (c === 1) {
          require(a * 1e6 + b >= lastArrival && a * 1e6 + b < durationUs, "arrivals ascend and lie in the run");
          lastArrival = a * 1e6 + b;
        }
        break;
      case Op.Compute:
        require(a > 0, "some cycles");
        break;
      case Op.KernelCode:
        require(a > 0, "some thousand cycles");
        break;
      case Op.Touch:
        require(a < guest.anonymousPages, "touched page exists");
        break;
      case Op.Syscall:
        require(a < SYSTEM_CALLS.length && b > 0, "known system call");
        break;
      case Op.Fork:
        depth++;
        break;
      case Op.Exec:
        require(depth > 0 && a > 0, "only a child is replaced");
        break;
      case Op.Exit:
        depth--;
        require(depth >= 0, "only a child exits");
        break;
      case Op.Mmap:
      case Op.Munmap:
      case Op.Mprotect:
        require(b > 0 && a + b <= guest.anonymousPages, "mapped pages exist");
        break;
      case Op.Switch:
        require(a < guest.processes, "process exists");
        break;
      case Op.ReadFile:
      case Op.WriteFile:
        require(b > 0 && a + b <= guest.filePages, "file pages exist");
        break;
      case Op.Send:
      case Op.Receive:
        require(a > 0, "some bytes");
        break;
      default:
        require(stream.op[i] === Op.Signal, "known operation");
    }
  }
  require(depth === 0, "every child exits");
  return [...problems];
}
