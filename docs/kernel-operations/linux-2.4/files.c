// Init of Linux 2.4 on IA-32, without a C library: creates and deletes files as lat_fs of lmbench 3.0-a3 does, the last one first, in
// directories of a hundred, and calls an address of its own before and after each, which the plug-in walks.c looks for.
typedef unsigned long word;

enum { WRITE = 4, CLOSE = 6, CREAT = 8, UNLINK = 10, MOUNT = 21, MKDIR = 39, IOPL = 110 };
enum { NOTHING, CREATE, DELETE, CREATE_10K, DELETE_10K, END };
// As many as lmbench takes for 5 ms, which it finds enough where the clock gives microseconds, and 1.1 times as long to be sure, at 66 us
// (Barham et al. 2003, Table 5, 10K create) and at 12.5 us (10K delete).
enum { CREATED = 83, DELETED = 440, TIMES = 3 };

#define MARKS 0x700000
#define mark(number) __asm__ volatile("call *%0" ::"r"(MARKS + 16 * (number)) : "memory")
__asm__(".section .marks,\"ax\"\n.rept 64\n.balign 16\nret\n.endr\n.text\n"
        ".globl _start\n_start: and $-16,%esp\ncall run\n");

static long call(long number, word a, word b, word c, word d) {
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(0) : "memory");
  return result;
}
#define sys(n, a, b, c) call(n, (word)(a), (word)(b), (word)(c), 0)
static void need(long result) {
  for (const char *text = "FAILED\n"; result < 0 && *text; text++) __asm__ volatile("outb %0,$0xe9" ::"a"(*text));
}

static char buffer[128 * 1024] __attribute__((aligned(4096))), names[DELETED][24];

static void nameFiles(void) {
  for (int i = 0; i < DELETED; i++) {
    char *name = names[i];
    const char *pattern = "/mnt/lat_fs/0/00";
    while ((*name++ = *pattern++)) {}
    name -= 5;
    name[0] = '0' + i / 100, name[2] = '0' + i / 10 % 10, name[3] = '0' + i % 10;
    if (i % 100 == 0) name[1] = 0, need(sys(MKDIR, names[i], 0777, 0)), name[1] = '/';
  }
}

static void create(const char *name, int size) {
  long file = sys(CREAT, name, 0666, 0);
  need(file);
  if (size) need(sys(WRITE, file, buffer, size));
  sys(CLOSE, file, 0, 0);
}

static void createAndDelete(int files, int size, int isCounted, int creation, int deletion) {
  for (int i = files; i-- > 0;) { mark(isCounted ? creation : NOTHING); create(names[i], size); }
  for (int i = files; i-- > 0;) { mark(isCounted ? deletion : NOTHING); need(sys(UNLINK, names[i], 0, 0)); }
  mark(NOTHING);
}

void run(void) {
  sys(IOPL, 3, 0, 0);
  need(call(MOUNT, (word) "/dev/hda", (word) "/mnt", (word) "ext3", 0)), need(sys(MKDIR, "/mnt/lat_fs", 0777, 0));
  for (word i = 0; i < sizeof buffer; i++) buffer[i] = 1;
  nameFiles();
  for (int size = 0; size <= 10240; size += 10240) {
    int first = size ? CREATE_10K : CREATE;
    for (int time = 1; time <= TIMES; time++) createAndDelete(CREATED, size, time == TIMES, first, NOTHING);
    for (int time = 1; time <= TIMES; time++) createAndDelete(DELETED, size, time == TIMES, NOTHING, first + 1);
  }
  mark(END);
  for (;;) {}
}
