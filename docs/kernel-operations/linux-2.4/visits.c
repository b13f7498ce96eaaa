// Plug-in of QEMU: which pages of its own the kernel visits (addresses from 3 GB on) between two marks of operations.c. A line
// for each operation: its number, then visits in order, each a number in hexadecimal: page frame * 8 + part * 2 + (1: data).
// Parts: 0; 1 within the function given as `softirq=`; 2 of an operation that waits, since the processor was idle.
// A visit to one of the 32 pages visited last is left out, for code and for data; after idle time it begins anew.
#include "plugin.h"

// Besides plugin.h, of qemu-plugin.h:
void qemu_plugin_register_vcpu_mem_cb(struct instruction *, void (*)(unsigned, uint32_t, uint64_t, void *), int, int, void *);

enum { HLT = 0xf4, CALL = 0xe8, RETURN = 0xc3, MOST = 1 << 16, RECENT = 32 };
enum { NONE, SOFTIRQ, AFTER_IDLE };

static int part, depth, used;
static uint64_t visits[MOST], recent[2][2][RECENT];

static void visit(uint64_t page, int isData) {
  uint64_t *pages = recent[part == AFTER_IDLE][isData];
  int place = 0;
  while (place < RECENT - 1 && pages[place] != page) place++;
  if (pages[place] != page && operation && used < MOST) visits[used++] = page << 3 | part << 1 | isData;
  memmove(pages + 1, pages, place * sizeof *pages);
  pages[0] = page;
}

static void mark(unsigned cpu, void *number) {
  (void)cpu;
  if (operation && used) {
    fprintf(out, "%d", operation);
    for (int i = 0; i < used; i++) fprintf(out, " %lx", (unsigned long)visits[i]);
    fputc('\n', out);
  }
  used = 0, part = NONE;
  memset(recent, 0xff, sizeof recent);
  begin(number);
}

static void data(unsigned cpu, uint32_t information, uint64_t address, void *unused) {
  (void)cpu, (void)information, (void)unused;
  if (address >= KERNEL) visit((address - KERNEL) >> 12, 1);
}

static void code(unsigned cpu, void *address) {
  (void)cpu;
  visit(((uint64_t)address - KERNEL) >> 12, 0);
}

static void enter(unsigned cpu, void *unused) {
  (void)cpu, (void)unused;
  if (part == NONE) part = SOFTIRQ, depth = 0;
}
static void call(unsigned cpu, void *change) {
  (void)cpu;
  if (part == SOFTIRQ && (depth += (int)(intptr_t)change) < 0) part = NONE;
}
static void idle(unsigned cpu, void *unused) { (void)cpu, (void)unused, part = AFTER_IDLE; }

static void translate(plugin id, struct block *block) {
  (void)id;
  uint64_t page = 0;
  for (size_t i = 0; i < qemu_plugin_tb_n_insns(block); i++) {
    struct instruction *instruction = qemu_plugin_tb_get_insn(block, i);
    uint64_t address = qemu_plugin_insn_vaddr(instruction);
    noticeMark(instruction, address);
    if (address < KERNEL) continue;
    const uint8_t *bytes = qemu_plugin_insn_data(instruction);
    if (address == softirq) qemu_plugin_register_vcpu_insn_exec_cb(instruction, enter, 0, NULL);
    if (*bytes == CALL || (*bytes == 0xff && (bytes[1] >> 3 & 7) == 2))
      qemu_plugin_register_vcpu_insn_exec_cb(instruction, call, 0, (void *)1);
    if (*bytes == RETURN) qemu_plugin_register_vcpu_insn_exec_cb(instruction, call, 0, (void *)-1);
    if (*bytes == HLT) qemu_plugin_register_vcpu_insn_exec_cb(instruction, idle, 0, NULL);
    if (address >> 12 != page) qemu_plugin_register_vcpu_insn_exec_cb(instruction, code, 0, (void *)address);
    page = address >> 12;
    qemu_plugin_register_vcpu_mem_cb(instruction, data, 0, 3, NULL);
  }
}
