import { describe, expect, it } from "vitest";
import { parseServiceLevel } from "../../src/cli/service-level-option.ts";

describe("--slo", () => {
  it("is a share of throughput or a multiple of p99 latency", () => {
    expect(parseServiceLevel("--slo", "throughput=97.5%")).toEqual({ metric: "throughput", bound: 0.975 });
    expect(parseServiceLevel("--slo", "p99=2x")).toEqual({ metric: "p99", bound: 2 });
  });

  it.each(["", "p99=2", "p99=0.5x", "throughput=0%", "throughput=101%", "p95=2x", "throughput=-5%"])(
    "refuses %j and says what it expects",
    (text) => {
      expect(() => parseServiceLevel("--slo", text)).toThrow(
        /^--slo: expected throughput=95% .* or p99=2x .*; found "/,
      );
    },
  );
});
