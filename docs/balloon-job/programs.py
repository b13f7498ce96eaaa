#!/usr/bin/env python3
"""programs.py TRACE: prints validation/job-programs.json, the pages of files that programs of the job fault on, from what programs.sh has
written to the guest's third disk."""
import json
import os
import re
import sys

TEXT = 1 << 14
EXECUTABLE = 4
# A program ends after it has done its work: what it faults on then comes this much later than what it began with, in seconds.
PAUSE = 0.1
# Where in the trace each program is; of two pipelines the second.
PROGRAMS = [("two", "md5sum"), ("two", "cat"), ("three", "membench"), ("four", "gcc"), ("four", "as")]

written = open(sys.argv[1], "rb").read().decode(errors="replace")
names, sizes = {}, {}
for inode, path, size in re.findall(r"^INO (\d+) (\S+) (\d+)", written, re.M):
    name = os.path.basename(path)
    names[int(inode)] = name
    sizes[name] = (int(size) + 4095) // 4096

phase, runs, executed = None, {}, {}
for line in written[written.index("TRACE"):].splitlines():
    event = re.match(r"\s*(.+)-(\d+)\s+\[000\]\s+\S+\s+([\d.]+): (\w+): (.*)", line)
    if not event:
        continue
    program, process, at, kind, rest = event[1].strip(), event[2], float(event[3]), event[4], event[5]
    if kind == "tracing_mark_write":
        phase = rest
    elif kind == "sched_process_exec":
        executed[process] = True
    elif kind == "ff":
        inode, page, flags = re.search(r"ino=(\d+) pgoff=(\d+) vmflags=0x([0-9a-f]+)", rest).groups()
        parts = runs.setdefault((phase, program), {"shell": {}, "begin": {}, "end": {}, "last": at})
        part = "shell" if process not in executed else "end" if parts["end"] or at - parts["last"] > PAUSE else "begin"
        use = (names[int(inode)], int(page))
        if use not in parts["shell"] if part == "shell" else use not in parts["begin"] and use not in parts["end"]:
            parts[part][use] = int(flags, 16) & EXECUTABLE
        parts["last"] = at

files = {}
for where in PROGRAMS:
    for part in ("shell", "begin", "end"):
        for name, _ in runs[where][part]:
            files.setdefault(name, sizes[name])
starts, total = {}, 0
for name, size in files.items():
    starts[name] = total
    total += size


def words(part):
    return [starts[name] + page + (TEXT if executable else 0) for (name, page), executable in part.items()]


print("{")
print(f'  "files": {json.dumps(files)},')
print('  "programs": {')
lines = []
for where in PROGRAMS:
    parts = ",\n".join(f'      "{part}": {json.dumps(words(runs[where][part]))}' for part in ("shell", "begin", "end"))
    lines.append(f'    "{where[1].split("-")[-1]}": {{\n{parts}\n    }}')
print(",\n".join(lines))
print("  }\n}")
