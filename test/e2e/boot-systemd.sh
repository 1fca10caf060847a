#!/bin/sh
# Boots the machine's systemd in namespaces of its own: a file system in memory that only reads /usr, no network but a
# loopback, its own processes and its own part of the cgroup tree. It is gone with this process.
#   boot-systemd.sh FOLDER NAME PROGRAM    FOLDER: empty, the place for the root; NAME: of its cgroup; PROGRAM: put at /opt/roxy-core
set -eu
root=$1 name=$2 program=$3

if [ "${4:-}" != inside ]; then
  mount --make-rprivate /
  mount -t cgroup2 cgroup2 "$root"
  mkdir "$root/$name"
  echo $$ > "$root/$name/cgroup.procs"
  umount "$root"
  exec unshare --cgroup --pid --fork --kill-child --ipc --uts --net --mount sh "$0" "$root" "$name" "$program" inside
fi

mount -t tmpfs -o mode=755,size=256m tmpfs "$root"
cd "$root"
mkdir usr run proc sys dev tmp opt root etc etc/systemd etc/systemd/system etc/roxy-core var var/log var/lib home outside
chmod 1777 tmp
ln -s ../run var/run
mount --rbind /usr usr
mount -o remount,bind,ro usr
for top in bin sbin lib lib32 lib64 libx32; do
  if [ -L "/$top" ]; then cp -P "/$top" "$top"; elif [ -d "/$top" ]; then
    mkdir "$top"
    mount --bind "/$top" "$top"
    mount -o remount,bind,ro "$top"
  fi
done
touch opt/roxy-core
mount --bind "$program" opt/roxy-core
mount -o remount,bind,ro opt/roxy-core

mount -t tmpfs -o mode=755 tmpfs run
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mountpoint -q sys/fs/cgroup || mount -t tmpfs -o mode=755 tmpfs sys/fs/cgroup
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom tty; do
  touch "dev/$device"
  mount --bind "/dev/$device" "dev/$device"
done
mkdir dev/shm dev/pts
chmod 1777 dev/shm
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
ln -s pts/ptmx dev/ptmx

# No nsswitch.conf: the system service's own user stands in no list, as on a machine without systemd's name service.
printf 'root:x:0:0::/root:/bin/sh\nmark:x:1000:1000::/home/mark:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n' > etc/passwd
printf 'root:x:0:\nmark:x:1000:\nnogroup:x:65534:\n' > etc/group
printf '127.0.0.1 localhost\n' > etc/hosts
printf '%s\n' "$(cat /proc/sys/kernel/random/uuid | tr -d -)" > etc/machine-id
printf '[Unit]\nDefaultDependencies=no\nWants=systemd-journald.service\n' > etc/systemd/system/default.target
for unit in sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount sys-fs-fuse-connections.mount \
  dev-hugepages.mount dev-mqueue.mount systemd-modules-load.service; do
  ln -s /dev/null "etc/systemd/system/$unit"
done
mkdir home/mark
chown 1000:1000 home/mark

pivot_root . outside
cd /
umount -l outside
# Among themselves, as systemd has it outside of containers: credentials are mounted by a child.
mount --make-rshared /
# What is of the kernel, and so of the machine outside, is none of its business.
exec setpriv --bounding-set=-sys_module,-sys_time,-sys_rawio,-sys_boot,-syslog \
  env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system --show-status=no
