/* SPDX-License-Identifier: MIT */
/* inflate_ring.h - data on its way from the inflater to the client, checked and given by a thread
 * of its own. */
#ifndef MAPPROC_JOBS_INFLATE_RING_H
#define MAPPROC_JOBS_INFLATE_RING_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "jobs/inflate_item.h"
#include "jobs/inflate_verdict.h"

enum { MAPPROC_INFLATE_SLOTS = 4 };

/* A member that has ended, and where it is, in case it is bad. */
struct mapproc_inflate_end {
    struct mapproc_inflate_facts facts; /* but for the CRC */
    struct mapproc_inflate_fault place; /* but for the reason */
    bool sized; /* the member states where it ends, so its trailer is where it says */
};

/*
 * A part of the ring. Its data is, in this order, the rest of a member that began in an earlier
 * slot, whole members, and the beginning of one that goes on in the next.
 */
struct mapproc_inflate_slot {
    uint8_t *data;
    size_t length;     /* bytes */
    size_t carried;    /* bytes of a member that began before this slot */
    bool carried_ends; /* with them; then `end` is its */
    size_t tail;       /* where the member begins that goes on behind this slot, or `length` */
    struct mapproc_inflate_end end;
};

/* One user, the inflating thread. The fields are private. */
struct mapproc_inflate_ring {
    struct mapproc_inflate_item *item;
    size_t slot_size; /* bytes */
    struct mapproc_inflate_slot slots[MAPPROC_INFLATE_SLOTS];
    bool mute;     /* data is checked only */
    bool may_fork; /* a thread may be started */
    bool forked;
    pthread_t thread;

    /* The inflating thread's. */
    uint64_t filled; /* slots handed over so far; the next one is being filled */
    bool open;       /* a member is under way */
    bool open_here;  /* and began in this slot, */
    size_t begin;    /* here */

    uint32_t crc; /* the giving one's: of the member that goes on */

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    uint64_t handed; /* as `filled` */
    uint64_t done;   /* slots that are free again */
    bool closing;
    bool failed;                        /* nothing is given any more */
    struct mapproc_error error;         /* why, */
    struct mapproc_inflate_fault fault; /* or, if it has a reason, this */
};

/* Uses `size` bytes, at least 16 KiB, of memory. With `may_fork` a thread gives the data, once
 * there is so much that it is worth it. */
void mapproc_inflate_ring_init(struct mapproc_inflate_ring *ring, struct mapproc_inflate_item *item,
                               uint8_t *memory, size_t size, bool may_fork);

/* Waits until all has been given, and ends the thread. MAPPROC_OK, or what the item ended with:
 * a fault, or what the client said, is noted in it. */
int mapproc_inflate_ring_finish(struct mapproc_inflate_ring *ring);

/* A member begins. */
void mapproc_inflate_ring_begin(struct mapproc_inflate_ring *ring);

/* Room for its next bytes: never none. */
uint8_t *mapproc_inflate_ring_room(struct mapproc_inflate_ring *ring, size_t *room);

/* So many bytes have been put there. False if the ring has failed: finish it. */
bool mapproc_inflate_ring_add(struct mapproc_inflate_ring *ring, size_t length);

/*
 * The member has ended. NULL if it is good, or if that will be found out by the ring; or what is
 * wrong, also in *end, and then what the ring still had of it is gone. With `may_fork` false it is
 * always known.
 */
const char *mapproc_inflate_ring_end(struct mapproc_inflate_ring *ring,
                                     struct mapproc_inflate_end *end);

/* The member is bad: what has not been handed over of it is dropped. */
void mapproc_inflate_ring_drop(struct mapproc_inflate_ring *ring);

/* Hands over all there is. False if the ring has failed. */
bool mapproc_inflate_ring_flush(struct mapproc_inflate_ring *ring);

#endif
