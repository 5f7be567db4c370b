/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "kernel/devices.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Drivers of the kernel that run XDP; others may by now. */
static const char *const natives[] = {
    "atlantic", "bnxt_en",   "bonding",   "cpsw",       "ena",       "enetc",
    "fec",      "fsl_dpa",   "fsl_dpaa2", "gve",        "hv_netvsc", "i40e",
    "ice",      "igb",       "igc",       "ixgbe",      "ixgbevf",   "mana",
    "mlx4_en",  "mlx5_core", "mvneta",    "mvpp2",      "netsec",    "nfp",
    "nicvf",    "qede",      "rvu_nicpf", "sfc",        "st_gmac",   "stmmac",
    "tsnep",    "tun",       "veth",      "virtio_net", "vmxnet3",   "xen_netfront",
};

static bool is_native(const char *driver)
{
    for (size_t i = 0; i < sizeof(natives) / sizeof(*natives); i++) {
        if (!strcmp(natives[i], driver))
            return true;
    }
    return false;
}

static void ask_driver(int fd, struct beba_kernel_nic *d)
{
    struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
    struct ifreq request = {0};

    memcpy(request.ifr_name, d->name, sizeof(d->name));
    request.ifr_data = (char *)&info;
    if (!ioctl(fd, SIOCETHTOOL, &request))
        snprintf(d->driver, sizeof(d->driver), "%.31s", info.driver);
    if (!ioctl(fd, SIOCGIFFLAGS, &request))
        d->loopback = request.ifr_flags & IFF_LOOPBACK;
}

void beba_kernel_devices(void (*fn)(void *arg, const struct beba_kernel_nic *d), void *arg)
{
    struct if_nameindex *list = if_nameindex();
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    for (struct if_nameindex *i = list; i && i->if_index; i++) {
        struct beba_kernel_nic d = {0};

        snprintf(d.name, sizeof(d.name), "%.15s", i->if_name);
        if (fd >= 0)
            ask_driver(fd, &d);
        d.native = is_native(d.driver);
        fn(arg, &d);
    }
    if (fd >= 0)
        close(fd);
    if (list)
        if_freenameindex(list);
}
