/** What a guest can do without, as code of its own says that the VMM runs. */

/** What a guest makes of a page that the VMM would like to have. */
export const Worth = { Needed: 0, Cached: 1, Free: 2 } as const;
export type Worth = (typeof Worth)[keyof typeof Worth];

/** The guest's page tables and lists, as code of its own sees them that the VMM runs. */
export interface DiscardablePages {
  /** Cached: a page of a file that is on the disk as it is, and that no process maps. */
  worthOf(ppn: number): Worth;
  /** A cached page is free from now on. */
  drop(ppn: number): void;
}
