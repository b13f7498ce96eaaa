/**
 * Pages of files that programs of the balloon measurement's job use, in the order in which they fault on them: counted in a real guest with all files
 * in memory, each page mapped by a fault of its own (docs/balloon-job/programs.sh).
 */
import { join } from "node:path";
import { z } from "zod";
import { PACKAGE_ROOT } from "../../../experiment/catalogue.ts";
import { readDocument } from "../../../experiment/documents/yaml-document.ts";
import { readInputText } from "../../../experiment/input-files.ts";
import type { FileCache } from "../../../guest/file-cache.ts";
import { type CompilerFiles, KIND_SHIFT, PAGE_MASK, PageKind } from "./compiler-trace.ts";

const words = z.array(z.int().min(0));
/** What the child of the shell uses before it becomes the program, and the program when it begins and when it ends. */
const parts = z.object({ shell: words, begin: words, end: words });
const programs = z.object({ md5sum: parts, cat: parts, membench: parts, gcc: parts, as: parts });
/** Words are pages of all files one after the other, their kind in the upper two bits. */
const recording = z.object({ files: z.record(z.string(), z.int().min(1)), programs });

export type JobRecording = z.output<typeof recording>;
export type ProgramName = keyof JobRecording["programs"];

/** Processes of the job that map files; 0: the shell and the services, which were there before. */
export const Mapper = { md5sum: 1, cat: 2, membench: 3, gcc: 4, as: 5, cc1: 6 } as const;

const FILE = "validation/job-programs.json";

export function readJobPrograms(): JobRecording {
  const file = join(PACKAGE_ROOT, FILE);
  return readDocument(readInputText(file), file, recording).data;
}

/** Where files are that the compiler does not map: those of the shell, which are in memory, and all others. */
export interface ProgramPlaces {
  readonly shellAt: number;
  readonly othersAt: number;
}

/** A file in the guest's file set. */
interface FilePlace {
  readonly from: number;
  readonly to: number;
}

export class JobPrograms {
  readonly #cache: FileCache;
  readonly #programs: JobRecording["programs"];
  readonly #files: readonly FilePlace[];
  /** By page of the recording: its file, and the page of the guest's file set. */
  readonly #fileOf: Uint8Array;
  readonly #at: Int32Array;

  constructor(cache: FileCache, recording: JobRecording, compiler: CompilerFiles, places: ProgramPlaces) {
    this.#cache = cache;
    this.#programs = recording.programs;
    const sizes = Object.values(recording.files);
    this.#files = filePlaces(recording.files, compiler, places);
    const pages = sizes.flatMap((count, file) => Array.from({ length: count }, (_, page) => ({ file, page })));
    this.#fileOf = Uint8Array.from(pages, ({ file }) => file);
    this.#at = Int32Array.from(pages, ({ file, page }) => this.#files[file].from + page);
  }

  /** A child of the shell becomes the program. Yields after each page that is used. */
  *begin(name: ProgramName): Generator<void> {
    const { shell, begin } = this.#programs[name];
    yield* this.#use(shell, Mapper[name]);
    this.#unmap(shell, Mapper[name]);
    yield* this.#use(begin, Mapper[name]);
  }

  *end(name: ProgramName): Generator<void> {
    const { begin, end } = this.#programs[name];
    yield* this.#use(end, Mapper[name]);
    this.#unmap(begin, Mapper[name]);
  }

  /** Pages that a program uses when it begins. */
  pagesOf(name: ProgramName): number {
    return this.#programs[name].begin.length;
  }

  *#use(pages: readonly number[], process: number): Generator<void> {
    for (const word of pages) {
      const page = word & PAGE_MASK;
      const { from, to } = this.#files[this.#fileOf[page]];
      this.#cache.visit(this.#at[page], from, to, word >>> KIND_SHIFT === PageKind.Text, process);
      yield;
    }
  }

  /** The process no longer maps the files that these pages are of. */
  #unmap(pages: readonly number[], process: number): void {
    for (const file of new Set(pages.map((word) => this.#fileOf[word & PAGE_MASK]))) {
      const { from, to } = this.#files[file];
      this.#cache.unmap(from, to, process);
    }
  }
}

/** In the order of the recording. */
function filePlaces(
  files: JobRecording["files"],
  compiler: CompilerFiles,
  places: ProgramPlaces,
): readonly FilePlace[] {
  let { shellAt, othersAt } = places;
  return Object.entries(files).map(([name, pages]) => {
    const shared = compiler.shared.get(name);
    if (shared !== undefined) return shared;
    if (isOfShell(name)) return { from: shellAt, to: (shellAt += pages) };
    return { from: othersAt, to: (othersAt += pages) };
  });
}

/** The shell and its locale. */
function isOfShell(name: string): boolean {
  return name === "bash" || name.startsWith("LC_");
}
