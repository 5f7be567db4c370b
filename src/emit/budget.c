/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What a compiled program costs: instructions, and the stack of its deepest chain of calls, read
 * from the object as the verifier reads them. */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "emit/emit.h"
#include "emit/object.h"
#include "emit/section.h"

enum {
    STACK_MAX = 512,
    PROGRAM_FUNCTIONS = 256, /* that the verifier takes */
    PROGRAM_MAPS = 64,
    FUNCTIONS_MAX = 4096,
    CALLS_MAX = 16384,
    USES_MAX = 16384,
    STACK_ROUND = 32, /* what the verifier rounds a frame up to */
    FRAME_POINTER = 10,
    OP_CALL = 0x85,
    PSEUDO_CALL = 1,
    OP_MOV = 0xbf,
    OP_ADD_IMM = 0x07,
    OP_LOAD64 = 0x18,
};

struct insn {
    uint8_t op, regs;
    int16_t off;
    int32_t imm;
};

struct function {
    uint32_t section, at, n; /* instructions */
    uint32_t stack, deepest;
    bool global, done, program;
    uint32_t seen; /* number of the last program that was looked at and reaches it */
};

struct call {
    uint32_t from, to; /* functions */
};

struct use {
    uint32_t from, map; /* symbol */
};

struct image {
    const void *object;
    size_t size;
    struct function *function;
    struct call *call;
    struct use *use;
    uint32_t n_functions, n_calls, n_uses;
};

static int find_function(const struct image *m, uint32_t section, uint64_t at)
{
    for (uint32_t i = 0; i < m->n_functions; i++)
        if (m->function[i].section == section && at >= m->function[i].at &&
            at < (uint64_t)m->function[i].at + m->function[i].n)
            return (int)i;
    return -1;
}

/* Programs lie in sections named after their kind; what they call in .text. */
static bool is_text(const struct image *m, uint32_t section)
{
    struct beba_elf_section s;

    return beba_elf_section(m->object, m->size, section, &s) && !strcmp(s.name, ".text");
}

static void add_functions(struct image *m, const struct beba_elf_section *symbols)
{
    for (uint64_t at = 0; at + sizeof(Elf64_Sym) <= symbols->size; at += sizeof(Elf64_Sym)) {
        Elf64_Sym s;

        memcpy(&s, symbols->data + at, sizeof(s));
        if (ELF64_ST_TYPE(s.st_info) != STT_FUNC || m->n_functions == FUNCTIONS_MAX)
            continue;
        m->function[m->n_functions++] = (struct function){
            .section = s.st_shndx,
            .at = (uint32_t)(s.st_value / sizeof(struct insn)),
            .n = (uint32_t)(s.st_size / sizeof(struct insn)),
            .global = ELF64_ST_BIND(s.st_info) == STB_GLOBAL &&
                      ELF64_ST_VISIBILITY(s.st_other) == STV_DEFAULT,
            .program = !is_text(m, s.st_shndx),
        };
    }
}

static void add_call(struct image *m, int from, int to)
{
    if (from >= 0 && to >= 0 && m->n_calls < CALLS_MAX)
        m->call[m->n_calls++] = (struct call){(uint32_t)from, (uint32_t)to};
}

static void add_use(struct image *m, int from, uint32_t section, uint32_t symbol)
{
    struct beba_elf_section s;

    if (from < 0 || m->n_uses == USES_MAX || !beba_elf_section(m->object, m->size, section, &s) ||
        strcmp(s.name, ".maps") != 0)
        return;
    for (uint32_t i = 0; i < m->n_uses; i++)
        if (m->use[i].from == (uint32_t)from && m->use[i].map == symbol)
            return;
    m->use[m->n_uses++] = (struct use){(uint32_t)from, symbol};
}

