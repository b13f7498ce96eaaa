/**
 * Speed of the engine itself: `npm run bench`. Times are of the machine it runs on; what carries over to another machine
 * are the ratios. Uses the built package, which is what users run.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { Bench } from "tinybench";
import { stackDistances } from "../dist/analysis/stack-distances.js";
import { PACKAGE_ROOT } from "../dist/experiment/catalogue.js";
import { compileGuests, loadWorkload } from "../dist/experiment/documents/load.js";
import { loadMachine } from "../dist/experiment/documents/load-machine.js";
import { Tlb } from "../dist/machine/tlb.js";
import { runHost } from "../dist/sim/host.js";
import { runMonitor } from "../dist/sim/monitor.js";
import { esx } from "../dist/vmm/esx.js";
import { native } from "../dist/vmm/native.js";
import { xenPv } from "../dist/vmm/xen-pv.js";
import { Op } from "../dist/workload/operation-stream.js";
import { parseLackey } from "../dist/workload/readers/lackey.js";
import { benchHosts } from "./hosts.js";
import { benchKsm } from "./ksm.js";
import { benchReplays } from "./replay.js";

const { profile } = loadMachine(join(PACKAGE_ROOT, "machines/xeon-2.4-sosp03.yaml"));
const server = loadWorkload(join(PACKAGE_ROOT, "workloads/typical-server.yaml"));
const traceFile = loadWorkload(join(PACKAGE_ROOT, "workloads/sort-trace.yaml"));
const traceText = gunzipSync(readFileSync(join(PACKAGE_ROOT, "workloads/data/sort.lackey.gz")));
const trace = parseLackey(traceText, "sort.lackey");
const [sortTrace] = compileGuests(traceFile, 1, 1);
const guests = compileGuests(server, 1, 8);
const hostPages = Math.round(guests.reduce((sum, { guest }) => sum + guest.memoryPages, 0) / 1.5);
const vmSeconds = (guests.length * guests[0].durationUs) / 1e6;
const touches = sortTrace.stream.op.reduce((count, op) => count + (op === Op.Touch ? 1 : 0), 0);
const references = trace.length;

/** What a task does in one go, and in what unit: the table shows units a second. */
const amounts = new Map();
const bench = new Bench({ time: 1500, iterations: 3, warmupIterations: 1, warmupTime: 0 });

function measure(name, unit, amount, run) {
  amounts.set(name, { unit, amount });
  bench.add(name, run);
}

/** Kept where the compiler cannot see that nobody reads it. */
let sink = 0;

measure("empty loop over the sort trace", "touches", touches, () => {
  const { op, a, b } = sortTrace.stream;
  let sum = 0;
  for (let i = 0; i < op.length; i++) sum = (sum + op[i] + a[i] + b[i]) | 0;
  sink = sum;
});
for (const vmm of [native, esx, xenPv]) {
  measure(`monitor: sort trace on ${vmm.name}`, "touches", touches, () => {
    sink = runMonitor(vmm, profile, sortTrace).metrics.elapsed_ms;
  });
}
const LOOKUPS = 1_000_000;
measure("TLB lookups, 64 entries, fully associative, 48 pages", "lookups", LOOKUPS, () => {
  const tlb = new Tlb(64, 64);
  for (let page = 0; page < 48; page++) tlb.insert(page, 0);
  let page = 1;
  let hits = 0;
  for (let i = 0; i < LOOKUPS; i++) {
    page = (Math.imul(page, 1_664_525) + 1_013_904_223) >>> 0;
    if (tlb.lookup((page >>> 8) % 48) >= 0) hits++;
  }
  sink = hits;
});
measure("compile typical-server, 8 guests of 120 s", "VM-seconds", vmSeconds, () => {
  sink = compileGuests(server, 2, 8).length;
});
for (const vmm of [esx, xenPv]) {
  measure(`host: 8 typical servers, overcommit 1.5, on ${vmm.name}`, "VM-seconds", vmSeconds, () => {
    sink = runHost(vmm, profile, guests, hostPages).metrics.requests_done;
  });
}
measure("lackey parser", "references", references, () => {
  sink = parseLackey(traceText, "sort.lackey").length;
});
measure("LRU stack distances of the sort trace", "references", references, () => {
  sink = stackDistances(trace).length;
});

await bench.run();
const rate = (task) => amounts.get(task.name).amount / (task.result.latency.p50 / 1000);
const empty = rate(bench.tasks[0]);
console.table(
  bench.tasks.map((task) => {
    const { unit } = amounts.get(task.name);
    const { latency } = task.result;
    const row = {
      task: task.name,
      "median, ms": latency.p50.toFixed(1),
      "fastest, ms": latency.min.toFixed(1),
      runs: latency.samplesCount,
      rate: `${Number(rate(task).toPrecision(3)).toLocaleString("en-US")} ${unit}/s`,
    };
    return unit === "touches" ? { ...row, "against the empty loop": `${(empty / rate(task)).toFixed(1)} times` } : row;
  }),
);
if (Number.isNaN(sink)) throw new Error("a benchmark computed nothing");
await benchReplays(profile);
await benchKsm(profile);
benchHosts();
