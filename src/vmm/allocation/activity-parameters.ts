/** What sampling the activity of VMs can be told, whoever goes by it. */
import type { Parameter } from "../contract.ts";
import { ASSUMED_GAINS } from "./activity-sampler.ts";

export interface ActivityParameters extends Record<string, number | boolean> {
  samplePeriodSeconds: number;
  slowGain: number;
  fastGain: number;
}

export const ACTIVITY_PARAMETERS: {
  readonly [K in "samplePeriodSeconds" | "slowGain" | "fastGain"]: Parameter<number>;
} = {
  samplePeriodSeconds: {
    summary: "Period of the activity sample",
    default: 30,
    unit: "s",
    min: 0.1,
    source: "Waldspurger 2002, section 5.3; ESX Server 2.x, Mem.SamplePeriod",
    grade: "P",
  },
  slowGain: {
    summary: "How far the slow average of activity goes to a new sample",
    default: ASSUMED_GAINS.slow,
    unit: "1",
    min: 0.01,
    max: 1,
    source: "assumption, not published: Waldspurger 2002, Figure 6, falls from 225 to 10 MB in 12 periods",
    grade: "A",
  },
  fastGain: {
    summary: "How far the fast average of activity goes to a new sample",
    default: ASSUMED_GAINS.fast,
    unit: "1",
    min: 0.01,
    max: 1,
    source: "assumption, not published",
    grade: "A",
  },
};
