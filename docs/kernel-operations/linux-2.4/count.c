// Plug-in of QEMU: between two marks of operations.c, counts the kernel's instructions (addresses from 3 GB on) and those of
// them that matter to a VMM. A line for each: number of the operation, 1 within the function given as `softirq=`, counts.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// What is used of qemu-plugin.h, version 1.
typedef uint64_t plugin;
struct block;
struct instruction;
int qemu_plugin_version = 1;
void qemu_plugin_register_vcpu_tb_trans_cb(plugin, void (*)(plugin, struct block *));
size_t qemu_plugin_tb_n_insns(const struct block *);
struct instruction *qemu_plugin_tb_get_insn(const struct block *, size_t);
uint64_t qemu_plugin_insn_vaddr(const struct instruction *);
const void *qemu_plugin_insn_data(const struct instruction *);
size_t qemu_plugin_insn_size(const struct instruction *);
void qemu_plugin_register_vcpu_insn_exec_cb(struct instruction *, void (*)(unsigned, void *), int, void *);
void qemu_plugin_register_vcpu_tb_exec_cb(struct block *, void (*)(unsigned, void *), int, void *);

enum { INSTRUCTIONS, RETURNS, INDIRECT_CALLS, INDIRECT_JUMPS, CALLS, CLI, STI, POPF, IRET, CR3, INVLPG, PUSHF, DR7, KINDS };
enum { MARKS = 0x700000, MARKS_END = 0x700400 };
static const uint64_t KERNEL = 0xc0000000u;

static FILE *out;
static int operation, last, inside, depth;
static uint64_t counts[2][KINDS], softirq;

struct counted {
  uint64_t address;
  uint16_t of[KINDS];
};

static void mark(unsigned cpu, void *number) {
  (void)cpu;
  for (int part = 0; part < 2; part++) {
    if (operation && counts[part][INSTRUCTIONS]) {
      fprintf(out, "%d %d", operation, part);
      for (int kind = 0; kind < KINDS; kind++) fprintf(out, " %lu", (unsigned long)counts[part][kind]);
      fputc('\n', out);
    }
    memset(counts[part], 0, sizeof counts[part]);
  }
  operation = (int)(intptr_t)number;
  inside = 0;
  if (operation == last) fclose(out), exit(0);
}

static void run(unsigned cpu, void *data) {
  (void)cpu;
  const struct counted *block = data;
  if (!operation) return;
  if (block->address == softirq && !inside) inside = 1, depth = 0;
  for (int kind = 0; kind < KINDS; kind++) counts[inside][kind] += block->of[kind];
  // A block ends with whatever changes the flow of control.
  if (inside) depth += block->of[CALLS] + block->of[INDIRECT_CALLS] - block->of[RETURNS];
  if (depth < 0) inside = 0;
}

static int kindOf(const uint8_t *byte, const uint8_t *end) {
  while (byte < end && strchr("\x66\xf2\xf3\x2e\x3e", *byte) && *byte) byte++;
  switch (*byte) {
    case 0xc2: case 0xc3: return RETURNS;
    case 0xe8: return CALLS;
    case 0xfa: return CLI;
    case 0xfb: return STI;
    case 0x9d: return POPF;
    case 0x9c: return PUSHF;
    case 0xcf: return IRET;
    case 0xff: return (byte[1] >> 3 & 7) == 2 ? INDIRECT_CALLS : (byte[1] >> 3 & 7) == 4 ? INDIRECT_JUMPS : INSTRUCTIONS;
    case 0x0f:
      if (byte[1] == 0x23 && (byte[2] >> 3 & 7) == 7) return DR7;
      if (byte[1] == 0x22 && (byte[2] >> 3 & 7) == 3) return CR3;
      return byte[1] == 1 && (byte[2] >> 3 & 7) == 7 && byte[2] < 0xc0 ? INVLPG : INSTRUCTIONS;
    default: return INSTRUCTIONS;
  }
}

static void translate(plugin id, struct block *block) {
  (void)id;
  struct counted *counted = NULL;
  for (size_t i = 0; i < qemu_plugin_tb_n_insns(block); i++) {
    struct instruction *instruction = qemu_plugin_tb_get_insn(block, i);
    uint64_t address = qemu_plugin_insn_vaddr(instruction);
    if (address >= MARKS && address < MARKS_END && address % 16 == 0)
      qemu_plugin_register_vcpu_insn_exec_cb(instruction, mark, 0, (void *)(intptr_t)((address - MARKS) / 16));
    if (address < KERNEL) continue;
    if (counted == NULL) {
      counted = calloc(1, sizeof *counted);
      counted->address = address;
      qemu_plugin_register_vcpu_tb_exec_cb(block, run, 0, counted);
    }
    const uint8_t *bytes = qemu_plugin_insn_data(instruction);
    int kind = kindOf(bytes, bytes + qemu_plugin_insn_size(instruction));
    counted->of[INSTRUCTIONS]++;
    if (kind != INSTRUCTIONS) counted->of[kind]++;
  }
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
