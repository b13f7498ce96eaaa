type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/**
 * The object without the keys that are undefined: a key that is absent and one that is undefined are not the same everywhere. For
 * several keys at once; a single one is written `...(key !== undefined && { key })`.
 */
export function withoutUndefined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as Defined<T>;
}
