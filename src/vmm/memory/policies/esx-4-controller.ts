/** ESX 4.1: states are parts of a MinFree of 6 % of the host's memory. */
import { esx41States } from "../../allocation/reclamation/esx-4.1.ts";
import { esxController, SAMPLED_EACH_MINUTE } from "./esx-rules.ts";

export const esx4Controller = esxController({
  name: "esx-4-controller",
  summary: "ESX 4.1 as a controller: states at 100, 64, 32 and 16 % of a MinFree of 6 % of memory.",
  source: `${esx41States.source}; shares: Waldspurger 2002`,
  grade: "2",
  generation: esx41States,
  hostParameters: SAMPLED_EACH_MINUTE,
});
