// Generated from the folder by `npm run registries`; a test checks that it is current.
import type { Vmm } from "./contract.ts";
import { native } from "./native.ts";

/** Every VMM of the package. */
export const VMMS: readonly Vmm[] = [
  native,
];
