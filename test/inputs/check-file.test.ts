import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { checkFile } from "../../src/experiment/check-file.ts";

it("counts a reference across a page boundary once", async () => {
  const folder = mkdtempSync(join(tmpdir(), "vmmbench-check-"));
  const file = join(folder, "straddling.lackey");
  writeFileSync(file, "I  1000,4\n L 1ffe,4\n S 3000,8\n");
  expect(await checkFile(file)).toBe("reference trace of 3 references");
  rmSync(folder, { recursive: true });
});

describe("a matrix", () => {
  const folder = mkdtempSync(join(tmpdir(), "vmmbench-check-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const check = (vmms: string, vms = "vms: [2], overcommit: [1]"): Promise<string> => {
    const file = join(folder, "m.yaml");
    const block = `{ name: b, vmms: ${vmms}, workloads: [idle-debian], machines: [xeon-2.4-sosp03], seeds: [1], ${vms} }`;
    writeFileSync(file, `name: m\nblocks: [${block}]\n`);
    return checkFile(file);
  };

  it("is told by its cells", async () => {
    expect(await check("[esx]")).toBe("matrix of 1 cell");
    expect(await check("[esx, xen-pv]")).toBe("matrix of 2 cells");
  });

  it("says which of its cells would be skipped, and why", async () => {
    expect(await check("[esx, native]")).toBe(
      "matrix of 2 cells, 1 of which would be skipped: 1 of native: native runs at most 1 guest, not 2",
    );
  });

  it("is wrong when every cell would be skipped", async () => {
    const damon = "{ xen-pv: { allocation: damon-reclaim }, as: damon }";
    await expect(check(`[native, ${damon}]`)).rejects.toThrow(
      /m\.yaml: every one of its 2 cells would be skipped: 1 of native: native runs at most 1 guest, not 2; 1 of damon: xen-pv allocates memory by damon-reclaim, which goes by what only host-swap shows/,
    );
    await expect(check("[native]")).rejects.toThrow("its only cell would be skipped");
  });

  it("is wrong where a VM's traffic has a peak below its average", async () => {
    await expect(
      check("[{ esx: { network.averageKilobits: 800, network.peakKilobits: 400 }, as: shaped }]"),
    ).rejects.toThrow(
      "vmkernel peakKilobits: a peak of 400 kbit/s is less than averageKilobits, 800; expected at least as much, or 0",
    );
    await expect(
      check("[{ esx: { network: { vmkernel: { peakKilobits: 7, averageKilobits: 8 } } }, as: shaped }]"),
    ).rejects.toThrow("a peak of 7");
    expect(await check("[{ esx: { network.averageKilobits: 800 }, as: shaped }]")).toBe("matrix of 1 cell");
    expect(await check("[{ esx: { network.averageKilobits: 800, network.peakKilobits: 800 }, as: shaped }]")).toBe(
      "matrix of 1 cell",
    );
  });

  it.each([
    [
      "esx: { allocation.reservationPercent: 60, allocation.limitPercent: 40 }",
      /reservationPercent: .* 60 % .* limitPercent, 40/,
    ],
    [
      "esx-5: { allocation.highPercent: 300 }",
      /highPercent: the high state of release 5 .* expected a release from 6 on/,
    ],
    [
      "esx: { memory.vmware-balloon.leastReclaimedPages: 99, memory.vmware-balloon.mostReclaimedPages: 98 }",
      /leastReclaimedPages: 99/,
    ],
    [
      "xen-pv: { memory.xen-balloon.firstRetrySeconds: 9, memory.xen-balloon.longestRetrySeconds: 8 }",
      /firstRetrySeconds: 9/,
    ],
    [
      "kvm: { allocation: { damon-reclaim: { lowPercent: 60, midPercent: 40, highPercent: 20 } } }",
      /damon-reclaim midPercent: 40 /,
    ],
    [
      "kvm: { allocation: { damon-reclaim: { lowPercent: 41 } } }",
      /damon-reclaim lowPercent: 41 % .* midPercent, 40 %/,
    ],
    ["kvm: { allocation: { mom: { hostCritical: 0.3 } } }", /mom hostCritical: 0.3 .* hostPressure, 0.2/],
    ["kvm: { allocation: { mom: { minimumChange: 0.06 } } }", /mom minimumChange: 0.06 .* maximumChange, 0.05/],
    [
      "kvm: { memory.ksmtuned.leastPages: 70, memory.ksmtuned.mostPages: 69 }",
      /ksmtuned leastPages: 70 .* mostPages, 69/,
    ],
    ["kvm: { allocation: { senpai: { leastMib: 64, mostMib: 63 } } }", /senpai leastMib: .* 64 MiB .* mostMib, 63/],
    [
      "kvm: { allocation: { wasp-agent: { windowSeconds: 10, decisionSeconds: 11 } } }",
      /wasp-agent decisionSeconds: 11 s/,
    ],
  ])("is wrong where parameters that have an order are in the other: %s", async (vmm, problem) => {
    await expect(check(`[{ ${vmm}, as: wrong }]`)).rejects.toThrow(problem);
  });

  it("takes parameters that have an order and are equal", async () => {
    const equal = [
      "esx: { allocation.reservationPercent: 40, allocation.limitPercent: 40 }",
      "esx: { allocation: { damon-reclaim: { lowPercent: 40, midPercent: 40, highPercent: 40 } } }",
      "xen-pv: { allocation: { mom: { hostCritical: 0.2 } } }",
    ];
    const vmms = equal.map((vmm, i) => `{ ${vmm}, as: equal-${i} }`);
    expect(await check(`[${vmms.join(", ")}]`)).toBe("matrix of 3 cells");
  });
});

describe("a description", () => {
  const folder = mkdtempSync(join(tmpdir(), "vmmbench-check-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const check = (text: string): Promise<string> => {
    const file = join(folder, "d.yaml");
    writeFileSync(file, text);
    return checkFile(file);
  };

  it("that is no YAML is told so, and where, before it is told what it might be", async () => {
    await expect(check("name: [unclosed\n")).rejects.toThrow(/d\.yaml:2:1: not valid YAML: Flow sequence/);
    await expect(check("name: a\nname: b\n")).rejects.toThrow('d.yaml:2:1: duplicate key "name"');
    await expect(check("just text\n")).rejects.toThrow("neither a matrix, a machine nor a workload");
    await expect(check("name: a\nbloks: []\n")).rejects.toThrow('did you mean "blocks" by "bloks"?');
  });
});

describe("a machine", () => {
  const folder = mkdtempSync(join(tmpdir(), "vmmbench-check-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const check = (changes: Readonly<Record<string, string>>): Promise<string> => {
    const assumed = "kind: assumed, source: a test";
    const lines: Readonly<Record<string, string>> = {
      name: "m",
      title: "M",
      base: "xeon-2.4-sosp03",
      cpu: `{ frequency: 2400MHz, cores: 2, ${assumed} }`,
      "page-table": "ia32",
      tlb: `{ entries: 64, ways: 64, ${assumed} }`,
      costs: "{}",
      "kernel-paths": "{}",
      ...changes,
    };
    const file = join(folder, "m.yaml");
    writeFileSync(
      file,
      Object.entries(lines)
        .map(([key, value]) => `${key}: ${value}\n`)
        .join(""),
    );
    return checkFile(file);
  };
  const rest = "kind: assumed, source: a test";
  const cpu = (frequency: string, cores: number): { cpu: string } => ({
    cpu: `{ frequency: ${frequency}, cores: ${cores}, ${rest} }`,
  });
  const cache = (size: string): { disk: string } => ({
    disk: `{ positioning: 6ms, rate: 80MB/s, write-cache: { size: ${size}, command: 30us, rate: 160MB/s, ${rest} }, ${rest} }`,
  });
  const cost = (value: string): { costs: string } => ({ costs: `{ uml.stop: { value: ${value}, ${rest} } }` });

  const checkNamed = (name: string) => check({ costs: `{ ${name}: { value: 1, unit: cycles, ${rest} } }` });
  const checkStroke = (stroke: string) =>
    check({
      disk: `{ positioning: 7.7ms, rate: 80MB/s, full-stroke: { positioning: ${stroke}, size: 100GiB, ${rest} }, ${rest} }`,
    });
  const checkThrottle = (times: string) => check({ "interrupt-throttle": `{ ${times}, ${rest} }` });

  it("may be as large as machines are", async () => {
    for (const changes of [{}, cpu("100GHz", 8192), cache("64GiB"), cache("4KiB"), cost("10000000000, unit: cycles")]) {
      expect(await check(changes)).toMatch(/^machine with \d+ figures$/);
    }
  });

  it("is wrong where the simulation would find no room or lose exactness", async () => {
    await expect(check(cpu("2400MHz", 9007199254740991))).rejects.toThrow("cpu.cores: 9007199254740991 is too large");
    await expect(check(cpu("101GHz", 2))).rejects.toThrow('"101GHz" is more than any processor has; expected at most');
    await expect(check(cache("1B"))).rejects.toThrow('"1B" is no size of such a cache; expected 4KiB to 64GiB');
    await expect(check(cache("8000TiB"))).rejects.toThrow('"8000TiB" is no size of such a cache');
    await expect(check(cost("10000000001, unit: cycles"))).rejects.toThrow(
      "is too large; expected at most 10000000000",
    );
  });

  it("is wrong where it gives a cost that no mechanism has, but not if a part from outside may have it", async () => {
    for (const name of ["uml.stop", "mine.own", "mine.trap"]) expect(await checkNamed(name)).toMatch(/^machine with/);
    await expect(checkNamed("uml.stopp")).rejects.toThrow(
      'costs.uml.stopp: there is no such cost; did you mean "uml.stop"?',
    );
    await expect(checkNamed("hardwere.trap")).rejects.toThrow(
      'costs.hardwere.trap: there are no costs of "hardwere"; did you mean "hardware.trap"?',
    );
    await expect(checkNamed("uml.hypercall")).rejects.toThrow(
      "expected one of: uml.mapping-request, uml.stop, uml.switch-space",
    );
    await expect(checkNamed("trap")).rejects.toThrow(
      "costs.trap: there is no such cost; expected one of: binary-translation.",
    );
  });

  it("is told in the units people write what is wrong with a full stroke", async () => {
    await expect(checkStroke("24ms")).rejects.toThrow(
      "disk.full-stroke.positioning: 24ms where the mean is 7.7ms; expected",
    );
    await expect(checkStroke("900us")).rejects.toThrow("900us where the mean is 7.7ms");
  });

  it("is told the unit that such a duration usually has where it has none", async () => {
    await expect(check({ disk: `{ positioning: 20, rate: 80MB/s, ${rest} }` })).rejects.toThrow("did you mean 20ms?");
    await expect(check({ "network-interrupts": `{ packets: 8, held: 72, ${rest} }` })).rejects.toThrow(
      "did you mean 72us?",
    );
  });

  it("is wrong where it says of interrupts what has no effect beside what else it says of them", async () => {
    const throttle = { "interrupt-throttle": `{ interval: 125us, sent-delay: 66us, ${rest} }` };
    expect(await check({ ...throttle, "network-interrupts": `{ delay: 19us, ${rest} }` })).toMatch(/^machine with/);
    for (const given of ["packets: 8", "polled: true"]) {
      const [key] = given.split(":");
      await expect(check({ ...throttle, "network-interrupts": `{ ${given}, ${rest} }` })).rejects.toThrow(
        `network-interrupts.${key}: has no effect with an interrupt-throttle`,
      );
    }
    await expect(check({ "network-interrupts": `{ held: 72us, ${rest} }` })).rejects.toThrow(
      "network-interrupts.held: has no effect without packets",
    );
  });

  it("is told what is wrong with a throttle", async () => {
    await expect(checkThrottle("interval: 125, sent-delay: 66us")).rejects.toThrow(
      "125 has no unit; did you mean 125us?",
    );
    await expect(checkThrottle("interval: 0us, sent-delay: 66us")).rejects.toThrow('"0us" must be more than zero');
    await expect(checkThrottle("interval: 125us")).rejects.toThrow(
      'interrupt-throttle: the key "sent-delay" is missing',
    );
    await expect(checkThrottle("interval: 125us, sent-dely: 66us")).rejects.toThrow('did you mean "sent-delay"?');
  });

  it("is wrong where it gives the length of a path that no kernel has", async () => {
    const length = `{ value: 20, unit: cycles, ${rest} }`;
    expect(await check({ "kernel-paths": `{ fork: ${length} }` })).toMatch(/^machine with/);
    await expect(check({ "kernel-paths": `{ forkk: ${length} }` })).rejects.toThrow(
      'kernel-paths.forkk: there is no such path of a kernel; did you mean "fork"?',
    );
  });

  it("is told which choices there are where one is missing", async () => {
    await expect(check(cost("20"))).rejects.toThrow(
      "costs.uml.stop.unit: is missing; expected one of: cycles, instructions, ns",
    );
  });
});
