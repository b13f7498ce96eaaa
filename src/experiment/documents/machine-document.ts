/** Machine profiles in YAML: every number with its unit, where it comes from and how far to trust it. */
import { PAGE_BYTES } from "../../machine/page.ts";
import type { DiskProfile, MachineProfile } from "../../machine/profile.ts";
import { costsOf } from "./machine-costs.ts";
import { machineProblems } from "./machine-problems.ts";
import { type MachineDocument, machineShape } from "./machine-schema.ts";

const MEGA = 1e6;
const BITS_PER_MEGABYTE = 8 * MEGA;

export const machineSchema = machineShape.superRefine((document, context) => {
  for (const { path, message } of machineProblems(document)) {
    context.addIssue({ code: "custom", path: [...path], message });
  }
});

/** A machine with what it takes over from its base. */
export interface MachineDescription extends MachineDocument {
  readonly disk: NonNullable<MachineDocument["disk"]>;
  readonly network: NonNullable<MachineDocument["network"]>;
}

/** A cost that is a native figure, not yet settled, is left out. */
export function toMachineProfile(document: MachineDescription): MachineProfile {
  const { cpu, tlb, cache, disk, network, "page-walk-cache": pageWalkCache, "nested-tlb": nestedTlb } = document;
  const { "network-interrupts": interrupts, "instruction-tlb": instructionTlb, "kernel-build": kernelBuild } = document;
  const throttle = document["interrupt-throttle"];
  return {
    name: document.name,
    title: document.title,
    unit: document.unit,
    kernel: document.kernel,
    ...(kernelBuild && { kernelBuild }),
    ...(document["smp-kernel"] && { smpKernel: true }),
    megahertz: cpu.frequency,
    cores: cpu.cores,
    pageTable: document["page-table"],
    tlb: { entries: tlb.entries, ways: tlb.ways },
    ...(instructionTlb && { instructionTlb: { entries: instructionTlb.entries, ways: instructionTlb.ways } }),
    ...(cache && { cache: { bytes: cache.size, ways: cache.ways, lineBytes: cache.line } }),
    ...(pageWalkCache !== undefined && { pageWalkCache: { entries: pageWalkCache.entries } }),
    ...(nestedTlb !== undefined && { nestedTlb: { entries: nestedTlb.entries } }),
    disk: diskProfile(disk),
    network: {
      megabitsPerSecond: network.rate / MEGA,
      interfaces: network.interfaces,
      packetsPerInterrupt: interrupts?.packets ?? 1,
      ...(interrupts?.held !== undefined && { heldUs: interrupts.held }),
      ...(interrupts?.polled === true && { polled: true }),
      delayUs: interrupts?.delay ?? 0,
      ...(throttle && { throttle: { intervalUs: throttle.interval, sentDelayUs: throttle["sent-delay"] } }),
    },
    costs: costsOf(document.costs, cpu.frequency),
    kernelPaths: costsOf(document["kernel-paths"], cpu.frequency),
  };
}

function diskProfile(description: MachineDescription["disk"]): DiskProfile {
  const { positioning, rate, "full-stroke": stroke, "write-cache": cache } = description;
  const disk = {
    positioningUs: positioning,
    megabytesPerSecond: rate / BITS_PER_MEGABYTE,
    ...(stroke && { stroke: { positioningUs: stroke.positioning, pages: Math.floor(stroke.size / PAGE_BYTES) } }),
  };
  if (cache === undefined) return disk;
  const pages = Math.floor(cache.size / PAGE_BYTES);
  return {
    ...disk,
    writeCache: { pages, commandUs: cache.command, megabytesPerSecond: cache.rate / BITS_PER_MEGABYTE },
  };
}
