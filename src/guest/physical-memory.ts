/**
 * What a guest sees of memory: physical pages (PPN) that it reads and writes. What is behind them, a frame, a shared frame
 * or a place on the host's disk, is the VMM's affair; the guest cannot tell.
 */
export interface PhysicalMemory {
  /**
   * Look at what is behind the first `count` of `ppns`, which may be overwritten. Nothing follows from it for the guest, and
   * what is returned means nothing. `written`: they will be, and {@link isSettled}.
   */
  lookAhead(ppns: Int32Array, count: number, written: boolean): number;
  /** Content id of a page. */
  read(ppn: number): number;
  /** A page is read, whatever it holds. */
  touch(ppn: number): void;
  /** A read of the page changes nothing, until GuestPages.unsettle() says that it may. */
  isSettled(ppn: number): boolean;
  write(ppn: number, content: number): void;
  /** The same of a page that {@link isSettled}. */
  writeSettled(ppn: number, content: number): void;
  /** The same for a page on its way to the guest's disk, or as it comes from there. */
  readForDisk(ppn: number): number;
  writeFromDisk(ppn: number, content: number): void;
  /** The balloon driver hands a page to the VMM: its content is lost. */
  release(ppn: number): void;
  /** The balloon driver takes a page back; its content is undefined. */
  reclaim(ppn: number): void;
}
