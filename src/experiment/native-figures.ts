/**
 * Costs that a machine profile gives as a figure of the bare machine: the cost is what the operation takes there less all
 * else that it is charged, which the monitor finds out by running it. One figure settles one cost, however often the
 * operation is charged it; costs are settled in the order of the file, each with the help of those before.
 */
import { InputError } from "../core/input-error.ts";
import { suggestion } from "../core/nearest-name.ts";
import { microbenchmarks } from "../sim/microbenchmarks/catalogue.ts";
import { measureMicrobenchmark } from "../sim/microbenchmarks/microbenchmark.ts";
import { native } from "../vmm/native.ts";
import { type NativeFigure, nativeCycles } from "./documents/machine-costs.ts";
import { type MachineDescription, toMachineProfile } from "./documents/machine-document.ts";
import { COST_SECTIONS, type CostSectionName } from "./documents/machine-schema.ts";

/** Any cost in cycles that shows how often an operation is charged it. */
const PROBE = 1000;

/** Every native figure replaced by the cost that it settles. `complain` is told what is wrong with one. */
export function settleNativeFigures(
  description: MachineDescription,
  complain: (section: CostSectionName, name: string, problem: string) => void,
): MachineDescription {
  let settled = description;
  for (const section of COST_SECTIONS) {
    for (const [name, entry] of Object.entries(description[section])) {
      if (!("native" in entry)) continue;
      try {
        settled = withCost(settled, section, name, remainder(settled, section, name, entry));
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
        for (const problem of error.problems) complain(section, name, problem);
      }
    }
  }
  return settled;
}

/** Throws an {@link InputError} where the figure settles no cost. */
function remainder(
  description: MachineDescription,
  section: CostSectionName,
  name: string,
  figure: NativeFigure,
): number {
  const measure = (value: number): number => measured(withCost(description, section, name, value), figure.operation);
  const others = measure(0);
  const times = (measure(PROBE) - others) / PROBE;
  if (times === 0) throw new InputError(`${figure.operation} is not charged ${section}.${name} natively`);
  const rest = nativeCycles(figure, description.cpu.frequency) - others;
  if (rest < 0) {
    const problem = `${figure.operation} takes ${Math.round(others)} cycles without it, more than ${figure.native}`;
    throw new InputError(problem);
  }
  return Math.round(rest / times);
}

function measured(description: MachineDescription, operation: string): number {
  const profile = toMachineProfile(description);
  const known = microbenchmarks(profile);
  const benchmark = known.find(({ name }) => name === operation);
  if (benchmark !== undefined) return measureMicrobenchmark(benchmark, native, profile).cost;
  const names = known.map(({ name }) => name);
  throw new InputError(`there is no operation "${operation}"; ${suggestion(operation, names)}`);
}

function withCost(
  description: MachineDescription,
  section: CostSectionName,
  name: string,
  value: number,
): MachineDescription {
  const { source } = description[section][name];
  const cost = { value, unit: description.unit, source, kind: "published" as const };
  return { ...description, [section]: { ...description[section], [name]: cost } };
}
