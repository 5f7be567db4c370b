# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""A Mininet switch that is `beba switch`.

    from beba_mininet import BebaSwitch
    net = Mininet(topo=SingleSwitchTopo(4), switch=BebaSwitch, controller=RemoteController)

or, for the mn command: mn --custom controller/mininet/beba_mininet.py --switch beba. The binary is
$BEBA, or beba from PATH; its log goes to $BEBA_MININET_DIR (a temporary directory otherwise). Like
Mininet's user switch it listens at listenPort, if given, for ovs-ofctl and dpctl."""

import json
import os
import shlex
import shutil
import subprocess
import tempfile
import time

from mininet.node import Switch


class BebaSwitch(Switch):
    """OpenFlow 1.3 with the BEBA extension, in user space.

    failMode: "secure" or "standalone"; options: further words for the command line."""

    def __init__(self, name, failMode="secure", options="", **kwargs):
        super().__init__(name, **kwargs)
        self.fail_mode, self.options, self.process = failMode, options, None
        self.directory = os.environ.get("BEBA_MININET_DIR") or tempfile.mkdtemp(prefix="beba-mn-")
        self.binary = os.environ.get("BEBA") or shutil.which("beba")
        if not self.binary:
            raise RuntimeError("beba is not on PATH: install it, or say where it is in $BEBA")

    @property
    def socket(self):
        """The control socket, for `beba ctl`."""
        return os.path.join(self.directory, self.name + ".ctl")

    def start(self, controllers):
        words = [self.binary, "switch", "--dpid", self.dpid, "--fail-mode", self.fail_mode,
                 "--control", self.socket]
        for number, intf in sorted(self.intfs.items()):
            if number > 0 and not intf.IP():
                words += ["--port", f"{intf.name}={number}"]
        for c in controllers:
            words += ["--controller", f"{'tls' if c.protocol == 'ssl' else 'tcp'}:{c.IP()}:{c.port}"]
        if self.listenPort:
            words += ["--controller", f"ptcp:{self.listenPort}"]
        log = open(os.path.join(self.directory, self.name + ".log"), "wb")
        with log:
            self.process = self.popen(words + shlex.split(self.options), stdout=log,
                                      stderr=subprocess.STDOUT)
        for _ in range(200):
            if os.path.exists(self.socket) or self.process.poll() is not None:
                break
            time.sleep(0.02)

    def ctl(self, *args):
        """What `beba ctl` says."""
        return self.cmd(shlex.join([self.binary, "ctl", "--control", self.socket, *args]))

    def dpctl(self, *args):
        return self.ctl(*args)

    def connected(self):
        text = self.ctl("controllers", "--json")
        return any(line.get("ready") for line in map(json.loads, filter(None, text.splitlines())))

    def attach(self, intf):
        self.ctl("port-add", str(intf))

    def detach(self, intf):
        self.ctl("port-del", str(intf))

    def stop(self, deleteIntfs=True):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait()
        super().stop(deleteIntfs)


switches = {"beba": BebaSwitch}
