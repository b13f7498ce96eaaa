/**
 * DSLab's admission with overcommit: a VM starts as long as the load that is seen on the host is below a part of it, whatever the
 * VMs are configured with. Those that are there from the start begin before any load is seen, so that all of them are admitted;
 * one that comes later waits until there is room for it. The load of memory is taken: what is in use.
 */
import { SECOND_US } from "../../../core/time.ts";
import { definePolicy } from "./define-policy.ts";
import { type Action } from "./policy-contract.ts";

export interface DslabParameters extends Record<string, number | boolean> {
  loadPercent: number;
}

const RULE = "observed load";

export const dslab = definePolicy<DslabParameters, undefined>({
  name: "dslab",
  summary: "DSLab: VMs that start while others run wait until less than 80 % of the host's memory is in use.",
  side: "host",
  source: "DSLab, placement with overcommit allowed",
  grade: "S",
  cadenceUs: SECOND_US,
  balloons: false,
  signals: ["host.free", "host.reclaimable"],
  countsOnSwap: true,
  answersRequests: true,
  parameters: {
    loadPercent: {
      summary: "Load of the host's memory from which on no VM is started",
      default: 80,
      unit: "%",
      min: 1,
      max: 100,
      source: "DSLab, placement with overcommit allowed",
      grade: "S",
    },
  },
  start: () => undefined,
  decide({ loadPercent }, { host, request }) {
    const used = host.total - host.free - host.reclaimable;
    const starts = request !== undefined && 100 * used < loadPercent * host.total;
    const actions: readonly Action[] = starts ? [{ kind: "grant", kib: request.most, rule: RULE }] : [];
    return { actions, state: undefined };
  },
  figures: (_parameters, { host }) => ({
    load_percent: (100 * (host.total - host.free - host.reclaimable)) / host.total,
  }),
});
