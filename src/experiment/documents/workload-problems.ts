/** What is wrong with a workload although every value by itself is right. */
import { KIB_PER_PAGE } from "../../machine/page.ts";
import { operationEstimates } from "./operation-estimate.ts";
import type { StepDocument } from "./step-schema.ts";
import type { DocumentPath, DocumentProblem } from "./yaml-document.ts";
import type { ActivityDocument, CpuDocument, GuestDocument, WorkloadDocument } from "./workload-schema.ts";

const SHARE_TOLERANCE = 1e-6;
/** 260 MB of operation stream for each guest. */
const MAX_OPERATIONS = 20_000_000;

export function workloadProblems(document: WorkloadDocument): readonly DocumentProblem[] {
  const activities = document.activities ?? [];
  return [
    ...guestProblems(document.guest),
    ...timeProblems(document),
    ...kindProblems(document),
    ...nameProblems(activities),
    ...sizeProblems(document),
    ...(document["closed-loop"] === undefined ? openProblems(document) : closedProblems(activities)),
    ...activities.flatMap(({ request }, index) =>
      stepsProblems(request, ["activities", index, "request"], document.guest),
    ),
  ];
}

function guestProblems(guest: GuestDocument): readonly DocumentProblem[] {
  const problems: DocumentProblem[] = [];
  const add = (key: string, message: string): void => void problems.push({ path: ["guest", key], message });
  const { memory, kernel, anonymous = 0, resident = anonymous, files = 0, processes } = guest;
  const cached = guest["cached-files"] ?? files;
  if (resident > anonymous) add("resident", `${mib(resident)} is more than anonymous, ${mib(anonymous)}`);
  if (cached > files) add("cached-files", `${mib(cached)} is more than files, ${mib(files)}`);
  const { image = 0 } = guest;
  if (image > files) add("image", `${mib(image)} is more than files, ${mib(files)}`);
  const used = kernel + processes * resident + cached;
  if (used > memory) {
    const sum = "kernel, resident (of each process) and cached-files";
    add("memory", `${mib(memory)} is less than ${sum} together, ${mib(used)}`);
  }
  const { contents = [], "compressed-sizes": sizes } = guest;
  if (sizes !== undefined && sizes.length !== contents.length) {
    add("compressed-sizes", `has ${sizes.length} files for ${contents.length} of contents; expected one for each`);
  }
  return guest.cpu === undefined ? problems : [...problems, ...cpuProblems(guest.cpu)];
}

function cpuProblems(cpu: CpuDocument): readonly DocumentProblem[] {
  const { shares = [], reservation = [], limit = [] } = cpu;
  const most = Math.max(shares.length, reservation.length, limit.length);
  const problems: DocumentProblem[] = Object.entries({ shares, reservation, limit })
    .filter(([, values]) => values.length > 1 && values.length < most)
    .map(([key, values]) => ({
      path: ["guest", "cpu", key],
      message: `has ${values.length} entries, but another list of cpu has ${most}; expected as many, or one value`,
    }));
  for (let vm = 0; vm < Math.max(reservation.length, limit.length); vm++) {
    const [reserved = 0, limited = Infinity] = [reservation[vm % reservation.length], limit[vm % limit.length]];
    if (reserved <= limited) continue;
    const message = `VM ${vm} reserves ${reserved}MHz, above its limit of ${limited}MHz`;
    problems.push({ path: ["guest", "cpu", "reservation"], message });
  }
  return problems;
}

function timeProblems({ duration, warmup = 0 }: WorkloadDocument): readonly DocumentProblem[] {
  if (duration === undefined && warmup > 0) {
    return [{ path: ["warmup"], message: "needs a duration: without one the run ends with the work" }];
  }
  if (duration !== undefined && warmup >= duration) {
    return [{ path: ["warmup"], message: "must be shorter than duration" }];
  }
  return [];
}

function kindProblems(document: WorkloadDocument): readonly DocumentProblem[] {
  const { activities, trace } = document;
  if ((activities === undefined) === (trace === undefined)) {
    return [{ path: [], message: "expected either activities or a trace" }];
  }
  if (trace === undefined) return [];
  return (["closed-loop", "duration"] as const)
    .filter((key) => document[key] !== undefined)
    .map((key) => ({ path: [key], message: "does not apply to a trace, which runs to its end" }));
}

function nameProblems(activities: readonly ActivityDocument[]): readonly DocumentProblem[] {
  return activities.flatMap(({ name }, index) =>
    activities.findIndex((other) => other.name === name) < index
      ? [{ path: ["activities", index, "name"], message: `duplicate activity name "${name}"` }]
      : [],
  );
}

