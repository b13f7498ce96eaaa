// A process that answers at the I/O ports of a virtual machine with as few instructions as can be. Its memory is the firmware.
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define FIRMWARE_BYTES 65536L
#define LOW_MEMORY (1L << 20)
#define FIRMWARE (LOW_MEMORY - FIRMWARE_BYTES)
#define RESET 0xffff0000UL

static int checked(int result, const char *what) {
  if (result != -1) return result;
  perror(what);
  exit(1);
}

static void map(int vm, int slot, unsigned long at, char *memory, unsigned long bytes) {
  struct kvm_userspace_memory_region region = {
      .slot = slot, .guest_phys_addr = at, .memory_size = bytes, .userspace_addr = (uintptr_t)memory};
  checked(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region), "KVM_SET_USER_MEMORY_REGION");
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  int kvm = checked(open("/dev/kvm", O_RDWR), "/dev/kvm");
  int vm = checked(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
  checked(ioctl(vm, KVM_SET_TSS_ADDR, 0xfffbd000), "KVM_SET_TSS_ADDR");
  checked(ioctl(vm, KVM_CREATE_IRQCHIP, 0), "KVM_CREATE_IRQCHIP");
  struct kvm_pit_config pit = {0};
  checked(ioctl(vm, KVM_CREATE_PIT2, &pit), "KVM_CREATE_PIT2");
  char *memory = mmap(NULL, LOW_MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  int firmware = checked(open(argv[1], O_RDONLY), argv[1]);
  if (read(firmware, memory + FIRMWARE, FIRMWARE_BYTES) != FIRMWARE_BYTES) return 3;
  map(vm, 0, 0, memory, LOW_MEMORY);
  map(vm, 1, RESET, memory + FIRMWARE, FIRMWARE_BYTES);
  int vcpu = checked(ioctl(vm, KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU");
  struct kvm_run *run =
      mmap(NULL, ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
  struct kvm_cpuid2 *cpuid = calloc(1, sizeof *cpuid + 128 * sizeof *cpuid->entries);
  cpuid->nent = 128;
  checked(ioctl(kvm, KVM_GET_SUPPORTED_CPUID, cpuid), "KVM_GET_SUPPORTED_CPUID");
  checked(ioctl(vcpu, KVM_SET_CPUID2, cpuid), "KVM_SET_CPUID2");
  for (;;) {
    checked(ioctl(vcpu, KVM_RUN, 0), "KVM_RUN");
    if (run->exit_reason != KVM_EXIT_IO) return printf("exit %d\n", run->exit_reason), 4;
    uint8_t *data = (uint8_t *)run + run->io.data_offset;
    if (run->io.direction == KVM_EXIT_IO_IN) *data = 0xff;
    else if (run->io.port == 0x3f8) putchar(*data);
    else if (run->io.port == 0x64) return 0;
  }
}
