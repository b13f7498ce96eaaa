"""
Which pages that the load file of dbench 2.0 writes are new to their files: python3 new-pages.py client_oplocks.txt

Follows fileio.c of April 2002 (git 52233ee of sahlberg/dbench). For each size of write: calls, and pages of 4 KiB that their file does not have
yet, and that it has. Then the pages of files that are deleted, truncated or replaced.
"""
import collections, re, sys

DIRECTORY, OVERWRITE, OVERWRITE_IF = 1, 4, 5
files, handles, released = {}, {}, 0
calls, new, again = collections.Counter(), collections.Counter(), collections.Counter()


def drop(name):
    global released
    released += len(files.pop(name, ()))


def size_of(length):
    pages = -(-length // 4096)
    if length <= 512:
        return "512 bytes"
    return next(f"{most} pages" for most in (1, 5, 15, 16) if pages <= most)


for line in open(sys.argv[1], encoding="latin1"):
    what, rest = re.match(r"(\w+) ?(.*)", line.rstrip()).groups()
    rest = rest.lower()
    if what == "NTCreateX":
        name, options, disposition, handle = rest.rsplit(" ", 3)
        if not int(options, 16) & DIRECTORY and int(disposition, 16) in (OVERWRITE, OVERWRITE_IF):
            drop(name)
        handles[int(handle)] = name
    elif what == "WriteX":
        handle, offset, length, _ = map(int, rest.split())
        file = files.setdefault(handles[handle], set())
        written = set(range(offset // 4096, (offset + length - 1) // 4096 + 1))
        size = size_of(length)
        calls[size] += 1
        new[size] += len(written - file)
        again[size] += len(written & file)
        file |= written
    elif what == "Unlink":
        drop(rest)
    elif what == "Rename":
        old, to = rest.split(" ")
        drop(to)
        files[to] = files.pop(old, set())
    elif what == "Deltree":
        for name in [name for name in files if name.startswith(rest)]:
            drop(name)
for size in calls:
    print(f"up to {size}: {calls[size]} calls, {new[size]} new, {again[size]} again")
print(f"{sum(new.values())} new, {sum(again.values())} again, {released} released")
