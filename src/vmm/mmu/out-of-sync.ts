/**
 * Guest page tables whose trace has been dropped because they are written often. Their shadows are out of step until the
 * guest flushes its TLB; hardware does not promise it more (Intel SDM vol. 3, 4.10.4), so that nobody can tell.
 */
export class OutOfSyncTables {
  readonly #writesAllowed: number;
  /** By guest table: traced writes since it was last in step. */
  readonly #writes: Uint16Array;
  readonly #untraced: Uint8Array;
  #tables: number[] = [];

  /** A table loses its trace with the write after `writesAllowed` traced ones. */
  constructor(guestPages: number, writesAllowed: number) {
    this.#writesAllowed = writesAllowed;
    this.#writes = new Uint16Array(guestPages);
    this.#untraced = new Uint8Array(guestPages);
  }

  has(table: number): boolean {
    return this.#untraced[table] === 1;
  }

  /** A write to a traced table. Returns whether it was one too many: the table is not traced from now on. */
  write(table: number): boolean {
    if (++this.#writes[table] <= this.#writesAllowed) return false;
    this.#untraced[table] = 1;
    this.#tables.push(table);
    return true;
  }

  /** The table is traced again, or is a table no more. */
  forget(table: number): void {
    this.#writes[table] = 0;
    this.#untraced[table] = 0;
  }

  /** All untraced tables, which are traced again. */
  takeAll(): readonly number[] {
    if (this.#tables.length === 0) return this.#tables;
    // One that was forgotten meanwhile may be in the list twice.
    const taken = this.#tables.filter((table) => {
      const untraced = this.has(table);
      this.forget(table);
      return untraced;
    });
    this.#tables = [];
    return taken;
  }
}
