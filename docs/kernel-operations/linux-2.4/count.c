// Plug-in of QEMU: between two marks of operations.c, counts the kernel's instructions (addresses from 3 GB on) and those of
// them that matter to a VMM, and the instructions of user code. A line for each: number of the operation, 0 or, within the
// function given as `softirq=`, 1, or 2 for user code, counts.
#include "plugin.h"

// Besides plugin.h, of qemu-plugin.h:
size_t qemu_plugin_insn_size(const struct instruction *);
void qemu_plugin_register_vcpu_tb_exec_cb(struct block *, void (*)(unsigned, void *), int, void *);

enum { INSTRUCTIONS, RETURNS, INDIRECT_CALLS, INDIRECT_JUMPS, CALLS, CLI, STI, POPF, IRET, CR3, INVLPG, PUSHF, DR7, KINDS };

enum { KERNEL_CODE, SOFTIRQ, USER_CODE, PARTS };
static int inside, depth;
static uint64_t counts[PARTS][KINDS];

struct counted {
  uint64_t address;
  uint16_t of[KINDS];
};

static void mark(unsigned cpu, void *number) {
  (void)cpu;
  for (int part = 0; part < PARTS; part++) {
    if (operation && counts[part][INSTRUCTIONS]) {
      fprintf(out, "%d %d", operation, part);
      for (int kind = 0; kind < KINDS; kind++) fprintf(out, " %lu", (unsigned long)counts[part][kind]);
      fputc('\n', out);
    }
    memset(counts[part], 0, sizeof counts[part]);
  }
  fflush(out);
  inside = 0;
  begin(number);
}

static void run(unsigned cpu, void *data) {
  (void)cpu;
  const struct counted *block = data;
  if (!operation) return;
  if (block->address < KERNEL) {
    counts[USER_CODE][INSTRUCTIONS] += block->of[INSTRUCTIONS];
    return;
  }
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
    noticeMark(instruction, address);
    if (counted == NULL) {
      counted = calloc(1, sizeof *counted);
      counted->address = address;
      qemu_plugin_register_vcpu_tb_exec_cb(block, run, 0, counted);
    }
    const uint8_t *bytes = qemu_plugin_insn_data(instruction);
    counted->of[INSTRUCTIONS]++;
    if (address < KERNEL) continue;
    int kind = kindOf(bytes, bytes + qemu_plugin_insn_size(instruction));
    if (kind != INSTRUCTIONS) counted->of[kind]++;
  }
}
