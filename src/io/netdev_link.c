/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "io/netdev_link.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>

enum { MODE_WORDS = 16 };

/* Modes that have an OpenFlow bit of their own; every other speed is OTHER. */
struct mode {
    uint8_t bit; /* enum ethtool_link_mode_bit_indices */
    uint32_t feature;
};

#define MODE(name, feature)                                   \
    {                                                         \
        ETHTOOL_LINK_MODE_##name##_BIT, BEBA_NETDEV_##feature \
    }
static const struct mode modes[] = {
    MODE(10baseT_Half, 10MB_HD),
    MODE(10baseT_Full, 10MB_FD),
    MODE(100baseT_Half, 100MB_HD),
    MODE(100baseT_Full, 100MB_FD),
    MODE(1000baseT_Half, 1GB_HD),
    MODE(1000baseT_Full, 1GB_FD),
    MODE(1000baseKX_Full, 1GB_FD),
    MODE(1000baseX_Full, 1GB_FD),
    MODE(10000baseT_Full, 10GB_FD),
    MODE(10000baseKX4_Full, 10GB_FD),
    MODE(10000baseKR_Full, 10GB_FD),
    MODE(10000baseCR_Full, 10GB_FD),
    MODE(10000baseSR_Full, 10GB_FD),
    MODE(10000baseLR_Full, 10GB_FD),
    MODE(10000baseLRM_Full, 10GB_FD),
    MODE(10000baseER_Full, 10GB_FD),
    MODE(40000baseKR4_Full, 40GB_FD),
    MODE(40000baseCR4_Full, 40GB_FD),
    MODE(40000baseSR4_Full, 40GB_FD),
    MODE(40000baseLR4_Full, 40GB_FD),
    MODE(100000baseKR4_Full, 100GB_FD),
    MODE(100000baseSR4_Full, 100GB_FD),
    MODE(100000baseCR4_Full, 100GB_FD),
    MODE(100000baseLR4_ER4_Full, 100GB_FD),
    MODE(100000baseKR2_Full, 100GB_FD),
    MODE(100000baseSR2_Full, 100GB_FD),
    MODE(100000baseCR2_Full, 100GB_FD),
    MODE(100000baseLR2_ER2_FR2_Full, 100GB_FD),
    MODE(TP, COPPER),
    MODE(AUI, COPPER),
    MODE(BNC, COPPER),
    MODE(FIBRE, FIBER),
    MODE(Autoneg, AUTONEG),
    MODE(Pause, PAUSE),
    MODE(Asym_Pause, PAUSE_ASYM),
    MODE(2500baseX_Full, OTHER),
    MODE(2500baseT_Full, OTHER),
    MODE(5000baseT_Full, OTHER),
    MODE(20000baseMLD2_Full, OTHER),
    MODE(20000baseKR2_Full, OTHER),
    MODE(25000baseCR_Full, OTHER),
    MODE(25000baseKR_Full, OTHER),
    MODE(25000baseSR_Full, OTHER),
    MODE(50000baseCR2_Full, OTHER),
    MODE(50000baseKR2_Full, OTHER),
    MODE(50000baseSR2_Full, OTHER),
    MODE(50000baseKR_Full, OTHER),
    MODE(50000baseSR_Full, OTHER),
    MODE(50000baseCR_Full, OTHER),
    MODE(56000baseKR4_Full, OTHER),
    MODE(56000baseCR4_Full, OTHER),
    MODE(200000baseKR4_Full, OTHER),
    MODE(200000baseSR4_Full, OTHER),
    MODE(200000baseCR4_Full, OTHER),
    MODE(400000baseKR8_Full, OTHER),
    MODE(400000baseSR8_Full, OTHER),
    MODE(400000baseCR8_Full, OTHER),
};
#undef MODE

struct speed {
    uint32_t mbit, half, full;
};
static const struct speed speeds[] = {
    {10, BEBA_NETDEV_10MB_HD, BEBA_NETDEV_10MB_FD},
    {100, BEBA_NETDEV_100MB_HD, BEBA_NETDEV_100MB_FD},
    {1000, BEBA_NETDEV_1GB_HD, BEBA_NETDEV_1GB_FD},
    {10000, BEBA_NETDEV_OTHER, BEBA_NETDEV_10GB_FD},
    {40000, BEBA_NETDEV_OTHER, BEBA_NETDEV_40GB_FD},
    {100000, BEBA_NETDEV_OTHER, BEBA_NETDEV_100GB_FD},
    {1000000, BEBA_NETDEV_OTHER, BEBA_NETDEV_1TB_FD},
};

/* The kernel's struct, and behind it three masks: supported, advertised, peer's. */
enum { WORDS = sizeof(struct ethtool_link_settings) / sizeof(uint32_t) };

