/** ksmtuned as Proxmox VE changes it. */
import { ksmPolicy, type KsmTuner, SHIPPED } from "./ksm-rules.ts";
import { KSMTUNED } from "./ksmtuned.ts";

export const PROXMOX_KSMTUNED: KsmTuner = {
  ...KSMTUNED,
  name: "proxmox-ksmtuned",
  committed: "proportional",
  settings: { ...SHIPPED, sleepMs: 100 },
};

export const proxmoxKsmtunedPolicy = ksmPolicy(PROXMOX_KSMTUNED, {
  summary: "ksmtuned as Proxmox VE changes it: shared memory counts once, and KSM sleeps ten times as long.",
  source: "Proxmox VE, ksm-control-daemon, debian/patches",
});
