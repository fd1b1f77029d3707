/*
 * Whether what another worker wrote can be read.
 */

#include "notify_record.h"


static bool notify_record_valid(const notify_record_t *record, size_t left);
static bool notify_record_take(const notify_record_t *record, uint32_t *keys,
    uint32_t *members, uint32_t n);


bool
notify_records_valid(const notify_zone_t *z, notify_batch_reader_t reader,
    uint32_t *keys, uint32_t *members, uint32_t n)
{
    uint32_t         i;
    notify_codec_t   codec;
    notify_record_t  record;

    for (i = 0; i < n; i++) {

        if (reader.rest < sizeof(record)) {
            return false;
        }

        notify_batch_read(z, &reader, &record, sizeof(record));

        if (!notify_record_valid(&record, reader.rest)
            || !notify_record_take(&record, keys, members, n - i))
        {
            return false;
        }

        if (record.codec) {
            notify_batch_read(z, &reader, &codec, sizeof(codec));

            if (!notify_codec_valid(&codec)
                || (codec.deflate && record.window == 0))
            {
                return false;
            }
        }

        notify_batch_pass(z, &reader, (size_t) record.data + record.tail);
    }

    return reader.rest == 0;
}


static bool
notify_record_valid(const notify_record_t *record, size_t left)
{
    if (record->codec != 0 && record->codec != sizeof(notify_codec_t)) {
        return false;
    }

    if (record->data != 0 && record->codec == 0) {
        return false;
    }

    /* behind may be anything: it is only counted, up and down */

    if ((uint64_t) record->codec + record->data + record->tail > left) {
        return false;
    }

    if (record->window != 0 && (record->window < 8 || record->window > 15)) {
        return false;
    }

    return record->expires == 0 || notify_close_valid(record->code);
}


/* one of the n sockets that are left, which is taken out */

static bool
notify_record_take(const notify_record_t *record, uint32_t *keys,
    uint32_t *members, uint32_t n)
{
    uint32_t  i;

    for (i = 0; i < n; i++) {

        if (keys[i] == record->key && members[i] == record->member) {
            keys[i] = keys[n - 1];
            members[i] = members[n - 1];
            return true;
        }
    }

    return false;
}
