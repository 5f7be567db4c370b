/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Reads what beba put into an object: the section "beba.text", struct beba_object_meta and the
 * program's source. The object may be anything, also no object: every place is checked. */
#include "emit/section.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "emit/emit.h"
#include "emit/object.h"

static bool inside(size_t size, uint64_t at, uint64_t n)
{
    return at <= size && n <= size - at;
}

static bool header(const void *object, size_t size, Elf64_Ehdr *out)
{
    if (size < sizeof(*out))
        return false;
    memcpy(out, object, sizeof(*out));
    return !memcmp(out->e_ident, ELFMAG, SELFMAG) && out->e_ident[EI_CLASS] == ELFCLASS64 &&
           out->e_shentsize == sizeof(Elf64_Shdr) &&
           inside(size, out->e_shoff, (uint64_t)out->e_shnum * sizeof(Elf64_Shdr)) &&
           out->e_shstrndx < out->e_shnum;
}

static Elf64_Shdr section(const void *object, const Elf64_Ehdr *h, unsigned i)
{
    Elf64_Shdr s;

    memcpy(&s, (const char *)object + h->e_shoff + i * sizeof(s), sizeof(s));
    return s;
}

bool beba_elf_section(const void *object, size_t size, unsigned i, struct beba_elf_section *out)
{
    Elf64_Ehdr h;
    Elf64_Shdr s, names;
    const char *name;

    if (!header(object, size, &h) || i >= h.e_shnum)
        return false;
    s = section(object, &h, i);
    names = section(object, &h, h.e_shstrndx);
    if (!inside(size, names.sh_offset, names.sh_size) || s.sh_name >= names.sh_size)
        return false;
    name = (const char *)object + names.sh_offset + s.sh_name;
    if (!memchr(name, 0, names.sh_size - s.sh_name))
        return false;
    *out = (struct beba_elf_section){
        .name = name, .type = s.sh_type, .flags = s.sh_flags, .link = s.sh_link, .info = s.sh_info};
    if (s.sh_type != SHT_NOBITS && inside(size, s.sh_offset, s.sh_size)) {
        out->data = (const uint8_t *)object + s.sh_offset;
        out->size = s.sh_size;
    }
    return true;
}

bool beba_elf_find(const void *object, size_t size, const char *name, struct beba_elf_section *out)
{
    for (unsigned i = 0; beba_elf_section(object, size, i, out) || i < 1; i++)
        if (out->name && !strcmp(out->name, name))
            return true;
    return false;
}

int beba_emit_object_text(const void *object, size_t size, const char **text, size_t *text_size,
                          const char **file, enum beba_target *target, struct beba_error *err)
{
    struct beba_elf_section s = {0};
    struct beba_object_meta meta;

    if (!beba_elf_find(object, size, "beba.text", &s) || s.size < sizeof(meta) + 1)
        return beba_error_set(err, -EINVAL, "not an object that beba compiled");
    memcpy(&meta, s.data, sizeof(meta));
    if (meta.magic != BEBA_OBJECT_MAGIC || meta.text_size > s.size - sizeof(meta) - 1 ||
        s.data[sizeof(meta) + meta.text_size] || !memchr(meta.file, 0, sizeof(meta.file)) ||
        (meta.target != BEBA_TARGET_XDP && meta.target != BEBA_TARGET_TC))
        return beba_error_set(err, -EINVAL, "not an object that beba compiled");
    if (meta.version != BEBA_OBJECT_VERSION)
        return beba_error_set(err, -EINVAL,
                              "the object is of version %u, this beba works with version %u",
                              meta.version, BEBA_OBJECT_VERSION);
    *text = (const char *)s.data + sizeof(meta);
    *text_size = meta.text_size;
    *file = (const char *)s.data + offsetof(struct beba_object_meta, file);
    *target = (enum beba_target)meta.target;
    return 0;
}
