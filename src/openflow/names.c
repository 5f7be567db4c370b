/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Names of errors, for logs. */
#include "openflow/codec.h"

enum { MAX_CODES = 16 };

static const struct {
    const char *name;
    const char *code[MAX_CODES];
} types[] = {
    [OFPET_HELLO_FAILED] = {"HELLO_FAILED",
                            {
                                [OFPHFC_INCOMPATIBLE] = "INCOMPATIBLE",
                                [OFPHFC_EPERM] = "EPERM",
                            }},
    [OFPET_BAD_REQUEST] = {"BAD_REQUEST",
                           {
                               [OFPBRC_BAD_VERSION] = "BAD_VERSION",
                               [OFPBRC_BAD_TYPE] = "BAD_TYPE",
                               [OFPBRC_BAD_MULTIPART] = "BAD_MULTIPART",
                               [OFPBRC_BAD_EXPERIMENTER] = "BAD_EXPERIMENTER",
                               [OFPBRC_BAD_EXP_TYPE] = "BAD_EXP_TYPE",
                               [OFPBRC_EPERM] = "EPERM",
                               [OFPBRC_BAD_LEN] = "BAD_LEN",
                               [OFPBRC_BUFFER_EMPTY] = "BUFFER_EMPTY",
                               [OFPBRC_BUFFER_UNKNOWN] = "BUFFER_UNKNOWN",
                               [OFPBRC_BAD_TABLE_ID] = "BAD_TABLE_ID",
                               [OFPBRC_IS_SLAVE] = "IS_SLAVE",
                               [OFPBRC_BAD_PORT] = "BAD_PORT",
                               [OFPBRC_BAD_PACKET] = "BAD_PACKET",
                               [OFPBRC_MULTIPART_BUFFER_OVERFLOW] = "MULTIPART_BUFFER_OVERFLOW",
                           }},
    [OFPET_BAD_ACTION] = {"BAD_ACTION",
                          {
                              [OFPBAC_BAD_TYPE] = "BAD_TYPE",
                              [OFPBAC_BAD_LEN] = "BAD_LEN",
                              [OFPBAC_BAD_EXPERIMENTER] = "BAD_EXPERIMENTER",
                              [OFPBAC_BAD_EXP_TYPE] = "BAD_EXP_TYPE",
                              [OFPBAC_BAD_OUT_PORT] = "BAD_OUT_PORT",
                              [OFPBAC_BAD_ARGUMENT] = "BAD_ARGUMENT",
                              [OFPBAC_EPERM] = "EPERM",
                              [OFPBAC_TOO_MANY] = "TOO_MANY",
                              [OFPBAC_BAD_QUEUE] = "BAD_QUEUE",
                              [OFPBAC_BAD_OUT_GROUP] = "BAD_OUT_GROUP",
                              [OFPBAC_MATCH_INCONSISTENT] = "MATCH_INCONSISTENT",
                              [OFPBAC_UNSUPPORTED_ORDER] = "UNSUPPORTED_ORDER",
                              [OFPBAC_BAD_TAG] = "BAD_TAG",
                              [OFPBAC_BAD_SET_TYPE] = "BAD_SET_TYPE",
                              [OFPBAC_BAD_SET_LEN] = "BAD_SET_LEN",
                              [OFPBAC_BAD_SET_ARGUMENT] = "BAD_SET_ARGUMENT",
                          }},
    [OFPET_BAD_INSTRUCTION] = {"BAD_INSTRUCTION",
                               {
                                   [OFPBIC_UNKNOWN_INST] = "UNKNOWN_INST",
                                   [OFPBIC_UNSUP_INST] = "UNSUP_INST",
                                   [OFPBIC_BAD_TABLE_ID] = "BAD_TABLE_ID",
                                   [OFPBIC_UNSUP_METADATA] = "UNSUP_METADATA",
                                   [OFPBIC_UNSUP_METADATA_MASK] = "UNSUP_METADATA_MASK",
                                   [OFPBIC_BAD_EXPERIMENTER] = "BAD_EXPERIMENTER",
                                   [OFPBIC_BAD_EXP_TYPE] = "BAD_EXP_TYPE",
                                   [OFPBIC_BAD_LEN] = "BAD_LEN",
                                   [OFPBIC_EPERM] = "EPERM",
                               }},
    [OFPET_BAD_MATCH] = {"BAD_MATCH",
                         {
                             [OFPBMC_BAD_TYPE] = "BAD_TYPE",
                             [OFPBMC_BAD_LEN] = "BAD_LEN",
                             [OFPBMC_BAD_TAG] = "BAD_TAG",
                             [OFPBMC_BAD_DL_ADDR_MASK] = "BAD_DL_ADDR_MASK",
                             [OFPBMC_BAD_NW_ADDR_MASK] = "BAD_NW_ADDR_MASK",
                             [OFPBMC_BAD_WILDCARDS] = "BAD_WILDCARDS",
                             [OFPBMC_BAD_FIELD] = "BAD_FIELD",
                             [OFPBMC_BAD_VALUE] = "BAD_VALUE",
                             [OFPBMC_BAD_MASK] = "BAD_MASK",
                             [OFPBMC_BAD_PREREQ] = "BAD_PREREQ",
                             [OFPBMC_DUP_FIELD] = "DUP_FIELD",
                             [OFPBMC_EPERM] = "EPERM",
                         }},
    [OFPET_FLOW_MOD_FAILED] = {"FLOW_MOD_FAILED",
                               {
                                   [OFPFMFC_UNKNOWN] = "UNKNOWN",
                                   [OFPFMFC_TABLE_FULL] = "TABLE_FULL",
                                   [OFPFMFC_BAD_TABLE_ID] = "BAD_TABLE_ID",
                                   [OFPFMFC_OVERLAP] = "OVERLAP",
                                   [OFPFMFC_EPERM] = "EPERM",
                                   [OFPFMFC_BAD_TIMEOUT] = "BAD_TIMEOUT",
                                   [OFPFMFC_BAD_COMMAND] = "BAD_COMMAND",
                                   [OFPFMFC_BAD_FLAGS] = "BAD_FLAGS",
                               }},
    [OFPET_GROUP_MOD_FAILED] = {"GROUP_MOD_FAILED",
                                {
                                    [OFPGMFC_GROUP_EXISTS] = "GROUP_EXISTS",
                                    [OFPGMFC_INVALID_GROUP] = "INVALID_GROUP",
                                    [OFPGMFC_WEIGHT_UNSUPPORTED] = "WEIGHT_UNSUPPORTED",
                                    [OFPGMFC_OUT_OF_GROUPS] = "OUT_OF_GROUPS",
                                    [OFPGMFC_OUT_OF_BUCKETS] = "OUT_OF_BUCKETS",
                                    [OFPGMFC_CHAINING_UNSUPPORTED] = "CHAINING_UNSUPPORTED",
                                    [OFPGMFC_WATCH_UNSUPPORTED] = "WATCH_UNSUPPORTED",
                                    [OFPGMFC_LOOP] = "LOOP",
                                    [OFPGMFC_UNKNOWN_GROUP] = "UNKNOWN_GROUP",
                                    [OFPGMFC_CHAINED_GROUP] = "CHAINED_GROUP",
                                    [OFPGMFC_BAD_TYPE] = "BAD_TYPE",
                                    [OFPGMFC_BAD_COMMAND] = "BAD_COMMAND",
                                    [OFPGMFC_BAD_BUCKET] = "BAD_BUCKET",
                                    [OFPGMFC_BAD_WATCH] = "BAD_WATCH",
                                    [OFPGMFC_EPERM] = "EPERM",
                                }},
    [OFPET_PORT_MOD_FAILED] = {"PORT_MOD_FAILED",
                               {
                                   [OFPPMFC_BAD_PORT] = "BAD_PORT",
                                   [OFPPMFC_BAD_HW_ADDR] = "BAD_HW_ADDR",
                                   [OFPPMFC_BAD_CONFIG] = "BAD_CONFIG",
                                   [OFPPMFC_BAD_ADVERTISE] = "BAD_ADVERTISE",
                                   [OFPPMFC_EPERM] = "EPERM",
                               }},
    [OFPET_TABLE_MOD_FAILED] = {"TABLE_MOD_FAILED",
                                {
                                    [OFPTMFC_BAD_TABLE] = "BAD_TABLE",
                                    [OFPTMFC_BAD_CONFIG] = "BAD_CONFIG",
                                    [OFPTMFC_EPERM] = "EPERM",
                                }},
    [OFPET_QUEUE_OP_FAILED] = {"QUEUE_OP_FAILED",
                               {
                                   [OFPQOFC_BAD_PORT] = "BAD_PORT",
                                   [OFPQOFC_BAD_QUEUE] = "BAD_QUEUE",
                                   [OFPQOFC_EPERM] = "EPERM",
                               }},
    [OFPET_SWITCH_CONFIG_FAILED] = {"SWITCH_CONFIG_FAILED",
                                    {
                                        [OFPSCFC_BAD_FLAGS] = "BAD_FLAGS",
                                        [OFPSCFC_BAD_LEN] = "BAD_LEN",
                                        [OFPSCFC_EPERM] = "EPERM",
                                    }},
    [OFPET_ROLE_REQUEST_FAILED] = {"ROLE_REQUEST_FAILED",
                                   {
                                       [OFPRRFC_STALE] = "STALE",
                                       [OFPRRFC_UNSUP] = "UNSUP",
                                       [OFPRRFC_BAD_ROLE] = "BAD_ROLE",
                                   }},
    [OFPET_METER_MOD_FAILED] = {"METER_MOD_FAILED",
                                {
                                    [OFPMMFC_UNKNOWN] = "UNKNOWN",
                                    [OFPMMFC_METER_EXISTS] = "METER_EXISTS",
                                    [OFPMMFC_INVALID_METER] = "INVALID_METER",
                                    [OFPMMFC_UNKNOWN_METER] = "UNKNOWN_METER",
                                    [OFPMMFC_BAD_COMMAND] = "BAD_COMMAND",
                                    [OFPMMFC_BAD_FLAGS] = "BAD_FLAGS",
                                    [OFPMMFC_BAD_RATE] = "BAD_RATE",
                                    [OFPMMFC_BAD_BURST] = "BAD_BURST",
                                    [OFPMMFC_BAD_BAND] = "BAD_BAND",
                                    [OFPMMFC_BAD_BAND_VALUE] = "BAD_BAND_VALUE",
                                    [OFPMMFC_OUT_OF_METERS] = "OUT_OF_METERS",
                                    [OFPMMFC_OUT_OF_BANDS] = "OUT_OF_BANDS",
                                }},
    [OFPET_TABLE_FEATURES_FAILED] = {"TABLE_FEATURES_FAILED",
                                     {
                                         [OFPTFFC_BAD_TABLE] = "BAD_TABLE",
                                         [OFPTFFC_BAD_METADATA] = "BAD_METADATA",
                                         [OFPTFFC_BAD_TYPE] = "BAD_TYPE",
                                         [OFPTFFC_BAD_LEN] = "BAD_LEN",
                                         [OFPTFFC_BAD_ARGUMENT] = "BAD_ARGUMENT",
                                         [OFPTFFC_EPERM] = "EPERM",
                                     }},
};

