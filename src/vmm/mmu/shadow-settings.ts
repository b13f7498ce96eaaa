/** How a VMM with shadow page tables goes about it. */
import type { Parameter } from "../contract.ts";

export interface ShadowSettings {
  readonly shadowTables: number;
  readonly outOfSync: boolean;
  readonly writesAllowed: number;
  readonly keepsUnlinked: boolean;
  readonly storesToReuse: number;
}

export const SHADOW_PARAMETERS = {
  shadowTables: {
    summary: "shadow page tables that are kept",
    default: 4096,
    unit: "tables",
    min: 5,
    source: "assumed: 16 MiB, half of the memory overhead of a small VM",
  },
  outOfSync: {
    summary: "drop the trace of a table that is written often, and compare it with its shadow at the next flush",
    default: false,
    source: "Adams and Agesen 2006 trace every table that has a shadow",
  },
  writesAllowed: {
    summary: "traced writes to a table before its trace is dropped",
    default: 3,
    unit: "writes",
    min: 0,
    max: 65_534,
    source: "assumed",
  },
  keepsUnlinked: {
    summary: "keep the shadow of a table below a root, and its trace, when the guest clears the entry that leads to it",
    default: true,
    source:
      "assumed: as Linux's KVM (mmu_pte_write_zap_pte, arch/x86/kvm/mmu.c, 2.6.25); with VMware Workstation 3.2 a fork takes as long as that (Barham et al. 2003, Table 3)",
  },
  storesToReuse: {
    summary: "stores to a traced page, as no page table is written, before the VMM takes it for another page",
    default: 1024,
    unit: "stores",
    min: 1,
    source:
      "assumed: as many as a table may have entries, so that each store to a traced page is one to an entry; no source says that VMware of the time notices before",
  },
} as const satisfies Record<keyof ShadowSettings, Parameter>;
