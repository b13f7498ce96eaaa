/** ESX Server 2 to 4.0: states at 6, 4, 2 and 1 % of the host's memory. From ESX 3 on, `samplePeriodSeconds` is 60. */
import { esx2States } from "../../allocation/reclamation/esx-2.ts";
import { esxController } from "./esx-rules.ts";

export const esx2Controller = esxController({
  name: "esx-2-controller",
  summary: "ESX 2 to 4.0 as a controller: shares, idle memory tax, states at 6, 4, 2 and 1 % of memory.",
  source: "Waldspurger 2002, sections 5 and 6",
  grade: "P",
  generation: esx2States,
});
