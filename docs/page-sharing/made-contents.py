"""Writes degrees.bin, churn.bin, giveback.bin and stale.bin: contents in the format of ksm-staged.gz, unpacked."""
import array
import itertools
import random

GIVEN_BACK = 0xFFFFFFFF
numbers = itertools.count(1)


def unique():
    return ("unique", next(numbers))


class Contents:
    def __init__(self):
        self.words = array.array("I")
        self.known = {}

    def stage(self, changes):
        """Pages in order with their contents: 0 for zeros, None to give the page back."""
        self.words.append(len(changes))
        last = -1
        for page, _ in changes:
            self.words.append(page - last)
            last = page
        for _, content in changes:
            self.words.append(self.word(content))

    def word(self, content):
        if content is None:
            return GIVEN_BACK
        if content == 0:
            return 0
        if content in self.known:
            return self.known[content] + 1
        self.known[content] = len(self.known) + 1
        return 1

    def save(self, path):
        with open(path, "wb") as file:
            file.write(self.words.tobytes())


def degrees():
    """Three VMs: many copies of few contents, few copies of many."""
    choose, contents, vm_pages = random.Random(1), Contents(), 4096
    copies = [(1500, 1), (300, 1), (2, 400), (3, 200), (5, 100), (17, 30), (63, 4), (64, 4), (65, 4), (129, 2)]
    pages = [0] * 2400
    number = itertools.count()
    for degree, many in copies:
        for _ in range(many):
            pages += [("copies", next(number))] * degree
    pages += [unique() for _ in range(3 * vm_pages - len(pages))]
    choose.shuffle(pages)
    for vm in range(3):
        contents.stage(list(enumerate(pages[vm * vm_pages : (vm + 1) * vm_pages])))
    contents.save("degrees.bin")


def going_on(name, seed, vms, vm_pages, given_back, in_ranges):
    """Five stages: about 30 % of the pages change in each, 10 % to zeros, half to contents that occur nowhere else."""
    choose, contents = random.Random(seed), Contents()
    weights = [1 / (i + 1) ** 0.8 for i in range(400)]

    def content():
        x = choose.random()
        if x < 0.1:
            return 0
        return unique() if x < 0.1 + 0.5 else ("again", choose.choices(range(400), weights)[0])

    def pages_of(stage):
        if stage == 0:
            return range(vm_pages)
        if not in_ranges:
            return sorted(choose.sample(range(vm_pages), int(vm_pages * 0.3)))
        pages = set()
        for _ in range(6):
            first = choose.randrange(vm_pages)
            pages |= set(range(first, min(vm_pages, first + int(vm_pages * 0.3 / 4))))
        return sorted(pages)

    for _ in range(vms):
        now = {}
        for stage in range(5):
            changes = []
            for page in pages_of(stage):
                choose.random() if stage else None
                new = None if stage and choose.random() < given_back else content()
                if new is None and stage and now.get(page) is None:
                    continue
                now[page] = new
                changes.append((page, new))
            contents.stage(changes)
    contents.save(name)


def stale():
    """Two VMs: every other page has its equal in the other one; most of these pairs change in both, half of them back."""
    contents, vm_pages = Contents(), 2048
    for _ in range(2):
        contents.stage([(page, ("pair", page) if page % 2 else unique()) for page in range(vm_pages)])
        choose = random.Random(5)
        changed = [page for page in range(vm_pages) if page % 2 and choose.random() < 0.8]
        contents.stage([(page, unique()) for page in changed])
        contents.stage([(page, ("pair", page)) for page in changed[::2]])
    contents.save("stale.bin")


degrees()
going_on("churn.bin", 2, 3, 2048, 0, False)
going_on("giveback.bin", 4, 2, 3072, 0.5, True)
stale()
