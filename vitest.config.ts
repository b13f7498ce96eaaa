import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** The file that takes longest, minutes, is short, and would be the last one to begin: all others would wait for it. */
const LONGEST = "accepted-figures.test.ts";

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLongest = ({ moduleId }: TestSpecification): boolean => moduleId.endsWith(LONGEST);
    const sorted = await super.sort(files);
    return [...sorted.filter(isLongest), ...sorted.filter((file) => !isLongest(file))];
  }
}

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Without this one processor is left out, which is half of a machine with two.
    maxWorkers: "100%",
    // Loading the engine anew for every file took as long as the tests. Nothing in it is changed by being used.
    isolate: false,
    sequence: { sequencer: LongestFirst },
  },
});
