/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Drivers in shared objects of their own, loaded when a port asks for one: what they need (DPDK:
 * its libraries, and a driver for each kind of card, most of which run code when they are loaded)
 * is neither in beba nor needed to start it.
 *
 * beba-NAME.so is looked for beside the program, as in a build directory, then where drivers are
 * installed; BEBA_DRIVERS=DIR in the environment is the only place looked at, if set. It has one
 * symbol, beba_plugin, and code of this library of its own. Loaded is loaded: it stays. */
#ifndef BEBA_IO_PLUGIN_H
#define BEBA_IO_PLUGIN_H

#include "io/driver.h"

/* What both sides must have in common. */
enum {
    BEBA_PLUGIN_ABI = sizeof(struct beba_port) ^ sizeof(struct beba_packet) << 10 ^
                      sizeof(struct beba_driver) << 20
};

struct beba_plugin {
    uint64_t abi; /* BEBA_PLUGIN_ABI */
    const struct beba_driver *driver;
};

/* True when drivers of this name are loaded. */
bool beba_plugin_known(const char *name, size_t len);
/* -ENOTSUP: it is not there, or of another version. */
int beba_plugin_load(const char *name, size_t len, const struct beba_driver **out,
                     struct beba_error *err);

#endif
