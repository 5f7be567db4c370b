/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What senders leave to interfaces, told by a struct virtio_net_hdr: finished on the way in, left
 * to the kernel again on the way out. */
#ifndef BEBA_IO_OFFLOAD_H
#define BEBA_IO_OFFLOAD_H

#include "io/segment.h"

#include <linux/virtio_net.h>

/* Completes the checksum, or makes the packet a train. -EINVAL: neither can be done. */
int beba_offload_finish(struct beba_packet *p, const struct virtio_net_hdr *hdr);

/* Completes a checksum that the sender left to its interface, where nothing tells so but that it is
 * the pseudo-header's alone (TCP, UDP; SCTP: zero); also inside of a tunnel. A finished one that
 * looks so by chance stays as it is. */
void beba_offload_mend(struct beba_packet *p);

/* Puts the tag that the kernel took off back; needs 4 bytes of headroom. */
void beba_offload_tag(struct beba_packet *p, uint16_t tpid, uint16_t tci);

/* The header for a train that the kernel is to cut; its checksum field must hold
 * beba_train_pseudo. Only of plain trains. */
void beba_offload_train(const struct beba_train *t, struct virtio_net_hdr *hdr);

#endif
