"""
What a client of dbench 1.2 does to the blocks of its files: python3 client-runs.py client.txt > client-runs.txt

Reads the load file as child.c does, and follows fileio.c: a file that is opened with a size is filled up to it. Each file's blocks of
4 KiB get places as ext2 would give them: behind the file's last block, or the first place that is free; so do the
blocks that have the places of others, and one for each directory. Writes of neighbouring blocks, and again of the same ones, are one run
of at most eight blocks; a call that reads is a run, or one for each part of a file that lies by itself. Blocks that it begins with and
that other calls have read just before are left out, since each copies a part of them; of a call for no other block the last one is kept
as a run of none. A block of the file system is written when a file grows that has been opened since, or with a change of a directory
after one of another. Printed: three numbers of seven bits and a continuation bit for a run (how far its first block is from the end of
the run before it, doubled, plus one if backwards; eight times its blocks plus what is done to them; the bytes moved, by 64), compressed
by zlib, in base64. A read has a fourth: how its call lies in the file, packed as in src/workload/read-call.ts.
"""
import base64, heapq, sys, zlib

READ, WHOLE, PART, PART_TO_END, DELETE, BEGUN = range(6)
BLOCK = 4096
# ext2 (Card, Ts'o, Tweedie 1994): an inode has the places of its first 12 blocks, and of blocks with the places of the others, 1,024 each.
DIRECT, POINTERS = 12, BLOCK // 4
handles, size, places, runs = {}, {}, {}, []
opened, extended, just_read, directories, changed, changed_last = set(), set(), set(), {}, {}, [""]
free, heap, top = set(), [], 0
run = None


def place(goal):
    global top
    if goal in free:
        free.discard(goal)
        return goal
    while heap:
        first = heapq.heappop(heap)
        if first in free:
            free.discard(first)
            return first
    top += 1
    return top - 1


def flush():
    global run
    if run:
        runs.append(run)
    runs.extend(dict(kind=BEGUN, at=block, n=1, bytes=0, end=False) for block in changed)
    changed.clear()
    run = None


def touch(kind, block, length, to_end):
    """kind: WHOLE (nothing to be read), BEGUN (the same, not up to its end) or PART."""
    global run
    if run and run["kind"] == kind and run["at"] <= block < run["at"] + run["n"]:
        run["bytes"] += length
        run["end"] = to_end
    elif run and run["kind"] == kind and block == run["at"] + run["n"] and run["n"] < 8:
        run["n"] += 1
        run["bytes"] += length
        run["end"] = to_end
    else:
        flush()
        run = dict(kind=kind, at=block, n=1, bytes=length, end=to_end)