struct settings {
    uint32_t word[WORDS + 3 * MODE_WORDS];
};

static struct ethtool_link_settings *head(struct settings *q)
{
    return (struct ethtool_link_settings *)(void *)q;
}

static int read_settings(int fd, struct ifreq *req, struct settings *q)
{
    struct ethtool_link_settings *s = head(q);

    *q = (struct settings){0};
    s->cmd = ETHTOOL_GLINKSETTINGS;
    req->ifr_data = (void *)q;
    /* The first time the kernel only says how long its masks are. */
    if (ioctl(fd, SIOCETHTOOL, req))
        return -errno;
    if (s->link_mode_masks_nwords >= 0 || s->link_mode_masks_nwords < -MODE_WORDS)
        return -EOPNOTSUPP;
    s->cmd = ETHTOOL_GLINKSETTINGS;
    s->link_mode_masks_nwords = (int8_t)-s->link_mode_masks_nwords;
    return ioctl(fd, SIOCETHTOOL, req) ? -errno : 0;
}

static uint32_t features(struct settings *q, unsigned which)
{
    unsigned words = (unsigned)head(q)->link_mode_masks_nwords;
    const uint32_t *mask = q->word + WORDS + which * words;
    uint32_t out = 0;

    for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
        unsigned bit = modes[i].bit;

        if (bit / 32 < words && mask[bit / 32] >> bit % 32 & 1)
            out |= modes[i].feature;
    }
    return out;
}

static uint32_t current(const struct ethtool_link_settings *s, uint32_t *kbit)
{
    uint32_t out = 0;

    *kbit = 0;
    if (s->speed && s->speed != (uint32_t)SPEED_UNKNOWN) {
        *kbit = s->speed < UINT32_MAX / 1000 ? s->speed * 1000 : UINT32_MAX;
        out = BEBA_NETDEV_OTHER;
        for (size_t i = 0; i < sizeof(speeds) / sizeof(*speeds); i++) {
            if (speeds[i].mbit == s->speed)
                out = s->duplex == DUPLEX_HALF ? speeds[i].half : speeds[i].full;
        }
    }
    if (s->port == PORT_TP || s->port == PORT_DA)
        out |= BEBA_NETDEV_COPPER;
    else if (s->port == PORT_FIBRE)
        out |= BEBA_NETDEV_FIBER;
    if (s->autoneg == AUTONEG_ENABLE)
        out |= BEBA_NETDEV_AUTONEG;
    return out;
}

int beba_netdev_link_read(int fd, int ifindex, struct beba_netdev_link *out)
{
    struct ifreq req = {.ifr_ifindex = ifindex};
    struct settings q;
    uint32_t modes_there;

    *out = (struct beba_netdev_link){0};
    if (ioctl(fd, SIOCGIFNAME, &req))
        return -ENODEV;
    if (read_settings(fd, &req, &q))
        return 0;
    out->supported = features(&q, 0);
    out->advertised = features(&q, 1);
    out->peer = features(&q, 2);
    out->current = current(head(&q), &out->speed);
    modes_there = out->supported | out->current;
    for (size_t i = 0; i < sizeof(speeds) / sizeof(*speeds); i++) {
        if (modes_there & (speeds[i].half | speeds[i].full) & ~(uint32_t)BEBA_NETDEV_OTHER)
            out->max_speed = speeds[i].mbit * 1000;
    }
    if (out->max_speed < out->speed)
        out->max_speed = out->speed;
    return 0;
}

int beba_netdev_link_advertise(int fd, int ifindex, uint32_t wanted)
{
    struct ifreq req = {.ifr_ifindex = ifindex};
    struct settings q;
    uint32_t *supported = q.word + WORDS, *advertised;
    unsigned words;

    if (ioctl(fd, SIOCGIFNAME, &req))
        return -errno;
    if (read_settings(fd, &req, &q) || wanted & ~features(&q, 0))
        return -EINVAL;
    words = (unsigned)head(&q)->link_mode_masks_nwords;
    advertised = supported + words;
    for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
        unsigned word = modes[i].bit / 32;
        uint32_t bit = 1u << modes[i].bit % 32;

        if (word >= words)
            continue;
        advertised[word] &= ~bit;
        if (wanted & modes[i].feature)
            advertised[word] |= supported[word] & bit;
    }
    if (wanted & BEBA_NETDEV_AUTONEG)
        head(&q)->autoneg = AUTONEG_ENABLE;
    head(&q)->cmd = ETHTOOL_SLINKSETTINGS;
    return ioctl(fd, SIOCETHTOOL, &req) ? -errno : 0;
}
