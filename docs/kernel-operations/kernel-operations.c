// Init of a system that counts what elementary operations of its kernel take.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096L
#define MB (1L << 20)
#define TRACE "/sys/kernel/tracing/"

static inline uint64_t tsc(void) {
  uint32_t lo, hi;
  __asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi)::"memory");
  return (uint64_t)hi << 32 | lo;
}

static void check(long result, const char *what) {
  if (result != -1) return;
  printf("%s: %s\n", what, strerror(errno));
  reboot(RB_POWER_OFF);
}

static int file, zero;
static char *page, *range;
static sigjmp_buf back;
static char *const PROGRAM[] = {"/init", "exit", NULL};
static char *const SHELL[] = {"sh", "-c", "/init exit", NULL};
static char *const NOTHING[] = {NULL};

static void user_loop(int n) {
  for (int i = 0; i < n; i++) __asm__ volatile("nop");
}
static void null_syscall(int n) {
  while (n--) syscall(SYS_getppid);
}
static void read_dev_zero(int n) {
  char c;
  while (n--) check(read(zero, &c, 1), "read");
}
static void stat_file(int n) {
  struct stat s;
  while (n--) check(stat("/file", &s), "stat");
}
static void open_close(int n) {
  while (n--) close(open("/file", O_RDONLY));
}
static void caught(int signal) { (void)signal; }
static void sig_install(int n) {
  struct sigaction action = {.sa_handler = caught};
  while (n--) sigaction(SIGUSR1, &action, NULL);
}
static void sig_handle(int n) {
  signal(SIGUSR1, caught);
  int self = getpid();
  while (n--) kill(self, SIGUSR1);
}
static void fork_exit(int n) {
  while (n--) {
    pid_t child = fork();
    if (child == 0) _exit(0);
    waitpid(child, NULL, 0);
  }
}
static void run(int n, char *const program[], const char *path, int isVfork) {
  while (n--) {
    pid_t child = isVfork ? vfork() : fork();
    if (child == 0) {
      execve(path, program, NOTHING);
      _exit(1);
    }
    waitpid(child, NULL, 0);
  }
}
static void fork_exec(int n) { run(n, PROGRAM, PROGRAM[0], 0); }
static void vfork_exec(int n) { run(n, PROGRAM, PROGRAM[0], 1); }
static void fork_sh(int n) { run(n, SHELL, "/bin/busybox", 0); }