/* Frame and calls inside of one section. */
static void read_function(struct image *m, uint32_t f, const struct beba_elf_section *code)
{
    struct function *fn = &m->function[f];
    int32_t lowest = 0;

    for (uint32_t i = fn->at; i < fn->at + fn->n; i++) {
        struct insn insn, next = {0};
        unsigned kind;

        if ((i + 1ull) * sizeof(insn) > code->size)
            return;
        memcpy(&insn, code->data + i * sizeof(insn), sizeof(insn));
        if ((i + 2ull) * sizeof(insn) <= code->size)
            memcpy(&next, code->data + (i + 1) * sizeof(insn), sizeof(next));
        kind = insn.op & 7; /* 1 load, 2 and 3 store */
        if ((kind == 1 && insn.regs >> 4 == FRAME_POINTER) ||
            ((kind == 2 || kind == 3) && (insn.regs & 15) == FRAME_POINTER))
            lowest = insn.off < lowest ? insn.off : lowest;
        if (insn.op == OP_MOV && insn.regs >> 4 == FRAME_POINTER && next.op == OP_ADD_IMM &&
            (next.regs & 15) == (insn.regs & 15) && next.imm < lowest && next.imm > -4096)
            lowest = next.imm;
        if (insn.op == OP_CALL && insn.regs >> 4 == PSEUDO_CALL && insn.imm != -1)
            add_call(m, (int)f,
                     find_function(m, fn->section, (uint64_t)(i + 1 + (int64_t)insn.imm)));
        if (insn.op == OP_LOAD64)
            i++;
    }
    fn->stack = ((uint32_t)-lowest + STACK_ROUND - 1) / STACK_ROUND * STACK_ROUND;
    fn->stack = fn->stack ? fn->stack : STACK_ROUND;
}

/* Calls, and functions handed to helpers, that the linker is to fill in. */
static void read_relocations(struct image *m, const struct beba_elf_section *r,
                             const struct beba_elf_section *symbols)
{
    struct beba_elf_section code;

    if (!beba_elf_section(m->object, m->size, r->info, &code) || !(code.flags & SHF_EXECINSTR))
        return;
    for (uint64_t at = 0; at + sizeof(Elf64_Rel) <= r->size; at += sizeof(Elf64_Rel)) {
        uint64_t symbol, target;
        struct insn insn;
        Elf64_Rel rel;
        Elf64_Sym s;

        memcpy(&rel, r->data + at, sizeof(rel));
        symbol = ELF64_R_SYM(rel.r_info) * sizeof(s);
        if (symbol + sizeof(s) > symbols->size || rel.r_offset + sizeof(insn) > code.size)
            continue;
        memcpy(&s, symbols->data + symbol, sizeof(s));
        memcpy(&insn, code.data + rel.r_offset, sizeof(insn));
        target = s.st_value / sizeof(insn);
        if (insn.op == OP_LOAD64)
            add_use(m, find_function(m, r->info, rel.r_offset / sizeof(insn)), s.st_shndx,
                    (uint32_t)symbol);
        if (insn.op == OP_CALL)
            target += (uint64_t)(insn.imm + (int64_t)1);
        else if (insn.op == OP_LOAD64)
            target += (uint32_t)insn.imm / sizeof(insn);
        else
            continue;
        add_call(m, find_function(m, r->info, rel.r_offset / sizeof(insn)),
                 find_function(m, s.st_shndx, target));
    }
}

/* There is no recursion in BPF; a depth of 64 is more than the verifier takes. */
static uint32_t deepest(struct image *m, uint32_t f, unsigned depth)
{
    struct function *fn = &m->function[f];
    uint32_t below = 0;

    if (fn->done || depth > 64)
        return fn->deepest;
    for (uint32_t i = 0; i < m->n_calls; i++) {
        if (m->call[i].from == f && m->call[i].to != f) {
            uint32_t d = deepest(m, m->call[i].to, depth + 1);

            below = d > below ? d : below;
        }
    }
    fn->deepest = fn->stack + below;
    fn->done = true;
    return fn->deepest;
}

/* Marks what function f reaches, and adds it to a program's sums. */
static void reach(struct image *m, uint32_t f, uint32_t mark, struct beba_emit_budget *sum)
{
    struct function *fn = &m->function[f];

    if (fn->seen == mark)
        return;
    fn->seen = mark;
    sum->functions++;
    sum->largest += fn->n;
    for (uint32_t i = 0; i < m->n_calls; i++)
        if (m->call[i].from == f)
            reach(m, m->call[i].to, mark, sum);
}

