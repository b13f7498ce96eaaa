/** Results as a run writes them, with known ratios: made from a formula here, not by the code under test. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Variation } from "../../src/experiment/matrix.ts";
import type { CellResult, CellSpec } from "../../src/sim/cell.ts";
import { digest } from "../../src/core/digest.ts";
import { RandomStream } from "../../src/core/random.ts";
import type { Results } from "../../src/analysis/results.ts";
import type { Manifest } from "../../src/experiment/manifest.ts";

const MACHINE = "xeon-2.4-sosp03";
export const SEEDS = [1, 2, 3];
const WORKLOADS: Readonly<Record<string, { work: number; esx: number; xen: number }>> = {
  "typical-server": { work: 7200, esx: 1.38, xen: 1.21 },
  compute: { work: 4000, esx: 1.004, xen: 1.003 },
  "process-churn": { work: 2500, esx: 4.6, xen: 1.9 },
  "file-server": { work: 3300, esx: 1.25, xen: 1.12 },
  "network-server": { work: 5100, esx: 1.7, xen: 1.8 },
  database: { work: 6100, esx: 1.42, xen: 1.15 },
  "desktop-pool": { work: 2900, esx: 1.6, xen: 1.3 },
  "memory-spike": { work: 3100, esx: 1.9, xen: 1.25 },
  "idle-debian": { work: 310, esx: 1.3, xen: 1.15 },
  "sort-trace": { work: 900, esx: 1.11, xen: 1.04 },
};
export const VMMS = [
  { base: "native", set: {}, label: "native" },
  { base: "esx", set: {}, label: "esx" },
  { base: "xen-pv", set: {}, label: "xen-pv" },
];
const STRATEGIES = [
  { base: "xen-pv", set: {}, label: "xen-static" },
  { base: "xen-pv", set: { allocation: { "static-partition": { balloon: "on" } } }, label: "xen-balloon" },
  { base: "esx", set: {}, label: "esx" },
  { base: "esx", set: { "memory.page-sharing": "off" }, label: "esx without sharing" },
  { base: "esx", set: { "memory.page-sharing": "off", "memory.vmware-balloon": "off" }, label: "esx host swap only" },
];
export const RATIOS = [1, 1.25, 1.5, 1.75, 2, 2.5];

export function cell(spec: CellSpec, rest: Partial<CellResult>): CellResult {
  const streamDigest = digest(spec.workload, String(spec.vms ?? "one"), String(spec.seed));
  const key = digest(JSON.stringify(spec));
  return { schema: 1, key, spec, status: "done", streamDigest, metrics: {}, cycles: {}, events: {}, ...rest };
}

export function fixture(): Results {
  return { name: "fixture", cells: [...monitorFixture(), ...overcommitFixture()] };
}

export function monitorFixture(seeds: readonly number[] = SEEDS): CellResult[] {
  return Object.keys(WORKLOADS).flatMap((workload) =>
    VMMS.flatMap((vmm) =>
      seeds.map((seed) => monitorCell({ block: "one-guest", vmm, workload, machine: MACHINE, seed })),
    ),
  );
}

function monitorCell(spec: CellSpec): CellResult {
  const { work, esx, xen } = WORKLOADS[spec.workload];
  const noise = new RandomStream(spec.seed, spec.workload);
  const native = Math.round(work * (0.95 + 0.1 * noise.unit()) * 2.4e6);
  const own = new RandomStream(spec.seed, `${spec.workload}/${spec.vmm.base}`);
  const factor = { native: 1, esx, "xen-pv": xen }[spec.vmm.base] ?? 1;
  const extra = Math.round(native * (factor - 1) * (0.97 + 0.06 * own.unit()));
  const kernel = Math.round(native * 0.3);
  const half = Math.floor(extra / 2);
  const vmm: Record<string, number> =
    spec.vmm.base === "esx"
      ? { "vmm.translation": half, "vmm.shadow.hidden-fault": extra - half }
      : { "vmm.hypercall": half, "io.backend.network": extra - half };
  const busy: Record<string, number> = {
    "guest.user": native - kernel,
    "guest.kernel": kernel,
    ...(extra > 0 && vmm),
  };
  const idle = 120_000 * 2.4e6 - native - extra;
  const cycles = { ...busy, idle, "wait.disk": 12_345 };
  const share = (part: number): Record<string, number> =>
    Object.fromEntries(Object.entries(busy).map(([cause, amount]) => [cause, Math.round(amount * part)]));
  return cell(spec, {
    metrics: {
      work_ms: (native + extra) / 2.4e6,
      elapsed_ms: 120_000,
      cpu_busy_percent: ((native + extra) / (120_000 * 2.4e6)) * 100,
      memory_used_percent: 40.1,
      network_busy_percent: 1.2,
      disk_busy_percent: 3.4,
      throughput_rps: 20,
      latency_p99_ms: 12 * factor,
    },
    cycles,
    operations: {
      fork: { count: 100, cycles: share(0.2) },
      exec: { count: 100, cycles: share(0.3) },
      touch: { count: 50_000, cycles: share(0.1) },
      "page-fault": { count: 5_000, cycles: share(0.05) },
      "syscall:stat": { count: 9_000, cycles: share(0.1) },
      send: { count: 4_000, cycles: share(0.1) },
      receive: { count: 4_000, cycles: share(0.1) },
      compute: { count: 900, cycles: share(0.05) },
    },
  });
}

export function overcommitFixture(seeds: readonly number[] = SEEDS): CellResult[] {
  return STRATEGIES.flatMap((vmm) =>
    RATIOS.flatMap((overcommit) =>
      seeds.map((seed) =>
        hostCell({ block: "overcommit", vmm, workload: "typical-server", machine: MACHINE, seed, vms: 8, overcommit }),
      ),
    ),
  );
}

/** Hosts of 2 GiB, which ESX's strategies and Xen's balloon hold ever more VMs on, and ones with memory for all of them. */
export function vmCountFixture(seeds: readonly number[] = SEEDS): CellResult[] {
  return STRATEGIES.slice(1).flatMap((vmm, strategy) =>
    [4, 8, 12, 14, 18].flatMap((vms) =>
      [{ overcommit: 0.9 }, { overcommit: vms / 8, hostPages: 524_288 }].flatMap((size) =>
        seeds.map((seed) => {
          const slow = "hostPages" in size && vms > 8 + 4 * strategy ? (vms === 14 ? 1 + seed : 9) : 1;
          const metrics = {
            throughput_rps: 20 * vms,
            latency_p99_ms: 14 * slow * (1 + seed / 100),
            vms_configured: vms,
            vms_admitted: vms,
            host_memory_mib: (vms * 256) / size.overcommit,
            cpu_busy_percent: 5 * vms,
          };
          const spec = { block: "host", vmm, workload: "typical-server", machine: MACHINE, seed, vms, ...size };
          return cell(spec, { metrics });
        }),
      ),
    ),
  );
}

