# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The BEBA extension of OpenFlow 1.3 for os-ken.

Importing this package teaches os-ken's OpenFlow 1.3 the extension: match fields (state,
global_state, condition0 to condition7, timestamp, random, pkt_len, beba_tcp_flags), actions,
the packet-generation instruction, notifications and statistics. After that, OFPMatch(state=3)
works, and flow statistics show what was installed.

    from beba_osken import messages as beba
    datapath.send_msg(beba.StatefulTable(datapath, table_id=0))
    datapath.send_msg(beba.LookupScope(datapath, ["ipv4_src"], table_id=0))

Wire format: docs/beba-extension.md. The dialect (ADVANCED, MASTER, OPENSTATE) is one setting for
the process, beba_osken.dialect, and must be the switch's."""

from beba_osken import actions, consts, fields, instructions, messages, stats
from beba_osken.consts import ADVANCED, MASTER, OPENSTATE

dialect = ADVANCED

fields.install()
actions.install()
instructions.install()
messages.install()

__all__ = ["ADVANCED", "MASTER", "OPENSTATE", "actions", "consts", "dialect", "fields",
           "instructions", "messages", "stats"]
