// Plug-in of QEMU: what an operation of files.c misses in the TLBs and in the second-level cache of a Pentium 4, once with the kernel's
// memory in pages of 4 MiB, once in pages of 4 KiB. A line for each operation: its number, the number of times, instructions, distinct
// pages of data of 4 KiB, then for large pages and for small ones each: misses for data, for code, walks' entries that came from memory,
// other lines that did. All are sums, of the program's own pages, too, which are of 4 KiB either way.
#include "plugin.h"

// Besides plugin.h, of qemu-plugin.h:
void qemu_plugin_register_vcpu_mem_cb(struct instruction *, void (*)(unsigned, uint32_t, uint64_t, void *), int, int, void *);

enum { MAPPINGS = 2, OPERATIONS = 64, LINE = 6, PAGE = 12, LARGE_PAGE = 22, IS_LARGE = 1 << 30 };
// Where the tables are, and the program's memory: nowhere that the kernel itself is.
static const uint32_t DIRECTORY = 0x80000000u, TABLES = 0x81000000u, PROGRAM = 0x90000000u;

// What was used last first in each set. 64 entries of either TLB, 8 KiB of data and what stands for the trace cache in four ways, 512 KiB in eight.
struct cache { uint32_t sets, ways, held[8192]; };
static struct hardware { struct cache data, code, dataTlb, codeTlb, level2; } hardware[MAPPINGS];
static struct count { uint64_t times, instructions, pages, dataMisses[MAPPINGS], codeMisses[MAPPINGS], walked[MAPPINGS], lines[MAPPINGS]; } counts[OPERATIONS];
static uint32_t lastPage[1 << 20], run;

static int isHit(struct cache *cache, uint32_t wanted) {
  uint32_t *set = cache->held + wanted % cache->sets * cache->ways, place = 0;
  while (place < cache->ways - 1 && set[place] != wanted) place++;
  int found = set[place] == wanted;
  memmove(set + 1, set, place * sizeof *set);
  set[0] = wanted;
  return found;
}

static void entry(int mapping, uint32_t at) {
  if (!isHit(&hardware[mapping].level2, at >> LINE)) counts[operation].walked[mapping]++;
}

static int isTranslated(int mapping, struct cache *tlb, uint32_t address) {
  int isLarge = mapping == 0 && address >= KERNEL;
  if (isHit(tlb, isLarge ? address >> LARGE_PAGE | IS_LARGE : address >> PAGE)) return 1;
  entry(mapping, DIRECTORY + (address >> LARGE_PAGE) * 4);
  if (!isLarge) entry(mapping, TABLES + (address >> PAGE) * 4);
  return 0;
}

static void reach(uint32_t address, int isCode) {
  struct count *count = counts + operation;
  uint32_t line = (address >= KERNEL ? address - (uint32_t)KERNEL : address + PROGRAM) >> LINE;
  for (int mapping = 0; mapping < MAPPINGS; mapping++) {
    struct hardware *its = hardware + mapping;
    if (!isTranslated(mapping, isCode ? &its->codeTlb : &its->dataTlb, address)) (isCode ? count->codeMisses : count->dataMisses)[mapping]++;
    if (!isHit(isCode ? &its->code : &its->data, line) && !isHit(&its->level2, line)) count->lines[mapping]++;
  }
}

static void data(unsigned cpu, uint32_t information, uint64_t address, void *unused) {
  (void)cpu, (void)information, (void)unused;
  uint32_t page = (uint32_t)address >> PAGE;
  if (lastPage[page] != run) lastPage[page] = run, counts[operation].pages++;
  reach(address, 0);
}
static void code(unsigned cpu, void *address) {
  (void)cpu;
  counts[operation].instructions++;
  reach((uintptr_t)address, 1);
}

static void mark(unsigned cpu, void *number) {
  (void)cpu;
  for (int i = 1; (intptr_t)number == last && i < last; i++) {
    struct count *of = counts + i;
    fprintf(out, "%d %lu %lu %lu", i, of->times, of->instructions, of->pages);
    for (int m = 0; m < MAPPINGS; m++) fprintf(out, "  %lu %lu %lu %lu", of->dataMisses[m], of->codeMisses[m], of->walked[m], of->lines[m]);
    fputc('\n', out);
  }
  begin(number);
  counts[operation].times++, run++;
}

static void translate(plugin id, struct block *block) {
  (void)id;
  for (int m = 0; m < MAPPINGS && !hardware[m].data.sets; m++) {
    struct { struct cache *cache; uint32_t sets, ways; } sizes[] = {{&hardware[m].data, 32, 4}, {&hardware[m].code, 64, 4},
      {&hardware[m].dataTlb, 1, 64}, {&hardware[m].codeTlb, 1, 64}, {&hardware[m].level2, 1024, 8}};
    for (int i = 0; i < 5; i++) sizes[i].cache->sets = sizes[i].sets, sizes[i].cache->ways = sizes[i].ways;
  }
  for (size_t i = 0; i < qemu_plugin_tb_n_insns(block); i++) {
    struct instruction *instruction = qemu_plugin_tb_get_insn(block, i);
    uint64_t address = qemu_plugin_insn_vaddr(instruction);
    noticeMark(instruction, address);
    qemu_plugin_register_vcpu_insn_exec_cb(instruction, code, 0, (void *)address);
    qemu_plugin_register_vcpu_mem_cb(instruction, data, 0, 3, NULL);
  }
}
