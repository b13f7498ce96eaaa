// Plug-in of QEMU: where the kernel's returns go, as a binary translator would look it up. Each call writes its return address into a
// table, at the place that its lowest byte says, and each return reads it there (Adams and Agesen 2006, section 3.2, translation of
// `ret`; US 6,711,672). A line for what lies between two marks of operations.c: number of the operation, returns, those of them
// whose place another call has overwritten, and those that go elsewhere than the same instruction did the last time.
#include "plugin.h"

// Besides plugin.h, of qemu-plugin.h:
size_t qemu_plugin_insn_size(const struct instruction *);
void qemu_plugin_register_vcpu_tb_exec_cb(struct block *, void (*)(unsigned, void *), int, void *);

enum { PLACES = 256 };
enum ending { OTHER, CALL, RETURN };

// A block ends with whatever changes the flow of control.
struct run {
  uint32_t address, behind, lastTarget;
  enum ending ending;
};

static uint32_t table[PLACES];
static struct run *returning;
static uint64_t returns, overwritten, elsewhere;

static void mark(unsigned cpu, void *number) {
  (void)cpu;
  if (operation && returns)
    fprintf(out, "%d %lu %lu %lu\n", operation, (unsigned long)returns, (unsigned long)overwritten, (unsigned long)elsewhere);
  returns = overwritten = elsewhere = 0;
  begin(number);
}

static void run(unsigned cpu, void *data) {
  (void)cpu;
  struct run *block = data;
  if (returning) {
    returns++;
    overwritten += table[block->address % PLACES] != block->address;
    elsewhere += returning->lastTarget != block->address;
    returning->lastTarget = block->address;
  }
  returning = block->ending == RETURN ? block : NULL;
  if (block->ending == CALL) table[block->behind % PLACES] = block->behind;
}

static enum ending endingOf(const uint8_t *byte) {
  if (*byte == 0xc2 || *byte == 0xc3) return RETURN;
  return *byte == 0xe8 || (*byte == 0xff && (byte[1] >> 3 & 7) == 2) ? CALL : OTHER;
}

static void translate(plugin id, struct block *block) {
  (void)id;
  struct run *kernel = NULL;
  for (size_t i = 0; i < qemu_plugin_tb_n_insns(block); i++) {
    struct instruction *instruction = qemu_plugin_tb_get_insn(block, i);
    uint64_t address = qemu_plugin_insn_vaddr(instruction);
    noticeMark(instruction, address);
    if (address < KERNEL) continue;
    if (kernel == NULL) {
      kernel = calloc(1, sizeof *kernel);
      kernel->address = address;
      qemu_plugin_register_vcpu_tb_exec_cb(block, run, 0, kernel);
    }
    kernel->behind = address + qemu_plugin_insn_size(instruction);
    kernel->ending = endingOf(qemu_plugin_insn_data(instruction));
  }
}
