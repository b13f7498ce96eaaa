# Firmware that counts what reads of I/O ports take: 1000 in a loop, the loop's own instructions included, of each port.
.code16
start:
  cli
  xorw %ax, %ax
  movw %ax, %ss
  movw $0x7000, %sp

.macro measure label:req, body:vararg
  movl $200, %ecx            # The first are not counted.
1:
  \body
  decl %ecx
  jnz 1b
  rdtsc
  movl %eax, %edi
  movl $1000, %ecx
2:
  \body
  decl %ecx
  jnz 2b
  rdtsc
  subl %edi, %eax
  movl %eax, %ebp
  movb $\label, %al
  call print
.endm

.macro cpuid_kept
  pushl %ecx
  cpuid
  popl %ecx
.endm

  measure 'l', nop
  measure 'c', cpuid_kept
  measure 't', inb $0x40, %al
  measure 'p', inb $0x80, %al
  movw $0x3fd, %dx
  measure 's', inb %dx, %al
  movw $0x1f7, %dx
  measure 'd', inb %dx, %al
  movb $0xfe, %al            # Reset: the machine ends.
  outb %al, $0x64
stop:
  hlt
  jmp stop

# A letter in AL, the hexadecimal digits of EBP, and the end of a line, to the serial port.
print:
  movw $0x3f8, %dx
  outb %al, %dx
  movw $8, %cx
digit:
  roll $4, %ebp
  movl %ebp, %eax
  andb $15, %al
  addb $'0', %al
  cmpb $'9', %al
  jbe put
  addb $39, %al
put:
  outb %al, %dx
  decw %cx
  jnz digit
  movb $10, %al
  outb %al, %dx
  ret

.org 0xfff0
  ljmp $0xf000, $0
.org 0xffff
  .byte 0