static void map(int n, long stride, int isFile) {
  while (n--) {
    char *p = isFile ? mmap(NULL, 4 * MB, PROT_READ, MAP_SHARED, file, 0)
                     : mmap(NULL, 4 * MB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (isFile) {
      for (long at = 0; at < 4 * MB && stride; at += stride) (void)*(volatile char *)(p + at);
    } else {
      for (long at = 0; at < 4 * MB; at += stride) p[at] = 1;
    }
    munmap(p, 4 * MB);
  }
}
static void anon_fault(int n) { map(n, PAGE, 0); }
static void file_fault(int n) { map(n, PAGE, 1); }
static void file_fault_sparse(int n) { map(n, 16 * PAGE, 1); }
static void mmap_munmap(int n) { map(n, 0, 1); }

static void jump(int signal) {
  (void)signal;
  siglongjmp(back, 1);
}
static void prot_fault(int n) {
  if (!page) {
    page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *page = 1;
    mprotect(page, PAGE, PROT_READ);
  }
  signal(SIGSEGV, jump);
  for (volatile int i = 0; i < n; i++)
    if (sigsetjmp(back, 1) == 0) *(volatile char *)page = 1;
  signal(SIGSEGV, SIG_DFL);
}
static void mprotect_touch(int n) {
  if (!range) range = mmap(NULL, MB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  while (n--) {
    mprotect(range, MB, PROT_READ);
    mprotect(range, MB, PROT_READ | PROT_WRITE);
    for (long at = 0; at < MB; at += PAGE) range[at] = 1;
  }
}

static int resident;
static char *memory;
static void take(int megabytes) {
  memory = mmap(NULL, megabytes * MB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (long at = 0; at < megabytes * MB; at += PAGE) memory[at] = 1;
  resident = megabytes;
}
static void release(void) {
  if (range) munmap(range, MB);
  if (page) munmap(page, PAGE);
  range = page = NULL;
  if (resident) munmap(memory, resident * MB);
  resident = 0;
}

// A ring of processes that pass a token by pipes, each summing an array.
#define MOST 16
static int ring[MOST][2], processes, kilobytes;
static pid_t members[MOST];
static long *array;
static volatile long total;
static void sum(void) {
  long s = 0;
  for (long *end = array + kilobytes * 128, *at = array; at < end; at++) s += *at;
  total += s;
}
static void member(int number) {
  char token;
  for (;;) {
    if (read(ring[number][0], &token, 1) != 1) _exit(0);
    sum();
    if (write(ring[(number + 1) % processes][1], &token, 1) != 1) _exit(0);
  }
}
static void make_ring(int count, int kb) {
  processes = count;
  kilobytes = kb;
  array = malloc(kb * 1024 + 4);
  memset(array, 1, kb * 1024 + 4);
  for (int i = 0; i < count; i++) check(pipe(ring[i]), "pipe");
  for (int i = 1; i < count; i++) {
    if ((members[i] = fork()) == 0) {
      array = malloc(kb * 1024 + 4);
      memset(array, 1, kb * 1024 + 4);
      member(i);
    }
  }
}
static void end_ring(void) {
  for (int i = 1; i < processes; i++) {
    kill(members[i], SIGKILL);
    waitpid(members[i], NULL, 0);
  }
  for (int i = 0; i < processes; i++) close(ring[i][0]), close(ring[i][1]);
  free(array);
  processes = 0;
}
static void pass(int n) {
  char token = 0;
  while (n--) {
    write(ring[1][1], &token, 1);
    read(ring[0][0], &token, 1);
    sum();
  }
}

// As a guest of KVM: the console is a port, and so is what makes the host count.
static int isGuest;
static ssize_t to_port(void *cookie, const char *text, size_t size) {
  (void)cookie;
  ioperm(0x3f8, 1, 1); // not for long: every return to user code looks after it
  for (size_t i = 0; i < size; i++) outb(text[i], 0x3f8);
  ioperm(0x3f8, 1, 0);
  return size;
}
static void mark(unsigned char value) {
  if (!isGuest) return;
  ioperm(0xf4, 1, 1);
  outb(value, 0xf4);
  ioperm(0xf4, 1, 0);
}

struct operation {
  const char *name;
  void (*run)(int times);
  int times, rounds; // operations a measurement, measurements
  int per;           // what one turn of the loop counts as
  int megabytes, ring, kb;
};
static const struct operation OPERATIONS[] = {
    {"user_loop", user_loop, 10000, 11, 1, 0, 0, 0},
    {"null_syscall", null_syscall, 1000, 11, 1, 0, 0, 0},
    {"read_dev_zero", read_dev_zero, 1000, 11, 1, 0, 0, 0},
    {"stat", stat_file, 200, 11, 1, 0, 0, 0},
    {"open_close", open_close, 200, 11, 1, 0, 0, 0},
    {"sig_install", sig_install, 1000, 11, 1, 0, 0, 0},
    {"sig_handle", sig_handle, 200, 11, 1, 0, 0, 0},
    {"fork_exit", fork_exit, 20, 11, 1, 0, 0, 0},
    {"fork_exec", fork_exec, 20, 11, 1, 0, 0, 0},
    {"vfork_exec", vfork_exec, 20, 11, 1, 0, 0, 0},
    {"fork_sh", fork_sh, 10, 11, 1, 0, 0, 0},
    {"anon_fault_4MB", anon_fault, 1, 21, 1024, 0, 0, 0},
    {"file_fault_4MB", file_fault, 1, 21, 1024, 0, 0, 0},
    {"file_fault_sparse", file_fault_sparse, 1, 21, 64, 0, 0, 0},
    {"mmap_munmap_4MB", mmap_munmap, 20, 11, 1, 0, 0, 0},
    {"prot_fault", prot_fault, 100, 11, 1, 0, 0, 0},
    {"mprotect_1MB_rw_touch", mprotect_touch, 2, 11, 1, 0, 0, 0},
    {"fork_exit_rss_1MB", fork_exit, 5, 11, 1, 1, 0, 0},
    {"fork_exit_rss_4MB", fork_exit, 5, 11, 1, 4, 0, 0},
    {"fork_exit_rss_16MB", fork_exit, 3, 7, 1, 16, 0, 0},
    {"fork_exit_rss_64MB", fork_exit, 1, 7, 1, 64, 0, 0},
    {"ctx_2p_0k", pass, 100, 11, 2, 0, 2, 0},
    {"ctx_2p_16k", pass, 100, 11, 2, 0, 2, 16},
    {"ctx_2p_64k", pass, 50, 11, 2, 0, 2, 64},
    {"ctx_8p_16k", pass, 20, 11, 8, 0, 8, 16},
    {"ctx_8p_64k", pass, 20, 11, 8, 0, 8, 64},
    {"ctx_16p_16k", pass, 10, 11, 16, 0, 16, 16},
    {"ctx_16p_64k", pass, 10, 11, 16, 0, 16, 64},
};
#define COUNT (sizeof OPERATIONS / sizeof *OPERATIONS)

static int ascending(const void *a, const void *b) {
  double d = *(double *)a - *(double *)b;
  return (d > 0) - (d < 0);
}
static long minor_faults(void) {
  struct rusage own, children;
  getrusage(RUSAGE_SELF, &own);
  getrusage(RUSAGE_CHILDREN, &children);
  return own.ru_minflt + children.ru_minflt;
}

static void write_to(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_TRUNC);
  if (fd == -1 || write(fd, text, strlen(text)) == -1) printf("# %s: %s\n", path, strerror(errno));
  close(fd);
}

static void measure(const struct operation *o) {
  double each[64], mean = 0;
  for (int i = 0; i < 3; i++) o->run(o->times);
  long faults = minor_faults();
  for (int i = 0; i < o->rounds; i++) {
    uint64_t start = tsc();
    o->run(o->times);
    each[i] = (double)(tsc() - start) / o->times / o->per;
    mean += each[i] / o->rounds;
  }
  faults = minor_faults() - faults;
  mark(1);
  o->run(o->times);
  mark(2);
  qsort(each, o->rounds, sizeof *each, ascending);
  printf("count %s turns %d median %.1f mean %.1f least %.1f most %.1f faults %.2f\n", o->name, o->times * o->per, each[o->rounds / 2], mean, each[0],
         each[o->rounds - 1], (double)faults / o->times / o->rounds);
}

// Names of the events in the trace buffer, with how often they come.
static void print_trace(const char *operation, int ops, int isRaw) {
  FILE *trace = fopen(TRACE "trace", "r");
  static char line[4096], names[256][64];
  static int counts[256];
  int kinds = 0;
  while (fgets(line, sizeof line, trace)) {
    if (line[0] == '#') continue;
    if (isRaw) printf("raw %s", line);
    char name[64];
    char *at = strchr(line, '['); // task-pid [cpu] flags time: event: fields
    if (!at || sscanf(at, "[%*[^]]] %*s %*[^:]: %63[^:]", name) != 1) {
      if (sscanf(line, "%*[^:]: %63[^:]", name) != 1) continue;
    }
    int k = 0;
    while (k < kinds && strcmp(names[k], name)) k++;
    if (k == kinds && kinds < 256) strcpy(names[kinds], name), counts[kinds++] = 0;
    counts[k]++;
  }
  fclose(trace);
  printf("events %s ops %d", operation, ops);
  for (int k = 0; k < kinds; k++) printf(" %s=%d", names[k], counts[k]);
  printf("\n");
}

static void trace(const struct operation *o, int times, int isRaw) {
  o->run(times);
  o->run(times);
  write_to(TRACE "trace", "");
  write_to(TRACE "tracing_on", "1");
  o->run(times);
  write_to(TRACE "tracing_on", "0");
  print_trace(o->name, times * o->per, isRaw);
}

int main(int count, char *arguments[]) {
  if (count > 1) return 0;
  mkdir("/proc", 0755), mkdir("/sys", 0755), mkdir("/dev", 0755);
  mount("proc", "/proc", "proc", 0, NULL);
  mount("sys", "/sys", "sysfs", 0, NULL);
  mount("dev", "/dev", "devtmpfs", 0, NULL);
  mount("trace", "/sys/kernel/tracing", "tracefs", 0, NULL);
  setvbuf(stdout, NULL, _IOLBF, 0);
  char commandLine[2048] = {0};
  int fd = open("/proc/cmdline", O_RDONLY);
  read(fd, commandLine, sizeof commandLine - 1);
  close(fd);
  if (strstr(commandLine, " port=1 ")) {
    isGuest = 1;
    stdout = fopencookie(NULL, "w", (cookie_io_functions_t){.write = to_port});
    setvbuf(stdout, NULL, _IOLBF, 0);
  }
  write_to("/sys/kernel/mm/transparent_hugepage/enabled", "never");
  write_to("/proc/sys/kernel/printk", "1 1 1 1");
  write_to("/proc/sys/debug/exception-trace", "0");
  if (strstr(commandLine, "norand")) write_to("/proc/sys/kernel/randomize_va_space", "0");
  sleep(5); // whatever the kernel still does in the background
  check(zero = open("/dev/zero", O_RDONLY), "/dev/zero");
  check(file = open("/file", O_RDWR | O_CREAT, 0644), "/file");
  check(ftruncate(file, 4 * MB), "ftruncate");
  char *all = mmap(NULL, 4 * MB, PROT_WRITE, MAP_SHARED, file, 0);
  for (long at = 0; at < 4 * MB; at += PAGE) all[at] = 1;
  munmap(all, 4 * MB);
  char *only = strstr(commandLine, "only=");
  int isTrace = strstr(commandLine, "events=") != NULL;
  if (isTrace) {
    char events[256];
    sscanf(strstr(commandLine, "events="), "events=%255s", events);
    write_to(TRACE "buffer_size_kb", "20000");
    write_to(TRACE "tracing_on", "0");
    if (strstr(commandLine, "functions=1")) write_to(TRACE "current_tracer", "function");
    if (strstr(commandLine, "stacks=1")) write_to(TRACE "options/stacktrace", "1");
    for (char *e = strtok(events, "+"); e; e = strtok(NULL, "+")) {
      char path[300];
      snprintf(path, sizeof path, TRACE "events/%s/enable", e);
      write_to(path, "1");
    }
  }
  printf("begin %s", commandLine);
  char *somewhere = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(somewhere, PAGE);
  printf("layout mapping %p stack %p heap %p\n", somewhere, (void *)commandLine, sbrk(0));
  for (const struct operation *o = OPERATIONS; o < OPERATIONS + COUNT; o++) {
    if (only && strncmp(only + 5, o->name, strlen(o->name))) continue;
    if (o->megabytes) take(o->megabytes);
    if (o->ring) make_ring(o->ring, o->kb);
    if (isTrace) trace(o, o->times > 10 ? 10 : o->times, only != NULL);
    else measure(o);
    if (o->ring) end_ring();
    release();
  }
  printf("end\n");
  mark(3);
  reboot(RB_POWER_OFF);
}
