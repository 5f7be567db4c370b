/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The network devices of this namespace and what their drivers are known for. Private to kernel/.
 */
#ifndef BEBA_KERNEL_DEVICES_H
#define BEBA_KERNEL_DEVICES_H

#include "base/int.h"

struct kernel_device {
    char name[16];
    char driver[32]; /* "" when it does not say */
    bool loopback;
    bool native; /* the driver is known to run XDP */
};

/* Calls fn with each device, by name. */
void kernel_devices(void (*fn)(void *arg, const struct kernel_device *d), void *arg);

#endif