def maps_of(i):
    """Keys, among a file's places, of the blocks that have its block i's place; below 0, since they are none of its contents."""
    if i < DIRECT:
        return []
    i -= DIRECT
    return [-1] if i < POINTERS else [-2, -3 - (i - POINTERS) // POINTERS]


def write(name, offset, length):
    blocks = places.setdefault(name, {})
    for i in range(offset // BLOCK, (offset + length - 1) // BLOCK + 1 if length else 0):
        new = i not in blocks
        if new:
            last = blocks.get(i - 1)
            for at in maps_of(i):
                if at not in blocks:
                    last = blocks[at] = place(None if last is None else last + 1)
                elif (name, at) in extended:
                    continue
                extended.add((name, at))
                changed.setdefault(blocks[at])
            blocks[i] = place(None if last is None else last + 1)
        start, end = max(offset, i * BLOCK), min(offset + length, (i + 1) * BLOCK)
        to_end = end == (i + 1) * BLOCK
        kind = PART if not new and end - start < BLOCK else WHOLE if to_end else BEGUN
        touch(kind, blocks[i], end - start, to_end)
    size[name] = max(size.get(name, 0), offset + length)


def directory(name):
    """An entry of it changes."""
    path = name.rpartition("/")[0] + "/"
    if path not in directories:
        directories[path] = place(None)
    if changed_last[0] != path:
        changed.setdefault(directories[path])
    changed_last[0] = path


def left_of(blocks, first, whole):
    """Blocks that lie together from the first on, up to the last whole one: what has their places is among them."""
    maps, at = {blocks[at] for at in blocks if at < 0}, blocks[first]
    for i in range(first, whole):
        while at in maps:
            at += 1
        if blocks.get(i) != at:
            break
        at += 1
    return max(0, at - blocks[first])


def read(name, offset, length):
    """Blocks asked for: of the call as it was made, of which the file may have fewer."""
    asked = 0 if offset + length <= BLOCK // 2 else (offset % BLOCK + length) // BLOCK + 1
    length = max(0, min(length, size.get(name, 0) - offset))
    blocks, whole = places.get(name, {}), size.get(name, 0) // BLOCK
    indices = [i for i in range(offset // BLOCK, (offset + length - 1) // BLOCK + 1 if length else 0) if i in blocks]
    while indices:
        flush()
        first, n = indices[0], 1
        while n < len(indices) and blocks[indices[n]] == blocks[first] + n:
            n += 1
        del indices[:n]
        moved = min(offset + length, (first + n) * BLOCK) - max(offset, first * BLOCK)
        if not runs or runs[-1]["kind"] != READ:
            just_read.clear()
        while n > 0 and blocks[first] in just_read:
            first, n = first + 1, n - 1
        if n == 0:
            first -= 1
        at, left = blocks[first], left_of(blocks, first, whole)
        just_read.update(range(at, at + n))
        call = left << 13 | min(first, 127) << 6 | min(asked, 31) << 1 | (name in opened)
        runs.append(dict(kind=READ, at=at, n=n, bytes=moved, end=True, call=call))
        opened.discard(name)


def drop(name, keep=0):
    blocks = places.get(name, {})
    flush()
    kept = set(range(keep)).union(*(maps_of(i) for i in range(keep)))
    extended.difference_update([(name, i) for i in blocks if i not in kept])
    gone = sorted(blocks.pop(i) for i in list(blocks) if i not in kept)
    for block in gone:
        free.add(block)
        heapq.heappush(heap, block)
        if runs and runs[-1]["kind"] == DELETE and block == runs[-1]["at"] + runs[-1]["n"] and block != gone[0]:
            runs[-1]["n"] += 1
        else:
            runs.append(dict(kind=DELETE, at=block, n=1, bytes=0, end=True))
    if not keep:
        places.pop(name, None)


def unlink(name):
    drop(name)
    size.pop(name, None)
    directory(name)


def resize(name, length):
    old = size.get(name, 0)
    if length > old:
        write(name, old, length - old)
    elif length < old:
        drop(name, -(-length // BLOCK))
    size[name] = length


def main(load):
    name = ""
    for line in open(load, errors="replace"):
        p = line.rstrip("\r\n").replace("\\", "/").replace(" /", " ").split()
        if len(p) < 2:
            continue
        what, request = p[0], p[1] == "REQUEST"
        if what in ("SMBopenX", "SMBunlink", "SMBgetatr") and request:
            name = p[5 if what == "SMBopenX" else 3].upper()
        elif what == "SMBopenX" and not p[2].startswith("ERR"):
            handles[int(p[3])] = name
            opened.add(name)
            extended.difference_update({(name, at) for at in places.get(name, {}) if at < 0})
            if name not in size:
                directory(name)
            resize(name, int(p[5]))
        elif what == "SMBunlink" and name in size and not (len(p) > 2 and p[2].startswith("ERR")):
            unlink(name)
        elif not request:
            continue
        elif what == "SMBclose":
            handles.pop(int(p[3]), None)
        elif what == "CREATE":
            resize(p[3].upper(), int(p[5]))
        elif what == "SMBmv" and p[3].upper() in size:
            old, new = p[3].upper(), p[5].upper()
            if new in size:
                drop(new)
            directory(old)
            directory(new)
            size[new] = size.pop(old)
            if old in places:
                places[new] = places.pop(old)
        elif what in ("SMBwrite", "SMBwritebraw", "SMBread", "SMBreadbraw") and int(p[3]) in handles:
            a, b = int(p[5]), int(p[7])
            do, by_raw = (write if "write" in what else read), what.endswith("raw")
            do(handles[int(p[3])], *((a, b) if by_raw else (b, a)))
    for left in list(places):
        drop(left)
    places["/"] = dict(enumerate(directories.values()))
    drop("/")
    out, last = bytearray(), 0

    def put(number):
        while number > 127:
            out.append(number & 127 | 128)
            number >>= 7
        out.append(number)

    flush()
    for r in runs:
        kind = PART_TO_END if r["kind"] == PART and r["end"] else r["kind"]
        far = r["at"] - last
        last = r["at"] + r["n"]
        put(2 * abs(far) + (far < 0))
        put(8 * r["n"] + kind)
        put(round(r["bytes"] / 64))
        if kind == READ:
            put(r["call"])
    print(base64.b64encode(zlib.compress(bytes(out), 9)).decode())
    count = lambda kind: sum(r["n"] for r in runs if r["kind"] == kind)
    print(f"{len(runs)} runs, {top} places, blocks read {count(READ)}, written {count(WHOLE)} and {count(BEGUN)}, in part {count(PART)}, deleted {count(DELETE)}", file=sys.stderr)
    print(sum(r["bytes"] for r in runs if r["kind"] == READ), sum(r["bytes"] for r in runs if r["kind"] in (WHOLE, BEGUN, PART)), file=sys.stderr)


main(sys.argv[1])
