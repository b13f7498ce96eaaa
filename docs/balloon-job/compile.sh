#!/bin/bash
# In the guest with plenty of memory, in place of job.sh: how long gcc takes for each file of Lua, in microseconds of guest time, and how
# many page faults; twice, the second time with all files in memory. To the second serial port.
PORT=/dev/ttyS1
stty -F $PORT raw -echo 115200
cd /job || exit 1

faults() {
	awk '/^pgfault/ { print $2 }' /proc/vmstat
}

for round in 1 2; do
	for source in lapi lauxlib lbaselib lcode; do
		before=$EPOCHREALTIME faulted=$(faults)
		gcc -O1 -c lua/$source.c -o /tmp/$source.o
		after=$EPOCHREALTIME
		echo "$round $source $((${after/./} - ${before/./})) $(($(faults) - faulted))"
	done
done >$PORT
