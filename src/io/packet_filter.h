/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Keeps packets from a ring that would stop it.
 *
 * For a train that no struct virtio_net_hdr can tell of (SCTP's; before Linux 6.2 also UDP's) the
 * kernel takes a slot of a TPACKET_V2 ring and never gives it back: the ring is dead from then on
 * (tpacket_rcv, net/packet/af_packet.c). A socket filter in BPF sees such a packet first. */
#ifndef BEBA_IO_PACKET_FILTER_H
#define BEBA_IO_PACKET_FILTER_H

#include "base/int.h"

/* Attaches the filter to the socket. tcp_only: no other trains than those of TCP outside of tunnels
 * pass; the kernel may be of those that know no others. *rejected counts, for the life of the
 * mapping. -errno where BPF is not to be had. */
int beba_packet_filter_attach(int fd, bool tcp_only, const uint64_t **rejected);
void beba_packet_filter_free(const uint64_t *rejected);
/* Whether the running kernel is of those. */
bool beba_packet_filter_old_kernel(void);

#endif
