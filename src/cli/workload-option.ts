/** `--workload typical-server:6,file-server:2`: different work on one host. */
import { InputError } from "../core/input-error.ts";

/** How many VMs run a workload. */
export interface MixPart {
  readonly workload: string;
  readonly vms: number;
}

const OPTION = "--workload";
const EXAMPLE = "typical-server:6,file-server:2";

/**
 * The mix among the values of the option; undefined: they are workloads, each for a comparison of its own. Throws an
 * {@link InputError} for a mix that is not one, or does not stand alone.
 */
export function parseMix(values: readonly string[] | undefined): readonly MixPart[] | undefined {
  const mix = values?.find((value) => /:-?[0-9]+(\.[0-9]+)?(,|$)/.test(value));
  if (values === undefined) return undefined;
  if (mix === undefined) {
    values.forEach(requireOneName);
    return undefined;
  }
  if (values.length > 1) {
    throw new InputError(
      `${OPTION}: a mix of workloads, "${mix}", makes up the whole host; expected no other workload`,
    );
  }
  const parts = mix.split(",").map(parsePart);
  const names = parts.map(({ workload }) => workload);
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice !== undefined) throw new InputError(`${OPTION}: "${twice}" is there twice in "${mix}"`);
  return parts;
}

/** A path may have a comma in it. */
function requireOneName(value: string): void {
  if (!value.includes(",") || value.includes("/")) return;
  const each = value.split(",").map((name) => `${OPTION} ${name.trim()}`);
  throw new InputError(
    `${OPTION}: "${value}" does not say how many VMs run each; expected ${EXAMPLE} for different work on one host, or ` +
      `${each.join(" ")} for a comparison each`,
  );
}

function parsePart(text: string): MixPart {
  const [, workload = "", count = ""] = /^(.+):([1-9][0-9]{0,3})$/.exec(text) ?? [];
  if (workload !== "") return { workload, vms: Number(count) };
  throw new InputError(`${OPTION}: expected a workload and how many VMs run it, as in ${EXAMPLE}; found "${text}"`);
}
