"""
In how many parts the files of dbench's clients lie on an ext2 image, or a copy of its inodes and maps (e2image -r): python3 extents.py IMAGE

By debugfs of e2fsprogs. A part ends where the next block, those with the places of others included, does not lie behind the last one.
"""
import collections, subprocess, sys

DIRECT = 12
DIRECTORIES = ["PWRPNT", "WORD", "EXCEL", "COREL", "WORDPRO", "PM", "PARADOX", "ACCESS", "SEED"]


def debugfs(commands):
    text = "\n".join(commands) + "\n"
    out = subprocess.run(["debugfs", "-f", "-", sys.argv[1]], input=text, capture_output=True, text=True).stdout
    return [line for line in out.splitlines() if not line.startswith("debugfs")]


def entries(path):
    """Number of inode, mode and name of each entry of a directory: /inode/mode/owner/group/name/size/."""
    fields = [line.split("/") for line in debugfs([f"ls -p {path}"]) if line.startswith("/")]
    return [(int(f[1]), f[2], f[5]) for f in fields if len(f) > 6]


def main():
    parts, long = collections.Counter(), []
    for _, _, client in entries("/CLIENTS"):
        if not client.startswith("CLIENT"):
            continue
        for directory in DIRECTORIES:
            files = [inode for inode, mode, _ in entries(f"/CLIENTS/{client}/~DMTMP/{directory}") if mode.startswith("10")]
            for line in debugfs([f"blocks <{inode}>" for inode in files]) if files else []:
                blocks = [int(block) for block in line.split() if block.isdigit()]
                if not blocks:
                    continue
                count = 1 + sum(after != before + 1 for before, after in zip(blocks, blocks[1:]))
                parts[count] += 1
                if len(blocks) > DIRECT:
                    long.append(count)
    print("files by parts:", dict(sorted(parts.items())))
    print(f"with a block of places: {len(long)}, in one part {long.count(1)}, parts of each {sum(long) / max(1, len(long)):.2f}")


main()
