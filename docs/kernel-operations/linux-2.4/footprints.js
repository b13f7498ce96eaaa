// node footprints.js names.txt visits.txt: the footprints of the kernel's paths (src/guest/kernel-footprints.ts), from what visits.c
// has written.
import { readFileSync } from "node:fs";

const BEFORE = 16;
const [names, visits] = process.argv.slice(2).map((path) => readFileSync(path, "utf8").trim().split("\n"));
const nameOf = new Map(names.map((line) => line.split(" ")).map(([number, name]) => [Number(number), name]));

/** Runs by operation: visits as `[page, isData, part]`. */
const runs = new Map();
for (const line of visits) {
  const [number, ...pages] = line.split(" ");
  const run = pages.map((hex) => Number.parseInt(hex, 16)).map((visit) => [visit >>> 3, visit & 1, (visit >>> 1) & 3]);
  const name = nameOf.get(Number(number));
  runs.set(name, [...(runs.get(name) ?? []), run]);
}

function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

/** Of the runs with the median number of new pages, that with the median number of visits. */
function footprint(operation, part = 0) {
  const of = runs
    .get(operation)
    .map((run) => run.filter(([, , its]) => its === part))
    .filter((run) => run.length > 0);
  const first = Math.min(BEFORE, of.length >> 1);
  const candidates = of.slice(first).map((run, i) => {
    const seen = new Set(
      of
        .slice(Math.max(0, first + i - BEFORE), first + i)
        .flat()
        .map(([page]) => page),
    );
    return { run, fresh: new Set(run.filter(([page, isData]) => isData && !seen.has(page)).map(([page]) => page)) };
  });
  const usual = median(candidates.map(({ fresh }) => fresh.size));
  const alike = candidates.filter(({ fresh }) => fresh.size === usual).sort((a, b) => a.run.length - b.run.length);
  const { run, fresh } = alike[alike.length >> 1];
  const order = [...fresh];
  const data = run.filter(([, isData]) => isData).map(([page]) => (fresh.has(page) ? -1 - order.indexOf(page) : page));
  return { code: run.filter(([, isData]) => !isData).map(([page]) => page), data };
}

/** One after the other; what is new in each is another page. */
function joined(...parts) {
  let news = 0;
  const data = parts.flatMap((part) => {
    const own = part.data.map((page) => (page < 0 ? page - news : page));
    news -= Math.min(0, ...part.data);
    return own;
  });
  return { code: parts.flatMap(({ code }) => code), data };
}

/** What `whole` visits and `part` does not, each page once; of the new ones a third as many more. */
function less(whole, part) {
  const rest = (pages, others) => [...new Set(pages.filter((page) => page >= 0 && !others.includes(page)))];
  const news = Math.round((Math.min(0, ...part.data) - Math.min(0, ...whole.data)) / 3);
  const fresh = Array.from({ length: news }, (_, i) => -1 - i);
  return { code: rest(whole.code, part.code), data: [...rest(whole.data, part.data), ...fresh] };
}

const once = ({ code, data }) => ({ code: [...new Set(code)], data: [...new Set(data)] });

console.log(
  JSON.stringify({
    "syscall-null": footprint("null"),
    "syscall-null-io": once(joined(footprint("read_zero"), footprint("write_null"))),
    "syscall-stat": footprint("stat"),
    "syscall-open-close": footprint("open_close"),
    "syscall-select": footprint("select_tcp"),
    "syscall-pipe": footprint("pipe"),
    "syscall-create-file": footprint("create"),
    "syscall-delete-file": footprint("delete"),
    "signal-install": footprint("signal_install"),
    "signal-handle": footprint("signal_handle"),
    "page-fault": footprint("anonymous_fault"),
    "copy-on-write": footprint("copy_on_write"),
    "file-fault": footprint("file_fault"),
    "protection-fault": footprint("protection_fault"),
    fork: footprint("fork_50"),
    vfork: footprint("vfork"),
    exec: footprint("exec_50"),
    exit: footprint("exit_50"),
    mmap: footprint("mmap"),
    munmap: footprint("munmap"),
    mprotect: footprint("mprotect"),
    "context-switch": footprint("ping"),
    "read-file-page": footprint("read_page"),
    "write-file-page": footprint("write_page"),
    "rewrite-file-page": footprint("rewrite_1"),
    "release-file-page": less(footprint("delete_10k"), footprint("delete")),
    "disk-request": footprint("read_disk"),
    "disk-completion": footprint("read_disk", 2),
    "send-packet": footprint("send_burst"),
    "receive-packet": joined(footprint("send_burst", 1), footprint("receive_burst")),
    "timer-interrupt": footprint("timer"),
  }),
);
