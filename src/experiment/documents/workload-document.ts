/** A workload in YAML -> {@link Workload}: defaults filled in. */
import { type CpuEntitlement, USUAL_ENTITLEMENT } from "../../workload/compiled-workload.ts";
import { SYSTEM_CALLS } from "../../workload/operation-stream.ts";
import type { Arrivals, GuestPlan, PageRange, Step, StepAction, Work, Workload } from "../../workload/workload.ts";
import type { StepDocument } from "./step-schema.ts";
import { workloadProblems } from "./workload-problems.ts";
import {
  type ActivityDocument,
  type CpuDocument,
  type GuestDocument,
  type WorkloadDocument,
  workloadShape,
} from "./workload-schema.ts";
import { readDocument, type YamlDocument } from "./yaml-document.ts";

export const workloadSchema = workloadShape.superRefine((document, context) => {
  for (const { path, message } of workloadProblems(document)) {
    context.addIssue({ code: "custom", path: [...path], message });
  }
});

/** Read the text of a workload file. Throws an `InputError` with every problem. */
export function readWorkload(
  text: string,
  file: string,
): { workload: Workload; document: YamlDocument<WorkloadDocument> } {
  const document = readDocument(text, file, workloadSchema, "workload");
  return { workload: toWorkload(document.data), document };
}

function toWorkload(document: WorkloadDocument): Workload {
  const { name, title, summary, duration = 0, warmup = 0 } = document;
  const guest = toGuestPlan(document.guest);
  return { name, title, summary, guest, durationUs: duration, warmupUs: warmup, work: toWork(document, guest) };
}

function toGuestPlan(guest: GuestDocument): GuestPlan {
  const { anonymous = 0, files = 0 } = guest;
  return {
    memoryPages: guest.memory,
    kernelPages: guest.kernel,
    processes: guest.processes,
    anonymousPages: anonymous,
    residentAnonymousPages: guest.resident ?? anonymous,
    filePages: files,
    residentFilePages: guest["cached-files"] ?? files,
    ...(guest.image !== undefined && { imagePages: guest.image }),
    swapPages: guest.swap ?? 0,
    threads: guest.threads,
    ...(guest.vcpus > 1 && { vcpus: guest.vcpus, kernelLock: guest["kernel-lock"] ?? 0 }),
    contents: guest.contents ?? [],
    ...(guest.cpu !== undefined && { cpu: toEntitlements(guest.cpu) }),
    compressedSizes: guest["compressed-sizes"] ?? [],
  };
}

/** One entry for each guest until they repeat. */
function toEntitlements(cpu: CpuDocument): readonly CpuEntitlement[] {
  const { shares = [], reservation = [], limit = [] } = cpu;
  const count = Math.max(1, shares.length, reservation.length, limit.length);
  const usual = USUAL_ENTITLEMENT;
  return Array.from({ length: count }, (_, i) => ({
    shares: shares[i % shares.length] ?? usual.shares,
    reservationMhz: reservation[i % reservation.length] ?? usual.reservationMhz,
    limitMhz: limit[i % limit.length] ?? usual.limitMhz,
  }));
}

function toWork(document: WorkloadDocument, guest: GuestPlan): Work {
  const { activities = [], trace, "closed-loop": loop } = document;
  if (trace !== undefined) {
    return { kind: "trace", file: trace.file, cyclesPerInstruction: trace["cycles-per-instruction"] };
  }
  const steps = ({ request }: ActivityDocument): readonly Step[] => request.map((step) => toStep(step, guest));
  if (loop !== undefined) {
    return {
      kind: "closed",
      requests: loop.requests,
      thinkUs: { mean: loop.think ?? 0, spread: loop.spread },
      activities: activities.map((activity) => ({
        name: activity.name,
        share: activity.share ?? 1,
        steps: steps(activity),
      })),
    };
  }
  const endUs = document.duration ?? 0;
  return {
    kind: "open",
    activities: activities.map((activity) => ({
      name: activity.name,
      arrivals: toArrivals(activity.arrivals ?? {}, endUs),
      steps: steps(activity),
    })),
  };
}

function toArrivals(
  { rate, every, at, from, until }: NonNullable<ActivityDocument["arrivals"]>,
  endUs: number,
): Arrivals {
  const window = { fromUs: from ?? 0, untilUs: until ?? endUs };
  if (rate !== undefined) return { kind: "random", perSecond: rate, ...window };
  if (every !== undefined) return { kind: "periodic", everyUs: every, ...window };
  return { kind: "once", atUs: at ?? 0 };
}

function toStep(step: StepDocument, guest: GuestPlan): Step {
  return { action: toAction(step, guest), times: step.times, chance: step.chance ?? 1 };
}

function toAction(step: StepDocument, guest: GuestPlan): StepAction {
  if (step.compute !== undefined) return { kind: "compute", cycles: step.compute };
  if (step.kernel !== undefined) return { kind: "kernel", cycles: step.kernel };
  if (step.touch !== undefined) return toTouch(step.touch, guest);
  if (step.syscall !== undefined) return { kind: "syscall", call: SYSTEM_CALLS.indexOf(step.syscall) };
  if (step.exec !== undefined) return { kind: "exec", pages: step.exec };
  if (step.mmap !== undefined) {
    return { kind: "mmap", range: pageRange(step.mmap), fileBacked: step.mmap.backing === "file" };
  }
  if (step.munmap !== undefined) return { kind: "munmap", range: pageRange(step.munmap) };
  if (step.mprotect !== undefined) {
    return { kind: "mprotect", range: pageRange(step.mprotect), writable: step.mprotect.writable };
  }
  if (step.switch !== undefined) return { kind: "switch", process: step.switch };
  if (step.signal !== undefined) return { kind: "signal", deliver: step.signal === "deliver" };
  if (step["read-file"] !== undefined) return { kind: "read-file", ...fileRun(step["read-file"], guest) };
  if (step["write-file"] !== undefined) {
    const { sync, new: isNew } = step["write-file"];
    return { kind: "write-file", ...fileRun(step["write-file"], guest), sync, isNew };
  }
  if (step.send !== undefined) return { kind: "send", bytes: step.send };
  if (step.receive !== undefined) return { kind: "receive", bytes: step.receive };
  return { kind: "fork", child: (step.fork ?? []).map((child) => toStep(child, guest)) };
}

function toTouch(touch: NonNullable<StepDocument["touch"]>, guest: GuestPlan): StepAction {
  const fromPage = touch.from ?? 0;
  return {
    kind: "touch",
    count: touch.pages,
    range: { fromPage, pages: touch.within ?? guest.anonymousPages - fromPage },
    pattern: touch.pattern,
    writeShare: touch.write ?? 0,
    content: touch.content,
    cyclesPerPage: touch.cycles ?? 0,
  };
}

function fileRun(run: NonNullable<StepDocument["read-file"]>, guest: GuestPlan) {
  const fromPage = run.from ?? 0;
  const range: PageRange = { fromPage, pages: run.within ?? guest.filePages - fromPage };
  return { run: run.pages, range, pattern: run.pattern };
}

function pageRange({ at, size }: { readonly at: number; readonly size: number }): PageRange {
  return { fromPage: at, pages: size };
}