static uint32_t n_maps(const struct image *m, uint32_t mark)
{
    uint32_t n = 1, j; /* .rodata */

    for (uint32_t i = 0; i < m->n_uses; i++) {
        if (m->function[m->use[i].from].seen != mark)
            continue;
        for (j = 0; j < i; j++)
            if (m->use[j].map == m->use[i].map && m->function[m->use[j].from].seen == mark)
                break;
        n += j == i;
    }
    return n;
}

/* The most of what a program has. */
static void programs(struct image *m, struct beba_emit_budget *out)
{
    for (uint32_t i = 0; i < m->n_functions; i++) {
        struct beba_emit_budget one = {0};

        if (!m->function[i].program)
            continue;
        reach(m, i, ++out->n_programs, &one);
        one.maps = n_maps(m, out->n_programs);
        out->functions = one.functions > out->functions ? one.functions : out->functions;
        out->maps = one.maps > out->maps ? one.maps : out->maps;
        out->largest = one.largest > out->largest ? one.largest : out->largest;
    }
}

static void measure(struct image *m, const struct beba_elf_section *symbols,
                    struct beba_emit_budget *out)
{
    struct beba_elf_section s;

    add_functions(m, symbols);
    for (uint32_t i = 0; i < m->n_functions; i++)
        if (beba_elf_section(m->object, m->size, m->function[i].section, &s))
            read_function(m, i, &s);
    for (unsigned i = 0; beba_elf_section(m->object, m->size, i, &s); i++)
        if (s.type == SHT_REL && s.data)
            read_relocations(m, &s, symbols);
    for (uint32_t i = 0; i < m->n_functions; i++) {
        uint32_t stack = deepest(m, i, 0);

        out->stack = stack > out->stack ? stack : out->stack;
        out->instructions += m->function[i].n;
        out->n_functions += m->function[i].global;
    }
    programs(m, out);
}

static uint64_t map_memory(const struct beba_pipeline *p, const struct beba_object_layout *l)
{
    uint64_t bytes = l->shared_size + l->cpu_size;

    for (uint32_t i = 0; i < p->n_tables; i++)
        bytes += l->region[i] ? l->region[i] + BEBA_OBJECT_SLACK : 0;
    return bytes;
}

int beba_emit_measure(const struct beba_pipeline *p, const void *object, size_t size,
                      struct beba_emit_budget *out, struct beba_error *err)
{
    struct beba_elf_section symbols = {0};
    struct beba_object_layout layout;
    struct beba_arena arena = {0};
    struct image m = {.object = object, .size = size};
    int rc;

    *out = (struct beba_emit_budget){.object_size = size,
                                     .stack_max = STACK_MAX,
                                     .functions_max = PROGRAM_FUNCTIONS,
                                     .maps_max = PROGRAM_MAPS};
    rc = beba_object_layout(p, &arena, &layout, err);
    if (rc)
        goto out;
    out->map_memory = map_memory(p, &layout);
    m.function = calloc(FUNCTIONS_MAX, sizeof(*m.function));
    m.call = calloc(CALLS_MAX, sizeof(*m.call));
    m.use = calloc(USES_MAX, sizeof(*m.use));
    if (!m.function || !m.call || !m.use) {
        rc = beba_error_set(err, -ENOMEM, "out of memory");
        goto out;
    }
    if (object && beba_elf_find(object, size, ".symtab", &symbols) && symbols.data)
        measure(&m, &symbols, out);
out:
    free(m.function);
    free(m.call);
    free(m.use);
    beba_arena_free(&arena);
    return rc;
}

int beba_emit_budget(const struct beba_pipeline *p, enum beba_target target,
                     const struct beba_emit_opts *opts, struct beba_emit_budget *out,
                     struct beba_error *err)
{
    void *object = NULL;
    size_t size = 0;
    int made = beba_emit_object(p, target, opts, &object, &size, err);
    int rc = beba_emit_measure(p, object, size, out, made ? NULL : err);

    free(object);
    return made ? made : rc;
}
