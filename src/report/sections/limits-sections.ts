import { catalogue, locate } from "../../experiment/catalogue.ts";
import { readInputText } from "../../experiment/input-files.ts";
import { groupBy } from "../../analysis/results.ts";
import { workTitle } from "../../sim/cell.ts";
import type { SourcedNumber } from "../../experiment/documents/machine-numbers.ts";
import { type Block, list, paragraph, type Section } from "../document.ts";
import type { Run } from "../load-run.ts";
import { assumedParameters } from "./assumed-parameters.ts";
import { shown } from "./run-section.ts";

/** Cells without results, with their reasons. */
export function notDoneSection({ results }: Run): Section {
  const others = results.cells.filter((cell) => cell.status !== "done");
  const groups = groupBy(others, ({ spec, status, reason }) =>
    JSON.stringify([status, reason, spec.block, spec.vmm.label, spec.workload]),
  );
  const blocks: Block[] =
    others.length === 0
      ? [paragraph("None: every cell of the matrix has a result.")]
      : [
          {
            kind: "table",
            caption: "Cells without a result",
            columns: ["VMM", "workload", "block", "cells", "status", "reason"],
            rows: [...groups.values()].map((group) => {
              const { spec, status, reason = "" } = group[0];
              return [spec.vmm.label, workTitle(spec), spec.block, group.length, status, reason];
            }),
          },
        ];
  return { id: "not-done", title: "Skipped and failed cells", blocks };
}

/** Which numbers went in, and which figures are therefore predictions. */
export function sourcesSection({ manifest, machines }: Run): Section {
  const blocks = Object.entries(manifest.machines).flatMap(([name, { title }]): Block[] => {
    const numbers = machines.get(name);
    if (numbers === undefined) {
      return [
        paragraph(
          `${name} (${title}): its description is not here or has changed since the run, so its sources are left out.`,
        ),
      ];
    }
    return [paragraph(`${name} (${title}): ${kinds(numbers)}.`), sourceTable(name, numbers)];
  });
  return {
    id: "sources",
    title: "What is calibrated and what is predicted",
    blocks: [
      paragraph(
        "The inputs are costs of single events on the machine. Published ones are printed in their source; calibrated ones were " +
          "derived from published figures, so that agreement with those same figures is no evidence; assumed ones are plausible and " +
          "not measured. No VMM and no workload has a slowdown of its own: everything in this report is predicted from these " +
          "numbers and the events that the simulated mechanisms counted.",
      ),
      ...blocks,
      ...assumedParameters(manifest.blocks),
    ],
  };
}

function kinds(numbers: readonly SourcedNumber[]): string {
  const groups = [...groupBy(numbers, (number) => number.kind)];
  return groups.map(([kind, own]) => `${own.length} numbers ${kind}`).join(", ");
}

function sourceTable(name: string, numbers: readonly SourcedNumber[]): Block {
  const columns = ["number", "value", "unit", "kind", "source"];
  const rows = numbers.map((number) => [number.name, number.value, number.unit, number.kind, number.source]);
  return { kind: "table", caption: `Numbers of ${name}, with their sources`, columns, rows, folded: true };
}

/** What no figure in this report can show. */
export function limitsSection(): Section {
  return {
    id: "limits",
    title: "What these models leave out",
    blocks: [
      list([
        "CPU caches and memory bandwidth: a cycle cost does not depend on what other guests do to the caches.",
        "Pipelines and speculation: events cost what the machine profile says, whatever surrounds them.",
        "Remote TLB shootdowns. Guests have one vCPU unless their workload says otherwise, as smp-server does: with one, neither " +
          "co-scheduling nor a lock holder that is taken off its pCPU can show.",
        "Device firmware, interrupt coalescing of real network cards, RAID controllers and their caches.",
        "NUMA; pages larger than 4 KiB but for hosts of VMMs with the part large-pages.",
        "At host resolution an operation costs its mean under the same VMM; its variation is left to queueing, faults and I/O.",
        "Failures other than those set for single VMs, migrations and administration: guests are started once and stay.",
        "At host resolution a sender does not wait for the link: more than it carries shows as its utilization, not as latency.",
      ]),
      paragraph("Confidence intervals cover the variation between seeds of the workload, not the error of the models."),
    ],
  };
}

/** The commands that give the same results again. */
export function reproduceSection({ results, manifest }: Run): Section {
  const file = shown(manifest.matrix.file);
  // One that comes with the package is found by its name, wherever the command is given.
  const name = file.replace(/\.yaml$/, "");
  const isShipped = catalogue("experiments").includes(name);
  // What the command overcommit is asked changes a copy of the matrix, which only the results hold.
  const isChanged = isShipped && readInputText(locate("experiments", name, "")) !== manifest.matrix.text;
  const again = `results/${results.name}${isChanged ? "-again" : ""}`;
  const copy = `experiments/${results.name}.yaml`;
  const matrix = isChanged ? copy : isShipped ? name : file;
  const extracted = `node -p "require('./results/${results.name}/manifest.json').matrix.text" > ${copy}`;
  return {
    id: "reproduce",
    title: "How to reproduce this",
    blocks: [
      paragraph(
        `With vmmbench ${manifest.versions.vmmbench} (engine ${manifest.versions.engine.slice(0, 12)}); cells.ndjson comes out the ` +
          "same byte for byte, whatever the machine and the number of workers.",
      ),
      {
        kind: "code",
        lines: [
          ...(isChanged ? [extracted] : []),
          `npx vmmbench run ${matrix} --out ${again}`,
          `npx vmmbench report ${again}`,
          `npx vmmbench chart all --results ${again} --out charts`,
        ],
      },
    ],
  };
}
