// Generated from the folder by `npm run registries`; a test checks that it is current.
import type { Vmm } from "./contract.ts";
import { esx } from "./esx.ts";
import { kvmShadow } from "./kvm-shadow.ts";
import { native } from "./native.ts";
import { xenPv } from "./xen-pv.ts";

export { native, esx, kvmShadow, xenPv };

/** Every VMM of the package. */
export const VMMS: readonly Vmm[] = [native, esx, kvmShadow, xenPv];
