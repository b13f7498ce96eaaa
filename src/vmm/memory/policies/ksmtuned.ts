/** ksmtuned, as it comes with Linux distributions: it goes by what VMs' processes have in memory. */
import { ksmPolicy, type KsmTuner, SHIPPED } from "./ksm-rules.ts";

export const KSMTUNED: KsmTuner = {
  name: "ksmtuned",
  periodSeconds: 60,
  freeSamples: 1,
  samplesPerPeriod: 1,
  initialPages: 0,
  committed: "resident",
  settings: SHIPPED,
  leastSleepMs: 10,
  wholeMs: true,
};

export const ksmtunedPolicy = ksmPolicy(KSMTUNED, {
  summary:
    "ksmtuned of Linux distributions: KSM runs while VMs hold most of the host, faster the longer memory is short.",
  source: "ksmtuned, src/ksmtuned.sh.in",
});
