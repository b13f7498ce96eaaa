/** vSphere 6 and later: high is four times MinFree, large pages are broken before balloons grow, which stop where ESX pages. */
import { esx6States } from "../../allocation/reclamation/esx-6.ts";
import { SHARE_PARAMETERS } from "../../allocation/share-parameters.ts";
import { esxController, SAMPLED_EACH_MINUTE } from "./esx-rules.ts";

export const esx6Controller = esxController({
  name: "esx-6-controller",
  summary: "ESXi 6 as a controller: high is 4 times the sliding MinFree, large pages are broken before balloons grow.",
  source: `${esx6States.source}; shares: Waldspurger 2002`,
  grade: "2",
  generation: esx6States,
  parameters: { highPercent: SHARE_PARAMETERS.highPercent },
  hostParameters: SAMPLED_EACH_MINUTE,
});
