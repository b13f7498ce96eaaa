#!/bin/bash
# image.sh FOLDER: makes FOLDER/disk.img, FOLDER/vmlinuz and FOLDER/initrd.img, as root, with mmdebstrap and gcc. LUA is a folder
# with the sources of Lua 5.4.
set -e
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1" && cd "$1"
SERVICES=systemd,systemd-sysv,udev,dbus,openssh-server,cron,rsyslog
[ -d root ] || mmdebstrap --mode=root --variant=minbase --include=$SERVICES,gcc,libc6-dev,linux-image-cloud-amd64,initramfs-tools,ifupdown,kmod,procps,e2fsprogs bookworm root
rm -f root/usr/lib/udev/hwdb.bin
for unit in systemd-logind e2scrub_reap getty@tty1; do
	ln -sf /dev/null root/etc/systemd/system/$unit.service
done
sed -i 's/^MODULES=.*/MODULES=list/' root/etc/initramfs-tools/initramfs.conf
printf 'virtio_blk\nvirtio_pci\next4\n' >root/etc/initramfs-tools/modules
chroot root update-initramfs -u
rm -rf root/job
mkdir -p root/job/files
gcc -O2 -o root/job/membench "$here/membench.c"
cp -r "$LUA" root/job/lua
cp "$here/job.sh" root/job/
for n in $(seq -w 14); do
	head -c 3969024 /dev/urandom >root/job/files/$n
done
cat >root/etc/systemd/system/job.service <<'UNIT'
[Unit]
After=ssh.service cron.service rsyslog.service dbus.service systemd-logind.service
[Service]
ExecStart=/job/job.sh
[Install]
WantedBy=multi-user.target
UNIT
ln -sf ../job.service root/etc/systemd/system/multi-user.target.wants/job.service
printf '/dev/vda / ext4 errors=remount-ro 0 1\n/dev/vdb none swap sw 0 0\n' >root/etc/fstab
echo guest >root/etc/hostname
cp root/boot/vmlinuz-* vmlinuz
cp root/boot/initrd.img-* initrd.img
rm -f disk.img
truncate -s 2G disk.img
mke2fs -q -t ext4 -d root disk.img