static const char *const beba_codes[] = {
    [BEBA_ERR_STATE_MOD_FAILED] = "STATE_MOD_FAILED",
    [BEBA_ERR_STATE_MOD_BAD_COMMAND] = "STATE_MOD_BAD_COMMAND",
    [BEBA_ERR_SET_EXTRACTOR] = "SET_EXTRACTOR",
    [BEBA_ERR_SET_FLOW_STATE] = "SET_FLOW_STATE",
    [BEBA_ERR_DEL_FLOW_STATE] = "DEL_FLOW_STATE",
    [BEBA_ERR_BAD_EXP_MESSAGE] = "BAD_EXP_MESSAGE",
    [BEBA_ERR_BAD_EXP_ACTION] = "BAD_EXP_ACTION",
    [BEBA_ERR_BAD_EXP_LEN] = "BAD_EXP_LEN",
    [BEBA_ERR_BAD_TABLE_ID] = "BAD_TABLE_ID",
    [BEBA_ERR_BAD_MATCH_WILDCARD] = "BAD_MATCH_WILDCARD",
    [BEBA_ERR_BAD_EXP_INSTRUCTION] = "BAD_EXP_INSTRUCTION",
    [BEBA_ERR_PKTTMP_MOD_FAILED] = "PKTTMP_MOD_FAILED",
    [BEBA_ERR_PKTTMP_MOD_BAD_COMMAND] = "PKTTMP_MOD_BAD_COMMAND",
    [BEBA_ERR_BAD_EXTRACTOR_ID] = "BAD_EXTRACTOR_ID",
    [BEBA_ERR_BAD_CONDITION_ID] = "BAD_CONDITION_ID",
    [BEBA_ERR_BAD_CONDITION] = "BAD_CONDITION",
    [BEBA_ERR_BAD_OPERAND_TYPE] = "BAD_OPERAND_TYPE",
    [BEBA_ERR_BAD_FLOW_DATA_VAR_ID] = "BAD_FLOW_DATA_VAR_ID",
    [BEBA_ERR_BAD_GLOBAL_DATA_VAR_ID] = "BAD_GLOBAL_DATA_VAR_ID",
    [BEBA_ERR_BAD_HEADER_FIELD_SIZE] = "BAD_HEADER_FIELD_SIZE",
    [BEBA_ERR_BAD_OPCODE] = "BAD_OPCODE",
    [BEBA_ERR_BAD_HEADER_EXTRACTOR] = "BAD_HEADER_EXTRACTOR",
    [BEBA_ERR_BAD_SOURCE_TYPE] = "BAD_SOURCE_TYPE",
};

