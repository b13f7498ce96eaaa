/** What a policy asks for, checked before it is done: a policy may come from anybody. */
import { WrongAnswer } from "./wrong-answer.ts";
import type { Action, Policy } from "../memory/policies/policy-contract.ts";
import { DOM0 } from "../host-memory/driver-domain.ts";
import type { VmMemory } from "../host-memory/vm-memory.ts";

const KINDS: readonly string[] = [
  "target",
  "cap",
  "reclaim",
  "shrink-frontswap",
  "evict",
  "block",
  "break",
  "flag",
  "grant",
  "refuse",
  "admission",
  "sharing",
];
const OF_A_VM: readonly string[] = ["target", "cap", "reclaim", "shrink-frontswap", "evict", "block", "break", "flag"];
const WITH_AMOUNT: readonly string[] = ["target", "cap", "reclaim", "shrink-frontswap", "grant"];

const EXAMPLE = '{ kind: "target", vm: "vm0", kib: 131072, rule: "mine" }';

export interface VmsByName {
  vmNamed(name: string): VmMemory | undefined;
}

/** The VM an action is about, if it is about one. Throws a {@link WrongAnswer} that names the policy, the rule and the VM. */
export function checkAction(
  { name: policy, tunesSharing }: Pick<Policy, "name" | "tunesSharing">,
  action: Action,
  vms: VmsByName,
): VmMemory | undefined {
  if (typeof action !== "object" || (action as unknown) === null)
    throw new WrongAnswer(`policy ${policy}: an action is ${String(action)}; expected an object such as ${EXAMPLE}`);
  const { kind, rule, vm: name, kib } = action as { kind: string; rule: unknown; vm?: string; kib?: number };
  if (typeof rule !== "string" || rule === "") {
    const what = `the action "${kind}"${name === undefined ? "" : ` on ${name}`}`;
    throw new WrongAnswer(`policy ${policy}: ${what} does not say by which rule; expected one like ${EXAMPLE}`);
  }
  const where = `policy ${policy}, rule "${rule}"`;
  if (!KINDS.includes(kind))
    throw new WrongAnswer(`${where}: unknown action "${kind}"; expected one of: ${KINDS.join(", ")}`);
  const vm = name === undefined ? undefined : vms.vmNamed(name);
  if (OF_A_VM.includes(kind) && vm === undefined)
    throw new WrongAnswer(`${where}: there is no VM "${name}"; expected a name of a VM that it is shown`);
  if (WITH_AMOUNT.includes(kind) && !isAmount(kib)) {
    const whose = name === undefined ? "" : ` of ${name}`;
    throw new WrongAnswer(`${where}: the ${kind}${whose} is ${shown(kib)}; expected a number of KiB, at least 0`);
  }
  if (kind === "block") checkBlock(where, action as unknown as Record<string, unknown>);
  if (kind === "sharing") checkSharing(where, tunesSharing, action as unknown as Record<string, unknown>);
  return vm;
}

/** The domain with the drivers serves all others, and itself. */
function checkBlock(where: string, { vm, blocked }: Readonly<Record<string, unknown>>): void {
  if (vm === DOM0) throw new WrongAnswer(`${where}: ${DOM0} cannot be blocked: it has the drivers; expected a VM`);
  if (typeof blocked === "boolean") return;
  throw new WrongAnswer(`${where}: blocked of ${String(vm)} is ${shown(blocked)}; expected true or false`);
}

function checkSharing(where: string, declared: boolean | undefined, action: Readonly<Record<string, unknown>>): void {
  if (declared !== true) {
    throw new WrongAnswer(
      `${where}: sets how fast pages are scanned for sharing, but the policy does not say that it does; expected tunesSharing: true in its definition`,
    );
  }
  const { run } = action;
  if (typeof run !== "boolean")
    throw new WrongAnswer(`${where}: run of the page sharing is ${shown(run)}; expected true or false`);
  for (const [name, unit] of [
    ["pagesToScan", "pages"],
    ["sleepMs", "milliseconds"],
  ] as const) {
    const value = action[name];
    if (isAmount(value)) continue;
    throw new WrongAnswer(
      `${where}: ${name} of the page sharing is ${shown(value)}; expected a number of ${unit}, at least 0`,
    );
  }
}

function isAmount(value: unknown): boolean {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}

function shown(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}
