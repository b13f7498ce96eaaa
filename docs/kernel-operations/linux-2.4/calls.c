// Init of Linux 2.4 on IA-32, without a C library: runs each program under ptrace and prints its system calls, one a line: number, the first two
// arguments, the file's name where the first is one, the third and the result.
typedef unsigned long word;

enum { EXIT = 1, FORK, READ, WRITE, OPEN, EXECVE = 11, PTRACE = 26, DUP2 = 63, OLD_MMAP = 90, MOUNT = 21, IOPL = 110, WAIT4 = 114 };
enum { TRACEME = 0, PEEKDATA = 2, PEEKUSER = 3, SYSCALL = 24 };
enum { EBX = 0, ECX = 4, EDX = 8, EAX = 24, ORIG_EAX = 44 };

__asm__(".globl _start\n_start: call run\n");

static long call(long number, word a, word b, word c, word d) {
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d) : "memory");
  return result;
}
static void putByte(char byte) { __asm__ volatile("outb %0,$0xe9" ::"a"(byte)); }
static void put(const char *text) { while (*text) putByte(*text++); }
static void putHex(word number) {
  char digits[12], *at = digits + 11;
  *at = 0;
  do *--at = "0123456789abcdef"[number % 16]; while (number /= 16);
  put(at), put(" ");
}
static void putNumber(long number) {
  char digits[12], *at = digits + 11;
  if (number < 0) put("-"), number = -number;
  *at = 0;
  do *--at = '0' + number % 10; while (number /= 10);
  put(at), put(" ");
}
static word peek(int request, long child, word address) {
  word value = 0;
  call(PTRACE, request, child, address, (word)&value);
  return value;
}
static void putName(long child, word address) {
  for (;; address += 4) {
    word four = peek(PEEKDATA, child, address);
    for (int i = 0; i < 4; i++, four >>= 8) {
      if (!(four & 255)) { put(" "); return; }
      putByte(four & 255);
    }
  }
}
static int takesName(word number) { return number == OPEN || number == EXECVE || number == 33 || number == 106 || number == 107 || number == 195 || number == 85; }

static const char *const programs[][5] = {{"/tmp/hello", 0}, {"/bin/sh", "-c", "exit", 0}, {"/bin/sh", "-c", "/tmp/hello", 0}};
static const char *const environment[] = {"PATH=/bin:/usr/bin", "HOME=/root", "PWD=/root", "SHELL=/bin/bash", "USER=root", "LOGNAME=root", "TERM=xterm",
  "HOSTNAME=localhost", LANGUAGE 0};

void run(void) {
  call(IOPL, 3, 0, 0, 0);
  call(MOUNT, (word) "none", (word) "/proc", (word) "proc", 0xc0ed0000);
  for (int to = 0; to < 3; to++) call(DUP2, call(OPEN, (word) "/dev/null", 2, 0, 0), to, 0, 0);
  for (int i = 0; i < (int)(sizeof programs / sizeof *programs); i++) {
    put("=== "), put(programs[i][0]), put(" "), put(programs[i][1] ? programs[i][2] : ""), put("\n");
    long status, child = call(FORK, 0, 0, 0, 0);
    if (!child) {
      call(PTRACE, TRACEME, 0, 0, 0);
      call(EXECVE, (word)programs[i][0], (word)programs[i], i ? (word)environment : 0, 0);
      call(EXIT, 1, 0, 0, 0);
    }
    // Each call stops as it begins and as it ends; an exec stops once more, and the first stop is that.
    int ends = 0, skip = 1;
    for (;;) {
      call(WAIT4, child, (word)&status, 0, 0);
      if ((status & 0xff) != 0x7f) break;
      if (skip) {
        skip = 0;
        call(PTRACE, SYSCALL, child, 0, 0);
        continue;
      }
      word number = peek(PEEKUSER, child, ORIG_EAX), first = peek(PEEKUSER, child, EBX);
      if (!ends) {
        putNumber(number);
        if (takesName(number)) putName(child, first); else putHex(first);
        putHex(peek(PEEKUSER, child, ECX)), putHex(peek(PEEKUSER, child, EDX));
        if (number == OLD_MMAP) for (int at = 0; at < 24; at += 4) putHex(peek(PEEKDATA, child, first + at));
      } else {
        put("= "), putHex(peek(PEEKUSER, child, EAX)), put("\n");
        skip = number == EXECVE && !peek(PEEKUSER, child, EAX);
      }
      ends = !ends;
      call(PTRACE, SYSCALL, child, 0, 0);
    }
    put("\nstatus "), putNumber(status), put("\n");
  }
  __asm__ volatile("outw %0,%1" ::"a"((short)0x2000), "d"((short)0x604));
  for (;;) {}
}
