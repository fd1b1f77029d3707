/*
 * A socket written down: what a worker writes of each that it hands over, and
 * whether what another wrote can be read.
 *
 * Plain C: nothing is allocated, kept or logged.
 */

#ifndef NOTIFY_RECORD_H_INCLUDED
#define NOTIFY_RECORD_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "notify_batch.h"
#include "notify_codec.h"


/*
 * What a record begins with; then codec, data and tail bytes follow.  It is
 * read on the machine that wrote it, but perhaps by another module file: what
 * changes it changes NOTIFY_RECORD_LAYOUT, with which each batch begins.
 */
#define NOTIFY_RECORD_LAYOUT                                                  \
    ((uint32_t) (4u << 24 | NOTIFY_CODEC_LAYOUT << 16                         \
                 | sizeof(notify_record_t)))

typedef struct {
    uint64_t  location;                     /* ngx_http_notify_location.h */
    uint64_t  since;
    uint64_t  number;                       /* of the connection, in logs */
    uint64_t  expires;                      /* ms, ngx_current_msec, or 0 */
    uint8_t   addr[16];
    uint32_t  key;
    uint32_t  deadline;                     /* ms, low bits */
    uint32_t  interval;                     /* ms, of its pings */
    uint32_t  opened;
    uint32_t  messages;
    uint32_t  heard;                        /* ms, low bits */
    uint32_t  excess;
    uint32_t  codec;                        /* 0, or sizeof(notify_codec_t) */
    uint32_t  data;                         /* of a message to be relayed or
                                               inflated */
    uint32_t  tail;                         /* waits to be sent */
    uint32_t  behind;                       /* of these, behind the message
                                               that is being sent */
    uint8_t   family;
    uint8_t   pinged;
    uint8_t   reading;
    uint8_t   v1;
    uint8_t   window;                       /* permessage-deflate, or 0 */
    uint8_t   reserved;
    uint16_t  code;                         /* to close with then */
    uint32_t  member;
} notify_record_t;


/*
 * Whether a batch has the records of its n sockets and nothing else: each with
 * lengths that fit, a codec that notify_codec_feed() may have left so, and the
 * key and member of one of the sockets that (keys, members) names, which are
 * spoilt.  The reader, a copy, is behind the layout.  Any bytes may stand there
 * (t/fuzz/record.c).
 */
bool notify_records_valid(const notify_zone_t *z,
    notify_batch_reader_t reader, uint32_t *keys, uint32_t *members,
    uint32_t n);

#endif /* NOTIFY_RECORD_H_INCLUDED */
