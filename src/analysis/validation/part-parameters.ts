/** Defaults of parts of the simulated VMMs that no source gives: the other numbers of the models besides those of a machine. */
import { partsIn } from "../../vmm/compose.ts";
import { type Parameter, type Part, SLOTS, type Vmm } from "../../vmm/contract.ts";

/** By part and parameter, as in `shadow-paging.storesToReuse`. */
export interface PartParameters {
  readonly calibrated: ReadonlySet<string>;
  readonly assumed: ReadonlySet<string>;
}

/** What a VMM sets itself is not the default, and has the VMM's source. */
export function partParameters(vmms: readonly Vmm[]): PartParameters {
  const kept = vmms.flatMap((vmm) => SLOTS.flatMap((slot) => partsIn(vmm, slot))).flatMap(keptDefaults);
  const namesOf = (which: (parameter: Parameter) => boolean): ReadonlySet<string> =>
    new Set(kept.filter(({ parameter }) => which(parameter)).map(({ name }) => name));
  return { calibrated: namesOf(isCalibrated), assumed: namesOf(isAssumed) };
}

function keptDefaults({ definition, parameters }: Part): { readonly name: string; readonly parameter: Parameter }[] {
  return Object.entries(definition.parameters)
    .filter(([key, parameter]) => parameters[key] === parameter.default)
    .map(([key, parameter]) => ({ name: `${definition.name}.${key}`, parameter }));
}

/** Parts have a text where a profile has a kind. */
function isCalibrated({ source = "" }: Parameter): boolean {
  return source.startsWith("calibrated:");
}

function isAssumed({ source = "", grade }: Parameter): boolean {
  return grade === "A" || /^assum(ed|ption)\b/.test(source);
}

/** Assumed, or from a secondary article alone. */
export function isUncertain(parameter: Parameter): boolean {
  return isAssumed(parameter) || parameter.grade === "2";
}
