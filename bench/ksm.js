/**
 * Speed of KSM: pages scanned a second on the memory of nine real guests, 589,824 pages. A first pass only looks whether pages
 * change, the second merges, and later ones pass over merged pages and look in vain for equals of the others.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { Bench } from "tinybench";
import { PendingCharges } from "../dist/core/pending-charges.js";
import { PACKAGE_ROOT } from "../dist/experiment/catalogue.js";
import { ContentIds } from "../dist/machine/content-ids.js";
import { HostMemory } from "../dist/vmm/host-memory/host-memory.js";
import { CHAINS_PRUNE_MS, KsmScanner } from "../dist/vmm/memory/ksm-scanner.js";
import { parseFingerprints } from "../dist/workload/readers/fingerprints.js";

const GUESTS = "idle-a idle-b nginx-a nginx-b postgres-a gcc redis python".split(" ").map((name) => `d12-${name}`);
const KERNEL_DEFAULTS = {
  maxPageSharing: 256,
  useZeroPages: false,
  smartScan: true,
  stableFirst: false,
  chainsPruneMs: CHAINS_PRUNE_MS,
};
const PASSES = { "pass 1": 1, "pass 2, which merges": 2, "pass 3": 3, "pass 40, with smart scan": 40 };

/** Prints the table. */
export async function benchKsm(profile) {
  const ids = new ContentIds();
  const contents = [...GUESTS, "d13-idle"].map((name) => ids.internAll(fingerprints(name)));
  const bench = new Bench({ time: 300, iterations: 8, warmup: false });
  for (const [name, pass] of Object.entries(PASSES)) {
    let scanner;
    bench.add(name, () => scanPass(scanner), {
      beforeEach() {
        scanner = scannerOf(contents, profile);
        for (let before = 1; before < pass; before++) scanPass(scanner);
      },
    });
  }
  await bench.run();
  const pages = contents.reduce((sum, { length }) => sum + length, 0);
  console.table(
    bench.tasks.map(({ name, result }) => ({
      KSM: name,
      "median, ms": result.latency.p50.toFixed(1),
      "fastest, ms": result.latency.min.toFixed(1),
      runs: result.latency.samplesCount,
      "M pages of guests/s": (pages / result.latency.p50 / 1000).toFixed(1),
    })),
  );
}

function fingerprints(name) {
  return parseFingerprints(gunzipSync(readFileSync(join(PACKAGE_ROOT, `workloads/data/${name}.t3.fp.gz`))), name);
}

function scannerOf(contents, profile) {
  const pages = contents.reduce((sum, { length }) => sum + length, 0);
  const memory = new HostMemory(profile, pages, new PendingCharges());
  for (const vmContents of contents) {
    const vm = memory.addVm(vmContents.length);
    for (let ppn = 0; ppn < vmContents.length; ppn++) memory.write(vm, ppn, vmContents[ppn]);
  }
  return new KsmScanner(memory, KERNEL_DEFAULTS);
}

function scanPass(scanner) {
  const { fullScans } = scanner;
  while (scanner.fullScans === fullScans) scanner.scan(100);
}
