/** An operation of a machine explained on VMMs, all by name. */
import { InputError } from "../core/input-error.ts";
import { requireKernelPaths } from "../guest/kernel-paths.ts";
import { type Explanation, explain } from "../sim/explain/explanation.ts";
import { measureMicrobenchmark } from "../sim/microbenchmarks/microbenchmark.ts";
import { BrokenContract } from "../vmm/allocation/wrong-answer.ts";
import { locate } from "./catalogue.ts";
import { loadMachine } from "./documents/load-machine.ts";
import { loadVmms } from "./load-vmm.ts";
import { chosenBenchmarks } from "./operation-table.ts";
import { explanationAdvice } from "./skip-advice.ts";

/**
 * Explain one operation, and measure what it costs on average over all rounds of the benchmark. Throws an {@link InputError} for
 * an operation, machine or VMM that doesn't exist, and where the machine lacks a cost or the length of a kernel path that is
 * needed: then with the machines that have them.
 */
export async function explainOperation(
  operation: string,
  machine: string,
  vmmNames: readonly string[],
): Promise<Explanation> {
  const { profile } = loadMachine(locate("machines", machine, "."));
  const [benchmark] = chosenBenchmarks(profile, [operation]);
  const vmms = await loadVmms(vmmNames);
  try {
    const explanation = explain(benchmark, vmms, profile);
    for (const { total } of explanation.vmms) requireKernelPaths(profile, total);
    const costs = vmms.map((vmm) => measureMicrobenchmark(benchmark, vmm, profile).cost);
    return { ...explanation, means: { rounds: benchmark.rounds, costs } };
  } catch (error) {
    if (!(error instanceof InputError) || BrokenContract.isOne(error)) throw error;
    throw new InputError(explanationAdvice(error.message, benchmark.name, vmms, profile));
  }
}
