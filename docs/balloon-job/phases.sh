#!/bin/bash
# In the guest with 384 MiB, in place of job.sh: when each phase of the job ends, in seconds, and how long the benchmark says it took. To the
# second serial port.
PORT=/dev/ttyS1
stty -F $PORT raw -echo 115200
WORK=195
cd /job || exit 1

sync
echo 3 >/proc/sys/vm/drop_caches
ends="start $EPOCHREALTIME"
(./membench 60 3000000 $WORK >/run/membench; echo "benchmark $EPOCHREALTIME $(cat /run/membench)" >/run/benchmark) &
for pass in 1 2 3; do
	cat files/* | md5sum >/dev/null
	ends="$ends pass $EPOCHREALTIME"
done
for source in lapi lauxlib lbaselib lcode; do
	gcc -O1 -c lua/$source.c -o /tmp/$source.o
	ends="$ends gcc $EPOCHREALTIME"
done
wait
{ echo "$ends"; cat /run/benchmark; } >$PORT
