#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""OpenFlow 1.3 conformance: the cases of the Ryu switch test suite, run by os-ken's own tester.

    tests/conformance/run.py [--beba PATH] [--target beba|ovs] [--data DIR] [--fast] [--only GLOB]...

      namespace c              namespace t                        namespace s
    +-------------+  mgmt   +----------------+  1 ---------- 1  +--------------+
    | osken-      +---------+ target switch  |  2 ---------- 2  | tester       |
    | manager     |         | (beba switch)  |  3 ---------- 3  | Open vSwitch |
    +------+------+         +----------------+                  +------+-------+
           |                           mgmt                            |
           +-----------------------------------------------------------+

The data (JSON files by group) are not part of the project: DIR, $BEBA_CONFORMANCE, or
../shared/conformance/openflow13 beside the checkout. Prints each case that fails, then OK(n) /
ERROR(m) by group and in total. --fast: the first case of each file, few
of those that measure rates, for eight seconds each.
Exit 0: every case passed that expected.txt does not list; 77: nothing to run it with."""

import argparse
import collections
import fnmatch
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else "python3"
CASE = re.compile(r"^    (.{100,}?) (OK|ERROR)$")
DPID = {"target": 1, "tester": 2}
FAST_LOADS = ("00_ALL.json", "01_SELECT_IP.json", "01_DROP_01_PKTPS_01_1000.json",
              "02_DSCP_REMARK_01_PKTPS_01_1000.json")


def sh(command, check=True):
    return subprocess.run(command, shell=True, check=check, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True).stdout


class Lab:
    """Three namespaces, their links, and what runs in them; all gone at the end."""

    def __init__(self, args):
        self.args, self.running = args, []
        self.dir = tempfile.mkdtemp(prefix="beba-conformance-")
        self.ns = {k: f"bc{k}{os.getpid()}" for k in "cts"}

    def inside(self, where, command):
        return f"ip netns exec {self.ns[where]} {command}"

    def start(self, where, argv, log, env=None):
        with open(os.path.join(self.dir, log), "w", encoding="utf-8") as out:
            p = subprocess.Popen(["ip", "netns", "exec", self.ns[where], *argv], stdout=out,
                                 stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                 env={**os.environ, **(env or {})})
        self.running.append(p)
        return p

    def __enter__(self):
        for name in self.ns.values():
            sh(f"ip netns add {name}")
            sh(f"ip -n {name} link set lo up")
        self.link("c", "mt", "10.9.1.1/24", "t", "mgmt", "10.9.1.2/24")
        self.link("c", "ms", "10.9.2.1/24", "s", "mgmt", "10.9.2.2/24")
        for i in (1, 2, 3):
            self.link("t", f"p{i}", None, "s", f"q{i}", None)
        return self

    def link(self, a, name_a, ip_a, b, name_b, ip_b):
        sh(f"ip -n {self.ns[a]} link add {name_a} type veth peer name {name_b} netns {self.ns[b]}")
        for where, name, ip in ((a, name_a, ip_a), (b, name_b, ip_b)):
            sh(self.inside(where, f"sysctl -qw net.ipv6.conf.{name}.disable_ipv6=1"), check=False)
            if ip:
                sh(f"ip -n {self.ns[where]} addr add {ip} dev {name}")
            else:
                sh(self.inside(where, f"ethtool -K {name} tx off rx off"), check=False)
            sh(f"ip -n {self.ns[where]} link set {name} up")

    def ovs(self, where, role, ports, controller):
        d = os.path.join(self.dir, role)
        os.mkdir(d)
        env = {"OVS_RUNDIR": d, "OVS_LOGDIR": d, "OVS_DBDIR": d, "OVS_SYSCONFDIR": d}
        sh(f"ovsdb-tool create {d}/conf.db /usr/share/openvswitch/vswitch.ovsschema")
        self.start(where, ["ovsdb-server", f"{d}/conf.db", f"--remote=punix:{d}/db.sock",
                           f"--unixctl={d}/db.ctl"], role + "-db.log", env)
        self.wait(lambda: os.path.exists(f"{d}/db.sock"), "ovsdb-server")
        vsctl = self.inside(where, f"ovs-vsctl --db=unix:{d}/db.sock")
        sh(f"{vsctl} --no-wait init")
        self.start(where, ["ovs-vswitchd", f"unix:{d}/db.sock", "--disable-system",
                           f"--unixctl={d}/sw.ctl"], role + ".log", env)
        add = " ".join(f"-- add-port br {p} -- set interface {p} ofport_request={i}"
                       for i, p in enumerate(ports, 1))
        sh(f"{vsctl} --timeout=20 add-br br -- set bridge br datapath_type=netdev "
           f"protocols=OpenFlow13 fail_mode=secure other-config:datapath-id={DPID[role]:016x} "
           f"other-config:disable-in-band=true {add} -- set-controller br {controller}")

    def beba(self, ports, controller):
        options = ["--port", "p1=1", "--port", "p2=2", "--port", "p3=3"]
        assert len(ports) == 3
        self.start("t", [self.args.beba, "switch", *options, "--dpid", f"{DPID['target']:016x}",
                         "--controller", controller], "target.log")

    @staticmethod
    def wait(ready, what, seconds=20):
        end = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > end:
                sys.exit(f"conformance: {what} does not come up")
            time.sleep(0.05)

    def __exit__(self, *_):
        for p in reversed(self.running):
            if p.poll() is None:
                p.send_signal(signal.SIGTERM)
        for p in self.running:
            try:
                p.wait(5)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
        for name in self.ns.values():
            sh(f"ip netns del {name}", check=False)
        if not self.args.keep:
            shutil.rmtree(self.dir)


def choose(args, into):
    """Copies the cases to run; returns how many there are."""
    cases = 0
    for path in sorted(glob.glob(os.path.join(args.data, "**", "*.json"), recursive=True)):
        name = os.path.relpath(path, args.data)
        if args.only and not any(fnmatch.fnmatch(name, "*" + g + "*") for g in args.only):
            continue
        with open(path, encoding="utf-8") as f:
            content = json.load(f)
        head = [c for c in content if isinstance(c, str)]
        tests = [c for c in content if not isinstance(c, str)]
        if args.fast:
            if name.startswith(("meter", "group")) and not name.endswith(FAST_LOADS):
                continue
            tests = tests[:1]
        cases += len(tests)
        with open(os.path.join(into, name.replace("/", "_")), "w", encoding="utf-8") as f:
            json.dump(head + tests, f)
    return cases


def expected(target):
    """Cases that may fail, with the reason: lines "group: file | description | reason"."""
    known = {}
    path = os.path.join(HERE, "expected.txt")
    if target == "beba" and os.path.exists(path):
        with open(path, encoding="utf-8") as f:
            for line in f:
                if line.strip() and not line.startswith("#"):
                    file, description, reason = (part.strip() for part in line.split("|"))
                    known[file, description] = reason
    return known


def report(lines, target, total):
    file, passed, failed, detail = "", collections.Counter(), [], {}
    for line in lines:
        m = CASE.match(line.rstrip("\r\n"))
        if m:
            description = m.group(1).strip()
            if m.group(2) == "OK":
                passed[file.split(":")[0]] += 1
            else:
                failed.append((file, description))
        elif re.match(r"^(action|match|group|meter): ", line):
            file = line.strip()
        elif failed and line.startswith("        ") and failed[-1] not in detail:
            detail[failed[-1]] = line.strip()
    known = expected(target)
    for case in failed:
        mark = "expected" if case in known else "FAILED"
        print(f"{mark}  {case[0]}  {case[1]}\n    {detail.get(case, '')[:600]}")
    groups = sorted(set(passed) | {f.split(":")[0] for f, _ in failed})
    for g in groups:
        bad = sum(f.split(":")[0] == g for f, _ in failed)
        print(f"{g:8} OK({passed[g]}) / ERROR({bad})")
    done = sum(passed.values()) + len(failed)
    print(f"total    OK({sum(passed.values())}) / ERROR({len(failed)})")
    if done != total:
        print(f"only {done} of {total} cases were run")
    surprises = [c for c in failed if c not in known]
    return 0 if done == total and not surprises else 1


def main():
    beside = os.path.join(os.path.dirname(ROOT), "shared", "conformance", "openflow13")
    parser = argparse.ArgumentParser()
    parser.add_argument("--beba", default=os.path.join(ROOT, "build", "beba"))
    parser.add_argument("--target", choices=["beba", "ovs"], default="beba")
    parser.add_argument("--data", default=os.environ.get("BEBA_CONFORMANCE", beside))
    parser.add_argument("--fast", action="store_true")
    parser.add_argument("--only", action="append")
    parser.add_argument("--keep", action="store_true", help="leave the logs")
    args = parser.parse_args()

    needs = [t for t in ("osken-manager", "ovs-vswitchd", "ovsdb-server", "ip", "ethtool")
             if not shutil.which(t)]
    reason = "needs root" if os.geteuid() else f"no {needs[0]}" if needs else \
        f"no data at {args.data}" if not os.path.isdir(args.data) else None
    if reason:
        print(f"conformance: SKIPPED: {reason}")
        sys.exit(77)

    with Lab(args) as lab:
        cases = os.path.join(lab.dir, "cases")
        os.mkdir(cases)
        total = choose(args, cases)
        log = os.path.join(lab.dir, "cases.log")
        lab.ovs("s", "tester", ["q1", "q2", "q3"], "tcp:10.9.2.1:6653")
        if args.target == "ovs":
            lab.ovs("t", "target", ["p1", "p2", "p3"], "tcp:10.9.1.1:6653")
        else:
            lab.beba(["p1", "p2", "p3"], "tcp:10.9.1.1:6653")
        manager = lab.start("c", [PYTHON, shutil.which("osken-manager"),
                                  "--ofp-tcp-listen-port", "6653", "--ofp-listen-host", "0.0.0.0",
                                  "--test-switch-target", f"{DPID['target']:016x}",
                                  "--test-switch-tester", f"{DPID['tester']:016x}",
                                  "--test-switch-dir", cases, os.path.join(HERE, "tester_app.py")],
                            "cases.log",
                            {"BEBA_CONFORMANCE_SECONDS": "8" if args.fast else "0",
                             # Open vSwitch brings its statistics up to date once a second
                             "BEBA_CONFORMANCE_MISS": "0.3" if args.target == "beba" else "1.5"})
        started = time.monotonic()
        manager.wait()
        with open(log, encoding="utf-8", errors="replace") as f:
            lines = f.readlines()
        print(f"{total} cases in {time.monotonic() - started:.0f} s")
        if args.keep:
            print("logs in " + lab.dir)
        sys.exit(report(lines, args.target, total))


if __name__ == "__main__":
    main()
