/** Memory that a policy is to find for a VM that starts: what is wanted, and what has come of it. Pages here, KiB there. */
import { KIB_PER_PAGE } from "../../machine/page.ts";
import type { StartAnswer, VmRequest } from "../host-contract.ts";
import type { MemoryRequest } from "../memory/policies/policy-contract.ts";

export class PendingRequest {
  readonly wanted: MemoryRequest;
  /** Absent: the policy is still looking. */
  answer: StartAnswer | undefined;

  /** The VM starts with its configured memory, or with less, but not below the part `least` of it. */
  constructor({ pages }: VmRequest, least: number) {
    this.wanted = { least: Math.ceil(pages * least) * KIB_PER_PAGE, most: pages * KIB_PER_PAGE };
  }

  /** What is granted may contain what the hypervisor needs for the VM. */
  grant(kib: number): void {
    const pages = Math.floor(Math.min(kib, this.wanted.most) / KIB_PER_PAGE);
    this.answer = { kind: "granted", pages };
  }

  refuse(reason: string): void {
    this.answer = { kind: "refused", reason };
  }
}
