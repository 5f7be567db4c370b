/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Feeds files, and the files of directories, to a fuzz target: the corpus as a regression test, and
 * a crash file to a debugger. Prints how many it fed; exit 1 when there was none. */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static int feed(const char *path)
{
    FILE *f = fopen(path, "rb");
    struct stat st;
    uint8_t *data;
    size_t size;

    if (!f || fstat(fileno(f), &st)) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(1);
    }
    size = (size_t)st.st_size;
    data = malloc(size ? size : 1);
    if (!data || fread(data, 1, size, f) != size) {
        fprintf(stderr, "%s: cannot be read\n", path);
        exit(1);
    }
    fclose(f);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    return 1;
}

static int feed_all(const char *dir)
{
    struct dirent **entry;
    struct stat st;
    int n = scandir(dir, &entry, NULL, alphasort), fed = 0;

    for (int i = 0; i < n; i++) {
        char path[4096];

        snprintf(path, sizeof(path), "%s/%s", dir, entry[i]->d_name);
        if (!stat(path, &st) && S_ISREG(st.st_mode))
            fed += feed(path);
        free(entry[i]);
    }
    if (n >= 0)
        free(entry);
    return fed;
}

int main(int argc, char **argv)
{
    int fed = 0;

    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    for (int i = 1; i < argc; i++) {
        struct stat st;

        if (!stat(argv[i], &st) && S_ISDIR(st.st_mode))
            fed += feed_all(argv[i]);
        else
            fed += feed(argv[i]);
    }
    printf("%d inputs\n", fed);
    return fed ? 0 : 1;
}
