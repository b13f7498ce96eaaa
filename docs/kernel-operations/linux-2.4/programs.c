// Init of Linux 2.4 on IA-32, without a C library: runs each program twice, calls an address of its own before and after, which the
// plug-in pages.c looks for (-DLANGUAGE='"LANG=en_US",' or -DLANGUAGE=), and prints the faults of the process and its children: those without a file, and those on a file.
typedef unsigned long word;

enum { EXIT = 1, FORK, OPEN = 5, EXECVE = 11, DUP2 = 63, MOUNT = 21, IOPL = 110, WAIT4 = 114 };
enum { MARKS = 0x700000, MINOR = 8, MAJOR = 9, END = 40 };

__asm__(".section .marks,\"ax\"\n.rept 64\n.balign 16\nret\n.endr\n.text\n.globl _start\n_start: call run\n");

static long call(long number, word a, word b, word c, word d) {
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d) : "memory");
  return result;
}
static void mark(int number) { __asm__ volatile("call *%0" ::"r"(MARKS + 16 * number) : "memory"); }
static void put(const char *text) { while (*text) __asm__ volatile("outb %0,$0xe9" ::"a"(*text++)); }
static void putNumber(long number) {
  char digits[12], *at = digits + 11;
  *at = 0;
  do *--at = '0' + number % 10; while (number /= 10);
  put(at);
}

static const char *const programs[][5] = {
  {"/tmp/hello", 0}, {"/bin/sh", "-c", "exit", 0}, {"/bin/sh", "-c", "/tmp/hello", 0},
  {"/forks", "fork", "20", 0}, {"/forks", "exec", "20", 0}, {"/forks", "shell", "20", 0},
};
static const char *const environment[] = {"PATH=/bin:/usr/bin", "HOME=/root", "PWD=/root", "SHELL=/bin/bash", "USER=root", "LOGNAME=root", "TERM=xterm", "HOSTNAME=localhost",
  "OLDPWD=/", "MAIL=/var/spool/mail/root", LANGUAGE 0};

void run(void) {
  call(IOPL, 3, 0, 0, 0);
  call(MOUNT, (word) "none", (word) "/proc", (word) "proc", 0xc0ed0000);
  for (int to = 0; to < 3; to++) call(DUP2, call(OPEN, (word) "/dev/null", 2, 0, 0), to, 0, 0);
  for (int i = 0; i < (int)(sizeof programs / sizeof *programs); i++)
    for (int turn = 0; turn < 2; turn++) {
      long usage[18], status;
      mark(i + 1);
      long child = call(FORK, 0, 0, 0, 0);
      if (!child) {
        call(EXECVE, (word)programs[i][0], (word)programs[i], i ? (word)environment : 0, 0);
        call(EXIT, 1, 0, 0, 0);
      }
      call(WAIT4, child, (word)&status, 0, (word)usage);
      mark(0);
      for (int word = 0; programs[i][word]; word++) put(programs[i][word]), put(" ");
      put(": status "), putNumber(status), put(", faults "), putNumber(usage[MINOR]), put(" + "), putNumber(usage[MAJOR]), put("\n");
    }
  mark(END);
  for (;;) {}
}
