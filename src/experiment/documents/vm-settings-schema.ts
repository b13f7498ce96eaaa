/** What a matrix sets for single VMs: `{ vms: 0..3, memory: { reservation: 64MiB, limit: 192MiB, shares: high } }`. */
import { z } from "zod";
import { type MemorySettings, SHARE_LEVELS, type VmGroup } from "../../workload/vm-settings.ts";
import { duration, pages } from "./quantities.ts";

const MAX_SHARES = 1_000_000;

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
    limit: pages
      .refine((value) => value > 0, { error: "must be more than zero" })
      .optional()
      .meta({ description: "Most machine memory that the VM gets; its configured memory by default." }),
    shares: z
      .union([z.enum(SHARE_LEVELS), z.int().min(1).max(MAX_SHARES)])
      .optional()
      .meta({ description: "Weight when VMs compete; a level is worth 20, 10 or 5 shares a MB of configured memory." }),
    "balloon-driver": z
      .union([z.literal("off"), duration])
      .optional()
      .meta({ description: "When the guest's balloon driver starts, or off: the VMM has to do without one." }),
  })
  .transform(({ reservation, limit, shares, "balloon-driver": driver }): MemorySettings => {
    return {
      ...(reservation === undefined ? {} : { reservationPages: reservation }),
      ...(limit === undefined ? {} : { limitPages: limit }),
      ...(shares === undefined ? {} : { shares }),
      ...(driver === undefined ? {} : { balloonFromUs: driver === "off" ? Infinity : driver }),
    };
  });

export const vmGroupSchema = z
  .strictObject({
    vms: vmRange,
    memory: memory.optional(),
    disk: z
      .strictObject({
        shares: z
          .union([z.enum(SHARE_LEVELS), z.int().min(1).max(MAX_SHARES)])
          .meta({ description: "Weight when VMs compete for the disk: high 2000, normal 1000, low 500." }),
      })
      .optional(),
    start: duration
      .optional()
      .meta({ description: "When the VMs are to start; by default they are up from the beginning." }),
  })
  .transform(
    ({ vms, memory: settings, disk, start }): VmGroup => ({
      ...vms,
      ...(settings === undefined ? {} : { memory: settings }),
      ...(disk === undefined ? {} : { diskShares: disk.shares }),
      ...(start === undefined || start === 0 ? {} : { startUs: start }),
    }),
  );
