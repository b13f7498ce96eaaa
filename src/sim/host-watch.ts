/** What is kept of one simulated host for those who ask why: every decision about memory, and where each VM's memory was. */
import { DecisionLog } from "./decision-log.ts";
import { VmTimeline } from "./vm-timeline.ts";

export class HostWatch {
  readonly log = new DecisionLog();
  readonly timeline = new VmTimeline();
}
