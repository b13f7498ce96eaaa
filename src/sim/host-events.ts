/** Kinds of events of the host simulation, with what their subject and detail mean. */
export const Event = {
  /** subject: pCPU, detail: number of the event. */
  Processor: 0,
  DiskDone: 1,
  /** subject: guest, detail: thread. */
  CallThread: 2,
  /** subject: guest. */
  Timer: 3,
  /** subject: guest. */
  WriteBack: 4,
  /** subject: index of the memory mechanism. */
  Mechanism: 5,
  Rebalance: 6,
  SchedulerTick: 7,
  Second: 8,
  WindowBegins: 9,
  /** subject: guest. */
  BalloonDriver: 10,
  End: 11,
  /** subject: VM number. */
  StartVm: 12,
  LookAgain: 13,
  /** A guest may send again. */
  BackEnd: 14,
} as const;
