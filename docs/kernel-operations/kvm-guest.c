// Init of the host: loads KVM, runs a Linux with the measurements in a virtual machine, prints what KVM counts between marks.
#define _GNU_SOURCE
#include <asm/bootparam.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MEMORY (512UL << 20)
#define PARAMS 0x10000UL
#define COMMAND_LINE 0x20000UL
#define KERNEL 0x1000000UL
#define INITRD 0x10000000UL
#define DEBUG "/sys/kernel/debug/"

static void check(long result, const char *what) {
  if (result != -1) return;
  printf("kvm: %s: %s\n", what, strerror(errno));
  reboot(RB_POWER_OFF);
}

static long load(const char *path, void *to, long from) {
  int fd = open(path, O_RDONLY);
  check(fd, path);
  check(lseek(fd, from, SEEK_SET), path);
  long size = 0, got;
  while ((got = read(fd, (char *)to + size, 1 << 20)) > 0) size += got;
  close(fd);
  return size;
}

static void insert(const char *path, const char *parameters) {
  int fd = open(path, O_RDONLY);
  check(fd, path);
  check(syscall(SYS_finit_module, fd, parameters, 0), path);
  close(fd);
}

// KVM's counters, which debugfs has for each virtual machine.
static char folder[300], names[128][64];
static long before[128];
static int counters;
static long counter(int i) {
  char path[400], text[32] = {0};
  snprintf(path, sizeof path, "%s/%s", folder, names[i]);
  int fd = open(path, O_RDONLY);
  if (fd == -1 || read(fd, text, 31) <= 0) text[0] = 0;
  close(fd);
  return atol(text);
}
static void find_counters(void) {
  DIR *kvm = opendir(DEBUG "kvm");
  for (struct dirent *e; (e = readdir(kvm));)
    if (strchr(e->d_name, '-')) snprintf(folder, sizeof folder, DEBUG "kvm/%s", e->d_name);
  closedir(kvm);
  strcat(folder, "/vcpu0");
  for (int of = 0; of < 2; of++) {
    DIR *d = opendir(folder);
    for (struct dirent *e; (e = readdir(d));) {
      if (e->d_type != DT_REG || strstr(e->d_name, "hist") || counters == 128) continue;
      snprintf(names[counters++], 64, of ? "../%s" : "%s", e->d_name);
    }
    closedir(d);
    if (of == 0) {
      char *end = strrchr(folder, '/');
      *end = 0;
      strcat(folder, "/.");
      for (int i = 0; i < counters; i++) {
        char name[64];
        snprintf(name, sizeof name, "vcpu0/%.50s", names[i]);
        strcpy(names[i], name);
      }
    }
  }
  for (int i = 0; i < counters; i++)
    if (!strncmp(names[i], "../", 3)) memmove(names[i], names[i] + 3, strlen(names[i]) - 2);
}
static void write_to(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_TRUNC);
  if (fd == -1 || write(fd, text, strlen(text)) == -1) printf("# %s: %s\n", path, strerror(errno));
  close(fd);
}
static int isTracing;
static void mark(unsigned value) {
  if (value == 1) {
    for (int i = 0; i < counters; i++) before[i] = counter(i);
    if (isTracing) write_to("/sys/kernel/tracing/trace", ""), write_to("/sys/kernel/tracing/tracing_on", "1");
  } else if (value == 2) {
    if (isTracing) {
      write_to("/sys/kernel/tracing/tracing_on", "0");
      FILE *trace = fopen("/sys/kernel/tracing/trace", "r");
      static char line[4096];
      while (fgets(line, sizeof line, trace)) if (line[0] != '#') printf("raw %s", line);
      fclose(trace);
    }
    printf("counters");
    for (int i = 0; i < counters; i++) {
      long delta = counter(i) - before[i];
      if (delta) printf(" %s=%ld", strrchr(names[i], '/') ? strrchr(names[i], '/') + 1 : names[i], delta);
    }
    printf("\n");
  } else {
    printf("guest ends\n");
    reboot(RB_POWER_OFF);
  }
}

static void in_out(struct kvm_run *run) {
  uint8_t *data = (uint8_t *)run + run->io.data_offset;
  for (unsigned i = 0; i < run->io.count; i++, data += run->io.size) {
    if (run->io.direction == KVM_EXIT_IO_IN) {
      memset(data, 0xff, run->io.size);
      if (run->io.port == 0x3fd) *data = 0x60;
    } else if (run->io.port == 0x3f8) {
      putchar(*data);
    } else if (run->io.port == 0xf4) {
      mark(*data);
    }
  }
}

static void boot_linux(char *memory, const char *commandLine) {
  struct boot_params *params = (void *)(memory + PARAMS);
  static char header[8192];
  int fd = open("/vmlinuz", O_RDONLY);
  check(read(fd, header, sizeof header), "vmlinuz");
  close(fd);
  params->hdr = *(struct setup_header *)(header + 0x1f1);
  load("/vmlinuz", memory + KERNEL, (params->hdr.setup_sects + 1) * 512);
  params->hdr.type_of_loader = 0xff;
  params->hdr.loadflags |= LOADED_HIGH;
  params->hdr.code32_start = KERNEL;
  params->hdr.cmd_line_ptr = COMMAND_LINE;
  strcpy(memory + COMMAND_LINE, commandLine);
  params->hdr.ramdisk_image = INITRD;
  params->hdr.ramdisk_size = load("/guest.gz", memory + INITRD, 0);
  params->e820_table[0] = (struct boot_e820_entry){0, 0x9fc00, 1};
  params->e820_table[1] = (struct boot_e820_entry){1 << 20, MEMORY - (1 << 20), 1};
  params->e820_entries = 2;
}

