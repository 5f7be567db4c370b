/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Prints what the packet room sees, for comparison with another dissector.
 *
 *   dump_fields registry            every field: name, layer, kind, width, name in Wireshark
 *   dump_fields DIR CAPTURE...      every packet of the captures
 *
 * A packet is one line of tab-separated columns: capture, its number there (from 1), link type, its
 * number in DIR/<link type>.pcap (from 1), flaws in hex, then name=value of each present field in
 * hex. The packets are copied into those files, one for each link type, so that the other dissector
 * has to be started only once a link type. Captures and link types that cannot be read are lines
 * that start with "skipped". */
#include <errno.h>
#include <inttypes.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "packet/packet.h"

static const struct link {
    int dlt;
    enum beba_link link;
} links[] = {
    {DLT_EN10MB, BEBA_LINK_ETHERNET}, {DLT_RAW, BEBA_LINK_IP},
    {DLT_IPV4, BEBA_LINK_IP},         {DLT_IPV6, BEBA_LINK_IP},
    {DLT_LINUX_SLL, BEBA_LINK_SLL},   {DLT_LINUX_SLL2, BEBA_LINK_SLL2},
};

enum { N_LINKS = sizeof(links) / sizeof(*links) };

/* The copies, in the order of links. */
struct copy {
    pcap_t *p;
    pcap_dumper_t *out;
    unsigned n;
};

static void print_registry(void)
{
    for (unsigned i = 0; i < BEBA_N_FIELDS; i++) {
        const struct beba_field *f = &beba_fields[i];
        const char *layer = beba_layer_name((enum beba_layer)f->layer);
        printf("%s\t%s\t%d\t%d\t%s\n", f->name, layer ? layer : "", f->type.kind, f->type.width,
               f->wireshark ? f->wireshark : "");
    }
}

static void print_fields(const struct beba_packet *p)
{
    for (unsigned i = 0; i < BEBA_N_FIELDS; i++) {
        struct beba_u128 v;
        if (!beba_field_read_wide(p, (enum beba_field_id)i, &v))
            continue;
        if (v.hi)
            printf("\t%s=%" PRIx64 "%016" PRIx64, beba_fields[i].name, v.hi, v.lo);
        else
            printf("\t%s=%" PRIx64, beba_fields[i].name, v.lo);
    }
    putchar('\n');
}

static int open_copy(struct copy *c, const char *dir, int dlt)
{
    char path[4096];

    if (c->out)
        return 0;
    snprintf(path, sizeof(path), "%s/%d.pcap", dir, dlt);
    c->p = pcap_open_dead_with_tstamp_precision(dlt, 1 << 18, PCAP_TSTAMP_PRECISION_NANO);
    c->out = c->p ? pcap_dump_open(c->p, path) : NULL;
    if (c->out)
        return 0;
    fprintf(stderr, "cannot write %s: %s\n", path, c->p ? pcap_geterr(c->p) : strerror(errno));
    return -EIO;
}

static const struct link *find_link(int dlt)
{
    for (unsigned i = 0; i < N_LINKS; i++)
        if (links[i].dlt == dlt)
            return &links[i];
    return NULL;
}

static int dump_capture(const char *dir, const char *path, struct copy *copies)
{
    char errbuf[PCAP_ERRBUF_SIZE];
    pcap_t *in = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, errbuf);
    struct pcap_pkthdr *h;
    const struct link *l;
    const u_char *bytes;
    struct copy *copy;
    int err = 0;

    if (!in) {
        printf("skipped\t%s\t%s\n", path, errbuf);
        return 0;
    }
    l = find_link(pcap_datalink(in));
    if (!l) {
        printf("skipped\t%s\tlink type %s\n", path, pcap_datalink_val_to_name(pcap_datalink(in)));
        goto out;
    }
    copy = &copies[l - links];
    err = open_copy(copy, dir, l->dlt);
    if (err)
        goto out;
    for (unsigned n = 1; pcap_next_ex(in, &h, &bytes) == 1; n++) {
        struct beba_packet p = {.len = h->caplen, .wire_len = h->len, .link = (uint8_t)l->link};
        unsigned present, wrong;
        uint8_t *data = malloc(h->caplen ? h->caplen : 1); /* exact, for sanitizers */

        if (!data) {
            err = -ENOMEM;
            goto out;
        }
        memcpy(data, bytes, h->caplen);
        p.data = data;
        p.now = (uint32_t)h->ts.tv_sec * BEBA_NS_PER_SEC + (uint64_t)h->ts.tv_usec; /* unsigned */
        beba_packet_parse(&p);
        wrong = beba_packet_checksums(&p, &present);
        printf("%s\t%u\t%d\t%u\t%x\t%u\t%u", path, n, l->dlt, ++copy->n, p.h.flaws, present, wrong);
        print_fields(&p);
        pcap_dump((u_char *)copy->out, h, bytes);
        free(data);
    }
out:
    pcap_close(in);
    return err;
}

int main(int argc, char **argv)
{
    struct copy copies[N_LINKS] = {0};
    int err = 0;

    if (argc == 2 && !strcmp(argv[1], "registry")) {
        print_registry();
        return 0;
    }
    if (argc < 3) {
        fprintf(stderr, "usage: %s registry | DIR CAPTURE...\n", argv[0]);
        return 2;
    }
    for (int i = 2; i < argc && !err; i++)
        err = dump_capture(argv[1], argv[i], copies);
    for (unsigned i = 0; i < N_LINKS; i++) {
        if (copies[i].out)
            pcap_dump_close(copies[i].out);
        if (copies[i].p)
            pcap_close(copies[i].p);
    }
    return err ? 1 : 0;
}
