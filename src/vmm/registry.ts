// Generated from the folder by `npm run registries`; a test checks that it is current.
import type { Vmm } from "./contract.ts";
import { esx } from "./esx.ts";
import { native } from "./native.ts";
import { xenPv } from "./xen-pv.ts";

export { native, esx, xenPv };

/** Every VMM of the package. */
export const VMMS: readonly Vmm[] = [native, esx, xenPv];
