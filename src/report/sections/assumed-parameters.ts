/** Numbers of the VMMs of a run that no source gives, or only a secondary one: what a reader may want to doubt first. */
import { isUncertain } from "../../analysis/validation/part-parameters.ts";
import { groupBy } from "../../analysis/results.ts";
import type { Manifest } from "../../experiment/manifest.ts";
import type { Parameter } from "../../vmm/contract.ts";
import { PARTS } from "../../vmm/parts.ts";
import type { Block } from "../document.ts";

interface UncertainValue {
  /** As a matrix names it. */
  readonly name: string;
  readonly value: number | boolean;
  readonly parameter: Parameter;
  readonly vmm: string;
}

/** Parameters of parts, with their values; of blocks that vary an input of another that input is told elsewhere. */
export function assumedParameters(blocks: Manifest["blocks"]): Block[] {
  const vmms = blocks.filter(({ varies }) => varies === undefined).flatMap((block) => block.vmms);
  const groups = [...groupBy(vmms.flatMap(uncertainValues), ({ name, value }) => `${name} ${value}`).values()];
  if (groups.length === 0) return [];
  const settings = groupBy(groups, ([{ name }]) => name);
  const rows = groups.map((group) => {
    const [{ name, value, parameter }] = group;
    const isSame = settings.get(name)?.length === 1;
    const source = value === parameter.default ? (parameter.source ?? "") : "set for this VMM";
    const labels = isSame ? "all with the part" : [...new Set(group.map(({ vmm }) => vmm))].join(", ");
    return [name, typeof value === "number" ? value : value ? "on" : "off", parameter.unit ?? "", labels, source];
  });
  const caption = "Parameters of VMMs that are assumed, or that only a secondary article gives";
  const columns = ["parameter", "value", "unit", "VMMs", "source"];
  return [{ kind: "table", caption, columns, rows, folded: true }];
}

/** Parts from outside the package say for themselves where their numbers come from. */
function uncertainValues({ label, parts }: Manifest["blocks"][number]["vmms"][number]): UncertainValue[] {
  const bySlot = parts as Readonly<
    Record<string, Readonly<Record<string, Readonly<Record<string, number | boolean>>>>>
  >;
  return PARTS.flatMap((part) => {
    const values = bySlot[part.slot]?.[part.name];
    if (values === undefined) return [];
    return Object.entries(part.parameters)
      .filter(([key, parameter]) => isUncertain(parameter) && values[key] !== undefined)
      .map(([key, parameter]) => ({
        name: `${part.slot}.${part.name}.${key}`,
        value: values[key],
        parameter,
        vmm: label,
      }));
  });
}
