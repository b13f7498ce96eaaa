/** `vmmbench operations`: what each basic operation of a guest costs on each VMM. */
import type { CommandModule } from "yargs";
import { InputError } from "../core/input-error.ts";
import type { NotMeasured, OperationTable } from "../experiment/operation-table.ts";
import { type ComparisonArguments, comparisonOptions, namesIn, vmmsIn } from "./comparison-options.ts";
import { amount, eventTable } from "./event-table.ts";
import { textTable } from "./text-table.ts";

interface OperationsArguments extends ComparisonArguments {
  only: string | string[] | undefined;
  events: boolean;
}

export const operationsCommand: CommandModule<object, OperationsArguments> = {
  command: "operations",
  describe: "Show what system calls, faults, forks, switches and single instructions cost on each VMM",
  builder: (yargs) =>
    comparisonOptions(yargs)
      .option("only", {
        type: "string",
        array: true,
        nargs: 1,
        describe: "Operations, separated by commas; list operations says what they are [default: all]",
      })
      .option("events", {
        type: "boolean",
        default: false,
        describe: "Also print how often each event happens in an operation",
      })
      .example("$0 operations --machine xeon-2.4-sosp03 --vmm native,xen-pv", "lmbench on bare metal and on Xen")
      .example("$0 operations --only fork-proc --events", "what happens in a fork, event by event")
      .example(
        "$0 operations --machine xeon-3.2-walters08 --only cached-read-sequential --vmm native,xen-pv,esx-3 --events",
        "32-bit Linux 2.6 reads files in high memory: where the segments of translated code end",
      )
      .example("$0 operations --machine linux-6.1-icount --vmm xen-pv,kvm-shadow,kvm", "Linux 6.1, in instructions"),
  handler: async ({ machine, vmm, only, events, json }) => {
    const { operationTable } = await import("../experiment/operation-table.ts");
    const table = await operationTable(machine, vmmsIn(vmm), namesIn("--only", "fork-proc,exec-proc", only ?? []));
    if (Object.keys(table.operations).length === 0)
      throw new InputError([...notMeasuredLines(table), ...impossibleLines(table)]);
    for (const line of notMeasuredLines(table)) console.error(line);
    process.stdout.write(json ? asJson(table) : asText(table, events));
  },
};

/** A line for each VMM and reason why something was not measured that can be elsewhere. */
function notMeasuredLines({ operations, notMeasured }: OperationTable): string[] {
  const elsewhere = notMeasured.filter(({ impossible }) => !impossible);
  return elsewhere.map(({ vmm, operations: missing, reason }) => {
    const isMeasured = Object.values(operations).some((byVmm) => vmm in byVmm);
    const isAll = !isMeasured && notMeasured.filter((one) => one.vmm === vmm).length === 1 && missing.length > 1;
    return isAll
      ? `nothing measured on ${vmm}: ${reason}`
      : `not measured on ${vmm}: ${missing.join(", ")} (${reason})`;
  });
}

/** Part of what is shown, not a complaint: no machine would help. */
function impossibleLines({ notMeasured }: OperationTable): string[] {
  const nowhere = notMeasured.filter(({ impossible }) => impossible);
  return nowhere.map(({ vmm, operations, reason }) => `impossible on ${vmm}: ${operations.join(", ")} (${reason})`);
}

function asJson({ machine, unit, operations, notMeasured }: OperationTable): string {
  const figures = Object.fromEntries(
    Object.entries(operations).map(([operation, byVmm]) => [
      operation,
      Object.fromEntries(
        Object.entries(byVmm).map(([vmm, { cost, events, ledger }]) => [vmm, { cost, events, ledger }]),
      ),
    ]),
  );
  return `${JSON.stringify({ machine, unit, operations: figures, notMeasured }, undefined, 2)}\n`;
}

function asText(table: OperationTable, events: boolean): string {
  const { machine, unit, vmms, operations } = table;
  const rows = Object.entries(operations).map(([operation, byVmm]) => [
    operation,
    ...vmms.map((vmm) => (vmm in byVmm ? amount(byVmm[vmm].cost) : withoutCost(operation, vmm, table))),
  ]);
  const costs = textTable([[`${unit} on ${machine}`, ...vmms], ...rows]);
  const impossible = impossibleLines(table).map((line) => `${line}\n`);
  const rates = Object.keys(table.rates).length > 0 ? [rateTable(table)] : [];
  const eventTables = events ? Object.keys(operations).map((name) => eventsPer(name, table)) : [];
  return [`${costs}${impossible.join("")}`, ...rates, ...eventTables].join("\n");
}

function withoutCost(operation: string, vmm: string, { notMeasured }: OperationTable): string {
  const isMeant = (one: NotMeasured): boolean => one.vmm === vmm && one.operations.includes(operation);
  return notMeasured.find(isMeant)?.impossible === true ? "impossible" : "-";
}

function rateTable({ machine, vmms, rates }: OperationTable): string {
  const rows = Object.entries(rates).map(([operation, { wire, vmms: rateOf }]) => [
    operation,
    wire.toFixed(0),
    ...vmms.map((vmm) => (vmm in rateOf ? rateOf[vmm].toFixed(0) : "-")),
  ]);
  const table = textTable([[`Mb/s of payload on ${machine}`, "wire", ...vmms], ...rows]);
  return `${table}Where a VMM is as fast as the wire, the wire is the limit; where it is slower, the processor is.\n`;
}

function eventsPer(operation: string, { vmms, operations }: OperationTable): string {
  const events = vmms.map((vmm) => operations[operation][vmm]?.events);
  return eventTable(`events per ${operation}`, vmms, events);
}
