/** What a process has mapped where: a sorted list of regions that don't overlap. */
export interface Region {
  /** First page, and the page after the last one. */
  readonly start: number;
  readonly end: number;
  /**
   * `text`: program text, always in memory. `file`: shared mapping of the file set. `special`: pages of the kernel (VM_PFNMAP),
   * none of which is mapped before it is read; fork goes through them as through private ones.
   */
  readonly kind: "anonymous" | "text" | "file" | "special";
  readonly writable: boolean;
  /** Private memory that is filled from the program's file, always in memory: a page is the file's until it is written. */
  readonly ofFile?: true;
}

export function findRegion(regions: readonly Region[], page: number): Region | undefined {
  for (const region of regions) {
    if (page < region.end) return page >= region.start ? region : undefined;
  }
  return undefined;
}

/** The regions with [start, end) cut out of them. */
export function withoutRange(regions: readonly Region[], start: number, end: number): Region[] {
  return regions.flatMap((region) => {
    const before = { ...region, end: Math.min(region.end, start) };
    const after = { ...region, start: Math.max(region.start, end) };
    return [before, after].filter((piece) => piece.start < piece.end);
  });
}

/** The regions with a new one in place of whatever it covers. */
export function withRegion(regions: readonly Region[], region: Region): Region[] {
  return [...withoutRange(regions, region.start, region.end), region].sort((a, b) => a.start - b.start);
}

/** The parts of the regions that lie in [start, end). */
export function within(regions: readonly Region[], start: number, end: number): Region[] {
  return regions
    .map((region) => ({ ...region, start: Math.max(region.start, start), end: Math.min(region.end, end) }))
    .filter((piece) => piece.start < piece.end);
}

/** Whether the memory of a page is the process's own (also where nothing was mapped explicitly: the heap). */
export function isPrivate(regions: readonly Region[], page: number): boolean {
  const region = findRegion(regions, page);
  return region === undefined || region.kind === "anonymous";
}
