#!/usr/bin/env python3
"""run.py FOLDER BOOTED [BALLOONED] [ARGUMENT...]: boots the guest in FOLDER with BOOTED MiB, inflates its balloon until it has
BALLOONED MiB, lets it run the job, and prints as JSON what the guest counted. Further arguments go to the kernel."""
import json
import os
import socket
import subprocess
import sys
import tempfile
import time

MIB = 1 << 20
# So long the guest is idle before its balloon is inflated: workers of udev end after three seconds.
IDLE_S = 6
COUNTERS = """pgfault pgmajfault pgpgin pgpgout pswpin pswpout pgscan_kswapd pgscan_direct pgsteal_kswapd pgsteal_direct
workingset_refault_anon workingset_refault_file workingset_activate_anon workingset_activate_file pageoutrun allocstall_normal
allocstall_dma32 pgscan_anon pgscan_file pgsteal_anon pgsteal_file pgactivate pgdeactivate pgalloc_dma pgalloc_dma32 slabs_scanned
swap_ra swap_ra_hit balloon_inflate balloon_deflate balloon_migrate compact_migrate_scanned compact_isolated kswapd_inodesteal
kswapd_low_wmark_hit_quickly workingset_nodereclaim workingset_restore_anon workingset_restore_file drop_pagecache oom_kill""".split()
MEMINFO = """MemTotal MemFree MemAvailable Buffers Cached SwapCached SwapFree AnonPages Mapped Slab SReclaimable KernelStack
PageTables Active(anon) Inactive(anon) Active(file) Inactive(file)""".split()


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


def inflate(qmp, mib):
    time.sleep(IDLE_S)
    command(qmp, "balloon", value=mib * MIB)
    started = time.time()
    while command(qmp, "query-balloon")["actual"] != mib * MIB and time.time() - started < 60:
        time.sleep(0.2)
    return time.time() - started, command(qmp, "query-balloon")["actual"] / MIB


def main():
    folder, booted = sys.argv[1], int(sys.argv[2])
    numbers = [word for word in sys.argv[3:] if word.isdigit()]
    words = [word for word in sys.argv[3:] if not word.isdigit()]
    ballooned = int(numbers[0]) if numbers else None
    accelerator = ["-enable-kvm"] if "kvm" in words else ["-icount", "shift=0,sleep=on", "-accel", "tcg,tb-size=256"]
    work = tempfile.mkdtemp(dir=folder)
    swap = f"{work}/swap.img"
    with open(swap, "wb") as file:
        file.truncate(256 * MIB)
    subprocess.run(["mkswap", "-q", swap], check=True)
    kernel = f"root=/dev/vda rw console=ttyS0 {' '.join(w for w in words if w != 'kvm')} {'balloon' if ballooned else ''}"
    qemu = subprocess.Popen(
        ["qemu-system-x86_64", *accelerator, "-m", str(booted), "-cpu", "qemu64,-svm", "-display", "none", "-nic", "user,model=virtio-net-pci", "-no-reboot",
         "-kernel", f"{folder}/vmlinuz", "-initrd", f"{folder}/initrd.img", "-append", kernel,
         "-drive", f"file={folder}/disk.img,if=virtio,format=raw,snapshot=on", "-drive", f"file={swap},if=virtio,format=raw",
         "-device", "virtio-balloon-pci", "-qmp", f"unix:{work}/qmp,server=on,wait=off", "-serial", f"file:{work}/console",
         "-serial", f"unix:{work}/job,server=on,wait=off"])
    job, qmp = Lines(f"{work}/job"), Lines(f"{work}/qmp")
    command(qmp, "qmp_capabilities")
    result = {"booted": booted, "ballooned": ballooned}
    snapshots, rest, now, at = {}, [], None, {}
    started = time.time()
    while True:
        line = job.read()
        if line == "@ ready":
            result["host_seconds_to_inflate"], result["actual_mib"] = inflate(qmp, ballooned)
            job.write("go")
        elif line == "@ done" or (line == "" and qemu.poll() is not None):
            break
        elif line == "@ end":
            now = None
        elif line.startswith("@ "):
            now = snapshots.setdefault(line[2:], {})
            at[line[2:]] = time.time()
        elif now is None:
            rest.append(line)
        else:
            words_of = line.replace(":", "").split()
            if len(words_of) > 1 and "uptime" not in now:
                now["uptime"] = float(words_of[0])
            elif len(words_of) > 1:
                now[words_of[0]] = int(words_of[1])
    qemu.wait()
    for name in ["before", "after"]:
        result[f"meminfo_kb_{name}"] = {key: snapshots[name].get(key) for key in MEMINFO}
    for name, first, last in [("reading", "before", "read"), ("rest", "read", "after"), ("whole", "before", "after")]:
        delta = {key: snapshots[last][key] - snapshots[first][key] for key in COUNTERS if key in snapshots[last]}
        seconds = round(snapshots[last]["uptime"] - snapshots[first]["uptime"], 2)
        result[f"delta_{name}"] = {"guest_s": seconds, "host_s": round(at[last] - at[first], 1), **delta}
    result["rest"] = rest
    result["folder"] = work
    os.remove(swap)
    print(json.dumps(result))


main()
