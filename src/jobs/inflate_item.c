/* SPDX-License-Identifier: MIT */
/* inflate_item.c - a file that is being inflated: its errors, its bad members, its data. */
#include "jobs/inflate_item.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/error.h"
#include "jobs/inflate_verdict.h"

int mapproc_inflate_fail(struct mapproc_inflate_item *item, const struct mapproc_error *error)
{
    if (!item->failed)
        item->error = *error;
    item->failed = true;
    item->ended = true;
    return item->error.code;
}

int mapproc_inflate_complain(struct mapproc_inflate_item *item, const char *format, ...)
{
    struct mapproc_error error;
    char text[sizeof(error.what)];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    (void)mapproc_error_set(&error, MAPPROC_BAD_DATA, 0, item->source->path, "%s", text);
    if (!item->order->keep_going)
        return mapproc_inflate_fail(item, &error);
    if (item->error.code == MAPPROC_OK)
        item->error = error;
    return MAPPROC_OK;
}

/* "bytes 10-19", or "bytes from 10 on". */
static void describe_range(char *text, size_t size, uint64_t offset, uint64_t length)
{
    if (length != 0)
        (void)snprintf(text, size, "bytes %" PRIu64 "-%" PRIu64, offset, offset + length - 1);
    else
        (void)snprintf(text, size, "bytes from %" PRIu64 " on", offset);
}

void mapproc_inflate_fault_describe(const struct mapproc_inflate_fault *fault, const char *path,
                                    struct mapproc_error *error)
{
    char bytes[64], raw[64];

    describe_range(bytes, sizeof(bytes), fault->offset, fault->length);
    describe_range(raw, sizeof(raw), fault->raw_offset, fault->raw_length);
    (void)mapproc_error_set(error, MAPPROC_BAD_DATA, 0, path,
                            "member %" PRIu64 " is corrupt: %s (%s, raw %s)", fault->number,
                            fault->reason, bytes, raw);
}

/* Keeps a fault for the report. False without memory. */
static bool list_fault(struct mapproc_inflate_item *item, const struct mapproc_inflate_fault *fault)
{
    if (item->fault_count == MAPPROC_INFLATE_FAULTS_MAX) {
        item->faults_unlisted++;
        return true;
    }
    if (item->fault_count == item->fault_capacity) {
        size_t capacity = item->fault_capacity != 0 ? 2 * item->fault_capacity : 8;
        struct mapproc_inflate_fault *grown =
            reallocarray(item->faults, capacity, sizeof(*item->faults));

        if (grown == NULL)
            return false;
        item->faults = grown;
        item->fault_capacity = capacity;
    }
    item->faults[item->fault_count++] = *fault;
    return true;
}

int mapproc_inflate_add_fault(struct mapproc_inflate_item *item,
                              const struct mapproc_inflate_fault *fault)
{
    struct mapproc_inflate_fault known = *fault;
    struct mapproc_error error;

    if (!mapproc_inflate_is_plausible(known.raw_length, known.length))
        known.raw_length = 0; /* better not told than wrong */
    if (!list_fault(item, &known)) {
        (void)mapproc_error_set(&error, MAPPROC_FAILED, ENOMEM, item->source->path,
                                "cannot keep the list of bad members");
        return mapproc_inflate_fail(item, &error);
    }
    mapproc_inflate_fault_describe(&known, item->source->path, &error);
    if (!item->order->keep_going)
        return mapproc_inflate_fail(item, &error);
    if (item->error.code == MAPPROC_OK)
        item->error = error;
    return MAPPROC_OK;
}

int mapproc_inflate_give(struct mapproc_inflate_item *item, const uint8_t *data, uint64_t length,
                         struct mapproc_error *error)
{
    uint64_t begin = item->given, end;

    if (!mapproc_add_u64(begin, length, &end))
        return mapproc_error_set(error, MAPPROC_BAD_DATA, 0, item->source->path,
                                 "has more data than can be counted");
    item->given = end;
    end = mapproc_min_u64(end, item->range_end);
    if (begin < item->range_begin) {
        if (data != NULL)
            data += mapproc_min_u64(item->range_begin - begin, length);
        begin = item->range_begin;
    }
    if (begin >= end || item->order->test_only)
        return MAPPROC_OK;
    if (item->of != NULL)
        mapproc_job_add_output(item->of, end - begin);
    return item->client->write(item->client->user, item->order, data, end - begin, error);
}

int mapproc_inflate_allow(struct mapproc_inflate_item *item, uint64_t raw)
{
    struct mapproc_error error;

    if (item->order->max_output == 0 || raw <= item->order->max_output)
        return MAPPROC_OK;
    (void)mapproc_error_set(&error, MAPPROC_REFUSED, 0, item->source->path,
                            "would be more than %" PRIu64 " bytes", item->order->max_output);
    return mapproc_inflate_fail(item, &error);
}

struct mapproc_inflater *mapproc_inflate_inflater(struct mapproc_inflate_item *item)
{
    struct mapproc_error error;

    if (item->inflater == NULL)
        item->inflater = mapproc_inflater_new();
    if (item->inflater != NULL) {
        mapproc_inflater_reset(item->inflater);
        return item->inflater;
    }
    (void)mapproc_error_set(&error, MAPPROC_FAILED, ENOMEM, item->source->path, "cannot inflate");
    (void)mapproc_inflate_fail(item, &error);
    return NULL;
}
