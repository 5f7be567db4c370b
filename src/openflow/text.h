/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Matches, actions and flow entries as ovs-ofctl writes them, BEBA's parts in the same manner:
 *
 *     table=0, priority=10,tcp,state=1,tp_dst=22 actions=set_state(state=2,table=0),output:2 */
#ifndef BEBA_OPENFLOW_TEXT_H
#define BEBA_OPENFLOW_TEXT_H

#include "base/strbuf.h"
#include "openflow/message.h"

/* "tcp,nw_dst=10.0.0.0/8,tp_dst=80"; nothing for a match of everything. */
void beba_of_match_print(struct beba_strbuf *out, const struct beba_of_match *match);
/* "push_vlan:0x8100,set_field:4101->vlan_vid,output:2"; "drop" for none. */
void beba_of_actions_print(struct beba_strbuf *out, const struct beba_of_actions *actions);
/* "set_field:4101->vlan_vid" */
void beba_of_set_field_print(struct beba_strbuf *out, const struct beba_of_oxm *oxm);
/* "meter:1,output:2,write_actions(group:3),goto_table:2" in the order of execution: what is applied
 * stands by itself, as ovs-ofctl has it; "drop" for none. */
void beba_of_instructions_print(struct beba_strbuf *out, const struct beba_of_instructions *i);
/* A line of dump-flows, without a newline. */
void beba_of_flow_print(struct beba_strbuf *out, const struct beba_of_flow_stats *flow);
/* "table=0,priority=10,in_port=1 actions=output:2", as add-flow takes it. */
void beba_of_flow_mod_print(struct beba_strbuf *out, const struct beba_of_flow_mod *mod);
/* "group_id=1,type=select,bucket=weight:5,actions=output:1" */
void beba_of_group_print(struct beba_strbuf *out, const struct beba_of_group_desc *group);
/* "meter=1 kbps bands=type=drop rate=1000" */
void beba_of_meter_print(struct beba_strbuf *out, const struct beba_of_meter_config *meter);
/* "set_lookup_extractor table=0 fields=eth_dst" */
void beba_of_state_mod_print(struct beba_strbuf *out, const struct beba_of_state_mod *mod);
/* A port's number or name of OFPP_*. */
void beba_of_port_print(struct beba_strbuf *out, uint32_t port);

#endif
