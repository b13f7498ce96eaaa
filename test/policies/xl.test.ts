import { describe, expect, it } from "vitest";
import { xl, xlNeed, type XlState } from "../../src/vmm/memory/policies/xl.ts";
import { decideOnce, GIB, host, MIB, parametersOf, targetsIn, vm } from "./observations.ts";

const parameters = parametersOf(xl);
const request = { least: 1023 * MIB, most: 1023 * MIB };
const dom0 = (actual: number, target = actual) => vm("dom0", { actual, minimum: 0, maximum: 8 * GIB }, { target });
const seen = (actual: number, free: number, more = {}) => ({
  host: host({ free }),
  vms: [dom0(actual)],
  request,
  ...more,
});

/** The answer, and the second it came in; dom0 has `sizes[i]` at look i, and gives what it loses to the host. */
function answer(sizes: readonly number[]): string | undefined {
  let state: XlState | undefined;
  for (const [look, size] of sizes.entries()) {
    const decision = xl.policy.decide(parameters, seen(size, sizes[0] - size), state, look * 2e6);
    state = decision.state;
    const [action] = decision.actions.filter(({ kind }) => kind === "grant" || kind === "refuse");
    if (action?.kind === "refuse") return `${look * 2} s: ${action.reason}`;
    if (action?.kind === "grant") return `${look * 2} s: granted`;
  }
  return undefined;
}

/** dom0 when it has given `mib` of its 4 GiB. */
function size(mib: number): number {
  return 4 * GIB - mib * MIB;
}

describe("xl auto-balloon", () => {
  it("needs the memory of the VM, 1 or 2 MiB, and rounds up to 2 MiB", () => {
    expect(xlNeed(parameters, 1023 * MIB)).toBe(1024 * MIB);
    expect(xlNeed(parameters, 1024 * MIB)).toBe(1026 * MIB);
    expect(xlNeed({ ...parameters, hvm: true, tablesMib: 8 }, 1024 * MIB)).toBe(1034 * MIB);
  });

  it("does nothing unless a VM is to start, and never touches guests", () => {
    const vms = [dom0(2 * GIB), vm("a", { actual: GIB, minimum: 0, maximum: 4 * GIB })];
    expect(decideOnce(xl, { host: host({ free: 4 * GIB }), vms }).actions).toEqual([]);
    expect(targetsIn(decideOnce(xl, { host: host({ free: 0 }), vms, request }).actions)).toEqual({ dom0: GIB });
  });

  it("counts what is being scrubbed as free, and takes exactly what is missing from dom0", () => {
    expect(decideOnce(xl, seen(2 * GIB, GIB)).actions.map(({ kind }) => kind)).toEqual(["grant"]);
    const scrubbing = { host: host({ free: GIB - 100 * MIB, scrubbing: 60 * MIB }) };
    expect(targetsIn(decideOnce(xl, seen(2 * GIB, 0, scrubbing)).actions)).toEqual({ dom0: 2 * GIB - 40 * MIB });
  });

  it("leaves dom0 128 MiB", () => {
    expect(decideOnce(xl, seen(GIB + 127 * MIB, 0)).actions[0].kind).toBe("refuse");
    expect(decideOnce(xl, seen(GIB + 128 * MIB, 0)).actions[0].kind).toBe("target");
  });

  it("has 10 s of patience, which progress does not use up, and 30 s in all", () => {
    expect(answer(Array<number>(8).fill(size(0)))).toBe("10 s: dom0 gives nothing");
    const slow = Array.from({ length: 16 }, (_, i) => size(i));
    expect(answer(slow)).toBe("30 s: dom0 gives too slowly");
    expect(answer([0, 0, 0, 0, 0, 500, 1024].map(size))).toBe("12 s: granted");
    expect(answer([0, 10, 5].map(size))).toBe("4 s: dom0 grows while it is to shrink");
  });
});
