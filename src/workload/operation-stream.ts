/**
 * The operation stream: what a guest does, compiled once per workload and seed, and replayed unchanged by every VMM.
 *
 * Four parallel typed arrays (operation, operands a, b, c). The stream knows nothing about the VMM; its SHA-256 goes into
 * every result, and results with different digests are never compared.
 */
import { copyInto } from "../core/copy-into.ts";
import { digest } from "../core/digest.ts";

/** Operation codes. Operands in the comments; a "page" is 4 KiB. */
export const Op = {
  /**
   * A request begins. c = 1: it arrives at a seconds + b microseconds (open loop: if the guest is late, it queues).
   * c = 0: it begins a seconds + b microseconds (think time) after this client's previous request ended (closed loop).
   * The request ends where the next one begins.
   */
  Request: 0,
  /** User code runs a cycles. */
  Compute: 1,
  /**
   * User code visits anonymous page a of the current process. b = (cycles of user code run there << 1) | write.
   * A write leaves content c: 0 = content that occurs nowhere else, 1 = zeros, n >= 2 = the common content n,
   * equal in every VM of the workload.
   */
  Touch: 2,
  /** System call of kind a (an index into {@link SYSTEM_CALLS}), b times in a row. */
  Syscall: 3,
  /**
   * The current process forks; the stream goes on in the child until it exits, then in the parent. a = 1: vfork, the child
   * runs in its parent's address space until it execs or exits.
   */
  Fork: 4,
  /**
   * The current process is replaced by an image of a pages, all of them visited; b of them private, 0: a fourth; of those
   * c modulo 256 relocated, 0: 4, and c / 256 of the heap, 0: 2.
   */
  Exec: 5,
  /** The current (forked) process ends and its parent goes on. */
  Exit: 6,
  /** Map b pages at page a of the current process; c = 0 anonymous, 1 file-backed. */
  Mmap: 7,
  /** Unmap b pages at page a. */
  Munmap: 8,
  /** Set protection of b pages at page a; c = 1 writable, 0 read-only. */
  Mprotect: 9,
  /** Switch to service process a. */
  Switch: 10,
  /** Signal: a = 0 install a handler, 1 deliver a signal to oneself and handle it. */
  Signal: 11,
  /**
   * Read b pages of the file set from page a on, through the page cache; b = 0: another part of page a, which has just been read. c = 0:
   * no more than that is read from disk; else by a call that reads an open file, of which more may be read ahead: read-call.ts.
   */
  ReadFile: 12,
  /** Write b pages of the file set from page a on; c: a {@link Write}. */
  WriteFile: 13,
  /** Send a bytes to the network, in packets of at most b bytes (0: 1,500). */
  Send: 14,
  /** Receive a bytes from the network, in packets of at most b bytes (0: 1,500); c = 1: the peer has been sending ahead. */
  Receive: 15,
  /** The guest kernel executes instruction a (an index into the guest's INSTRUCTIONS), b times. */
  Instruction: 16,
  /** A division by zero in user code. */
  DivideError: 17,
  /**
   * Into the guest kernel and straight back: a = 0 by a system call, 1 by the fault of a write to page b, which is not
   * mapped and stays so.
   */
  KernelEntry: 18,
  /** The guest kernel writes the page-table entry of page a: b = 0 with what it holds, 1 not present, 2 present. */
  WriteEntry: 19,
  /** User code reads every byte of b anonymous pages from page a on. The time of its own instructions is not part of it. */
  Scan: 20,
  /** Delete a file that consists of b pages of the file set from page a on. */
  DeleteFile: 21,
  /** A system call in which the kernel runs a thousands of cycles (natively) of code that no other operation stands for. */
  KernelCode: 22,
  /**
   * The process of the request knows the file that begins with page a of the file set, newly opened, as number b, below 63. c: the page
   * that says where the file's pages behind it are (an indirect block); 0: there is none. The call that opens it is an operation by itself.
   */
  OpenFile: 23,
  /**
   * The kernel gets the buffer of page a, a block of the file system that it reads or changes for an operation before: one with the
   * places of others, or a directory. That is a use of the page, if it is in memory (Linux 2.4.3, getblk: touch_buffer, fs/buffer.c).
   */
  UseBlock: 24,
} as const;

