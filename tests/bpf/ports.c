/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Devices that frames go out by: taps in a network namespace that ends with the process. */
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "differential.h"

static struct {
    int fd; /* 0: not there */
    uint32_t ifindex;
} ports[N_PORTS + 1];

/* The kernel says nothing of its own on new devices. */
static bool silence(void)
{
    int fd = open("/proc/sys/net/ipv6/conf/default/disable_ipv6", O_WRONLY | O_CLOEXEC);
    bool silent;

    if (fd < 0)
        return true; /* no IPv6 at all */
    silent = write(fd, "1", 1) == 1;
    close(fd);
    return silent;
}

static bool port_open(uint32_t port, int control)
{
    struct ifreq req = {0};
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0)
        return false;
    snprintf(req.ifr_name, sizeof(req.ifr_name), "port%u", port);
    req.ifr_flags = IFF_TAP | IFF_NO_PI;
    if (ioctl(fd, TUNSETIFF, &req))
        goto fail;
    req.ifr_flags = IFF_UP;
    if (ioctl(control, SIOCSIFFLAGS, &req) || ioctl(control, SIOCGIFINDEX, &req))
        goto fail;
    ports[port].fd = fd;
    ports[port].ifindex = (uint32_t)req.ifr_ifindex;
    return true;
fail:
    close(fd);
    return false;
}

bool ports_open(void)
{
    bool open = true;
    int control;

    if (unshare(CLONE_NEWNET) || !silence())
        return false;
    control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (control < 0)
        return false;
    for (uint32_t port = 1; port <= N_PORTS; port++)
        open = port_open(port, control) && open;
    close(control);
    return open;
}

bool ports_have(uint32_t port)
{
    return port && port <= N_PORTS && ports[port].fd;
}

uint32_t ports_ifindex(uint32_t port)
{
    return ports[port].ifindex;
}

size_t ports_take(uint32_t port, uint8_t *to, size_t size)
{
    ssize_t n = read(ports[port].fd, to, size);

    return n > 0 ? (size_t)n : 0;
}
