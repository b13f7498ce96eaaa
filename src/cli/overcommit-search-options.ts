/** `--search ratio`, `--search vms --host-memory 64GiB`: which limit is looked for, and what goes with that. */
import { InputError } from "../core/input-error.ts";
import { suggestion } from "../core/nearest-name.ts";
import { parseSize } from "../core/units.ts";
import { PAGE_BYTES } from "../machine/page.ts";
import { parseNumber } from "./number-list.ts";
import type { MixPart } from "./workload-option.ts";

export interface SearchArguments {
  policy: string[] | undefined;
  vmm: string | undefined;
  ratios: string | undefined;
  vms: string | undefined;
  /** Empty: given without a value. */
  search: string | false | undefined;
  "host-memory": string | undefined;
  sensitivity: boolean;
  precision: string | undefined;
}

/** `precision` undefined: no search, only the ratios of the matrix. */
export type Search =
  | { readonly of: "ratio"; readonly precision: number | undefined }
  | { readonly of: "vms"; readonly hostPages: number };

const PRECISION = { least: 0.01, most: 1, whole: false };
export const DEFAULT_PRECISION = "0.05";
const SEARCHES = ["ratio", "vms"];

/** Throws an {@link InputError} when options do not go together. */
export function parseSearch(args: SearchArguments): Search {
  const { policy, vmm, search: asked, "host-memory": hostMemory, sensitivity, precision } = args;
  if (vmm !== undefined && policy === undefined) {
    throw new InputError("--vmm is the VMM under the policies; expected --policy with it");
  }
  const search = asked === "" ? "ratio" : asked || undefined;
  if (search !== undefined && !SEARCHES.includes(search)) {
    throw new InputError(`--search: there is no search for "${search}"; ${suggestion(search, SEARCHES)}`);
  }
  if (search === "vms") return { of: "vms", hostPages: hostPagesOf(args) };
  if (hostMemory !== undefined) {
    throw new InputError(
      "--host-memory is that of the host whose highest number of VMs is searched; expected --search vms with it",
    );
  }
  if (search !== undefined || sensitivity) {
    return { of: "ratio", precision: parseNumber("--precision", precision ?? DEFAULT_PRECISION, PRECISION) };
  }
  if (precision !== undefined) {
    throw new InputError("--precision is that of a search; expected --search with it");
  }
  return { of: "ratio", precision: undefined };
}

function hostPagesOf({ "host-memory": hostMemory, ratios, sensitivity, precision }: SearchArguments): number {
  if (hostMemory === undefined) {
    throw new InputError(
      "--search vms: the host's memory is missing; expected --host-memory, as in --host-memory 64GiB",
    );
  }
  if (ratios !== undefined) {
    throw new InputError(
      "--ratios: with --search vms, ratios follow from the numbers of VMs; expected --vms, or neither",
    );
  }
  if (sensitivity) {
    throw new InputError("--sensitivity is about the highest ratio; expected --search ratio with it, not --search vms");
  }
  if (precision !== undefined) {
    throw new InputError(
      "--precision is that of a ratio; --search vms tells the limit to the VM; expected none with it",
    );
  }
  return parsePages(hostMemory);
}

function parsePages(text: string): number {
  let bytes: number;
  try {
    bytes = parseSize(text);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(`--host-memory: ${error.message}`);
  }
  if (bytes > 0 && bytes % PAGE_BYTES === 0) return bytes / PAGE_BYTES;
  throw new InputError(`--host-memory: "${text}" is not a whole number of pages of 4KiB, at least one`);
}

/** A mix says how many VMs there are, unless their number is what is searched: then it says in which proportions. */
export function requireFittingMix(mix: readonly MixPart[] | undefined, { vms }: SearchArguments, search: Search): void {
  if (mix === undefined || vms === undefined || search.of === "vms") return;
  throw new InputError("--vms: a mix of workloads says how many VMs there are; expected no --vms with it");
}
