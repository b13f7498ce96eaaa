/** Services on a host that switch KSM on and off and set its speed by the host's memory, as memory parts. */
import { defineTuner } from "./policies/define-tuner.ts";
import { ksmtunedPolicy } from "./policies/ksmtuned.ts";
import { momKsmPolicy } from "./policies/mom-ksm.ts";
import { proxmoxKsmtunedPolicy } from "./policies/proxmox-ksmtuned.ts";

export const ksmtuned = defineTuner(ksmtunedPolicy);
export const momKsm = defineTuner(momKsmPolicy);
export const proxmoxKsmtuned = defineTuner(proxmoxKsmtunedPolicy);
