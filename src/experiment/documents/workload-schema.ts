/** The shape of a workload in YAML; what the shape cannot say is checked in `workload-problems.ts`. */
import { z } from "zod";
import {
  duration,
  milliseconds,
  name,
  pages,
  percent,
  positiveDuration,
  positiveFrequency,
  positiveRate,
} from "./quantities.ts";
import { stepSchema } from "./step-schema.ts";

/** IA-32 addresses 4 GiB; operands and page tables of the simulator are made for guests of at most that. */
const MAX_MEMORY_PAGES = 2 ** 20;
const MAX_PROCESSES = 1000;
const MAX_THREADS = 10_000;
const MAX_VCPUS = 128;
const MAX_REQUESTS = 10_000_000;
const MAX_ENTITLEMENTS = 4096;
/** ESX 2 takes 1 to 100000 shares, of which 1000 are usual; Xen weights up to 65535, of which 256 are. */
const MAX_SHARES = 1000;

const count = z.int().min(1);
const text = z.string().min(1);
const memory = pages.refine((value) => value > 0 && value <= MAX_MEMORY_PAGES, {
  error: "must be more than zero and at most 4GiB",
});

/** One value for all guests, or a list of which guest i takes entry i mod n. */
const forEachGuest = <T extends z.ZodType>(value: T) =>
  z.union([value.transform((one) => [one]), z.array(value).min(1).max(MAX_ENTITLEMENTS)]);

const cpu = z.strictObject({
  shares: forEachGuest(z.number().gt(0).max(MAX_SHARES)).optional().meta({
    description: "CPU time in proportion where guests compete; 1 by default. A list: guest i takes entry i mod n.",
  }),
  reservation: forEachGuest(positiveFrequency)
    .optional()
    .meta({ description: "CPU time that a guest gets whenever it wants it; none by default." }),
  limit: forEachGuest(positiveFrequency)
    .optional()
    .meta({ description: "CPU time that a guest does not get more than, even on an idle host; none by default." }),
});

const guest = z.strictObject({
  memory: memory.meta({ description: "Configured memory." }),
  kernel: pages.meta({ description: "Kernel text and data, in use from boot on." }),
  swap: pages.optional().meta({ description: "The guest's own swap device; none by default." }),
  processes: count.max(MAX_PROCESSES).default(1).meta({ description: "Service processes." }),
  anonymous: pages.optional().meta({ description: "Anonymous address space of each process." }),
  resident: pages.optional().meta({ description: "How much of it is in memory at the start; all by default." }),
  files: pages.optional().meta({ description: "The file set on disk; none by default." }),
  "cached-files": pages.optional().meta({ description: "How much of it is cached at the start; all by default." }),
  image: pages.optional().meta({
    description: "How much of the files is the same in all guests: a disk image that each changes for itself.",
  }),
  cpu: cpu.optional().meta({ description: "What a guest is entitled to of the host's CPUs; host resolution only." }),
  vcpus: count.max(MAX_VCPUS).default(1).meta({ description: "Virtual CPUs; host resolution only." }),
  "kernel-lock": percent.optional().meta({
    description: "Part of the guest kernel's time in which it holds a lock that all its vCPUs need; none by default.",
  }),
  threads: count.max(MAX_THREADS).default(1).meta({ description: "Requests (or clients) served side by side." }),
  contents: z
    .array(text)
    .min(1)
    .optional()
    .meta({ description: "Fingerprint files with the contents of memory; guest i takes entry i mod n." }),
  "compressed-sizes": z
    .array(text)
    .min(1)
    .optional()
    .meta({ description: "For each of the contents, a file with the sizes of its pages once they are compressed." }),
});

const arrivals = z.strictObject({
  rate: positiveRate.optional().meta({ description: "Mean rate; exponential gaps." }),
  every: positiveDuration.optional().meta({ description: "Equal gaps; the phase differs from guest to guest." }),
  at: duration.optional().meta({ description: "Once, at this time." }),
  from: duration.optional().meta({ description: "With rate or every: not before this time." }),
  until: positiveDuration.optional().meta({ description: "With rate or every: only before this time." }),
});

const activity = z.strictObject({
  name,
  arrivals: arrivals.optional().meta({ description: "When requests arrive (open loop)." }),
  share: percent.optional().meta({ description: "Part of all requests (closed loop with several activities)." }),
  request: z.array(stepSchema).min(1).meta({ description: "What one request does, step by step." }),
});

const closedLoop = z.strictObject({
  requests: count.max(MAX_REQUESTS).meta({ description: "How many requests the clients send in all." }),
  think: milliseconds.optional().meta({ description: "Mean pause of a client between its requests; none by default." }),
  spread: z.enum(["fixed", "exponential"]).default("exponential").meta({ description: "Of the think time." }),
});

const trace = z.strictObject({
  file: text.meta({ description: "A lackey reference trace, relative to this file." }),
  "cycles-per-instruction": z.int().min(1).max(1000),
});

export const workloadShape = z.strictObject({
  name,
  title: text,
  summary: text.meta({ description: "What it stands for, and why these numbers." }),
  guest,
  duration: positiveDuration.optional().meta({ description: "Simulated time; without it, until the work is done." }),
  warmup: duration.optional().meta({ description: "First part of the duration, which is not measured." }),
  "closed-loop": closedLoop.optional(),
  activities: z.array(activity).min(1).optional(),
  trace: trace.optional(),
});

export type WorkloadDocument = z.output<typeof workloadShape>;
export type CpuDocument = z.output<typeof cpu>;
export type GuestDocument = z.output<typeof guest>;
export type ActivityDocument = z.output<typeof activity>;
