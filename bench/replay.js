/**
 * Speed of trace replay: references a second under each of the four paging schemes, from the binary form of each trace, and
 * how many times as long it takes as an empty loop over the same arrays. Booting the guest is included.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { Bench } from "tinybench";
import { PACKAGE_ROOT } from "../dist/experiment/catalogue.js";
import { replayTrace } from "../dist/sim/trace-replay.js";
import { esx } from "../dist/vmm/esx.js";
import { nestedPaging } from "../dist/vmm/mmu/nested-paging.js";
import { native } from "../dist/vmm/native.js";
import { xenPv } from "../dist/vmm/xen-pv.js";
import { parseLackey } from "../dist/workload/readers/lackey.js";
import { readBinaryTrace, writeBinaryTrace } from "../dist/workload/readers/trace-binary.js";
import { referenceCount } from "../dist/workload/reference-trace.js";

/** More traces, beside the repository on some machines; see workloads/data/README.md. */
const COLLECTION = join(PACKAGE_ROOT, "../shared/data/traces");
const COMMITTED = { sort: join(PACKAGE_ROOT, "workloads/data/sort.lackey.gz") };
const OTHERS = ["cc1", "gzip", "ls-lR", "python3"];
const SCHEMES = { bare: native, shadow: esx, direct: xenPv, nested: { ...native, mmu: nestedPaging() } };

/** Prints the table. `profile` may lack what hardware-assisted paging costs: it makes no difference to the speed. */
export async function benchReplays(profile) {
  const machine = { ...profile, costs: { "hardware-assist.exit": 0, "nested.fill": 0, ...profile.costs } };
  const rows = [];
  for (const [name, file] of Object.entries(tracesPresent())) rows.push(await benchTrace(name, file, machine));
  console.table(rows);
}

function tracesPresent() {
  const others = OTHERS.map((name) => [name, join(COLLECTION, `${name}.lackey.gz`)]);
  const absent = others.filter(([, file]) => !existsSync(file)).map(([name]) => name);
  if (absent.length > 0)
    console.log(`not measured, because they are not in ../shared/data/traces: ${absent.join(", ")}`);
  return { ...COMMITTED, ...Object.fromEntries(others.filter(([, file]) => existsSync(file))) };
}

function emptyLoop({ length, page, kind }) {
  let sum = 0;
  for (let i = 0; i < length; i++) sum = (sum + page[i] + kind[i]) | 0;
  return sum;
}

async function benchTrace(name, file, machine) {
  const text = gunzipSync(readFileSync(file));
  const trace = readBinaryTrace(writeBinaryTrace(parseLackey(text, name)), name);
  const references = referenceCount(trace);
  const bench = new Bench({ time: 600, iterations: 5, warmupIterations: 20, warmupTime: 0 });
  let sink = 0;
  bench.add("empty loop", () => {
    sink += emptyLoop(trace);
  });
  for (const [scheme, vmm] of Object.entries(SCHEMES)) {
    bench.add(scheme, () => {
      sink += replayTrace(vmm, machine, trace).tlbMisses;
    });
  }
  await bench.run();
  if (Number.isNaN(sink)) throw new Error("a benchmark computed nothing");
  const [empty, ...replays] = bench.tasks.map(({ result }) => references / (result.latency.p50 / 1000));
  const columns = Object.keys(SCHEMES).map((scheme, i) => [
    `${scheme}, M refs/s`,
    `${(replays[i] / 1e6).toFixed(0)} (${(empty / replays[i]).toFixed(1)} times)`,
  ]);
  return { trace: name, references, "empty loop, M refs/s": (empty / 1e6).toFixed(0), ...Object.fromEntries(columns) };
}
