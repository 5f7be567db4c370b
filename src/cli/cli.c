/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "cli/cli.h"

#include "lang/lang.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct cli cli;

/* --- messages ------------------------------------------------------------------------------ */

static void message(const char *fmt, va_list ap)
{
    fflush(stdout);
    fprintf(stderr, "beba%s%s: ", cli.command ? " " : "", cli.command ? cli.command : "");
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
}

int cli_usage(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    message(fmt, ap);
    va_end(ap);
    fprintf(stderr, "try: beba %s%s--help\n", cli.command ? cli.command : "",
            cli.command ? " " : "");
    return CLI_USAGE;
}

void cli_warn(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    message(fmt, ap);
    va_end(ap);
}

static void tell_json(json_t *error)
{
    if (cli.json && !cli.failed_json) {
        cli.failed_json = true;
        cli_print_json(stdout, json_pack("{s:o}", "error", error));
    } else {
        json_decref(error);
    }
}

int cli_fail(const struct beba_error *err)
{
    if (err->where[0])
        cli_warn("%s: %s", err->where, err->what);
    else
        cli_warn("%s", err->what);
    if (err->hint[0])
        fprintf(stderr, "  hint: %s\n", err->hint);
    tell_json(cli_json_error(err));
    return CLI_FAILED;
}

int cli_fail_with(const char *fmt, ...)
{
    struct beba_error err = {.code = -EINVAL};
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(err.what, sizeof(err.what), fmt, ap);
    va_end(ap);
    return cli_fail(&err);
}

bool cli_colour(FILE *f)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

    return isatty(fileno(f)) && (!no || !*no) && term && strcmp(term, "dumb") != 0;
}

/* --- output -------------------------------------------------------------------------------- */

bool cli_print(FILE *to, struct beba_strbuf *text)
{
    bool ok = !text->failed;

    if (text->failed)
        cli_warn("out of memory");
    else if (text->len)
        ok = fwrite(text->s, 1, text->len, to) == text->len;
    if (!ok && to == stdout && !cli.output_errno)
        cli.output_errno = errno;
    beba_strbuf_free(text);
    return ok;
}

int cli_print_json(FILE *to, json_t *root)
{
    int rc = root ? json_dumpf(root, to, JSON_INDENT(2) | JSON_PRESERVE_ORDER) : -1;

    if (!rc)
        fputc('\n', to);
    else if (root && ferror(to))
        cli.output_errno = errno; /* main tells */
    else
        cli_warn("out of memory");
    json_decref(root);
    return rc ? CLI_FAILED : CLI_OK;
}

static int file_error(const char *path, const char *what, int error, struct beba_error *err)
{
    beba_error_set(err, -error, "cannot %s: %s", what, strerror(error));
    beba_error_where(err, "%s", path);
    return -error;
}

static bool write_all(int fd, const char *text, size_t len)
{
    while (len) {
        ssize_t n = write(fd, text, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        text += n;
        len -= (size_t)n;
    }
    return true;
}

/* Something that is no regular file (a device, a pipe) cannot be replaced: it is written to. */
static int write_through(const char *path, const char *text, size_t len, struct beba_error *err)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC), rc = 0;

    if (fd < 0)
        return file_error(path, "write", errno, err);
    if (!write_all(fd, text, len))
        rc = file_error(path, "write", errno, err);
    if (close(fd) < 0 && !rc)
        rc = file_error(path, "write", errno, err);
    return rc;
}

int cli_write_file(const char *path, const char *text, size_t len, struct beba_error *err)
{
    struct beba_strbuf name = {0};
    char *real = realpath(path, NULL);
    const char *target = real ? real : path;
    mode_t mask = umask(0), mode = 0666 & ~mask;
    struct stat st;
    int fd, rc = 0;

    umask(mask);
    if (!stat(target, &st)) {
        mode = st.st_mode & 07777;
        if (!S_ISREG(st.st_mode)) {
            rc = write_through(path, text, len, err);
            goto out;
        }
    }
    beba_strbuf_printf(&name, "%s.XXXXXX", target);
    if (name.failed) {
        rc = beba_error_set(err, -ENOMEM, "out of memory");
        goto out;
    }
    fd = mkstemp(name.s);
    if (fd < 0) {
        rc = file_error(path, "write", errno, err);
        goto out;
    }
    if (!write_all(fd, text, len) || fchmod(fd, mode) < 0 || fsync(fd) < 0)
        rc = file_error(path, "write", errno, err);
    if (close(fd) < 0 && !rc)
        rc = file_error(path, "write", errno, err);
    if (!rc && rename(name.s, target) < 0)
        rc = file_error(path, "write", errno, err);
    if (rc)
        unlink(name.s);
out:
    beba_strbuf_free(&name);
    free(real);
    return rc;
}

int cli_read_file(const char *path, char **text, size_t *len, struct beba_error *err)
{
    const char *shown = strcmp(path, "-") ? path : "standard input";
    FILE *f = strcmp(path, "-") ? fopen(path, "re") : stdin;
    struct beba_strbuf all = {0};
    char part[16384];
    size_t n;
    int rc = 0;

    *text = NULL;
    if (!f)
        return file_error(shown, "open", errno, err);
    errno = 0;
    while ((n = fread(part, 1, sizeof(part), f)) > 0)
        beba_strbuf_add(&all, part, n);
    if (ferror(f))
        rc = file_error(shown, "read", errno, err);
    else if (all.failed)
        rc = beba_error_set(err, -ENOMEM, "out of memory");
    if (f != stdin)
        fclose(f);
    if (rc) {
        beba_strbuf_free(&all);
        return rc;
    }
    *len = all.len;
    *text = all.s ? all.s : calloc(1, 1);
    return *text ? 0 : beba_error_set(err, -ENOMEM, "out of memory");
}

/* --- programs ------------------------------------------------------------------------------ */

int cli_diags(const struct beba_diags *diags, const struct beba_sources *sources, const char *path)
{
    struct beba_strbuf text = {0};

    if (!diags->n)
        return CLI_OK;
    fflush(stdout);
    beba_diags_print(diags, sources, &text, cli_colour(stderr));
    cli_print(stderr, &text);
    if (!diags->errors)
        return CLI_OK;
    if (cli.json) {
        struct beba_error err;
        json_t *json;

        beba_error_set(&err, -EINVAL, "%u error%s in the program", diags->errors,
                       diags->errors == 1 ? "" : "s");
        beba_error_where(&err, "%s", path);
        json = cli_json_error(&err);
        json_object_set_new(json, "diagnostics", cli_json_diags(diags, sources));
        tell_json(json);
    }
    return CLI_FAILED;
}

int cli_load(const char *path, bool no_warnings, struct cli_program *out)
{
    struct beba_lang_opts opts = {.no_warnings = no_warnings};
    struct beba_error err = {0};
    int rc;

    *out = (struct cli_program){.path = path};
    rc = beba_lang_load_file(path, &opts, &out->program, &out->diags, &err);
    if (out->diags.errors || (!rc && out->diags.n))
        cli_diags(&out->diags, &out->program->sources, path);
    if (!rc)
        return CLI_OK;
    if (!out->diags.errors) {
        if (!err.what[0])
            beba_error_set(&err, rc, "cannot load the program: %s", strerror(-rc));
        cli_fail(&err);
    }
    return CLI_FAILED;
}

void cli_program_free(struct cli_program *p)
{
    beba_program_free(p->program);
    beba_diags_free(&p->diags);
    memset(p, 0, sizeof(*p));
}
