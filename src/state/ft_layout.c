/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "state/ft_layout.h"

#include "base/hash.h"

#include <errno.h>
#include <string.h>

/* Slots a table gets for its capacity, so that it holds that many without refusing: 82 % of them
 * used (13.1 of 16). Measured at that load, filling and replacing random keys, 5 % of the keys are
 * outside their first bucket once filled and 24 % after ten replacements of all; none was refused.
 * Two buckets or fewer are the candidates of every key and can be full. */
static uint64_t buckets_for(uint64_t capacity)
{
    uint64_t full = (capacity + BEBA_FT_SLOTS - 1) / BEBA_FT_SLOTS;

    return full <= 2 ? full : (capacity * 10 + 130) / 131;
}

struct beba_ft_sizes beba_ft_desc_sizes(const struct beba_ft_desc *desc)
{
    return (struct beba_ft_sizes){
        .key_size = desc->key_size,
        .regs_size = desc->regs_size,
        .n_states = desc->n_states,
        .capacity = desc->capacity,
        .schema_size = (desc->schema ? strlen(desc->schema) : 0) + 1,
    };
}

struct beba_ft_sizes beba_ft_sizes_of(const struct beba_ft *ft)
{
    return (struct beba_ft_sizes){ft->key_size, ft->regs_size, ft->n_states, ft->capacity,
                                  ft->schema_size};
}

int beba_ft_layout(const struct beba_ft_sizes *sizes, struct beba_ft_layout *out)
{
    uint64_t n_buckets, bytes, at = sizeof(struct beba_ft);

    if (!sizes->key_size || sizes->key_size > BEBA_FT_KEY_MAX ||
        sizes->regs_size > BEBA_FT_REGS_MAX || !sizes->n_states ||
        sizes->n_states > BEBA_FT_STATES_MAX || !sizes->capacity || sizes->capacity > UINT32_MAX ||
        !sizes->schema_size || sizes->schema_size > BEBA_FT_SCHEMA_MAX)
        return -EINVAL;
    n_buckets = buckets_for(sizes->capacity);
    out->shape = beba_ft_shape(sizes->key_size, sizes->regs_size);
    out->n_buckets = (uint32_t)n_buckets;
    out->states = at;
    at += sizes->n_states * sizeof(struct beba_timeouts);
    out->regs_init = at;
    at += beba_ft_pad8(sizes->regs_size);
    out->schema = at;
    at += sizes->schema_size;
    out->buckets = (at + 63) & ~63ull;
    bytes = n_buckets * out->shape.bucket_size; /* below 2^29 * 2^14 */
    out->size = out->buckets + bytes;
    return out->size > SIZE_MAX / 2 ? -EOVERFLOW : 0;
}

static uint64_t sum_bytes(uint64_t sum, const void *p, size_t n)
{
    const uint8_t *b = p;
    uint64_t word;

    for (; n >= 8; n -= 8, b += 8)
        sum = beba_splitmix64(sum ^ beba_ft_load8(b));
    word = n; /* so that a tail of zeros counts */
    for (size_t i = 0; i < n; i++)
        word = word << 8 | b[i];
    return beba_splitmix64(sum ^ word);
}

uint64_t beba_ft_checksum(const struct beba_ft *ft)
{
    uint64_t sum = sum_bytes(0, ft, offsetof(struct beba_ft, check));

    return sum_bytes(sum, (const uint8_t *)ft + sizeof(*ft), ft->buckets - sizeof(*ft));
}

static void quarter(uint32_t s[16], unsigned a, unsigned b, unsigned c, unsigned d)
{
    s[a] += s[b];
    s[d] = beba_rotl32(s[d] ^ s[a], 16);
    s[c] += s[d];
    s[b] = beba_rotl32(s[b] ^ s[c], 12);
    s[a] += s[b];
    s[d] = beba_rotl32(s[d] ^ s[a], 8);
    s[c] += s[d];
    s[b] = beba_rotl32(s[b] ^ s[c], 7);
}

/* RFC 8439 section 2.3. */
static void chacha20(const uint32_t in[16], uint32_t out[16])
{
    memcpy(out, in, 64);
    for (unsigned round = 0; round < 10; round++) {
        for (unsigned i = 0; i < 4; i++)
            quarter(out, i, 4 + i, 8 + i, 12 + i);
        for (unsigned i = 0; i < 4; i++)
            quarter(out, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4);
    }
    for (unsigned i = 0; i < 16; i++)
        out[i] += in[i];
}

void beba_ft_expand(const uint8_t seed[32], uint64_t *words, uint32_t n)
{
    uint32_t in[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574}, out[16];

    for (unsigned i = 0; i < 8; i++)
        in[4 + i] = (uint32_t)seed[i * 4] | (uint32_t)seed[i * 4 + 1] << 8 |
                    (uint32_t)seed[i * 4 + 2] << 16 | (uint32_t)seed[i * 4 + 3] << 24;
    for (uint32_t i = 0; i < n; i++) {
        if (i % 8 == 0) {
            chacha20(in, out);
            in[12]++;
        }
        words[i] = out[i % 8 * 2] | (uint64_t)out[i % 8 * 2 + 1] << 32;
    }
}