function hostCell(spec: CellSpec): CellResult {
  const ratio = spec.overcommit ?? 1;
  const configured = 2048;
  const host = configured / ratio;
  const label = spec.vmm.label;
  const admitted = label === "xen-static" ? Math.floor(8 / ratio) : 8;
  const missing = configured - host;
  const shared = label === "esx" ? Math.min(missing, 420) : 0;
  const balloons = label === "esx" || label === "esx without sharing" || label === "xen-balloon";
  const ballooned = balloons ? Math.min(missing - shared, 900) : 0;
  const swapped = label.startsWith("esx") ? missing - shared - ballooned : 0;
  const guestSwapped = Math.max(0, ballooned - 700);
  const loss = Math.min(0.9, swapped / 900 + guestSwapped / 1500);
  const noise = new RandomStream(spec.seed, `${label}/${ratio}`).unit() * 0.01;
  const rows = Array.from({ length: 121 }, (_, second) => {
    const grown = Math.min(1, second / 60);
    const used = (host - 40) * (0.7 + 0.3 * grown);
    return [
      second,
      host - used,
      used - shared * 0.3 * grown,
      shared * 0.3 * grown,
      shared * grown,
      ballooned * grown,
      swapped * grown,
    ];
  });
  const watched = label === "esx" && spec.seed === SEEDS[0] && ratio === RATIOS[RATIOS.length - 1];
  return cell(spec, {
    ...(watched && { timeline: timeline(ballooned / 8, shared / 8, swapped / 8) }),
    metrics: {
      throughput_rps: 160 * (admitted / 8) * (1 - loss) * (1 - noise),
      latency_p99_ms: 14 / (1 - loss),
      vms_configured: 8,
      vms_admitted: admitted,
      host_memory_mib: host,
      memory_free_mib: 40,
      memory_shared_saved_mib: shared,
      memory_ballooned_mib: ballooned,
      memory_host_swapped_mib: swapped,
      memory_guest_swapped_mib: guestSwapped,
      memory_guest_cache_mib: Math.max(80, 400 - ballooned / 2),
    },
    cycles: { "guest.user": 1e9, idle: 2e9 },
    series: {
      columns: [
        "time_s",
        "memory_free_mib",
        "memory_private_mib",
        "memory_shared_mib",
        "memory_shared_saved_mib",
        "memory_ballooned_mib",
        "memory_host_swapped_mib",
      ],
      rows,
    },
  });
}

/**
 * Four VMs, alike in one block; in the other the last one misbehaves: the p99 latency of the others is three times as long under
 * ESX, a tenth longer under Xen, and host swap alone lets them finish nothing.
 */
export function isolationFixture(seeds: readonly number[] = SEEDS): CellResult[] {
  const alone = { base: "esx", set: { memory: ["host-swap"] }, label: "esx host swap alone" };
  return [VMMS[1], VMMS[2], alone].flatMap((vmm) =>
    seeds.flatMap((seed) => {
      const common = { vmm, workload: "w", machine: MACHINE, seed, vms: 4, overcommit: 1.5 };
      const calm = groupsCell({ block: "calm", ...common, settings: [{ first: 3, last: 3 }] }, 10 + seed, 1);
      const factor = { esx: 3, "xen-pv": 1.1 }[vmm.label] ?? 0;
      const hog = { first: 3, last: 3, workload: "hog" };
      return [calm, groupsCell({ block: "bomb", ...common, settings: [hog] }, factor * (10 + seed), factor && 0.5)];
    }),
  );
}