static const char *const onf_codes[] = {
    /* from ONFERR_ET_UNKNOWN on */
    "UNKNOWN",       "EPERM",          "BAD_ID",    "BUNDLE_EXIST",
    "BUNDLE_CLOSED", "OUT_OF_BUNDLES", "BAD_TYPE",  "BAD_FLAGS",
    "MSG_BAD_LEN",   "MSG_BAD_XID",    "MSG_UNSUP", "MSG_CONFLICT",
    "MSG_TOO_MANY",  "FAILED",         "TIMEOUT",   "BUNDLE_IN_PROGRESS",
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

const char *beba_of_error_type_name(uint16_t type)
{
    if (type == OFPET_EXPERIMENTER)
        return "EXPERIMENTER";
    return type < COUNT(types) ? types[type].name : "?";
}

const char *beba_of_error_code_name(uint16_t type, uint16_t code, uint32_t experimenter)
{
    const char *name = NULL;
    uint32_t onf = (uint32_t)code - ONFERR_ET_UNKNOWN;

    if (type == OFPET_EXPERIMENTER && experimenter == BEBA_EXPERIMENTER)
        name = code < COUNT(beba_codes) ? beba_codes[code] : NULL;
    else if (type == OFPET_EXPERIMENTER && experimenter == ONF_EXPERIMENTER)
        name = onf < COUNT(onf_codes) ? onf_codes[onf] : NULL;
    else if (type < COUNT(types) && code < MAX_CODES)
        name = types[type].code[code];
    return name ? name : "?";
}
