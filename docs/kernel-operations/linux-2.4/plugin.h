// What the plug-ins of QEMU here have in common: what they use of qemu-plugin.h, version 1; the marks of operations.c, between two of which
// something is counted; where the kernel's addresses begin; and the arguments: `out=` file, `last=` operation, `softirq=` address.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t plugin;
struct block;
struct instruction;
int qemu_plugin_version = 1;
void qemu_plugin_register_vcpu_tb_trans_cb(plugin, void (*)(plugin, struct block *));
size_t qemu_plugin_tb_n_insns(const struct block *);
struct instruction *qemu_plugin_tb_get_insn(const struct block *, size_t);
uint64_t qemu_plugin_insn_vaddr(const struct instruction *);
const void *qemu_plugin_insn_data(const struct instruction *);
void qemu_plugin_register_vcpu_insn_exec_cb(struct instruction *, void (*)(unsigned, void *), int, void *);

enum { MARKS = 0x700000, MARKS_END = 0x700400 };
static const uint64_t KERNEL = 0xc0000000u;

static FILE *out;
static int operation, last;
static uint64_t softirq;

// A plug-in's own: at a mark, with the number of the operation that begins; for each block of instructions.
static void mark(unsigned cpu, void *number);
static void translate(plugin id, struct block *block);

static void noticeMark(struct instruction *instruction, uint64_t address) {
  if (address >= MARKS && address < MARKS_END && address % 16 == 0)
    qemu_plugin_register_vcpu_insn_exec_cb(instruction, mark, 0, (void *)(intptr_t)((address - MARKS) / 16));
}

static void begin(void *number) {
  operation = (int)(intptr_t)number;
  if (operation == last) fclose(out), exit(0);
}

int qemu_plugin_install(plugin id, const void *info, int argc, char **argv) {
  (void)info;
  for (int i = 0; i < argc; i++) {
    if (!strncmp(argv[i], "out=", 4)) out = fopen(argv[i] + 4, "w");
    if (!strncmp(argv[i], "last=", 5)) last = atoi(argv[i] + 5);
    if (!strncmp(argv[i], "softirq=", 8)) softirq = strtoull(argv[i] + 8, NULL, 16);
  }
  if (!out) return 1;
  qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
  return 0;
}
