#!/bin/bash
# In the guest, in place of job.sh: what reclaim does during the job, to a third disk (-drive file=...,if=virtio,format=raw), after the free runs of
# each kind of block before it. The buffer takes seven MiB, so give the guest as many more.
TRACING=/sys/kernel/tracing
WORK=195
cd /job || exit 1

mount -t tracefs none $TRACING 2>/dev/null
echo 0 >$TRACING/tracing_on
echo 7168 >$TRACING/buffer_size_kb
for event in kswapd_wake kswapd_sleep direct_reclaim_begin direct_reclaim_end lru_shrink_inactive lru_shrink_active wakeup_kswapd; do
	echo 1 >$TRACING/events/vmscan/mm_vmscan_$event/enable
done
echo 1 >$TRACING/events/kmem/mm_page_alloc_extfrag/enable
echo 1 >$TRACING/events/sched/sched_switch/enable

sync
echo 3 >/proc/sys/vm/drop_caches
cat /proc/meminfo /proc/pagetypeinfo /proc/zoneinfo >/run/before
echo 1 >$TRACING/tracing_on
./membench 60 3000000 $WORK >/run/membench &
for pass in 1 2 3; do
	cat files/* | md5sum >/dev/null
done
for source in lapi lauxlib lbaselib lcode; do
	gcc -O1 -c lua/$source.c -o /tmp/$source.o
done
wait
echo 0 >$TRACING/tracing_on
cat /run/before $TRACING/trace >/dev/vdc
sync
poweroff -f
