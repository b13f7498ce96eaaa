#!/bin/bash
# Runs in the guest, as a service, once the others have started: see README.md. What it counts goes to the second serial port.
PORT=/dev/ttyS1
stty -F $PORT raw -echo 115200
WORK=195
cd /job || exit 1

counters() {
	{ echo "@ $1"; cat /proc/uptime /proc/meminfo /proc/vmstat; echo "@ end"; } >$PORT
}

sync
echo 3 >/proc/sys/vm/drop_caches
if grep -q balloon /proc/cmdline; then
	echo "@ ready" >$PORT
	read -r _ <$PORT
fi

counters before
./membench 60 3000000 $WORK >/run/membench &
for pass in 1 2 3; do
	cat files/* | md5sum >/dev/null
done
counters read
for source in lapi lauxlib lbaselib lcode; do
	gcc -O1 -c lua/$source.c -o /tmp/$source.o
done
wait
counters after
echo "@ done" >$PORT

