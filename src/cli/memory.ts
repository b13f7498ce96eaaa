/** `vmmbench memory`: what the memory contents of real guests have in common, and what a balloon in a guest does to a job. */
import type { CommandModule } from "yargs";
import type { PageSharing } from "../analysis/page-sharing.ts";
import { PAGES_PER_MIB } from "../machine/page.ts";
import { balloonCommand } from "./memory-balloon.ts";
import { percentage, textTable, wholeNumber } from "./text-table.ts";

interface SharingArguments {
  files: string[];
  json: boolean;
}

const sharingCommand: CommandModule<object, SharingArguments> = {
  command: "sharing <files..>",
  describe: "Count exactly what page sharing could save on a set of VMs",
  builder: (yargs) =>
    yargs
      .positional("files", {
        type: "string",
        array: true,
        demandOption: true,
        describe: "Fingerprint files, one for each VM (8 bytes for each page of 4 KiB; gzip or plain)",
      })
      .option("json", { type: "boolean", default: false, describe: "Print one JSON object" })
      .example("$0 memory sharing workloads/data/d12-idle-a.t3.fp.gz", "zero pages and duplicates inside one VM")
      .example("$0 memory sharing workloads/data/*.fp.gz --json", "also what several VMs have in common, as JSON"),
  handler: async ({ files, json }) => {
    const { readInputFile } = await import("../experiment/input-files.ts");
    const { parseFingerprints } = await import("../workload/readers/fingerprints.ts");
    const { pageSharing } = await import("../analysis/page-sharing.ts");
    const sharing = pageSharing(files.map((file) => parseFingerprints(readInputFile(file).bytes, file)));
    process.stdout.write(json ? asJson(files, sharing) : asText(files, sharing));
  },
};

export const memoryCommand: CommandModule = {
  command: "memory",
  describe: "Analyse the memory contents of real guests, and what a balloon does to a job",
  builder: (yargs) =>
    yargs
      .command(sharingCommand)
      .command(balloonCommand)
      .demandCommand(1, 1, "expected a subcommand: sharing or balloon")
      .example("$0 memory sharing workloads/data/*.fp.gz", "what page sharing could save on these VMs")
      .example("$0 memory balloon 160", "a guest booted with 160 MiB, and one ballooned down to that"),
  handler: () => {},
};

function asJson(files: readonly string[], sharing: PageSharing): string {
  const { pages, zeroPages, distinctContents, reclaimablePages, split } = sharing;
  const perVm = sharing.perVm.map((vm, index) => ({ file: files[index], ...vm }));
  return `${JSON.stringify({ pages, zeroPages, distinctContents, reclaimablePages, split, perVm }, undefined, 2)}\n`;
}

function asText(files: readonly string[], sharing: PageSharing): string {
  const { pages, split } = sharing;
  const saved = (name: string, count: number): string[] => [
    name,
    wholeNumber(count),
    mib(count),
    percentage(count, pages),
  ];
  const perVm = sharing.perVm.map((vm, index) => [files[index], vm.pages, vm.zeroPages, vm.distinctContents] as const);
  const total = ["all VMs", pages, sharing.zeroPages, sharing.distinctContents] as const;
  const contents = textTable([
    ["VM", "pages", "zero pages", "distinct contents", "zero and duplicate"],
    ...[...perVm, total].map(([name, all, zero, distinct]) => [
      name,
      wholeNumber(all),
      wholeNumber(zero),
      wholeNumber(distinct),
      percentage(all - distinct, all),
    ]),
  ]);
  const reclaimable = textTable([
    ["reclaimable by ideal page sharing", "pages", "MiB", "of all pages"],
    saved("zero pages beyond one", split.zeroPagesOverOne),
    saved("duplicates inside a VM", split.intraVm),
    saved("contents that other VMs have too", split.interVm),
    saved("total", sharing.reclaimablePages),
  ]);
  return `${contents}\n${reclaimable}`;
}

function mib(pages: number): string {
  return (pages / PAGES_PER_MIB).toLocaleString("en-US", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
}
