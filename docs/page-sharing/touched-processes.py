"""Writes touched-processes.json: resident and referenced pages of processes in windows of 2.5 s. Needs root, for clear_refs."""
import json
import os
import subprocess
import time

INDEX = """
import random, time
words = [str(random.random())[2:9] for _ in range(400000)]
index, i = {}, 0
while True:
    for w in words[i:i+20000]: index.setdefault(w[:4], []).append(w)
    i = (i + 20000) % len(words)
    if i == 0: index = {}
    time.sleep(.05)
"""
RANDOM = """
import random, time
b = bytearray(200 << 20)
for i in range(0, len(b), 4096): b[i] = 1
while True:
    for _ in range(300): b[random.randrange(len(b))] += 0
    time.sleep(.1)
"""
NODE = """
const m = new Map();
let i = 0;
for (let k = 0; k < 600000; k++) m.set(k, { k, v: String(k) });
setInterval(() => {
  for (let j = 0; j < 2000; j++) { i = (i * 1103515245 + 12345) % 600000; m.get(i).v = String(j); }
}, 50);
"""
WORK = {
    "python-index": ["python3", "-c", INDEX],
    "python-random": ["python3", "-c", RANDOM],
    "sort": ["sh", "-c", "while :; do seq 3000000 | sort -R -S 200M --parallel=1 > /dev/null; done"],
    "xz": ["sh", "-c", "cat /dev/urandom | xz -6 > /dev/null"],
    "node": ["node", "-e", NODE],
}


def family(pid):
    """The process and all below it."""
    with open(f"/proc/{pid}/task/{pid}/children") as children:
        return [pid] + [each for child in children.read().split() for each in family(int(child))]


def pages(pid, name):
    with open(f"/proc/{pid}/smaps_rollup") as rollup:
        return next(int(line.split()[1]) // 4 for line in rollup if line.startswith(name + ":"))


windows = {}
for name, command in WORK.items():
    started = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    time.sleep(6)
    largest = max(family(started.pid), key=lambda pid: pages(pid, "Rss"))
    windows[name] = []
    for _ in range(4):
        with open(f"/proc/{largest}/clear_refs", "w") as clear:
            clear.write("1")
        time.sleep(2.5)
        windows[name].append([pages(largest, "Rss"), pages(largest, "Referenced")])
    for pid in reversed(family(started.pid)):
        os.kill(pid, 9)
    started.wait()
with open("touched-processes.json", "w") as out:
    json.dump({"windows": windows}, out)
