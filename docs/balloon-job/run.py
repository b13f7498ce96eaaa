#!/usr/bin/env python3
"""run.py FOLDER BOOTED [BALLOONED]: boots the guest in FOLDER with BOOTED MiB, inflates its balloon until it has
BALLOONED MiB, lets it run the job, and prints as JSON what the guest counted."""
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

MIB = 1 << 20
# So long the guest is idle before its balloon is inflated: workers of udev end after three seconds.
IDLE_S = 6
COUNTERS = """pgmajfault pswpin pswpout pgscan pgsteal workingset_refault_anon workingset_refault_file workingset_activate_anon
workingset_activate_file""".split()


class Lines:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        while True:
            try:
                self.socket.connect(path)
                break
            except OSError:
                time.sleep(0.1)
        self.file = self.socket.makefile("rwb", buffering=0)

    def read(self):
        return self.file.readline().decode(errors="replace").rstrip()

    def write(self, text):
        self.socket.sendall((text + "\n").encode())


def command(qmp, name, **arguments):
    qmp.write(json.dumps({"execute": name, "arguments": arguments}))
    while True:
        answer = json.loads(qmp.read())
        if "return" in answer:
            return answer["return"]
        if "error" in answer:
            sys.exit(str(answer))


def counted(snapshot, name):
    if name in ("pgscan", "pgsteal"):
        return snapshot[f"{name}_kswapd"] + snapshot[f"{name}_direct"]
    return snapshot[name]


def inflate(qmp, mib):
    time.sleep(IDLE_S)
    command(qmp, "balloon", value=mib * MIB)
    started = time.time()
    while command(qmp, "query-balloon")["actual"] != mib * MIB and time.time() - started < 60:
        time.sleep(0.2)


def main():
    folder, booted = sys.argv[1], int(sys.argv[2])
    ballooned = int(sys.argv[3]) if len(sys.argv) > 3 else None
    work = tempfile.mkdtemp(dir=folder)
    swap = f"{work}/swap.img"
    with open(swap, "wb") as file:
        file.truncate(256 * MIB)
    subprocess.run(["mkswap", "-q", swap], check=True)
    kernel = f"root=/dev/vda rw console=ttyS0 {'balloon' if ballooned else ''}"
    qemu = subprocess.Popen(
        ["qemu-system-x86_64", "-icount", "shift=0,sleep=on", "-accel", "tcg,tb-size=256", "-m", str(booted), "-cpu", "qemu64,-svm", "-display", "none", "-nic", "user,model=virtio-net-pci", "-no-reboot",
         "-kernel", f"{folder}/vmlinuz", "-initrd", f"{folder}/initrd.img", "-append", kernel,
         "-drive", f"file={folder}/disk.img,if=virtio,format=raw,snapshot=on", "-drive", f"file={swap},if=virtio,format=raw",
         "-device", "virtio-balloon-pci", "-qmp", f"unix:{work}/qmp,server=on,wait=off", "-serial", f"file:{work}/console",
         "-serial", f"unix:{work}/job,server=on,wait=off"])
    job, qmp = Lines(f"{work}/job"), Lines(f"{work}/qmp")
    command(qmp, "qmp_capabilities")
    snapshots, now, at = {}, None, {}
    while True:
        line = job.read()
        if line == "@ ready":
            inflate(qmp, ballooned)
            job.write("go")
        elif line == "@ done":
            command(qmp, "quit")
            break
        elif line == "" and qemu.poll() is not None:
            sys.exit("the guest ended before the job")
        elif line == "@ end":
            now = None
        elif line.startswith("@ "):
            now = snapshots.setdefault(line[2:], {})
            at[line[2:]] = time.time()
        elif now is not None:
            words = line.replace(":", "").split()
            if len(words) > 1 and "uptime" not in now:
                now["uptime"] = float(words[0])
            elif len(words) > 1:
                now[words[0]] = int(words[1])
    qemu.wait()
    shutil.rmtree(work)

    def difference(first, last):
        return {name: counted(snapshots[last], name) - counted(snapshots[first], name) for name in COUNTERS}

    print(json.dumps({
        "fileReading": difference("before", "read"),
        "wholeJob": difference("before", "after"),
        "memTotalKib": snapshots["before"]["MemTotal"],
        "memFreeKib": snapshots["before"]["MemFree"],
        "seconds": round(snapshots["after"]["uptime"] - snapshots["before"]["uptime"], 2),
        "hostSeconds": round(at["after"] - at["before"], 1),
    }))


main()
