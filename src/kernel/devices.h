/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The network devices of this namespace and what their drivers are known for. Private to kernel/.
 */
#ifndef BEBA_KERNEL_DEVICES_H
#define BEBA_KERNEL_DEVICES_H

#include "base/int.h"

struct beba_kernel_nic {
    char name[16];
    char driver[32]; /* "" when it does not say */
    bool loopback;
    bool native; /* the driver is known to run XDP */
};

/* Calls fn with each device, by name. */
void beba_kernel_devices(void (*fn)(void *arg, const struct beba_kernel_nic *d), void *arg);

#endif
