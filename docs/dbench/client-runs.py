"""
What a client of dbench 1.2 does to the blocks of its files: python3 client-runs.py client.txt > client-runs.txt

Reads the load file as child.c does, and follows fileio.c: a file that is opened with a size is filled up to it. A file's blocks of 4 KiB
lie one behind the other, as nearly all do on a real disk (README.md), with the block that has the places of those from the 13th on
before it; a file begins in the first place with room for all that it ever has. Each directory has a block. Files and directories that all
clients have in common (NBSIMULD) lie behind those of the client. Writes of neighbouring blocks, and again of the same ones, are
one run of at most eight blocks; a call that reads is a run, or two if a block with places lies in between. Blocks that it begins with and
that other calls have read just before are left out, since each copies a part of them; of a call for no other block the last one is kept
as a run of none. A block of the file system is written when a file grows for the first time after it has been opened, or with a
change of a directory after one of another, and read when what it is about is deleted.

Printed: the client's own places; then three numbers for a run (how far its first block is from the end of the run before it, doubled,
plus one if backwards; eight times its blocks plus what is done to them; the bytes moved, by 64), each of seven bits and a continuation bit,
compressed by zlib, in base64. A read has a fourth: its call as in src/workload/read-call.ts, or 0. Where a file is first read after
it has been opened, a run says so: its blocks are the number by which the process knows the file, its bytes 64 if a block has places.
"""
import base64, sys, zlib

READ, WHOLE, PART, PART_TO_END, DELETE, BEGUN, OPEN = range(7)
BLOCK = 4096
# ext2 (Card, Ts'o, Tweedie 1994): an inode has the places of its first 12 blocks, and of a block with the places of 1,024 others.
DIRECT, POINTERS = 12, BLOCK // 4


class Area:
    """Places, each taken by one file at most."""

    def __init__(self):
        self.taken, self.top = {}, 0

    def take(self, n):
        first = 0
        for base in sorted(self.taken):
            if base - first >= n:
                break
            first = base + self.taken[base]
        self.taken[first] = n
        self.top = max(self.top, first + n)
        return first


class File:
    """Blocks by number, and their places. One that gets blocks has lost all that it had."""

    def __init__(self, shared):
        self.size, self.blocks, self.shared, self.grows = 0, set(), shared, True
        self.base = self.extent = None

    def at(self, i):
        return self.base + i + (i >= DIRECT)

    @property
    def map(self):
        return self.base + DIRECT if self.blocks and max(self.blocks) >= DIRECT else None


