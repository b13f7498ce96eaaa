/** Events of the host simulation: their kinds, with what subject and detail mean, and the periods of those that recur. */
export const Event = {
  /** subject: pCPU, detail: number of the event. */
  Processor: 0,
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
  /** The service console has something to do. */
  Console: 14,
  /** The first of those of devices. subject: disk, detail: number of the request. */
  DiskDone: 32,
  /** subject: disk. */
  DiskCalled: 33,
  /** A guest may send again. */
  BackEnd: 34,
  /** A packet leaves, or is sent again; detail: its number. */
  Packet: 35,
  /** Packets of a connection have left, or are sent again; detail: its number. */
  LinkSend: 36,
  /** Packets that a back end has sent have left. */
  LinkDone: 37,
  /** A message from outside has arrived; detail: its number. */
  Arrival: 38,
  /** Another host uses the volume with the virtual disks. */
  OtherHost: 39,
  /** Who decides which request the host's disk gets next may have changed its mind. */
  DiskScheduler: 40,
} as const;

/** Linux: the flusher wakes up every 5 s and writes what has been dirty for 30 s. */
export const FLUSH_PERIOD_US = 5e6;
export const DIRTY_AGE_US = 30e6;
