/** What a policy asks for, checked before it is done: a policy may come from anybody. */
import { WrongAnswer } from "./wrong-answer.ts";
import type { Action } from "../memory/policies/policy-contract.ts";
import type { VmMemory } from "../host-memory/vm-memory.ts";

const KINDS: readonly string[] = ["target", "cap", "reclaim", "evict", "flag", "grant", "refuse", "admission"];
const OF_A_VM: readonly string[] = ["target", "cap", "reclaim", "evict", "flag"];
const WITH_AMOUNT: readonly string[] = ["target", "cap", "reclaim", "grant"];

const EXAMPLE = '{ kind: "target", vm: "vm0", kib: 131072, rule: "mine" }';

export interface VmsByName {
  vmNamed(name: string): VmMemory | undefined;
}

/** The VM an action is about, if it is about one. Throws a {@link WrongAnswer} that names the policy, the rule and the VM. */
export function checkAction(policy: string, action: Action, vms: VmsByName): VmMemory | undefined {
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
  if (WITH_AMOUNT.includes(kind) && !(typeof kib === "number" && Number.isFinite(kib) && kib >= 0)) {
    const whose = name === undefined ? "" : ` of ${name}`;
    const found = typeof kib === "string" ? JSON.stringify(kib) : String(kib);
    throw new WrongAnswer(`${where}: the ${kind}${whose} is ${found}; expected a number of KiB, at least 0`);
  }
  return vm;
}
