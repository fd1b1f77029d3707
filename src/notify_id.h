
/*
 * Message ids: milliseconds since the epoch, and a sequence within each.
 *
 * An id is one number, ms << 20 | seq, so that ids are compared as numbers
 * and 0 is "no message yet".  Its text is "<ms>-<seq>" in decimal, as Redis
 * Streams write it.  44 bits of ms last until the year 2527.
 *
 * Plain C: nothing is allocated, kept or logged.
 */


#ifndef NOTIFY_ID_H_INCLUDED
#define NOTIFY_ID_H_INCLUDED


#include <stddef.h>
#include <stdint.h>


#define NOTIFY_ID_SEQ_BITS  20
#define NOTIFY_ID_MS_MAX    (((uint64_t) 1 << (64 - NOTIFY_ID_SEQ_BITS)) - 1)
#define NOTIFY_ID_SEQ_MAX   (((uint64_t) 1 << NOTIFY_ID_SEQ_BITS) - 1)

/* the milliseconds since the epoch at which it was given */
#define notify_id_ms(id)    ((id) >> NOTIFY_ID_SEQ_BITS)

/* whether notify_id_read() has it from a time alone */
#define notify_id_is_time(id)                                                 \
    (((id) & NOTIFY_ID_SEQ_MAX) == NOTIFY_ID_SEQ_MAX)

#define NOTIFY_ID_LEN       (sizeof("17592186044415-1048575") - 1)


/*
 * The id after last at the time now_ms: always greater than last.  A clock
 * that was stepped back only stops the first part from growing, and a
 * sequence that is used up borrows the next millisecond.
 */
uint64_t notify_id_next(uint64_t last, uint64_t now_ms);

/*
 * Prints the id, without a terminating zero, to out, which has room for
 * NOTIFY_ID_LEN bytes; returns the length.
 */
size_t notify_id_print(char *out, uint64_t id);

/* The same of any number: up to NOTIFY_NUMBER_LEN digits. */
#define NOTIFY_NUMBER_LEN   (sizeof("18446744073709551615") - 1)

size_t notify_number_print(char *out, uint64_t number);

/*
 * Reads where a reader wants to go on: *id is the last message that it has.
 * "<ms>-<seq>" is that message.  "<ms>" alone is a time, that millisecond
 * included, so the greatest id before it (0 for 0).  0, or -1 for anything
 * else (signs, space, leading zeros, numbers out of range): *id is left alone.
 */
int notify_id_read(const uint8_t *p, size_t n, uint64_t *id);


#endif /* NOTIFY_ID_H_INCLUDED */
