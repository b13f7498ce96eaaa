/**
 * A guest that builds a Linux kernel from a disk image that all such guests have. What a build reads and writes is assumed, in
 * round figures of the time of the sources that say no more than that they built one (2009 to 2013).
 */
import { RandomStream } from "../../core/random.ts";
import { PAGES_PER_MIB as MIB } from "../../machine/page.ts";
import type { CompiledWorkload } from "../../workload/compiled-workload.ts";
import { Op } from "../../workload/operation-stream.ts";
import { guest } from "./esx02-guests.ts";

/**
 * Gupta et al. 2010, Table 3: so long takes the compilation of a kernel in a VM of 512 MB on a Xeon of 2.33 GHz, beside two other VMs,
 * without Difference Engine. Sources that are simulated with this build do not say how long theirs took.
 */
const BUILD_SECONDS = 670;
/** Compiler and headers, which every compilation reads, and sources, each read once: assumed. */
const TOOLS_MIB = 60;
const SOURCES_MIB = 400;
const OBJECTS_MIB = 150;
/** Memory of services, and of the compiler that runs, which writes it anew each time. */
const SERVICES_MIB = 30;
const COMPILER_MIB = 20;

/** One kernel build: a compilation a second reads its sources, goes over its headers, fills its memory and writes its object. */
function kernelBuild(number: number, mib: number): CompiledWorkload {
  const random = new RandomStream(number, "kernel-build");
  const anonymousPages = (SERVICES_MIB + COMPILER_MIB) * MIB;
  const imagePages = (TOOLS_MIB + SOURCES_MIB) * MIB;
  const shape = {
    memoryPages: mib * MIB,
    kernelPages: 24 * MIB,
    anonymousPages,
    residentAnonymousPages: SERVICES_MIB * MIB,
    imagePages,
    filePages: imagePages + OBJECTS_MIB * MIB,
    residentFilePages: 0,
  };
  const part = (mib: number, second: number): number => Math.floor((mib * MIB * second) / BUILD_SECONDS);
  return guest("kernel-build", BUILD_SECONDS, shape, (stream) => {
    for (let second = 0; second < BUILD_SECONDS; second++) {
      stream.add(Op.Request, second, 0, 1);
      for (let i = 0; i < 40; i++) stream.add(Op.ReadFile, random.below(TOOLS_MIB * MIB - 8), 8);
      const first = part(SOURCES_MIB, second);
      stream.add(Op.ReadFile, TOOLS_MIB * MIB + first, part(SOURCES_MIB, second + 1) - first);
      for (let page = 0; page < COMPILER_MIB * MIB; page += 4) {
        stream.add(Op.Touch, SERVICES_MIB * MIB + page, (2000 << 1) | 1, 0);
      }
      const object = part(OBJECTS_MIB, second);
      stream.add(Op.WriteFile, imagePages + object, part(OBJECTS_MIB, second + 1) - object);
    }
  });
}

/** So many guests of `mib` MiB, each with an own order of what it reads again and again. */
export function kernelBuilds(guests: number, mib: number): readonly CompiledWorkload[] {
  return Array.from({ length: guests }, (_, number) => kernelBuild(number, mib));
}
