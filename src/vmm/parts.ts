// Generated from the folder by `npm run registries`; a test checks that it is current.
import { proportionalShares } from "./allocation/proportional-shares.ts";
import { staticPartition } from "./allocation/static-partition.ts";
import type { PartDefinition } from "./contract.ts";
import { bareCpu } from "./cpu/bare.ts";
import { bareDisk, bareNetwork } from "./io/bare.ts";
import { ballooning } from "./memory/ballooning.ts";
import { hostSwap } from "./memory/host-swap.ts";
import { pageSharing } from "./memory/page-sharing.ts";
import { bareMmu } from "./mmu/bare.ts";
import { credit } from "./scheduler/credit.ts";
import { proportionalShareCpu } from "./scheduler/proportional-share.ts";

/** Every part of the package. */
export const PARTS: readonly PartDefinition[] = [
  proportionalShares.definition,
  staticPartition.definition,
  bareCpu.definition,
  bareDisk.definition,
  bareNetwork.definition,
  ballooning.definition,
  hostSwap.definition,
  pageSharing.definition,
  bareMmu.definition,
  credit.definition,
  proportionalShareCpu.definition,
];
