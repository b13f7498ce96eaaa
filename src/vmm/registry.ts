// Generated from the folder by `npm run registries`; a test checks that it is current.
import type { Vmm } from "./contract.ts";
import { esx3 } from "./esx-3.ts";
import { esx4 } from "./esx-4.ts";
import { esx5 } from "./esx-5.ts";
import { esx6 } from "./esx-6.ts";
import { esx } from "./esx.ts";
import { kvmShadow } from "./kvm-shadow.ts";
import { kvm } from "./kvm.ts";
import { linux } from "./linux.ts";
import { native } from "./native.ts";
import { uml } from "./uml.ts";
import { workstation } from "./workstation.ts";
import { xenHvm } from "./xen-hvm.ts";
import { xenPv1 } from "./xen-pv-1.ts";
import { xenPv } from "./xen-pv.ts";

export { native, esx3, esx4, esx5, esx6, esx, kvmShadow, kvm, linux, uml, workstation, xenHvm, xenPv1, xenPv };

/** Every VMM of the package. */
export const VMMS: readonly Vmm[] = [
  native,
  esx3,
  esx4,
  esx5,
  esx6,
  esx,
  kvmShadow,
  kvm,
  linux,
  uml,
  workstation,
  xenHvm,
  xenPv1,
  xenPv,
];
