# Start of a program that is linked with an old C library: __libc_start_main(main, argc, argv, init, fini, rtld_fini, stack_end)
.globl _start, _init, _fini
_start: xor %ebp, %ebp
	pop %esi
	mov %esp, %ecx
	and $-16, %esp
	push %eax
	push %esp
	push %edx
	push $_fini
	push $_init
	push %ecx
	push %esi
	push $main
	call __libc_start_main
	hlt
_init:
_fini:	ret
.section .note.GNU-stack, "", @progbits
