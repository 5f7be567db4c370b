/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The log of the daemon: lines on standard error, for the journal where that is where it goes.
 *
 * Used by the control thread only. Under journald (JOURNAL_STREAM names standard error) lines begin
 * with the level as "<6>" and have no time, which the journal has itself. */
#ifndef BEBA_SWITCH_LOG_H
#define BEBA_SWITCH_LOG_H

#include "base/int.h"

enum beba_log_level { /* as syslog counts */
                      BEBA_LOG_ERROR = 3,
                      BEBA_LOG_WARNING = 4,
                      BEBA_LOG_NOTICE = 5,
                      BEBA_LOG_INFO = 6,
                      BEBA_LOG_DEBUG = 7,
};

struct beba_log {
    int level; /* the last that is printed */
    bool journal;
};

/* Lines of one kind that others can provoke: at most a few a second, the rest counted. */
struct beba_log_limit {
    uint64_t second;
    uint32_t printed, withheld;
};

void beba_log_init(struct beba_log *log, int level);
void beba_log(const struct beba_log *log, int level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void beba_log_limited(const struct beba_log *log, struct beba_log_limit *limit, int level,
                      const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* "error", "warning", "notice", "info", "debug"; -1 when it is none of these. */
int beba_log_level_parse(const char *text);
const char *beba_log_level_name(int level);

/* Tells systemd, where it asked (NOTIFY_SOCKET): "READY=1", "STOPPING=1", "STATUS=...". */
void beba_notify(const char *state);

#endif