class Client:
    def __init__(self, most):
        # Most places that each extent ever has, known from having gone through all of it before; None: it is being found out.
        self.known, self.most = most, []
        self.own, self.common = Area(), Area()
        self.files, self.handles, self.directories = {}, {}, {}
        self.runs, self.run, self.changed, self.changed_last, self.just_read = [], None, {}, "", set()

    def place(self, file):
        file.extent = len(self.most)
        self.most.append(0)
        n = self.known[file.extent] if self.known else 1
        file.base = self.common.take(n) + (1 << 20) if file.shared else self.own.take(n)

    def flush(self):
        if self.run:
            self.runs.append(self.run)
        for block, kind in self.changed.items():
            self.runs.append(dict(kind=kind, at=block, n=1, bytes=0, end=False))
        self.changed.clear()
        self.run = None

    def add(self, kind, at, n=1, **more):
        self.flush()
        self.runs.append(dict(kind=kind, at=at, n=n, bytes=0, end=True, call=0) | more)

    def touch(self, kind, block, length, to_end):
        """kind: WHOLE (nothing to be read), BEGUN (the same, not up to its end) or PART."""
        run = self.run
        if run and run["kind"] == kind and run["at"] <= block < run["at"] + run["n"]:
            run["bytes"] += length
            run["end"] = to_end
        elif run and run["kind"] == kind and block == run["at"] + run["n"] and run["n"] < 8:
            run["n"] += 1
            run["bytes"] += length
            run["end"] = to_end
        else:
            self.flush()
            self.run = dict(kind=kind, at=block, n=1, bytes=length, end=to_end)

    def write(self, file, offset, length):
        for i in range(offset // BLOCK, (offset + length - 1) // BLOCK + 1 if length else 0):
            new = i not in file.blocks
            if new:
                if not file.blocks:
                    self.place(file)
                had_map = file.map is not None
                file.blocks.add(i)
                assert i < DIRECT + POINTERS
                self.most[file.extent] = max(self.most[file.extent], i + 1 + (i >= DIRECT))
                if i >= DIRECT and (file.grows or not had_map):
                    self.changed.setdefault(file.map, PART if had_map else BEGUN)
                    file.grows = False
            start, end = max(offset, i * BLOCK), min(offset + length, (i + 1) * BLOCK)
            to_end = end == (i + 1) * BLOCK
            kind = PART if not new and end - start < BLOCK else WHOLE if to_end else BEGUN
            self.touch(kind, file.at(i), end - start, to_end)
        file.size = max(file.size, offset + length)

    def directory(self, name):
        """An entry of it changes."""
        path = name.rpartition("/")[0] + "/"
        directory = self.directories.get(path)
        if directory is None:
            directory = self.directories[path] = File(path.startswith("NBSIMULD"))
            directory.blocks.add(0)
            self.place(directory)
            self.most[directory.extent] = 1
            self.changed[directory.base] = BEGUN
        elif self.changed_last != path:
            # Those in common change with their first files, for which the first client comes.
            self.changed.setdefault(directory.base, BEGUN if directory.shared else PART)
        self.changed_last = path

    def read(self, handle, offset, length):
        """Blocks asked for: of the call as it was made, of which the file may have fewer."""
        file = handle["file"]
        asked = 0 if offset + length <= BLOCK // 2 else (offset % BLOCK + length) // BLOCK + 1
        length = max(0, min(length, file.size - offset))
        indices = [i for i in range(offset // BLOCK, (offset + length - 1) // BLOCK + 1 if length else 0) if i in file.blocks]
        if indices and handle["extent"] != file.extent:
            self.add(OPEN, file.base, handle["number"], bytes=64 * (file.extent in self.maps))
            handle["extent"] = file.extent
        goes_on = 0
        while indices:
            self.flush()
            first, n = indices[0], 1
            while n < len(indices) and file.at(indices[n]) == file.at(first) + n:
                n += 1
            del indices[:n]
            moved = min(offset + length, (first + n) * BLOCK) - max(offset, first * BLOCK)
            if not self.runs or self.runs[-1]["kind"] not in (READ, OPEN):
                self.just_read.clear()
            while n > 0 and file.at(first) in self.just_read:
                first, n = first + 1, n - 1
            if n == 0:
                first -= 1
            at = file.at(first)
            self.just_read.update(range(at, at + n))
            call = file.size // BLOCK << 12 | min(asked, 31) << 7 | goes_on << 6 | handle["number"] + 1
            self.add(READ, at, n, bytes=moved, call=call)
            goes_on = 1

    @property
    def maps(self):
        return {i for i, n in enumerate(self.known or []) if n > DIRECT}

    def drop(self, file, keep=0):
        gone = sorted(i for i in file.blocks if i >= keep)
        if not gone:
            return
        at = [file.at(i) for i in gone]
        if file.map is not None:
            self.add(READ, file.map)
            if keep <= DIRECT:
                at = sorted(at + [file.map])
        area, base = (self.common, file.base - (1 << 20)) if file.shared else (self.own, file.base)
        file.blocks.difference_update(gone)
        while at:
            n = 1
            while n < len(at) and at[n] == at[0] + n:
                n += 1
            self.add(DELETE, at[0], n)
            del at[:n]
        if not file.blocks:
            del area.taken[base]
            file.base = file.extent = None

    def resize(self, file, length):
        if length > file.size:
            self.write(file, file.size, length - file.size)
        elif length < file.size:
            self.drop(file, -(-length // BLOCK))
        file.size = length

    def open(self, name, length):
        if name not in self.files:
            self.files[name] = File(name.startswith("NBSIMULD"))
            self.directory(name)
        file = self.files[name]
        file.grows = True
        self.resize(file, length)
        return file

    def number(self):
        return next(i for i in range(63) if all(h["number"] != i for h in self.handles.values()))

    def unlink(self, name):
        self.drop(self.files.pop(name))
        self.directory(name)

    def step(self, p, name):
        """A line of the load file. Returns the name that it leaves for the next one."""
        what, request = p[0], p[1] == "REQUEST"
        if what in ("SMBopenX", "SMBunlink", "SMBgetatr") and request:
            return p[5 if what == "SMBopenX" else 3].upper()
        if what == "SMBopenX" and not p[2].startswith("ERR"):
            file = self.open(name, int(p[5]))
            self.handles[int(p[3])] = dict(file=file, number=self.number(), extent=None)
        elif what == "SMBunlink" and name in self.files and not (len(p) > 2 and p[2].startswith("ERR")):
            self.unlink(name)
        elif not request:
            return name
        elif what == "SMBclose":
            self.handles.pop(int(p[3]), None)
        elif what == "CREATE":
            self.open(p[3].upper(), int(p[5]))
        elif what == "SMBmv" and p[3].upper() in self.files:
            old, new = p[3].upper(), p[5].upper()
            if new in self.files:
                self.drop(self.files[new])
            self.directory(old)
            self.directory(new)
            self.files[new] = self.files.pop(old)
        elif what in ("SMBwrite", "SMBwritebraw", "SMBread", "SMBreadbraw") and int(p[3]) in self.handles:
            a, b = int(p[5]), int(p[7])
            offset, length = (a, b) if what.endswith("raw") else (b, a)
            handle = self.handles[int(p[3])]
            if "write" in what:
                self.write(handle["file"], offset, length)
            else:
                self.read(handle, offset, length)
        return name

    def go_through(self, load):
        name = ""
        for line in open(load, errors="replace"):
            p = line.rstrip("\r\n").replace("\\", "/").replace(" /", " ").split()
            if len(p) >= 2:
                name = self.step(p, name)
        for file in self.files.values():
            if not file.shared:
                self.drop(file)
        for directory in self.directories.values():
            if not directory.shared:
                self.add(READ, directory.base)
                self.drop(directory)
        self.flush()


def main(load):
    client = Client(None)
    client.go_through(load)
    client = Client(client.most)
    client.go_through(load)
    own, out, last = client.own.top, bytearray(), 0

    def put(number):
        while number > 127:
            out.append(number & 127 | 128)
            number >>= 7
        out.append(number)

    put(own)
    for r in client.runs:
        kind = PART_TO_END if r["kind"] == PART and r["end"] else r["kind"]
        at = r["at"] if r["at"] < 1 << 20 else r["at"] - (1 << 20) + own
        far = at - last
        last = at if kind == OPEN else at + r["n"]
        put(2 * abs(far) + (far < 0))
        put(8 * r["n"] + kind)
        put(round(r["bytes"] / 64))
        if kind == READ:
            put(r["call"])
    print(base64.b64encode(zlib.compress(bytes(out), 9)).decode())
    of = lambda kind: [r for r in client.runs if r["kind"] == kind]
    count = lambda kind: sum(r["n"] for r in of(kind))
    print(f"{len(client.runs)} runs, {own} places and {client.common.top} in common, {len(of(OPEN))} opened, blocks read {count(READ)}, written {count(WHOLE)} and {count(BEGUN)}, in part {count(PART)}, deleted {count(DELETE)}", file=sys.stderr)
    print(sum(r["bytes"] for r in of(READ)), sum(r["bytes"] for kind in (WHOLE, BEGUN, PART) for r in of(kind)), file=sys.stderr)


main(sys.argv[1])
