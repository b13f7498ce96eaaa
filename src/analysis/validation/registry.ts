// Generated from the folder by `npm run registries`; a test checks that it is current.
import { agesen10 } from "./agesen10.ts";
import { asplos06Apache } from "./asplos06-apache.ts";
import { asplos06 } from "./asplos06.ts";
import { balloonMeasured } from "./balloon-measured.ts";
import { de08 } from "./de08.ts";
import { esx02Allocation } from "./esx02-allocation.ts";
import { esx02Balloon } from "./esx02-balloon.ts";
import { esx02Sharing } from "./esx02-sharing.ts";
import { ATC12, SPLITX11 } from "./exits.ts";
import { hypercallbacks17 } from "./hypercallbacks17.ts";
import { iso07 } from "./iso07.ts";
import { ksmRuns } from "./ksm-runs.ts";
import { ksmStages } from "./ksm-stages.ts";
import { MENON05, MENON06 } from "./menon06.ts";
import { nested } from "./nested.ts";
import { satori09 } from "./satori09.ts";
import { sosp03Applications } from "./sosp03-applications.ts";
import { sosp03Derived } from "./sosp03-derived.ts";
import { sosp03Isolation } from "./sosp03-isolation.ts";
import { sosp03Memory } from "./sosp03-memory.ts";
import { SOSP03_NETWORK } from "./sosp03-network.ts";
import { sosp03Processes } from "./sosp03-processes.ts";
import { sosp03Scaling } from "./sosp03-scaling.ts";
import { sosp03Switches } from "./sosp03-switches.ts";
import { sosp03WebServers } from "./sosp03-webservers.ts";
import { SUGERMAN01 } from "./sugerman01.ts";
import { touchedPages } from "./touched-pages.ts";
import { uksm18 } from "./uksm18.ts";
import type { ValidationSet } from "./validation-set.ts";
import { vmware07 } from "./vmware07.ts";
import { vswapper14 } from "./vswapper14.ts";
import { WALTERS08 } from "./walters08.ts";
import { xlh13 } from "./xlh13.ts";

/** Every set of published figures. */
export const VALIDATION_SETS: readonly ValidationSet[] = [
  agesen10,
  asplos06Apache,
  asplos06,
  balloonMeasured,
  de08,
  esx02Allocation,
  esx02Balloon,
  esx02Sharing,
  ATC12,
  SPLITX11,
  hypercallbacks17,
  iso07,
  ksmRuns,
  ksmStages,
  MENON05,
  MENON06,
  nested,
  satori09,
  sosp03Applications,
  sosp03Derived,
  sosp03Isolation,
  sosp03Memory,
  SOSP03_NETWORK,
  sosp03Processes,
  sosp03Scaling,
  sosp03Switches,
  sosp03WebServers,
  SUGERMAN01,
  touchedPages,
  uksm18,
  vmware07,
  vswapper14,
  WALTERS08,
  xlh13,
];