/** How pages of a file are written. Whatever is not synchronous stays in the cache for a while. */
export const Write = {
  /** From beginning to end. */
  Whole: 0,
  /** The same; the writer waits until they are on disk (fsync). */
  Sync: 1,
  /** From the beginning, but not to the end, which is not needed either. */
  Begun: 2,
  /** A part of each, of which the rest is on disk or in the cache, at last not up to the page's end, or up to it. */
  InPart: 3,
  InPartToEnd: 4,
  /** As pages of a file that is made anew, in place of one that had them before; the second waits until they are on disk. */
  New: 5,
  NewSync: 6,
} as const;

export function isSync(how: number): boolean {
  return how === Write.Sync || how === Write.NewSync;
}

export function isInPart(how: number): boolean {
  return how === Write.InPart || how === Write.InPartToEnd;
}

export function isNew(how: number): boolean {
  return how >= Write.New;
}

export function isToEnd(how: number): boolean {
  return how !== Write.InPart && how !== Write.Begun;
}

/** Names by operation code, as they appear in results. */
export const OP_NAMES = [
  "request",
  "compute",
  "touch",
  "syscall",
  "fork",
  "exec",
  "exit",
  "mmap",
  "munmap",
  "mprotect",
  "switch",
  "signal",
  "read-file",
  "write-file",
  "send",
  "receive",
  "instruction",
  "divide-error",
  "kernel-entry",
  "write-entry",
  "scan",
  "delete-file",
  "kernel-code",
  "open-file",
  "use-block",
] as const;

/** Kinds of system call, by operand a of {@link Op.Syscall}. */
export const SYSTEM_CALLS = [
  "null",
  "null-io",
  "stat",
  "open-close",
  "select",
  "pipe", // a token is written to a pipe and one read from another
  "create-file",
  "delete-file",
] as const;

/** System calls that one of each kind is made of; the others are one. */
export const CALLS_OF_KIND: Readonly<Record<(typeof SYSTEM_CALLS)[number], number>> = {
  null: 1,
  "null-io": 1,
  stat: 1,
  "open-close": 2,
  select: 1,
  pipe: 2,
  "create-file": 2,
  "delete-file": 1,
};

export interface OperationStream {
  readonly length: number;
  readonly op: Uint8Array;
  readonly a: Uint32Array;
  readonly b: Uint32Array;
  readonly c: Uint32Array;
  /** Hex SHA-256 of the four arrays. */
  readonly digest: string;
}

/** Collects operations; the arrays double when full. */
export class OperationStreamBuilder {
  #length = 0;
  #op = new Uint8Array(1024);
  #a = new Uint32Array(1024);
  #b = new Uint32Array(1024);
  #c = new Uint32Array(1024);

  /** Operations so far. */
  get length(): number {
    return this.#length;
  }

  add(op: number, a = 0, b = 0, c = 0): void {
    if (this.#length === this.#op.length) this.#grow();
    const i = this.#length++;
    this.#op[i] = op;
    this.#a[i] = a;
    this.#b[i] = b;
    this.#c[i] = c;
  }

  finish(): OperationStream {
    const length = this.#length;
    const op = this.#op.slice(0, length);
    const [a, b, c] = [this.#a.slice(0, length), this.#b.slice(0, length), this.#c.slice(0, length)];
    return { length, op, a, b, c, digest: digest(op, bytes(a), bytes(b), bytes(c)) };
  }

  #grow(): void {
    this.#op = copyInto(this.#op, new Uint8Array(this.#op.length * 2));
    this.#a = copyInto(this.#a, new Uint32Array(this.#a.length * 2));
    this.#b = copyInto(this.#b, new Uint32Array(this.#b.length * 2));
    this.#c = copyInto(this.#c, new Uint32Array(this.#c.length * 2));
  }
}

/** Little-endian bytes, so that the digest does not depend on the machine (every platform of Node.js is little-endian). */
function bytes(words: Uint32Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
}
