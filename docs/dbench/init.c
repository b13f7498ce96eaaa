// Init of Linux 2.4: mounts /dev/hda, runs dbench on it, and prints every few seconds what the kernel has counted.
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/io.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <sys/reboot.h>
#include <sys/time.h>

// The debug console of QEMU: the kernel at hand has none on a serial line.
static ssize_t put(void *cookie, const char *text, size_t n) {
  for (size_t i = 0; i < n; i++) __asm__ volatile("outb %0,$0xe9" ::"a"(text[i]));
  return n;
}
static FILE *out;
static void fail(const char *what) { fprintf(out, "FAILED %s: %s\n", what, strerror(errno)); fflush(out); }

static void show(const char *path, const char *only) {
  char line[512];
  FILE *f = fopen(path, "r");
  if (!f) { fprintf(out, "no %s\n", path); return; }
  while (fgets(line, sizeof line, f)) if (!only || strstr(line, only)) fputs(line, out);
  fclose(f);
}
static struct timeval start;
static void sample(const char *name) {
  struct timeval now;
  gettimeofday(&now, 0);
  fprintf(out, "@ %s %.2f\n", name, now.tv_sec - start.tv_sec + (now.tv_usec - start.tv_usec) * 1e-6);
  show("/proc/stat", "cpu "); show("/proc/stat", "disk_io"); show("/proc/stat", "ctxt");
  show("/proc/stat", "page "); show("/proc/stat", "swap ");
  show("/proc/partitions", "hda");
  show("/proc/meminfo", "kB");
  show("/proc/slabinfo", "buffer_head"); show("/proc/slabinfo", "inode_cache"); show("/proc/slabinfo", "dentry_cache");
  fflush(out);
}
int main(void) {
  iopl(3);
  cookie_io_functions_t io = {.write = put};
  out = fopencookie(0, "w", io);
  const char *fs = getenv("fs"), *clients = getenv("clients"), *ballast = getenv("ballast"), *every = getenv("every");
  mkdir("/proc", 0755);
  if (mount("none", "/proc", "proc", 0, 0)) fail("proc");
  if (mount("/dev/hda", "/mnt", fs ? fs : "ext2", 0, 0)) fail("mnt");
  signal(SIGCONT, SIG_IGN);
  if (ballast) {
    size_t bytes = (size_t)atoi(ballast) << 20;
    char *at = malloc(bytes);
    memset(at, 1, bytes);
    if (mlock(at, bytes)) fail("mlock");
  }
  show("/proc/version", 0); show("/proc/meminfo", 0); show("/proc/slabinfo", 0); show("/proc/sys/vm/bdflush", 0);
  gettimeofday(&start, 0);
  sample("begin");
  int child = fork();
  if (!child) {
    setpgid(0, 0);
    chdir("/mnt");
    close(1);
    open("/proc.out", O_RDWR | O_CREAT, 0600);
    dup2(1, 2);
    execl("/dbench", "dbench", "-c", "/mnt/client.txt", clients ? clients : "40", (char *)0);
    fail("exec");
    _exit(1);
  }
  int status, seconds = every ? atoi(every) : 20;
  for (int t = 0; waitpid(child, &status, WNOHANG) == 0; t++) {
    if (t % seconds == seconds - 1) sample("during");
    sleep(1);
  }
  sample("end");
  show("/proc.out", 0);
  show("/proc/slabinfo", 0);
  sync();
  sample("synced");
  fprintf(out, "DONE\n");
  fflush(out);
  sleep(1);
  reboot(0x4321fedc);
  reboot(RB_AUTOBOOT);
  for (;;) pause();
}
