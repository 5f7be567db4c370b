/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#ifndef BEBA_IO_NETDEV_LINK_H
#define BEBA_IO_NETDEV_LINK_H

#include "io/netdev.h"

/* Speed, duplex and modes by ethtool, through any socket. 0 or -ENODEV. */
int beba_netdev_link_read(int fd, int ifindex, struct beba_netdev_link *out);
/* See beba_netdevs_advertise. */
int beba_netdev_link_advertise(int fd, int ifindex, uint32_t modes);

#endif
