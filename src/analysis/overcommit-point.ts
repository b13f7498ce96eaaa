/** What a strategy makes of a host at one overcommit ratio. */
import type { BusiestResource } from "./busiest-resource.ts";
import type { MemoryControl } from "./memory-control.ts";
import type { MemorySources } from "./memory-sources.ts";
import type { GroupPoint } from "./overcommit-groups.ts";
import type { NONE_FINISHED } from "./service-level.ts";
import type { Estimate } from "./statistics.ts";

export interface OvercommitPoint {
  /** Sum of configured guest memory over host memory for VMs. */
  readonly ratio: number;
  readonly seeds: number;
  /** Against all configured VMs on an uncommitted host, same seeds; absent without a host that is not short of memory. */
  readonly throughput?: Estimate;
  readonly latencyP99Ms?: Estimate;
  /** p99 latency against the uncommitted host's, same seeds. */
  readonly p99Factor?: Estimate | typeof NONE_FINISHED;
  readonly vmsConfigured: number;
  /** Mean over seeds. */
  readonly vmsAdmitted: number;
  /** VMs that ran and that the policy moved away or stopped, mean over seeds; absent: none. */
  readonly vmsEvicted?: number;
  readonly sources: MemorySources;
  readonly control: MemoryControl;
  readonly busiest: BusiestResource;
  /** Where the host's VMs are not alike. */
  readonly groups?: readonly GroupPoint[];
}
