// Where a program begins that is linked with an old C library: hands what the kernel has put on the stack, and the dynamic
// linker's function for the end in edx (System V ABI, Intel386 supplement), to the library.
extern int main(int, char **, char **);
extern int __libc_start_main(int (*)(int, char **, char **), int, char **, void (*)(void), void (*)(void), void (*)(void), void *);

__asm__(".globl _start\n_start: mov %esp,%eax\nand $-16,%esp\nsub $8,%esp\npush %edx\npush %eax\ncall start\n");

void _init(void) {}
void _fini(void) {}

void start(void **stack, void (*linkerEnds)(void)) {
  __libc_start_main(main, (int)(long)stack[0], (char **)(stack + 1), _init, _fini, linkerEnds, stack);
}
