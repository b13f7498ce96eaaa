/** What is wrong with a machine profile although every value by itself is right. */
import { suggestion } from "../../core/nearest-name.ts";
import { durationText } from "../../core/units.ts";
import { KERNEL_PATH_NAMES } from "../../guest/kernel-paths.ts";
import { PAGE_BYTES } from "../../machine/page.ts";
import { costNameProblem } from "../../machine/primitive-costs.ts";
import { KERNEL_BUILDS, type PageTableFormatName } from "../../machine/profile.ts";
import { unitProblems } from "./machine-costs.ts";
import { COST_SECTIONS, MAX_TLB_ENTRIES, type MachineDocument } from "./machine-schema.ts";
import type { DocumentProblem } from "./yaml-document.ts";

export function machineProblems(document: MachineDocument): readonly DocumentProblem[] {
  return [
    ...costUnitProblems(document),
    ...costNameProblems(document),
    ...kernelPathProblems(document),
    ...lockProblems(document),
    ...baseProblems(document),
    ...kernelBuildProblems(document),
    ...tlbProblems(document),
    ...interruptProblems(document),
    ...strokeProblems(document),
    ...cacheProblems(document),
  ];
}

function costUnitProblems(document: MachineDocument): readonly DocumentProblem[] {
  return COST_SECTIONS.flatMap((section) => {
    const problems = [...unitProblems(document.unit, document[section])];
    return problems.map(([key, message]) => ({ path: [section, key, "unit"], message }));
  });
}

function costNameProblems({ costs }: MachineDocument): readonly DocumentProblem[] {
  return Object.keys(costs).flatMap((name) => {
    const message = costNameProblem(name);
    return message === undefined ? [] : [{ path: ["costs", name], message }];
  });
}

function kernelPathProblems({ "kernel-paths": paths }: MachineDocument): readonly DocumentProblem[] {
  const unknown = Object.keys(paths).filter((name) => !(KERNEL_PATH_NAMES as readonly string[]).includes(name));
  return unknown.map((name) => ({
    path: ["kernel-paths", name],
    message: `there is no such path of a kernel; ${suggestion(name, KERNEL_PATH_NAMES)}`,
  }));
}

function lockProblems({ kernel, "smp-kernel": smp }: MachineDocument): readonly DocumentProblem[] {
  if (!smp || kernel === "linux-2.4") return [];
  const message = `the locks of ${kernel} are not counted; expected smp-kernel on a machine with linux-2.4`;
  return [{ path: ["smp-kernel"], message }];
}

function baseProblems(document: MachineDocument): readonly DocumentProblem[] {
  if (document.base !== undefined) return [];
  const missing = (["disk", "network"] as const).filter((key) => document[key] === undefined);
  return [
    ...(document["base-scale"] === undefined
      ? []
      : [{ path: ["base-scale"], message: "needs a base, whose costs it scales" }]),
    ...missing.map((key) => ({ path: [key], message: "is missing; expected it on a machine without a base" })),
  ];
}

function kernelBuildProblems(document: MachineDocument): readonly DocumentProblem[] {
  const { kernel, "kernel-build": build, "page-table": pageTable } = document;
  if (build === undefined) return [];
  const known: readonly PageTableFormatName[] = KERNEL_BUILDS[build];
  if (kernel === "linux-2.4" && known.includes(pageTable)) return [];
  const formats = known.join(" or ");
  const message = `${build} is known as linux-2.4 with page-table ${formats} only, not as ${kernel} with ${pageTable}`;
  return [{ path: ["kernel-build"], message }];
}

function tlbProblems(document: MachineDocument): readonly DocumentProblem[] {
  return (["tlb", "instruction-tlb"] as const).flatMap((key) => {
    const tlb = document[key];
    if (tlb === undefined) return [];
    if (tlb.entries <= MAX_TLB_ENTRIES && isPowerOfTwo(tlb.entries / tlb.ways)) return [];
    const expected = `expected at most ${MAX_TLB_ENTRIES} entries in a power of two of sets`;
    const message = `${tlb.entries} entries cannot be divided into ${tlb.ways} ways; ${expected}`;
    return [{ path: [key, "ways"], message }];
  });
}

function interruptProblems(document: MachineDocument): readonly DocumentProblem[] {
  const { "network-interrupts": interrupts, "interrupt-throttle": throttle } = document;
  const problems: DocumentProblem[] = [];
  for (const key of ["packets", "held", "polled"] as const) {
    if (interrupts?.[key] === undefined || throttle === undefined) continue;
    const message =
      "has no effect with an interrupt-throttle, which says when there are interrupts; expected one of both";
    problems.push({ path: ["network-interrupts", key], message });
  }
  if (interrupts?.held !== undefined && interrupts.packets === undefined) {
    const message = "has no effect without packets, of which the first is held back; expected both";
    problems.push({ path: ["network-interrupts", "held"], message });
  }
  return problems;
}

function strokeProblems({ disk }: MachineDocument): readonly DocumentProblem[] {
  const stroke = disk?.["full-stroke"];
  if (disk === undefined || stroke === undefined) return [];
  if (stroke.positioning >= disk.positioning && stroke.positioning <= 3 * disk.positioning) return [];
  const message = `${durationText(stroke.positioning)} where the mean is ${durationText(disk.positioning)}; expected the mean or more, and no more than three times as much`;
  return [{ path: ["disk", "full-stroke", "positioning"], message }];
}

function cacheProblems({ cache }: MachineDocument): readonly DocumentProblem[] {
  if (cache === undefined) return [];
  if (isPowerOfTwo(cache.size / cache.ways / PAGE_BYTES) && isPowerOfTwo(PAGE_BYTES / cache.line)) return [];
  const message = `${cache.size} bytes in ${cache.ways} ways of lines of ${cache.line} bytes; expected 2^n pages a way, and 2^n lines a page`;
  return [{ path: ["cache", "size"], message }];
}

function isPowerOfTwo(value: number): boolean {
  return Number.isInteger(Math.log2(value));
}