function sizeProblems(document: WorkloadDocument): readonly DocumentProblem[] {
  return operationEstimates(document).flatMap((operations, index) => {
    if (operations <= MAX_OPERATIONS) return [];
    const message = `comes to some ${operations.toPrecision(2)} operations; expected at most ${MAX_OPERATIONS}`;
    return [{ path: ["activities", index], message }];
  });
}

function openProblems({ activities = [], duration }: WorkloadDocument): readonly DocumentProblem[] {
  const problems: DocumentProblem[] = [];
  if (activities.length > 0 && duration === undefined) {
    problems.push({ path: [], message: 'the key "duration" is missing: requests that arrive at given times need it' });
  }
  for (const [index, { arrivals, share }] of activities.entries()) {
    const path = ["activities", index];
    if (share !== undefined) problems.push({ path: [...path, "share"], message: "applies only with closed-loop" });
    if (arrivals === undefined) {
      problems.push({ path, message: 'the key "arrivals" is missing; or give the workload a closed-loop' });
      continue;
    }
    problems.push(...arrivalProblems(arrivals, [...path, "arrivals"]));
  }
  return problems;
}

function arrivalProblems(
  { rate, every, at, from, until }: NonNullable<ActivityDocument["arrivals"]>,
  path: DocumentPath,
): readonly DocumentProblem[] {
  const problems: DocumentProblem[] = [];
  if ([rate, every, at].filter((value) => value !== undefined).length !== 1) {
    problems.push({ path, message: "expected exactly one of: rate, every, at" });
  }
  if (at !== undefined && (from !== undefined || until !== undefined)) {
    problems.push({ path, message: '"at" is a single moment; "from" and "until" do not apply' });
  }
  if (until !== undefined && until <= (from ?? 0)) {
    problems.push({ path: [...path, "until"], message: "must be later than from" });
  }
  return problems;
}

function closedProblems(activities: readonly ActivityDocument[]): readonly DocumentProblem[] {
  const problems: DocumentProblem[] = [];
  for (const [index, { arrivals, share }] of activities.entries()) {
    const path = ["activities", index];
    if (arrivals !== undefined)
      problems.push({ path: [...path, "arrivals"], message: "does not apply to a closed-loop" });
    if (share === undefined && activities.length > 1) problems.push({ path, message: 'the key "share" is missing' });
  }
  const sum = activities.reduce((total, { share = 1 }) => total + share, 0);
  if (
    activities.length > 0 &&
    activities.every(({ share }) => share !== undefined) &&
    Math.abs(sum - 1) > SHARE_TOLERANCE
  ) {
    const message = `the shares add up to ${Number((sum * 100).toPrecision(6))}%; expected 100%`;
    problems.push({ path: ["activities"], message });
  }
  return problems;
}

function stepsProblems(
  steps: readonly StepDocument[],
  path: DocumentPath,
  guest: GuestDocument,
): readonly DocumentProblem[] {
  return steps.flatMap((step, index) => stepProblems(step, [...path, index], guest));
}

function stepProblems(step: StepDocument, path: DocumentPath, guest: GuestDocument): readonly DocumentProblem[] {
  const problems: DocumentProblem[] = [];
  for (const key of ["touch", "mmap", "munmap", "mprotect"] as const) {
    const area = step[key];
    if (area === undefined) continue;
    const [from, size] = "at" in area ? [area.at, area.size] : [area.from ?? 0, area.within ?? 1];
    problems.push(...rangeProblems(from + size, guest.anonymous ?? 0, "anonymous", [...path, key]));
  }
  for (const key of ["read-file", "write-file"] as const) {
    const run = step[key];
    if (run === undefined) continue;
    const end = (run.from ?? 0) + Math.max(run.pages, run.within ?? 0);
    problems.push(...rangeProblems(end, guest.files ?? 0, "files", [...path, key]));
    if (run.within !== undefined && run.within < run.pages) {
      problems.push({ path: [...path, key, "within"], message: `holds fewer than ${run.pages} pages` });
    }
  }
  if (step.switch !== undefined && step.switch >= guest.processes) {
    const last = guest.processes - 1;
    problems.push({ path: [...path, "switch"], message: `there is no process ${step.switch}; expected 0 to ${last}` });
  }
  if (step.fork !== undefined) problems.push(...stepsProblems(step.fork, [...path, "fork"], guest));
  return problems;
}

function rangeProblems(
  end: number,
  available: number,
  key: "anonymous" | "files",
  path: DocumentPath,
): readonly DocumentProblem[] {
  if (end <= available) return [];
  return [{ path, message: `reaches up to ${mib(end)}, but guest.${key} is ${mib(available)}` }];
}

function mib(pages: number): string {
  const kib = pages * KIB_PER_PAGE;
  return kib % 1024 === 0 ? `${kib / 1024}MiB` : `${kib}KiB`;
}
