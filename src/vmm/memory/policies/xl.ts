/** xl auto-balloon, the classic Xen default: dom0 gives up what a new VM lacks, and nothing else ever changes. */
import { SECOND_US } from "../../../core/time.ts";
import { definePolicy } from "./define-policy.ts";
import { type Decision, MIB } from "./policy-contract.ts";

export interface XlParameters extends Record<string, number | boolean> {
  autoballoon: boolean;
  hvm: boolean;
  tablesMib: number;
  dom0LeastMib: number;
}

const RULE = "make room";
const LOOK_US = 2 * SECOND_US;
const PATIENCE_US = 10 * SECOND_US;
const BUDGET_US = 30 * SECOND_US;

/** A wait for dom0. */
export interface XlState {
  readonly sinceUs: number;
  readonly patienceUs: number;
  readonly dom0: number;
}

/** What a VM takes in all, KiB: its memory, its tables, 1 MiB (PV) or 2 MiB (HVM), in steps of 2 MiB. */
export function xlNeed({ hvm, tablesMib }: XlParameters, memory: number): number {
  return Math.ceil((memory / MIB + tablesMib + (hvm ? 2 : 1)) / 2) * 2 * MIB;
}

function refuse(reason: string): Decision<XlState | undefined> {
  return { actions: [{ kind: "refuse", reason, rule: RULE }], state: undefined };
}

export const xl = definePolicy<XlParameters, XlState | undefined>({
  name: "xl",
  summary: "xl auto-balloon: dom0 gives up what a new VM lacks; VMs keep the size they were built with.",
  side: "host",
  source: "Xen, tools/xl/xl_vmcontrol.c, tools/libs/light/libxl_mem.c",
  grade: "S",
  cadenceUs: LOOK_US,
  balloons: false,
  signals: ["dom0", "host.free"],
  answersRequests: true,
  parameters: {
    autoballoon: {
      summary: "On means auto: unless dom0 has a fixed size, or none that is held against the host's memory",
      default: true,
      source: "docs/man/xl.conf.5: auto, on or off",
      grade: "D",
    },
    hvm: { summary: "The VM is of type HVM or PVH", default: false, source: "a PV guest", grade: "A" },
    tablesMib: {
      summary: "Shadow and IOMMU page tables of the VM",
      default: 0,
      unit: "MiB",
      min: 0,
      source: "assumption: a PV guest needs none",
      grade: "A",
    },
    dom0LeastMib: {
      summary: "dom0 is not shrunk below this",
      default: 128,
      unit: "MiB",
      min: 0,
      source: "tools/libs/light/libxl_internal.h",
      grade: "S",
    },
  },
  start: () => undefined,
  decide(parameters, { host, vms, request }, state, nowUs): Decision<XlState | undefined> {
    if (request === undefined) return { actions: [], state: undefined };
    const need = xlNeed(parameters, request.least);
    const missing = need - host.free - host.scrubbing;
    if (missing <= 0) return { actions: [{ kind: "grant", kib: need, rule: RULE }], state: undefined };
    const dom0 = vms.find(({ name }) => name === "dom0");
    if (!parameters.autoballoon || dom0 === undefined || dom0.fixedSize === true)
      return refuse("not enough memory is free");
    const wait = state ?? { sinceUs: nowUs, patienceUs: PATIENCE_US, dom0: dom0.actual };
    if (dom0.actual > wait.dom0) return refuse("dom0 grows while it is to shrink");
    const progress = state === undefined || dom0.actual < wait.dom0;
    const patienceUs = progress ? wait.patienceUs : wait.patienceUs - LOOK_US;
    if (patienceUs <= 0) return refuse("dom0 gives nothing");
    if (nowUs - wait.sinceUs >= BUDGET_US) return refuse("dom0 gives too slowly");
    const target = dom0.actual - missing;
    if (target < parameters.dom0LeastMib * MIB) return refuse("dom0 would become too small");
    return {
      actions: dom0.target === target ? [] : [{ kind: "target", vm: "dom0", kib: target, rule: RULE }],
      state: { sinceUs: wait.sinceUs, patienceUs, dom0: dom0.actual },
      nextInUs: LOOK_US,
    };
  },
});
