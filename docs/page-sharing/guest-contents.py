"""
guest-contents.py FOLDER OUT SNAPSHOT,SNAPSHOT... ...

Snapshots of the stages of each VM, FOLDER/SNAPSHOT.fp.gz, to contents in the format of ksm-staged.gz, unpacked.
"""
import array
import gzip
import sys

ZERO_PAGE = 0xAC869B6F32D8BBDB
folder, out, *vms = sys.argv[1:]
words = array.array("I")
known = {}
for vm in vms:
    before = None
    for snapshot in vm.split(","):
        now = array.array("Q")
        now.frombytes(gzip.open(f"{folder}/{snapshot}.fp.gz").read())
        changed = [page for page in range(len(now)) if before is None or now[page] != before[page]]
        words.append(len(changed))
        words.extend(page - last for last, page in zip([-1] + changed, changed))
        for page in changed:
            fingerprint = now[page]
            if fingerprint == ZERO_PAGE:
                words.append(0)
            elif fingerprint in known:
                words.append(known[fingerprint] + 1)
            else:
                known[fingerprint] = len(known) + 1
                words.append(1)
        before = now
with open(out, "wb") as file:
    file.write(words.tobytes())
