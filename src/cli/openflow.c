/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "cli/openflow.h"

#include "openflow/codec.h"
#include "pipeline/target.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool number_after(const char *text, const char *word, uint64_t most, uint64_t *out)
{
    size_t n = strlen(word);

    return !strncmp(text, word, n) && cli_parse_number(text + n, strlen(text + n), out) &&
           *out <= most;
}

static int read_options(const struct cli_export *how, struct beba_export_opts *out)
{
    uint64_t n = 0;

    *out = (struct beba_export_opts){.pass = BEBA_EXPORT_FLOOD};
    if (how->table.given && how->table.value >= BEBA_STATE_TABLES)
        return cli_usage("--table is 0 to %d: state is there", BEBA_STATE_TABLES - 1);
    if (how->ports.given && (!how->ports.value || how->ports.value > 4096))
        return cli_usage("--ports is 1 to 4096");
    out->first_table = (uint8_t)how->table.value;
    out->ports = (uint32_t)how->ports.value;
    if (!how->pass || !strcmp(how->pass, "flood"))
        return 0;
    if (number_after(how->pass, "port:", OFPP_MAX, &n) && n) {
        out->pass = BEBA_EXPORT_PORT;
        out->pass_port = (uint32_t)n;
        return 0;
    }
    if (number_after(how->pass, "table:", 253, &n)) {
        out->pass = BEBA_EXPORT_TABLE;
        out->pass_table = (uint8_t)n;
        return 0;
    }
    return cli_usage("--pass is flood, port:N or table:N, not '%s'", how->pass);
}

static int export_program(const char *path, const struct beba_export_opts *opts,
                          struct cli_messages *out)
{
    struct beba_diags diags = {0};
    int rc = cli_load(path, false, &out->program), made;

    if (rc)
        return rc;
    beba_target_check(out->program.program->pipeline, BEBA_TARGET_OPENFLOW, &diags);
    made = diags.errors ? -EINVAL
                        : beba_export(out->program.program->pipeline, opts, &out->export, &diags);
    rc = cli_diags(&diags, &out->program.program->sources, path);
    beba_diags_free(&diags);
    if (rc)
        return rc;
    if (made || beba_export_encode(&out->bytes, &out->export))
        return cli_fail_with("%s: not enough memory", path);
    return 0;
}

static bool are_messages(const char *bytes, size_t len)
{
    for (size_t at = 0; at < len;) {
        int n = beba_of_length((const uint8_t *)bytes + at, len - at);

        if (n < 8 || (size_t)n > len - at || (uint8_t)bytes[at] != OFP_VERSION)
            return false;
        at += (size_t)n;
    }
    return len != 0;
}

int cli_messages_open(const char *path, const struct cli_export *how, struct cli_messages *out)
{
    struct beba_export_opts opts;
    struct beba_error err = {0};
    size_t len = 0;
    char *bytes = NULL;
    int rc = 0;

    *out = (struct cli_messages){0};
    rc = read_options(how, &opts);
    if (rc)
        return rc;
    if (cli_read_file(path, &bytes, &len, &err))
        return cli_fail(&err);
    if (are_messages(bytes, len))
        beba_strbuf_add(&out->bytes, bytes, len);
    else
        rc = export_program(path, &opts, out);
    free(bytes);
    return rc;
}

void cli_messages_free(struct cli_messages *m)
{
    beba_export_free(&m->export);
    beba_strbuf_free(&m->bytes);
    cli_program_free(&m->program);
}

int cli_messages_tell(const struct cli_messages *m, const char *path, const char *output, bool json)
{
    const struct beba_pipeline *p = m->program.program->pipeline;
    struct beba_strbuf text = {0};
    json_t *tables;

    if (!json) {
        beba_strbuf_printf(&text, "%s: %u messages, ", output, m->export.n);
        cli_bytes(&text, m->bytes.len);
        beba_strbuf_putc(&text, '\n');
        for (uint32_t i = 0; i < m->export.n_tables; i++) {
            const struct beba_export_table *t = &m->export.table[i];

            beba_strbuf_printf(&text, "  table %u: %s%s%s\n", t->table, p->table[t->machine].name,
                               t->eth_type == 0x0800   ? ", IPv4"
                               : t->eth_type == 0x86dd ? ", IPv6"
                                                       : "",
                               t->ip_proto == 6     ? ", TCP"
                               : t->ip_proto == 17  ? ", UDP"
                               : t->ip_proto == 132 ? ", SCTP"
                                                    : "");
        }
        return cli_print(stdout, &text) ? CLI_OK : CLI_FAILED;
    }
    tables = json_array();
    for (uint32_t i = 0; i < m->export.n_tables; i++) {
        const struct beba_export_table *t = &m->export.table[i];

        json_array_append_new(tables, json_pack("{s:i, s:o, s:i, s:i}", "table", t->table,
                                                "machine", cli_json_text(p->table[t->machine].name),
                                                "eth_type", t->eth_type, "ip_proto", t->ip_proto));
    }
    return cli_print_json(stdout, json_pack("{s:o, s:o, s:s, s:i, s:o, s:o}", "file",
                                            cli_json_text(path), "output", cli_json_text(output),
                                            "target", "openflow", "messages", (int)m->export.n,
                                            "size", cli_json_u64(m->bytes.len), "tables", tables));
}
