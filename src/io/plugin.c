/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "io/plugin.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *name, *hint;
} plugins[] = {
    {"dpdk", "install the package beba-dpdk; from source, libdpdk-dev and build anew"},
};

bool beba_plugin_known(const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof(plugins) / sizeof(*plugins); i++) {
        if (strlen(plugins[i].name) == len && !strncmp(plugins[i].name, name, len))
            return true;
    }
    return false;
}

static const char *hint_of(const char *name)
{
    for (size_t i = 0; i < sizeof(plugins) / sizeof(*plugins); i++) {
        if (!strcmp(plugins[i].name, name))
            return plugins[i].hint;
    }
    return "";
}

/* The directory of the running program; "" when it cannot be told. */
static void beside(char *out, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", out, size - 1);
    char *slash;

    out[n > 0 ? n : 0] = 0;
    slash = strrchr(out, '/');
    out[slash ? slash - out : 0] = 0;
}

static void *load_file(const char *name)
{
    const char *dir = getenv("BEBA_DRIVERS");
    char path[PATH_MAX + 64], here[PATH_MAX];

    if (!dir || !*dir) {
        beside(here, sizeof(here));
        snprintf(path, sizeof(path), "%s/beba-%s.so", here, name);
        dir = *here && !access(path, R_OK) ? here : BEBA_DRIVER_DIR;
    }
    snprintf(path, sizeof(path), "%s/beba-%s.so", dir, name);
    return dlopen(path, RTLD_NOW | RTLD_LOCAL);
}

int beba_plugin_load(const char *name, size_t len, const struct beba_driver **out,
                     struct beba_error *err)
{
    const struct beba_plugin *plugin;
    char word[32];
    void *file;

    snprintf(word, sizeof(word), "%.*s", (int)len, name);
    file = load_file(word);
    if (!file) {
        beba_error_set(err, -ENOTSUP, "the driver for %s ports is not here: %s", word, dlerror());
        beba_error_hint(err, "%s", hint_of(word));
        return -ENOTSUP;
    }
    plugin = dlsym(file, "beba_plugin");
    if (!plugin || plugin->abi != BEBA_PLUGIN_ABI) {
        dlclose(file);
        beba_error_set(err, -ENOTSUP, "the driver for %s ports is of another version of beba",
                       word);
        beba_error_hint(err, "%s", hint_of(word));
        return -ENOTSUP;
    }
    *out = plugin->driver;
    return 0;
}
