/** From a matrix file to everything a run needs: checked inputs, cells with keys, and the manifest. */
import os from "node:os";
import { basename, dirname } from "node:path";
import { digest } from "../core/digest.ts";
import { InputError } from "../core/input-error.ts";
import type { CellSpec } from "../sim/cell.ts";
import { expandMatrix } from "./cells.ts";
import { readInputText } from "./input-files.ts";
import type { Manifest } from "./manifest.ts";
import { type Matrix, readMatrix } from "./matrix.ts";
import { MatrixInputs } from "./matrix-inputs.ts";
import type { PlannedCell } from "./run-cell.ts";
import { engineDigest, packageVersion } from "./version.ts";

export interface Plan {
  readonly manifest: Manifest;
  /** In the order of the matrix. */
  readonly cells: readonly PlannedCell[];
  /** Places in modules of the user where a path is computed: nobody notices when what is there changes. */
  readonly computedPaths: readonly string[];
}

/** Plan the matrix in a file; see {@link planMatrix}. */
export async function planRun(file: string): Promise<Plan> {
  return planMatrix(readInputText(file), file);
}

/**
 * Check a matrix and load all it names; `file` is what its paths and messages refer to, and `selects` can leave cells
 * out. Throws an {@link InputError} with every problem of the matrix, its VMMs, workloads and machines at once.
 */
export async function planMatrix(
  text: string,
  file: string,
  selects: (cell: CellSpec) => boolean = () => true,
): Promise<Plan> {
  const matrixFile = readMatrix(text, file);
  const { matrix } = matrixFile;
  const inputs = await MatrixInputs.load(matrixFile, dirname(file));
  const cells = expandMatrix(matrix, (workload) => inputs.pagesOf(workload))
    .filter(selects)
    .map((spec) => inputs.plan(spec));
  if (cells.length === 0) throw new InputError(`${file}: no cell is left: everything is excluded or filtered out`);
  const manifest = manifestOf({ matrix, text, file }, inputs, cells);
  return { manifest, cells, computedPaths: inputs.computedPaths() };
}

/** A matrix with its text and the file that it is from. */
interface MatrixSource {
  readonly matrix: Matrix;
  readonly text: string;
  readonly file: string;
}

function manifestOf(
  { matrix, text, file }: MatrixSource,
  inputs: MatrixInputs,
  cells: readonly PlannedCell[],
): Manifest {
  const keys = cells.map((cell) => cell.key).sort();
  const engine = engineDigest();
  return {
    schema: 1,
    digest: digest(JSON.stringify([engine, keys])),
    matrix: { name: matrix.name, title: matrix.title, file: basename(file), sha256: digest(text), text },
    ...(matrix.serviceLevel && { serviceLevel: matrix.serviceLevel }),
    blocks: matrix.blocks.map((block) => inputs.describe(block)),
    ...inputs.summaries(),
    cells: keys,
    versions: { vmmbench: packageVersion(), engine, node: process.version },
    host: {
      platform: process.platform,
      architecture: process.arch,
      cpu: os.cpus()[0]?.model ?? "",
      cpus: os.cpus().length,
    },
  };
}

/** The folder a run goes to when the user gives none: the same for the same run, another one for any other. */
export function defaultFolder({ manifest }: Plan): string {
  return `${manifest.matrix.name}-${manifest.digest.slice(0, 8)}`;
}
