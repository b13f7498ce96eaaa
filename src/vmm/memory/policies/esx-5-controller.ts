/** ESXi 5: as 4.1, of a MinFree that grows slower than memory. */
import { esx5States } from "../../allocation/reclamation/esx-5.ts";
import { esxController, SAMPLED_EACH_MINUTE } from "./esx-rules.ts";

export const esx5Controller = esxController({
  name: "esx-5-controller",
  summary: "ESXi 5 as a controller: states at 100, 64, 32 and 16 % of a sliding MinFree.",
  source: `${esx5States.source}; shares: Waldspurger 2002`,
  grade: "2",
  generation: esx5States,
  hostParameters: SAMPLED_EACH_MINUTE,
});
