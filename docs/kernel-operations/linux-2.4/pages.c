// Plug-in of QEMU: which pages of user space are visited between two marks of programs.c, by user code or by the kernel, those of
// programs.c itself left out (it lies at 1.5 GB). A line: number of the operation, pages, pages written.
#include "plugin.h"

// Besides plugin.h, of qemu-plugin.h:
void qemu_plugin_register_vcpu_mem_cb(struct instruction *, void (*)(unsigned, uint32_t, uint64_t, void *), int, int, void *);
int qemu_plugin_mem_is_store(uint32_t);

enum { OWN = 0x60000000, OWN_END = 0x61000000, READ = 1, WRITTEN = 2 };

static uint8_t visited[1 << 20];

static void visit(uint64_t address, int how) {
  int isOwn = (address >= OWN && address < OWN_END) || (address >= MARKS && address < MARKS_END);
  if (operation && address < KERNEL && !isOwn) visited[address >> 12] |= how;
}

static void mark(unsigned cpu, void *number) {
  (void)cpu;
  int pages = 0, written = 0;
  for (int page = 0; page < 1 << 20; page++) pages += visited[page] != 0, written += (visited[page] & WRITTEN) != 0;
  if (operation) fprintf(out, "%d %d %d\n", operation, pages, written);
  memset(visited, 0, sizeof visited);
  begin(number);
}

static void data(unsigned cpu, uint32_t information, uint64_t address, void *unused) {
  (void)cpu, (void)unused;
  visit(address, qemu_plugin_mem_is_store(information) ? WRITTEN : READ);
}

static void code(unsigned cpu, void *address) {
  (void)cpu;
  visit((uint64_t)address, READ);
}

static void translate(plugin id, struct block *block) {
  (void)id;
  uint64_t page = 0;
  for (size_t i = 0; i < qemu_plugin_tb_n_insns(block); i++) {
    struct instruction *instruction = qemu_plugin_tb_get_insn(block, i);
    uint64_t address = qemu_plugin_insn_vaddr(instruction);
    noticeMark(instruction, address);
    if (address < KERNEL && address >> 12 != page) qemu_plugin_register_vcpu_insn_exec_cb(instruction, code, 0, (void *)address);
    page = address >> 12;
    qemu_plugin_register_vcpu_mem_cb(instruction, data, 0, 3, NULL);
  }
}
