/**
 * Admission by a ratio alone, or by none: VMs start while what they are configured with stays below a multiple of the host's
 * memory, and nothing is done about it afterwards. Any other policy takes the same two parameters, so that ratio and mechanism can be
 * combined freely.
 */
import { SECOND_US } from "../../../core/time.ts";
import type { EvidenceGrade, Parameters } from "../../contract.ts";
import { definePolicy, type PolicyFactory } from "./define-policy.ts";

interface AdmissionRule {
  readonly name: string;
  readonly summary: string;
  readonly ratio: number;
  readonly reserveMib: number;
  readonly source: string;
  readonly grade: EvidenceGrade;
  readonly countsOnSwap?: true;
}

function byRatio({
  name,
  summary,
  ratio,
  reserveMib,
  source,
  grade,
  countsOnSwap,
}: AdmissionRule): PolicyFactory<Parameters, undefined> {
  return definePolicy<Parameters, undefined>({
    name,
    summary,
    side: "host",
    source,
    grade,
    // Nothing is decided after the start.
    cadenceUs: 3600 * SECOND_US,
    balloons: false,
    signals: [],
    ...(countsOnSwap && { countsOnSwap }),
    parameters: {},
    hostParameters: {
      admissionRatio: {
        summary: "Most configured memory that is admitted, of the host's memory less the reserve",
        default: ratio,
        unit: "1",
        min: 0,
        source,
        grade,
      },
      admissionReserveMib: {
        summary: "Memory of the host that is not admitted to VMs",
        default: reserveMib,
        unit: "MiB",
        min: 0,
        source,
        grade,
      },
    },
    start: () => undefined,
    decide: () => ({ actions: [], state: undefined }),
  });
}

export const onDemand = byRatio({
  name: "on-demand",
  summary:
    "A Linux host with nobody in charge: VMs get memory as they touch it, and the host swaps when it has no more.",
  ratio: 0,
  reserveMib: 0,
  source: "Linux KVM API: a VM's memory is that of a process, which the host maps as it is touched and can swap",
  grade: "D",
  countsOnSwap: true,
});

export const nova = byRatio({
  name: "nova",
  summary: "OpenStack Nova: 1.5 times the host's memory less 512 MB is claimed at most; later releases 1.0.",
  ratio: 1.5,
  reserveMib: 512,
  source: "OpenStack Nova, ram_allocation_ratio, reserved_host_memory_mb",
  grade: "S",
});

export const ovirt = byRatio({
  name: "ovirt",
  summary: "oVirt cluster policy: started VMs may claim 150 % of the host's memory; none 100 %, desktops 200 %.",
  ratio: 1.5,
  reserveMib: 0,
  source: "oVirt, memory optimization of the cluster: server load",
  grade: "D",
});

export const harvester = byRatio({
  name: "harvester",
  summary: "Harvester: 1.5 times the host's memory is claimed at most.",
  ratio: 1.5,
  reserveMib: 0,
  source: "Harvester, setting overcommit-config",
  grade: "D",
});

export const openshift = byRatio({
  name: "openshift",
  summary: "OpenShift Virtualization: two thirds of a VM's memory are reserved, an overcommitment of 150 %.",
  ratio: 1.5,
  reserveMib: 0,
  source: "OpenShift Virtualization, memoryOvercommitPercentage: the documentation's example",
  grade: "D",
});

export const opendc = byRatio({
  name: "opendc",
  summary: "OpenDC RAM filter: no more is claimed than the host has.",
  ratio: 1,
  reserveMib: 0,
  source: "OpenDC, RAM filter",
  grade: "S",
});
