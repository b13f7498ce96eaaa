/** A request on its way through the host, and who waits for it. */
import { type CostVector, FREE } from "../core/pending-charges.ts";

/** Who is told when a request is done. */
export interface Waiter {
  begin(): void;
  done(now: number): void;
  /** Number of the connection by which it sends straight to the link; absent: it has not yet. */
  connection?: number | undefined;
}

export const JobKind = { Disk: 0, Transmit: 1, Receive: 2, Control: 3, Frames: 4 } as const;
export type JobKindCode = (typeof JobKind)[keyof typeof JobKind];

export interface IoJob {
  readonly kind: JobKindCode;
  /** Whose it is; NOBODY: the VMM's own; OTHER_HOST: that of another host. */
  readonly guest: number;
  /** Absent: nobody waits for it. */
  readonly waiter: Waiter | undefined;
  /** Cycles of one request at the back end. */
  readonly backend: CostVector;
  /** Packets. A disk job is cut into requests by the ring that it goes through. */
  readonly units: number;
  /** Pages to read or write from this page of the disk on; none for packets. */
  readonly page: number;
  readonly pages: number;
  /** Of a disk job: it writes. */
  readonly write?: boolean;
  /** Payload to be sent. */
  readonly bytes: number;
  /** A message with which the sender's request is over: it has to have left. */
  readonly endsRequest?: boolean;
  /** When a message from outside has arrived, in cycles. Absent: it has. */
  readonly arrives?: number;
  /** It is for the VMM's swap space. */
  readonly hostSwap: boolean;
}

export const NOBODY = -1;
/** Whoever else uses the disk with the VMs: only the disk itself knows of its requests. */
export const OTHER_HOST = -2;

/** A request of the VMM's own to the disk with the VMs: no guest, no back end. */
export function hostDiskJob(waiter: Waiter | undefined, page: number, pages: number, write: boolean): IoJob {
  const common = { kind: JobKind.Disk, guest: NOBODY, waiter, backend: FREE, units: 1, bytes: 0, hostSwap: false };
  return { ...common, page, pages, write };
}

/** A request of another host to that disk. */
export function otherHostJob(waiter: Waiter, page: number, pages: number, write: boolean): IoJob {
  return { ...hostDiskJob(waiter, page, pages, write), guest: OTHER_HOST };
}

/** No request, but a wait until frames that were given out are free of their old pages; see BackgroundReclaim. */
export function framesJob(waiter: Waiter, debt: number): IoJob {
  return { ...hostDiskJob(waiter, debt, 0, false), kind: JobKind.Frames };
}

/** A read or write of the VMM's swap space. */
export function hostSwapJob(waiter: Waiter | undefined, page: number, pages: number, write: boolean): IoJob {
  return { ...hostDiskJob(waiter, page, pages, write), hostSwap: true };
}
