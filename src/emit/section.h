/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The sections of an ELF object in memory. Private to emit/. */
#ifndef BEBA_EMIT_SECTION_H
#define BEBA_EMIT_SECTION_H

#include "base/int.h"

struct beba_elf_section {
    const char *name;
    const uint8_t *data; /* NULL: none here */
    uint64_t size, flags;
    uint32_t type, link, info;
};

/* Section i; false when there is none, or the object is broken. */
bool beba_elf_section(const void *object, size_t size, unsigned i, struct beba_elf_section *out);
bool beba_elf_find(const void *object, size_t size, const char *name, struct beba_elf_section *out);

#endif
