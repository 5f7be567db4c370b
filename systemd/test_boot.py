#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The unit under systemd: it boots as process 1 of namespaces of its own, over this machine's files,
of which it changes none, and attaches a program to one end of a pair of devices.

    eth0 [beba@boot.service] ---------- eth1

    systemd/test_boot.py BUILD/systemd/beba@.service BUILD/beba
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

SYSTEMD = "/lib/systemd/systemd"
GROUP = f"beba-test-{os.getpid()}"

PROGRAM = """machine boot {
    key ip.src
    reg n : u32
    capacity 64
    without key -> pass
    default -> pass
    state a { on udp { n = 1; goto b } }
    state b { on tcp { n = 2 } }
}
"""

# As process 1 before systemd: everything in here ends with the mount namespace.
BOOT = r"""
set -e
R=$1/root
mount -t proc proc $R/proc
mount -t sysfs sysfs $R/sys
mount -t cgroup2 cgroup2 $R/sys/fs/cgroup
mount -t bpf bpf $R/sys/fs/bpf
mount -t tmpfs tmpfs $R/run
mount -t tmpfs tmpfs $R/tmp
mount --bind /dev $R/dev
ip link set lo up
ip link add eth0 type veth peer name eth1
ip link set eth0 up
ip link set eth1 up
exec chroot $R /usr/bin/env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --unit=boot-test.target --log-target=console
"""

TARGET = """[Unit]
DefaultDependencies=no
Requires=beba@boot.service check.service
"""
SERVICE = """[Unit]
DefaultDependencies=no
After=beba@boot.service
[Service]
Type=oneshot
ExecStart=/bin/bash /check.sh
StandardOutput=file:/said
StandardError=file:/said
"""
CHECK = """b=/usr/bin/beba-under-test
echo "booted: $(systemctl is-active beba@boot)"
echo "shown: $($b show | tr -d '\\n')"
$b flow set boot boot 10.0.0.1 b n=4
systemctl reload beba@boot
echo "reloaded: $($b show flows boot | grep 'n=4')"
systemctl restart beba@boot
echo "restarted: $(systemctl is-active beba@boot) $($b show flows boot | grep 'n=4')"
systemctl stop beba@boot
echo "stopped: $($b show)"
echo "left: $(ls -A /run/beba 2>&1)"
systemctl start beba@boot
echo "again: $(systemctl is-active beba@boot) $($b show | grep eth0) $($b show flows boot | grep 'n=4')"
ip link del eth0
echo "gone: $(systemctl stop beba@boot && $b show)"
journalctl -q --no-pager -u beba@boot 2>/dev/null | tail -20
systemctl --force exit || systemctl --force --force poweroff
"""


def check(ok, what, details=""):
    print(f"{'ok' if ok else 'not ok'} - {what}", flush=True)
    if not ok:
        print(details)
        sys.exit(1)


def skip(why):
    print(f"SKIPPED: {why}")
    sys.exit(77)


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def lay_out(where, unit, beba):
    """What is on top of this machine's files."""
    units = where + "/u/etc/systemd/system/"
    write(where + "/u/etc/beba/boot.xfsm", PROGRAM)
    subprocess.run([beba, "build", where + "/u/etc/beba/boot.xfsm", "-o", where + "/u/etc/beba/boot.o"],
                   check=True, stdout=subprocess.DEVNULL, env=dict(os.environ, BEBA_CACHE=""))
    write(where + "/u/etc/beba/boot.conf", "BEBA_OPTIONS=--dev eth0 --hook xdp\n"
                                           "BEBA_PROGRAM=/etc/beba/boot.o\n")
    with open(unit, encoding="utf-8") as f:
        write(units + "beba@.service", re.sub(r"=(-?)/\S+/beba ", r"=\1/usr/bin/beba-under-test ", f.read()))
    write(units + "boot-test.target", TARGET)
    write(units + "check.service", SERVICE)
    write(where + "/u/check.sh", CHECK)
    os.makedirs(where + "/u/usr/bin")
    shutil.copy(beba, where + "/u/usr/bin/beba-under-test")
    write(where + "/boot.sh", BOOT)


# In a mount namespace: a tree of this machine's files, and a control group that is the root of what
# systemd sees.
OUTER = r"""
set -e
mount --make-rprivate /
W=$1
mount -t tmpfs tmpfs $W
mkdir $W/u $W/w $W/root $W/cg
mount -t cgroup2 cgroup2 $W/cg
mkdir $W/cg/$2
mount -t overlay overlay -o lowerdir=/,upperdir=$W/u,workdir=$W/w $W/root
"$3" "$4" lay-out $W "$5" "$6"
echo "ready: to boot"
(
    echo 0 >$W/cg/$2/cgroup.procs
    exec unshare --cgroup --pid --fork --mount --net --uts --ipc --kill-child bash $W/boot.sh $W
) || true
cat $W/u/said
"""


def remove_group():
    """Of the control groups that systemd made; they are empty."""
    with tempfile.TemporaryDirectory() as where:
        script = f"mount -t cgroup2 cgroup2 {where} && find {where}/{GROUP} -depth -type d -delete"
        for _ in range(20):
            if not subprocess.run(["unshare", "--mount", "bash", "-c", script], check=False,
                                  stderr=subprocess.DEVNULL).returncode:
                return
            time.sleep(0.1)


def main():
    if sys.argv[1] == "lay-out":
        lay_out(*sys.argv[2:])
        return
    unit, beba = map(os.path.abspath, sys.argv[1:])
    if os.geteuid():
        skip("this needs root")
    if not os.path.exists(SYSTEMD):
        skip("systemd is not installed")
    with open("/proc/filesystems", encoding="ascii") as f:
        if "overlay" not in f.read():
            skip("this kernel has no overlayfs")
    with tempfile.TemporaryDirectory(prefix="beba-boot-") as where:
        try:
            done = subprocess.run(["unshare", "--mount", "bash", "-c", OUTER, "boot", where, GROUP,
                                   sys.executable, os.path.abspath(__file__), unit, beba],
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                  stdin=subprocess.DEVNULL, timeout=90, check=False)
        except subprocess.TimeoutExpired as e:
            check(False, "systemd boots and ends", (e.stdout or b"").decode()[-3000:])
        finally:
            remove_group()
    said = dict(line.split(": ", 1) for line in done.stdout.splitlines() if ": " in line)
    if "ready" not in said:
        skip("no tree to boot in: " + (done.stdout.splitlines() or ["nothing said"])[-1])
    if "booted" not in said:
        check(False, "systemd boots", done.stdout[-3000:])
    check(said["booted"] == "active", "the program is attached at boot, in the unit's sandbox",
          done.stdout)
    check("port 1: eth0, xdp" in said["shown"], "beba show has it", done.stdout)
    check("n=4" in said["reloaded"], "reload keeps flows", done.stdout)
    check(said["restarted"].startswith("active") and "n=4" in said["restarted"],
          "restart keeps flows", done.stdout)
    check("boot" not in said["left"], "stop leaves none of them", done.stdout)
    check("n=4" not in said["again"], "and they are not there after it", done.stdout)
    check(said["stopped"] == "nothing is attached", "stop takes it away", done.stdout)
    check(said["again"].startswith("active") and "eth0" in said["again"], "it starts again",
          done.stdout)
    check(said["gone"] == "nothing is attached", "stop works when the device is gone", done.stdout)


if __name__ == "__main__":
    main()
