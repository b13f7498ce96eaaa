/** The rules of oVirt's MOM for KSM: it goes by what VMs are configured with, so that KSM starts on promises. */
import { ksmPolicy, type KsmTuner, SHIPPED } from "./ksm-rules.ts";

export const MOM_KSM: KsmTuner = {
  name: "mom-ksm",
  periodSeconds: 10,
  // doc/mom-balloon+ksm.conf: monitors sample every 5 s.
  freeSamples: 10,
  samplesPerPeriod: 2,
  committed: "virtual",
  settings: SHIPPED,
  leastSleepMs: 0,
  wholeMs: false,
};

export const momKsmPolicy = ksmPolicy(MOM_KSM, {
  summary:
    "The rules of oVirt's MOM for KSM (doc/ksm.rules): as ksmtuned, every 10 s, by what VMs are configured with.",
  source: "oVirt MOM, doc/ksm.rules, doc/mom-balloon+ksm.conf",
});
