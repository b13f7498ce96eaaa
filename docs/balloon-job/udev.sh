#!/bin/bash
# In the guest with 256 MiB, in place of job.sh: what of its anonymous memory udev uses when its workers end. To the second serial port: time, bytes
# swapped, and /proc/vmstat; before the workers end all is swapped, and nothing is read ahead.
PORT=/dev/ttyS1
UDEV=/sys/fs/cgroup/system.slice/systemd-udevd.service
stty -F $PORT raw -echo 115200

tell() {
	echo "$1 $(</proc/uptime) $(<$UDEV/memory.swap.current) $(grep '^anon ' $UDEV/memory.stat) $(grep -E '^pswp' /proc/vmstat | tr '\n' ' ')" >$PORT
}

echo 0 >/proc/sys/vm/page-cluster
sleep 2.5
for worker in $(find $UDEV -name cgroup.procs -exec cat {} +); do
	echo "$worker $(grep -E 'Private_Dirty|Anonymous' /proc/"$worker"/smaps_rollup | tr '\n' ' ')" >$PORT
done
for try in 1 2 3; do
	echo 16M >$UDEV/memory.reclaim
	tell reclaimed
done
for try in $(seq 14); do
	sleep 0.25
	tell later
done