int main(void) {
  mkdir("/proc", 0755), mkdir("/sys", 0755), mkdir("/dev", 0755);
  mount("proc", "/proc", "proc", 0, NULL);
  mount("sys", "/sys", "sysfs", 0, NULL);
  mount("dev", "/dev", "devtmpfs", 0, NULL);
  mount("debug", "/sys/kernel/debug", "debugfs", 0, NULL);
  mount("trace", "/sys/kernel/tracing", "tracefs", 0, NULL);
  setvbuf(stdout, NULL, _IOLBF, 0);
  char host[2048] = {0}, commandLine[2300];
  int fd = open("/proc/cmdline", O_RDONLY);
  read(fd, host, sizeof host - 1);
  close(fd);
  *strchrnul(host, '\n') = 0;
  int isNested = strstr(host, "npt=1") != NULL;
  char *guest = strstr(host, "guest:");
  snprintf(commandLine, sizeof commandLine, "earlyprintk=ttyS0 console=ttyS9 acpi=off mitigations=off quiet panic=-1 port=1 %s",
           guest ? guest + 6 : "");
  insert("/irqbypass.ko", ""), insert("/ccp.ko", ""), insert("/kvm.ko", "");
  insert("/kvm-amd.ko", isNested ? "npt=1" : "npt=0");
  int kvm = open("/dev/kvm", O_RDWR);
  check(kvm, "/dev/kvm");
  int vm = ioctl(kvm, KVM_CREATE_VM, 0);
  check(vm, "KVM_CREATE_VM");
  check(ioctl(vm, KVM_SET_TSS_ADDR, 0xfffbd000), "KVM_SET_TSS_ADDR");
  check(ioctl(vm, KVM_CREATE_IRQCHIP, 0), "KVM_CREATE_IRQCHIP");
  struct kvm_pit_config pit = {0};
  check(ioctl(vm, KVM_CREATE_PIT2, &pit), "KVM_CREATE_PIT2");
  char *reserved = mmap(NULL, MEMORY + (2 << 20), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char *memory = (char *)(((uintptr_t)reserved + (2 << 20) - 1) & ~((2UL << 20) - 1));
  madvise(memory, MEMORY, MADV_HUGEPAGE);
  for (unsigned long at = 0; at < MEMORY; at += 4096) memory[at] = 0;
  struct kvm_userspace_memory_region region = {.memory_size = MEMORY, .userspace_addr = (uintptr_t)memory};
  check(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region), "KVM_SET_USER_MEMORY_REGION");
  boot_linux(memory, commandLine);
  int vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
  check(vcpu, "KVM_CREATE_VCPU");
  struct kvm_run *run = mmap(NULL, ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
  struct kvm_cpuid2 *cpuid = calloc(1, sizeof *cpuid + 128 * sizeof *cpuid->entries);
  cpuid->nent = 128;
  check(ioctl(kvm, KVM_GET_SUPPORTED_CPUID, cpuid), "KVM_GET_SUPPORTED_CPUID");
  check(ioctl(vcpu, KVM_SET_CPUID2, cpuid), "KVM_SET_CPUID2");
  struct kvm_sregs s;
  check(ioctl(vcpu, KVM_GET_SREGS, &s), "KVM_GET_SREGS");
  struct kvm_segment flat = {.limit = 0xffffffff, .selector = 0x10, .type = 11, .present = 1, .s = 1, .db = 1, .g = 1};
  s.cs = flat;
  flat.type = 3, flat.selector = 0x18;
  s.ds = s.es = s.fs = s.gs = s.ss = flat;
  s.cr0 |= 1;
  check(ioctl(vcpu, KVM_SET_SREGS, &s), "KVM_SET_SREGS");
  struct kvm_regs r = {.rip = KERNEL, .rsi = PARAMS, .rflags = 2};
  check(ioctl(vcpu, KVM_SET_REGS, &r), "KVM_SET_REGS");
  find_counters();
  if (strstr(host, "kvmtrace")) {
    isTracing = 1;
    write_to("/sys/kernel/tracing/tracing_on", "0");
    write_to("/sys/kernel/tracing/buffer_size_kb", "40000");
    write_to("/sys/kernel/tracing/events/kvm/enable", "1");
    write_to("/sys/kernel/tracing/events/kvmmmu/enable", "1");
  }
  printf("host runs: %s (npt=%d, %d counters)\n", commandLine, isNested, counters);
  for (;;) {
    if (ioctl(vcpu, KVM_RUN, 0) == -1 && errno != EINTR) check(-1, "KVM_RUN");
    if (run->exit_reason == KVM_EXIT_IO) in_out(run);
    else if (run->exit_reason == KVM_EXIT_MMIO) memset(run->mmio.data, 0xff, 8);
    else {
      ioctl(vcpu, KVM_GET_REGS, &r);
      printf("exit %d, error %d, rip %llx\n", run->exit_reason, run->internal.suberror, r.rip);
      reboot(RB_POWER_OFF);
    }
  }
}
