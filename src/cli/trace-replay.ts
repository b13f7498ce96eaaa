/** `vmmbench trace replay`: what translating the addresses of a trace costs on each VMM. */
import type { CommandModule } from "yargs";
import type { ReplayTable } from "../experiment/replay-trace.ts";
import { KIB_PER_PAGE } from "../machine/page.ts";
import { type ComparisonArguments, comparisonOptions, vmmsIn } from "./comparison-options.ts";
import { eventTable } from "./event-table.ts";
import { textTable, wholeNumber } from "./text-table.ts";

interface ReplayArguments extends ComparisonArguments {
  file: string;
  "large-pages": boolean;
  events: boolean;
}

export const replayCommand: CommandModule<object, ReplayArguments> = {
  command: "replay <file>",
  describe: "Replay a trace on VMMs: TLB misses, page-table references, faults, exits and their cycles",
  builder: (yargs) =>
    comparisonOptions(yargs)
      .positional("file", { type: "string", demandOption: true, describe: "Reference trace (lackey text or binary)" })
      .option("large-pages", {
        type: "boolean",
        default: false,
        describe:
          "The guest maps the program's memory by large pages (2 MiB, or 4 MiB on IA-32), as hugetlbfs does, whichever its kernel",
      })
      .option("events", {
        type: "boolean",
        default: false,
        describe: "Also print how often each event happens in the trace",
      })
      .example(
        "$0 trace replay workloads/data/sort.lackey.gz",
        "bare, direct and shadow paging under the same references",
      )
      .example(
        "$0 trace replay workloads/data/sort.lackey.gz --machine linux-6.1-icount --vmm native,kvm-shadow,xen-pv,kvm",
        "bare, shadow, direct and nested paging under a later kernel, in instructions",
      )
      .example(
        "$0 trace replay workloads/data/sort.lackey.gz --machine x86-64-server --vmm native,kvm-shadow,kvm,esx-6 --large-pages",
        "large pages: what they spare bare, shadow and nested paging, whose nested pages are small (kvm) or large (esx-6)",
      )
      .example(
        "$0 trace replay workloads/data/sort.lackey.gz --vmm native,esx --events",
        "what happens on the two, event by event",
      )
      .example("$0 trace replay workloads/data/sort.lackey.gz --vmm native,esx --json", "two VMMs, as JSON"),
  handler: async ({ file, machine, vmm, json, events, "large-pages": largePages }) => {
    const { replayOnVmms } = await import("../experiment/replay-trace.ts");
    const table = await replayOnVmms(file, machine, vmmsIn(vmm), largePages);
    for (const reason of table.notReplayed) console.error(`not replayed: ${reason}`);
    process.stdout.write(json ? asJson(table) : asText(table, events));
  },
};

function asJson({ trace, machine, unit, pageKib, replays }: ReplayTable): string {
  return `${JSON.stringify({ trace, machine, unit, pageKib, replays }, undefined, 2)}\n`;
}

function asText({ trace, machine, unit, pageKib, replays }: ReplayTable, events: boolean): string {
  const vmms = Object.keys(replays);
  const all = Object.values(replays);
  const title = pageKib === KIB_PER_PAGE ? trace : `${trace}, pages of ${pageKib / 1024} MiB`;
  const counts = textTable([
    [title, ...vmms],
    ["references", ...all.map(({ references }) => wholeNumber(references))],
    ["TLB misses", ...all.map(({ tlbMisses }) => wholeNumber(tlbMisses))],
    ["page-table references", ...all.map(({ walkReferences }) => wholeNumber(walkReferences))],
    ["guest page faults", ...all.map(({ guestPageFaults }) => wholeNumber(guestPageFaults))],
    ["hidden faults", ...all.map(({ hiddenFaults }) => wholeNumber(hiddenFaults))],
    ["exits to the VMM", ...all.map(({ exits }) => wholeNumber(exits))],
  ]);
  const causes = [...new Set(all.flatMap(({ ledger }) => Object.keys(ledger)))].sort();
  const cycles = textTable([
    [`${unit} on ${machine}`, ...vmms],
    ...causes.map((cause) => [cause, ...all.map((replay) => wholeNumber(replay.ledger[cause] ?? 0))]),
    [`${unit} per reference`, ...all.map(({ cyclesPerReference }) => cyclesPerReference.toFixed(4))],
  ]);
  const eventsOf = all.map((replay) => replay.events);
  const eventTables = events ? [eventTable(`events in ${title}`, vmms, eventsOf)] : [];
  return [counts, cycles, ...eventTables].join("\n");
}
