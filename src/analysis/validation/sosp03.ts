/** lmbench in Barham et al. 2003, Tables 3 to 5. ESX stands for VMware Workstation: nothing here waits for a device. */
import type { ValidationRow, ValidationSet } from "./validation-set.ts";

const MACHINE = "xeon-2.4-sosp03";

/** Columns of the tables, and the VMMs that stand for them. */
const VMMS = { "l-up": "native", xen: "xen-pv", vmw: "esx" } as const;
type Column = keyof typeof VMMS;
const COLUMNS = Object.keys(VMMS) as Column[];

/** Columns from which a number of the machine profile or of the work was derived. */
const NONE: readonly Column[] = [];
const NATIVE: readonly Column[] = ["l-up"];
const NATIVE_AND_XEN: readonly Column[] = ["l-up", "xen"];
const XEN_AND_VMWARE: readonly Column[] = ["xen", "vmw"];

const NO_CACHES = "the model has no caches: to sum some memory costs the same however many processes do it";
const NO_BLOCKS = "what ext3 does for the blocks of a file, beside its pages in the page cache, is not modelled";
const STAT_REASONS = {
  xen: "the source finds Xen faster than bare metal here; a model in which it only adds work cannot",
};
const SIGNAL_REASONS = {
  xen: "the paper calls Xen's figure a lucky alignment in the cache",
  vmw: "more of the signal path is emulated than its calls and flag writes, which are all that is counted",
};

const everywhere = (reason: string): Record<Column, string> => ({ "l-up": reason, xen: reason, vmw: reason });

/** A row of a table, as in the ids of the figures, with the operation that stands for it. */
function tableRow(
  [table, name]: readonly [string, string],
  operation: string,
  calibrated: readonly Column[],
  reasons: Partial<Record<Column, string>> = {},
): ValidationRow[] {
  return COLUMNS.map((column) => {
    const reason = reasons[column];
    return {
      id: `xen03.${table}.${column}.${name}`,
      role: calibrated.includes(column) ? "calibration" : "prediction",
      group: `${table}.${name}`,
      simulate: (bench) => bench.operation(MACHINE, VMMS[column], operation).cost / bench.profile(MACHINE).megahertz,
      ...(reason === undefined ? {} : { reason }),
    };
  });
}

export const sosp03: ValidationSet = {
  name: "xen03",
  source: "Barham et al. 2003, Xen and the Art of Virtualization",
  rows: [
    tableRow(["t3", "null-call"], "null-call", COLUMNS),
    tableRow(["t3", "null-i-o"], "null-io", NATIVE),
    tableRow(["t3", "stat"], "stat", NATIVE, STAT_REASONS),
    tableRow(["t3", "open-close"], "open-close", NATIVE),
    tableRow(["t3", "select-tcp"], "select-tcp", NATIVE),
    tableRow(["t3", "signal-install"], "signal-install", NATIVE),
    tableRow(["t3", "signal-handle"], "signal-handle", NATIVE, SIGNAL_REASONS),
    // How many pages the programs visit is inferred from Xen's column.
    tableRow(["t3", "fork-proc"], "fork-proc", NATIVE_AND_XEN),
    tableRow(["t3", "exec-proc"], "exec-proc", NATIVE_AND_XEN),
    tableRow(["t3", "sh-proc"], "sh-proc", NATIVE_AND_XEN),
    tableRow(["t4", "2p-0k"], "2p/0K", COLUMNS),
    tableRow(["t4", "2p-16k"], "2p/16K", NONE),
    tableRow(["t4", "2p-64k"], "2p/64K", NONE),
    tableRow(["t4", "8p-16k"], "8p/16K", NONE, everywhere(NO_CACHES)),
    tableRow(["t4", "8p-64k"], "8p/64K", NONE, everywhere(NO_CACHES)),
    tableRow(["t4", "16p-16k"], "16p/16K", NONE, everywhere(NO_CACHES)),
    tableRow(["t4", "16p-64k"], "16p/64K", NONE, everywhere(NO_CACHES)),
    tableRow(["t5", "0k-create"], "0k-create", NATIVE),
    tableRow(["t5", "0k-delete"], "0k-delete", NATIVE),
    tableRow(["t5", "10k-create"], "10k-create", NONE, everywhere(NO_BLOCKS)),
    tableRow(["t5", "10k-delete"], "10k-delete", NONE, everywhere(NO_BLOCKS)),
    tableRow(["t5", "mmap-lat"], "mmap-lat", XEN_AND_VMWARE),
    tableRow(["t5", "prot-fault"], "prot-fault", COLUMNS),
    tableRow(["t5", "page-fault"], "page-fault", COLUMNS),
  ].flat(),
};
