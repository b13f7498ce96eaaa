/** Every kind of chart, in the order of the report. */
import type { ChartKind } from "./chart.ts";
import { cycleBreakdownChart } from "./cycle-breakdown.ts";
import { hostMemoryChart } from "./host-memory.ts";
import { isolationChart } from "./isolation.ts";
import { memorySourcesChart } from "./memory-sources.ts";
import { operationBreakdownChart } from "./operation-breakdown.ts";
import { overcommitChart } from "./overcommit.ts";
import { sensitivityChart } from "./sensitivity.ts";
import { slowdownChart } from "./slowdown.ts";
import { vmCountChart } from "./vm-count.ts";
import { vmMemoryChart } from "./vm-memory.ts";

export const CHART_KINDS: readonly ChartKind[] = [
  slowdownChart,
  cycleBreakdownChart,
  operationBreakdownChart,
  overcommitChart,
  vmCountChart,
  memorySourcesChart,
  sensitivityChart,
  isolationChart,
  hostMemoryChart,
  vmMemoryChart,
];