function groupsCell(spec: CellSpec, p99: number, kept: number): CellResult {
  const columns = [
    "group",
    "vms",
    "requests_done",
    "throughput_rps",
    "latency_mean_ms",
    "latency_p50_ms",
    "latency_p99_ms",
  ];
  const others = kept > 0 ? [-1, 3, 600 * kept, 60 * kept, p99 / 5, p99 / 8, p99] : [-1, 3, 0, 0, 0, 0, 0];
  const work = spec.settings?.[0].workload ?? "";
  return cell(spec, {
    streamDigest: digest(spec.workload, work, String(spec.seed)),
    groups: { columns, rows: [others, [0, 1, 5, 0.5, 100, 90, 200]] },
  });
}

function isEsx({ spec }: CellResult): boolean {
  return spec.vmm.label === "esx";
}

/** The hosts with ESX once more with disks of another speed. */
export function variedFixture(): Pick<Results, "cells" | "variations"> {
  const variations = new Map<string, Variation>();
  const cells = (["lower", "higher"] as const).flatMap((side) =>
    overcommitFixture([1])
      .filter(isEsx)
      .map((one) => {
        const block = `${one.spec.block}-disk-${side}`;
        variations.set(block, {
          block: one.spec.block,
          input: "disk latency",
          side,
          from: "8 ms",
          to: side === "lower" ? "4 ms" : "16 ms",
        });
        return { ...one, spec: { ...one.spec, block } };
      }),
  );
  return { cells, variations };
}

/** Eight VMs of 256 MiB whose balloons and other parts grow for a minute, while the host goes from high to soft. */
function timeline(ballooned: number, shared: number, swapped: number): NonNullable<CellResult["timeline"]> {
  const parts = ["private_mib", "shared_mib", "ballooned_mib", "compressed_mib", "swapped_mib", "unbacked_mib"];
  const columns = ["time_s", "host_state", "vm", "configured_mib", ...parts, "target_mib", "active_mib"];
  const rows = Array.from({ length: 121 }, (_, second) => {
    const grown = Math.min(1, second / 60);
    const taken = [shared * grown, ballooned * grown, 0, swapped * grown];
    const rest = 256 - taken.reduce((sum, part) => sum + part, 0);
    const state = second < 50 ? "high" : "soft";
    return Array.from({ length: 8 }, (_, vm) => [second, state, vm, 256, rest, ...taken, 0, 256 - ballooned, 60 + vm]);
  });
  return { columns, rows: rows.flat() };
}

/** Writes results the way a finished run does. */
export function writeFixture(folder: string, results: Results): void {
  mkdirSync(folder, { recursive: true });
  const cells = [...results.cells].sort((a, b) => (a.key < b.key ? -1 : 1));
  writeFileSync(join(folder, "manifest.json"), JSON.stringify(manifestOf(results)));
  writeFileSync(join(folder, "cells.ndjson"), cells.map((one) => `${JSON.stringify(one)}\n`).join(""));
}

function manifestOf({ name, cells }: Results): Manifest {
  const blocks = [...new Set(cells.map((one) => one.spec.block))].map((block) => {
    const own = cells.filter((one) => one.spec.block === block).map((one) => one.spec);
    const ratios = unique(own.flatMap((spec) => spec.overcommit ?? []));
    const vms = unique(own.flatMap((spec) => spec.vms ?? []));
    return {
      name: block,
      title: `Block ${block}`,
      vmms: unique(own.map((spec) => JSON.stringify(spec.vmm))).map((text) => ({
        ...(JSON.parse(text) as { base: string; set: Record<string, unknown>; label: string }),
        title: "a title",
        parts: {},
      })),
      workloads: unique(own.map((spec) => spec.workload)),
      machines: unique(own.map((spec) => spec.machine)),
      seeds: unique(own.map((spec) => spec.seed)),
      ...(vms.length > 0 && { vms }),
      ...(ratios.length > 0 && { overcommit: ratios }),
    };
  });
  const names = [...new Set(cells.map((one) => one.spec.workload))];
  return {
    schema: 1,
    digest: digest(name),
    matrix: {
      name,
      title: "A matrix made for a test",
      file: "experiments/fixture.yaml",
      sha256: digest("m"),
      text: "",
    },
    blocks,
    workloads: Object.fromEntries(names.map((one) => [one, { title: one, summary: "Made up.", sha256: digest(one) }])),
    machines: { [MACHINE]: { title: "2.4 GHz Xeon", sha256: digest("machine") } },
    cells: cells.map((one) => one.key).sort(),
    versions: { vmmbench: "0.0.0", engine: digest("engine"), node: "20.0.0" },
    host: { platform: "linux", architecture: "x64", cpu: "", cpus: 2 },
  };
}

function unique<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}
