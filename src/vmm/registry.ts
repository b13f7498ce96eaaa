// Generated from the folder by `npm run registries`; a test checks that it is current.
import type { Vmm } from "./contract.ts";
import { esx } from "./esx.ts";
import { native } from "./native.ts";
import { workstation } from "./workstation.ts";
import { xenPv1 } from "./xen-pv-1.ts";
import { xenPv } from "./xen-pv.ts";

export { native, esx, workstation, xenPv1, xenPv };

/** Every VMM of the package. */
export const VMMS: readonly Vmm[] = [native, esx, workstation, xenPv1, xenPv];
