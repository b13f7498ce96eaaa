/** The I/O scheduler of the Linux that has the disk's driver, if it does not hand requests on as they come. */
import type { Parameter } from "../contract.ts";
import type { DeviceQueue } from "../host-contract.ts";

export const anticipatoryHz: Parameter<number> = {
  summary:
    "ticks in a second of a Linux 2.6 that has the disk's driver and the anticipatory I/O scheduler (0: requests go as they come)",
  default: 0,
  unit: "1/s",
  choices: [0, 100, 250, 1000],
  source:
    "Xen 3.0.2, buildconfigs/linux-defconfig_xen: CONFIG_DEFAULT_IOSCHED anticipatory, CONFIG_HZ 100 (from 3.0.3 on cfq, which there is none of here)",
};

/** What such a parameter says of the queue. */
export function scheduledBy(hz: number): Pick<DeviceQueue, "anticipatoryHz"> {
  return hz > 0 ? { anticipatoryHz: hz } : {};
}
