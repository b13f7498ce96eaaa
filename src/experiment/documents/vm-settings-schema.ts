/**
 * What a matrix says of single VMs: `{ vms: 0..3, memory: { reservation: 64MiB, limit: 192MiB, shares: high } }`,
 * `{ vms: 7, workload: memory-bomb, balloon-driver: { stuck-from: 40s }, statistics: off }`.
 */
import { z } from "zod";
import { withoutUndefined } from "../../core/without-undefined.ts";
import {
  type DriverFaults,
  type MemorySettings,
  SHARE_LEVELS,
  type StatisticsFaults,
  type VmGroup,
} from "../../workload/vm-settings.ts";
import { duration, moreThanZero, pages, positiveDuration } from "./quantities.ts";

const MAX_SHARES = 1_000_000;
const MAX_DRIVER_RATE = 1_000_000;

const vmRange = z
  .union([
    z.int().min(0),
    z.string().regex(/^[0-9]{1,4}\.\.[0-9]{1,4}$/, "expected one VM, such as 0, or a range: 0..3"),
  ])
  .transform((written): { readonly first: number; readonly last: number } => {
    const [first, last = first] = String(written).split("..").map(Number);
    return { first, last };
  })
  .meta({ description: "Number of the VM, counted from 0, or a range: 0..3." });

const memory = z
  .strictObject({
    reservation: pages.optional().meta({ description: "Machine memory that is guaranteed to the VM." }),
    limit: moreThanZero
      .optional()
      .meta({ description: "Most machine memory that the VM gets; its configured memory by default." }),
    shares: z
      .union([z.enum(SHARE_LEVELS), z.int().min(1).max(MAX_SHARES)])
      .optional()
      .meta({
        description:
          "Weight when VMs compete; a level is worth 20, 10 or 5 shares a MB of configured memory under ESX, and 2000, 1000 or 500 under a policy.",
      }),
  })
  .transform(
    ({ reservation, limit, shares }): MemorySettings =>
      withoutUndefined({ reservationPages: reservation, limitPages: limit, shares }),
  );

const driverFaults = z
  .strictObject({
    from: duration.optional().meta({ description: "When the driver starts; from the beginning by default." }),
    "stuck-from": duration
      .optional()
      .meta({ description: "From then on it does not answer, and its balloon stays as it is." }),
    "pages-per-second": z
      .int()
      .min(1)
      .max(MAX_DRIVER_RATE)
      .optional()
      .meta({ description: "Most pages that it moves in a second." }),
  })
  .transform(
    ({ from, "stuck-from": stuck, "pages-per-second": rate }): DriverFaults =>
      withoutUndefined({ fromUs: from, stuckFromUs: stuck, pagesPerSecond: rate }),
  );

/** `forms`: what else may be there. */
const off = (forms: string): z.ZodLiteral<"off"> =>
  z.literal("off", { error: ({ input }) => `${JSON.stringify(input)} is not known here; expected off, or ${forms}` });

const driver = z
  .union([
    off("when the driver starts (90s), or what is wrong with it ({ stuck-from: 40s })").transform(
      (): DriverFaults => ({ fromUs: "never" }),
    ),
    duration.transform((fromUs): DriverFaults => ({ fromUs })),
    driverFaults,
  ])
  .meta({ description: "The guest's balloon driver: off, when it starts, or what else is wrong with it." });

const statisticsFaults = z
  .strictObject({
    "stale-from": duration.optional().meta({ description: "From then on the guest repeats its last report." }),
    delay: positiveDuration.optional().meta({ description: "How old reports are when they come." }),
    overstates: moreThanZero
      .optional()
      .meta({ description: "Memory that the guest says it uses beyond what it does." }),
  })
  .transform(
    ({ "stale-from": stale, delay, overstates }): StatisticsFaults =>
      withoutUndefined({ staleFromUs: stale, delayUs: delay, overstatedPages: overstates }),
  );

const statistics = z
  .union([
    off("what is wrong with them ({ stale-from: 40s })").transform((): StatisticsFaults => ({ missing: true })),
    statisticsFaults,
  ])
  .meta({ description: "What the guest says of its memory: off, or what is wrong with it." });

const disk = z.strictObject({
  shares: z
    .union([z.enum(SHARE_LEVELS), z.int().min(1).max(MAX_SHARES)])
    .meta({ description: "Weight when VMs compete for the disk: high 2000, normal 1000, low 500." }),
});

export const vmGroupSchema = z
  .strictObject({
    vms: vmRange,
    workload: z.string().min(1).optional().meta({ description: "What these VMs run instead of what the others do." }),
    memory: memory.optional(),
    disk: disk.optional(),
    start: duration
      .optional()
      .meta({ description: "When the VMs are to start; by default they are up from the beginning." }),
    "balloon-driver": driver.optional(),
    statistics: statistics.optional(),
  })
  .transform(
    ({
      vms,
      workload,
      memory: settings,
      disk: disks,
      start,
      "balloon-driver": faults,
      statistics: reports,
    }): VmGroup => ({
      ...vms,
      ...withoutUndefined({
        workload,
        memory: settings,
        diskShares: disks?.shares,
        startUs: start === 0 ? undefined : start,
        driver: faults,
        statistics: reports,
      }),
    }),
  );
