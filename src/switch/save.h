/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The pipeline in a file: the OpenFlow messages that build it, one after the other, as they go over
 * a connection. What changes is appended when the loop comes round, so that a killed switch loses
 * nothing that was answered with a barrier; now and then the file is written anew from what there
 * is. Control thread only. */
#ifndef BEBA_SWITCH_SAVE_H
#define BEBA_SWITCH_SAVE_H

#include "openflow/codec.h"
#include "switch/log.h"

struct beba_agent;
struct beba_datapath;
struct beba_error;
struct beba_save;

int beba_save_open(const char *path, struct beba_datapath *dp, const struct beba_log *log,
                   struct beba_save **out, struct beba_error *err);
/* Writes the file anew and closes it. */
void beba_save_close(struct beba_save *s);
/* Carries out what the file has. Messages that are refused are told and left out. */
int beba_save_load(struct beba_save *s, struct beba_agent *agent, struct beba_error *err);
/* A change was carried out. */
void beba_save_add(struct beba_save *s, const struct beba_of_msg *msg, const uint8_t *bytes,
                   uint32_t len);
/* Appends what was added. */
void beba_save_flush(struct beba_save *s);
/* Writes the file anew, if force or if it has grown or aged. */
int beba_save_rewrite(struct beba_save *s, bool force, struct beba_error *err);

#endif
