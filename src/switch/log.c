/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "switch/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { LINES_PER_SECOND = 10 };

static const struct {
    const char *name;
    int level;
} levels[] = {
    {"error", BEBA_LOG_ERROR}, {"warning", BEBA_LOG_WARNING}, {"notice", BEBA_LOG_NOTICE},
    {"info", BEBA_LOG_INFO},   {"debug", BEBA_LOG_DEBUG},
};

int beba_log_level_parse(const char *text)
{
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        if (!strcmp(text, levels[i].name))
            return levels[i].level;
    }
    return -1;
}

const char *beba_log_level_name(int level)
{
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        if (level == levels[i].level)
            return levels[i].name;
    }
    return "notice";
}

/* JOURNAL_STREAM is "device:inode" of the stream that systemd made. */
static bool stderr_is_journal(void)
{
    const char *text = getenv("JOURNAL_STREAM");
    unsigned long long dev, ino;
    struct stat st;

    return text && sscanf(text, "%llu:%llu", &dev, &ino) == 2 && !fstat(STDERR_FILENO, &st) &&
           st.st_dev == dev && st.st_ino == ino;
}

void beba_log_init(struct beba_log *log, int level)
{
    log->level = level;
    log->journal = stderr_is_journal();
}

static void print(const struct beba_log *log, int level, const char *fmt, va_list args)
{
    char text[1024];
    char when[32] = "";
    struct timespec now;
    struct tm tm;

    vsnprintf(text, sizeof(text), fmt, args);
    for (char *p = text; *p; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
    }
    if (log->journal) {
        fprintf(stderr, "<%d>%s\n", level, text);
        return;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    if (localtime_r(&now.tv_sec, &tm))
        strftime(when, sizeof(when), "%H:%M:%S", &tm);
    fprintf(stderr, "%s.%03ld %s: %s\n", when, now.tv_nsec / 1000000, beba_log_level_name(level),
            text);
}

void beba_log(const struct beba_log *log, int level, const char *fmt, ...)
{
    va_list args;

    if (level > log->level)
        return;
    va_start(args, fmt);
    print(log, level, fmt, args);
    va_end(args);
}

void beba_log_limited(const struct beba_log *log, struct beba_log_limit *limit, int level,
                      const char *fmt, ...)
{
    struct timespec now;
    va_list args;

    if (level > log->level)
        return;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if ((uint64_t)now.tv_sec != limit->second) {
        if (limit->withheld)
            beba_log(log, level, "%u more lines like the ones before were withheld",
                     limit->withheld);
        *limit = (struct beba_log_limit){.second = (uint64_t)now.tv_sec};
    }
    if (limit->printed >= LINES_PER_SECOND) {
        limit->withheld++;
        return;
    }
    limit->printed++;
    va_start(args, fmt);
    print(log, level, fmt, args);
    va_end(args);
}

void beba_notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t n = path ? strlen(path) : 0;
    int fd;

    if (n < 2 || n >= sizeof(to.sun_path))
        return;
    memcpy(to.sun_path, path, n);
    if (path[0] == '@')
        to.sun_path[0] = '\0';
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&to,
           (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
    close(fd);
}
