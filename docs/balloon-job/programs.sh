#!/bin/bash
# In the guest with 384 MiB, in place of job.sh: which pages of files the programs of the job fault on, in order, when all are in memory and a fault
# maps one page. To a third disk (-drive file=...,if=virtio,format=raw), from which programs.py makes validation/job-programs.json.
TRACING=/sys/kernel/tracing
AROUND=/sys/kernel/debug/fault_around_bytes
WORK=195
cd /job || exit 1

mount -t tracefs none $TRACING 2>/dev/null
mount -t debugfs none /sys/kernel/debug 2>/dev/null
echo 0 >$TRACING/tracing_on
echo 8000 >$TRACING/buffer_size_kb
# Of the fault (struct vm_fault, x86-64) the inode of the file, the page of it, and the flags of the mapping.
echo 'p:ff filemap_fault ino=+64(+32(+112(+0(%di)))):u64 pgoff=+16(%di):u64 vmflags=+32(+0(%di)):x64' >$TRACING/kprobe_events
echo 1 >$TRACING/events/kprobes/ff/enable
echo 1 >$TRACING/events/sched/sched_process_exec/enable

sleep 6
for round in 1 2; do
	cat files/* | md5sum >/dev/null
	gcc -O1 -c lua/lapi.c -o /tmp/lapi.o
done
echo 4096 >$AROUND
echo 1 >$TRACING/tracing_on
for pipeline in one two; do
	echo $pipeline >$TRACING/trace_marker
	cat files/* | md5sum >/dev/null
done
echo three >$TRACING/trace_marker
./membench 1 300000 $WORK >/run/membench
echo four >$TRACING/trace_marker
gcc -O1 -c lua/lapi.c -o /tmp/lapi.o
echo 0 >$TRACING/tracing_on
{
	for inode in $(grep -o 'ino=[0-9]*' $TRACING/trace | cut -d= -f2 | sort -u); do
		echo "INO $inode $(find / -xdev -inum "$inode" -printf '%p %s\n' | head -1)"
	done
	echo TRACE
	cat $TRACING/trace
} >/dev/vdc
sync
poweroff -f
