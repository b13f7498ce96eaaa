// Init of Linux 2.4 on IA-32, without a C library: runs each operation some times, and calls an address of its own
// (MARKS + 16 * number) before and after, which the plug-in count.c looks for.
typedef unsigned long word;

enum { EXIT = 1, FORK, READ, WRITE, OPEN, CLOSE, CREAT = 8, UNLINK = 10, EXECVE, MKNOD = 14, LSEEK = 19, GETPID, MOUNT, KILL = 37, MKDIR = 39,
       PIPE = 42, IOCTL = 54, GETPPID = 64, SIGACTION = 67, MMAP = 90, MUNMAP, SOCKETCALL = 102, STAT = 106, IOPL = 110, WAIT4 = 114,
       MPROTECT = 125, SELECT = 142, SIGPROCMASK = 175, VFORK = 190 };
enum { SOCKET = 1, BIND, CONNECT, LISTEN, ACCEPT, SETSOCKOPT = 14 };

#define OPERATIONS(X) X(nothing) X(null) X(read_zero) X(write_null) X(stat) X(open_close) X(select_tcp) X(signal_install) X(signal_handle) \
  X(pipe) X(ping) X(pong) X(create) X(delete) X(write_10k) X(delete_10k) X(read_page) X(file_fault) X(anonymous_fault) X(copy_on_write) \
  X(protection_fault) X(mmap) X(munmap) X(mprotect) X(send_byte) X(receive_byte) X(fork_50) X(exit_50) X(wait_50) X(fork_150) X(exit_150) \
  X(wait_150) X(vfork) X(vfork_exit) X(exec_50) X(exec_150) X(timer) \
  X(write_page) X(read_disk) X(send_burst) X(receive_burst) X(mask_block) X(mask_ask) X(mask_change) \
  X(append_1) X(append_32) X(rewrite_1) X(rewrite_32) X(end)
#define NUMBER(name) AT_##name,
enum { OPERATIONS(NUMBER) };
#define NAME(name) #name,
static const char *const NAMES[] = {OPERATIONS(NAME)};

#define PAGE 4096
#define TURNS 40
#define MARKS 0x700000
#define TIMES for (int turn = 0; turn < TURNS; turn++)
#define mark(name) __asm__ volatile("call *%0" ::"r"(MARKS + 16 * AT_##name) : "memory")
#define measure(name, ...) do { mark(name); __VA_ARGS__; mark(nothing); } while (0)

__asm__(".section .marks,\"ax\"\n.rept 64\n.balign 16\nret\n.endr\n.text\n"
        ".globl _start\n_start: mov %esp,%eax\nand $-16,%esp\nsub $12,%esp\npush %eax\ncall run\n"
        ".globl restorer\nrestorer: pop %eax\nmov $119,%eax\nint $0x80\n"
        // The signal's handler goes on behind the write that failed: eip of its sigcontext.
        ".globl skip\nskip: movl $behind,64(%esp)\nret\n");
void restorer(void), skip(int);

static long call(long number, word a, word b, word c, word d, word e) {
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e) : "memory");
  return result;
}
#define sys(n, a, b, c) call(n, (word)(a), (word)(b), (word)(c), 0, 0)
static long socketcall(int n, word a, word b, word c, word d, word e) {
  word arguments[5] = {a, b, c, d, e};
  return sys(SOCKETCALL, n, arguments, 0);
}
static char *map(word at, word length, word protection, word flags, int file) {
  word arguments[6] = {at, length, protection, flags, file, 0};
  return (char *)sys(MMAP, arguments, 0, 0);
}
static void waitAny(void) { call(WAIT4, -1, 0, 0, 0, 0); }
static void put(const char *text) { while (*text) __asm__ volatile("outb %0,$0xe9" ::"a"(*text++)); }
static void putNumber(int n) {
  char digits[3] = {'0' + n / 10, '0' + n % 10, 0};
  put(digits);
}
static void need(long result, const char *what) { if (result < 0) put("FAILED "), put(what), put("\n"); }
void *memset(void *to, int value, word n) { for (char *at = to; n--;) *at++ = value; return to; }

static char buffer[64 * PAGE] __attribute__((aligned(PAGE)));
static void handler(int number) { (void)number; }
struct action { void (*handler)(int); word mask, flags; void (*restorer)(void); };
struct address { unsigned short family, port; word host; char rest[8]; };

static const char *fileName(int i) {
  static char name[] = "/mnt/d/00";
  name[7] = '0' + i / 10, name[8] = '0' + i % 10;
  return name;
}

/** A process with 13 mappings, as a small program linked with two libraries has, of which so many pages are visited. */
static void processes(int pages, int isLarge) {
  static char *const arguments[] = {"init", "x", 0}, *const none[] = {0};
  long file = sys(OPEN, "/mnt/t", 0, 0), child;
  for (int i = 0; i < pages; i++) {
    int mapping = i % 9, page = i / 9;
    char *at = (char *)0x40000000 + mapping * 64 * PAGE;
    if (page == 0) map((word)at, 64 * PAGE, mapping & 1 ? 3 : 5, 2 | 16, file);
    *(volatile char *)(at + page * PAGE);
    if (page == 0 && mapping & 1) *at = 1;
  }
#define FORKS(size) TIMES { mark(fork_##size); child = sys(FORK, 0, 0, 0); \
    if (!child) { mark(exit_##size); sys(EXIT, 0, 0, 0); } measure(wait_##size, waitAny()); } \
  TIMES { if (!sys(FORK, 0, 0, 0)) { mark(exec_##size); sys(EXECVE, "/init", arguments, none); } waitAny(); mark(nothing); }
  if (isLarge) { FORKS(150) } else {
    FORKS(50)
    TIMES {
      mark(vfork);
      __asm__ volatile("int $0x80" : "=a"(child) : "a"(VFORK) : "memory");
      if (!child) { mark(vfork_exit); __asm__ volatile("int $0x80" ::"a"(EXIT), "b"(0)); }
      mark(nothing); waitAny();
    }
  }
  sys(EXIT, 0, 0, 0);
}

static void calls(void) {
  long zero = sys(OPEN, "/dev/zero", 0, 0), null = sys(OPEN, "/dev/null", 1, 0), file = sys(CREAT, "/mnt/t", 0644, 0);
  for (int i = 0; i < 32; i++) need(sys(WRITE, file, buffer, sizeof buffer), "write");
  struct action action = {handler, 0, 0x04000000, restorer};
  int there[2], back[2], me = sys(GETPID, 0, 0, 0);
  sys(PIPE, there, 0, 0), sys(PIPE, back, 0, 0);
  TIMES measure(null, sys(GETPPID, 0, 0, 0));
  TIMES measure(read_zero, sys(READ, zero, buffer, 1));
  TIMES measure(write_null, sys(WRITE, null, buffer, 1));
  TIMES measure(stat, sys(STAT, "/mnt/t", buffer, 0));
  TIMES measure(open_close, sys(CLOSE, sys(OPEN, "/mnt/t", 0, 0), 0, 0));
  TIMES measure(signal_install, sys(SIGACTION, 10, &action, 0));
  // SIG_BLOCK, SIG_SETMASK without a new one, SIG_UNBLOCK with the old one: as the C library's sigprocmask has it
  word signals[2] = {0x16002000, 0}, old[2];
  TIMES {
    measure(mask_block, call(SIGPROCMASK, 0, (word)signals, 0, 8, 0));
    measure(mask_ask, call(SIGPROCMASK, 2, 0, (word)old, 8, 0));
    measure(mask_change, call(SIGPROCMASK, 1, (word)signals, (word)old, 8, 0));
  }
  TIMES measure(signal_handle, sys(KILL, me, 10, 0));
  TIMES measure(pipe, sys(WRITE, there[1], buffer, 1); sys(READ, there[0], buffer, 1));
  if (!sys(FORK, 0, 0, 0)) for (;;) { sys(READ, there[0], buffer, 1); mark(pong); sys(WRITE, back[1], buffer, 1); }
  TIMES measure(ping, sys(WRITE, there[1], buffer, 1); sys(READ, back[0], buffer, 1));
}

static void memory(void) {
  long file = sys(OPEN, "/mnt/t", 0, 0);
  for (int i = 0; i < 32; i++) sys(READ, file, buffer, sizeof buffer);
  TIMES {
    char *at;
    measure(mmap, at = map(0, 8 << 20, 1, 2, file));
    *(volatile char *)at;
    measure(munmap, sys(MUNMAP, at, 8 << 20, 0));
  }
  volatile char *of = map(0, 8 << 20, 3, 2, file), *anonymous = map(0, 8 << 20, 3, 0x22, -1), *constant = map(0, PAGE, 1, 0x22, -1);
  TIMES measure(file_fault, of[turn * 4 * PAGE]);
  TIMES measure(copy_on_write, of[turn * 4 * PAGE] = 1);
  TIMES measure(anonymous_fault, anonymous[turn * 2 * PAGE] = 1);
  TIMES measure(mprotect, sys(MPROTECT, anonymous, PAGE, turn & 1 ? 3 : 1));
  struct action action = {skip, 0, 0x04000000, restorer};
  sys(SIGACTION, 11, &action, 0);
  TIMES measure(protection_fault, __asm__ volatile("movb $1,(%0)\nbehind:" ::"r"(constant) : "memory"));
}

static void files(void) {
  long file = sys(OPEN, "/mnt/t", 0, 0);
  TIMES measure(create, sys(CLOSE, sys(CREAT, fileName(turn), 0644, 0), 0, 0));
  TIMES measure(delete, sys(UNLINK, fileName(turn), 0, 0));
  TIMES {
    long made = sys(CREAT, fileName(turn), 0644, 0);
    measure(write_10k, sys(WRITE, made, buffer, 10240));
    sys(CLOSE, made, 0, 0);
  }
  TIMES measure(delete_10k, sys(UNLINK, fileName(turn), 0, 0));
  TIMES {
    long made = sys(CREAT, fileName(turn), 0644, 0);
    for (int page = 0; page < 3; page++) measure(write_page, sys(WRITE, made, buffer, page == 2 ? PAGE / 2 : PAGE));
    sys(CLOSE, made, 0, 0);
  }
  TIMES sys(UNLINK, fileName(turn), 0, 0);
  // A file that has more pages than its inode points to: behind its end, then over what is in memory.
  long longer = sys(CREAT, "/mnt/u", 0644, 0);
  for (int i = 0; i < 4; i++) need(sys(WRITE, longer, buffer, sizeof buffer), "write");
  TIMES measure(append_1, sys(WRITE, longer, buffer, PAGE));
  TIMES measure(append_32, sys(WRITE, longer, buffer, 32 * PAGE));
  sys(LSEEK, longer, 0, 0);
  TIMES measure(rewrite_1, sys(WRITE, longer, buffer, PAGE));
  TIMES measure(rewrite_32, sys(WRITE, longer, buffer, 32 * PAGE));
  sys(CLOSE, longer, 0, 0);
  TIMES measure(read_page, sys(READ, file, buffer, PAGE));
  // Of the disk itself: nobody else has read these.
  long disk = sys(OPEN, "/dev/hda", 0, 0);
  TIMES {
    sys(LSEEK, disk, (32 << 20) + turn * 256 * 1024, 0);
    measure(read_disk, sys(READ, disk, buffer, PAGE));
  }
}

/** Over the loopback interface, acknowledged at once: a byte and its acknowledgement, two packets each way through the kernel. */
static void network(void) {
  struct { char name[16]; short flags; char rest[14]; } interface = {"lo", 2, {0, 0, 127, 0, 0, 1}};
  struct address address = {2, 0x901f, 0x0100007f, ""};
  long server = socketcall(SOCKET, 2, 1, 0, 0, 0), one = 1, limit[2] = {0, 0};
  need(sys(IOCTL, server, 0x8916, &interface), "address");
  interface.flags = 0x49;
  need(sys(IOCTL, server, 0x8914, &interface), "interface");
  need(socketcall(BIND, server, (word)&address, 16, 0, 0), "bind"), socketcall(LISTEN, server, 8, 0, 0, 0);
  long from = socketcall(SOCKET, 2, 1, 0, 0, 0);
  need(socketcall(CONNECT, from, (word)&address, 16, 0, 0), "connect");
  long to = socketcall(ACCEPT, server, 0, 0, 0, 0);
  socketcall(SETSOCKOPT, from, 6, 1, (word)&one, 4);
  TIMES { sys(WRITE, from, buffer, 1448); sys(READ, to, buffer, 1448); }
  TIMES { measure(send_byte, sys(WRITE, from, buffer, 1)); measure(receive_byte, sys(READ, to, buffer, 1)); }
  for (int burst = 0; burst < 8; burst++) {
    for (int i = 0; i < 44; i++) measure(send_burst, sys(WRITE, from, buffer, 1448));
    for (int i = 0; i < 44; i++) measure(receive_burst, sys(READ, to, buffer, 1448));
  }
  static word wanted[32], set[32];
  int highest = 0;
  for (int i = 0; i < 100; i++) { highest = sys(41, to, 0, 0); wanted[highest / 32] |= 1ul << highest % 32; }
  TIMES {
    for (int i = 0; i < 32; i++) set[i] = wanted[i];
    measure(select_tcp, call(SELECT, highest + 1, (word)set, 0, 0, (word)limit));
  }
  // Processes that are made later do not have them.
  for (int i = 3; i <= highest; i++) sys(CLOSE, i, 0, 0);
}

void run(word *stack) {
  if (stack[0] == 2) { mark(nothing); sys(EXIT, 0, 0, 0); }
  if (stack[0] == 3) processes(*((char **)stack)[3] == 'a' ? 50 : 150, *((char **)stack)[3] != 'a');
  sys(IOPL, 3, 0, 0);
  for (int i = 0; i <= AT_end; i++) putNumber(i), put(" "), put(NAMES[i]), put("\n");
  need(call(MOUNT, (word) "/dev/hda", (word) "/mnt", (word) "ext3", 0, 0), "mount"), sys(MKDIR, "/mnt/d", 0755, 0);
  memset(buffer, 1, sizeof buffer);
  calls(), memory(), files(), network();
  for (int i = 0; i < 200; i++) measure(timer, for (volatile int spin = 0; spin < 500000; spin++));
  for (int i = 0; i < 2; i++) {
    char *const arguments[] = {"init", "x", i ? "b" : "a", 0}, *const none[] = {0};
    if (!sys(FORK, 0, 0, 0)) sys(EXECVE, "/init", arguments, none);
    waitAny();
  }
  mark(end);
  for (;;) {}
}
