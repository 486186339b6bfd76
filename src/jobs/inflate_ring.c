/* SPDX-License-Identifier: MIT */
/* inflate_ring.c - data on its way from the inflater to the client, checked and given by a thread
 * of its own.
 *
 * The thread is started when the second slot is begun: small files do without. Members that begin
 * and end in one slot are checked by the inflating thread, which is quicker than telling another
 * about each of them.
 */
#include "jobs/inflate_ring.h"

#include <signal.h>

#include "digest/crc_kernels.h"

static struct mapproc_inflate_slot *current(struct mapproc_inflate_ring *ring)
{
    return &ring->slots[ring->filled % MAPPROC_INFLATE_SLOTS];
}

void mapproc_inflate_ring_init(struct mapproc_inflate_ring *ring, struct mapproc_inflate_item *item,
                               uint8_t *memory, size_t size, bool may_fork)
{
    *ring = (struct mapproc_inflate_ring){
        .item = item,
        .slot_size = size / MAPPROC_INFLATE_SLOTS,
        .may_fork = may_fork,
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .changed = PTHREAD_COND_INITIALIZER,
    };
    for (size_t i = 0; i < MAPPROC_INFLATE_SLOTS; i++)
        ring->slots[i].data = memory + i * ring->slot_size;
}

/*
 * Judges a member by its CRC, too. If that is wrong, the member's own word on the size of its data
 * is more likely right than what came of inflating it, unless it is no size at all.
 */
static const char *judge(struct mapproc_inflate_end *end, uint32_t crc)
{
    end->facts.crc = crc;
    end->place.reason = mapproc_inflate_judge(&end->facts);
    if (end->place.reason != NULL && end->sized && crc != end->facts.stated_crc &&
        mapproc_inflate_is_plausible(end->facts.stated_size, end->place.length))
        end->place.raw_length = end->facts.stated_size;
    return end->place.reason;
}

/* Checks and gives what is in a slot. False, with ring->error or ring->fault, if that fails. */
static bool give_slot(struct mapproc_inflate_ring *ring, struct mapproc_inflate_slot *slot)
{
    ring->crc = mapproc_crc32_extend(ring->crc, slot->data, slot->carried);
    if (slot->carried_ends) {
        const char *reason = judge(&slot->end, ring->crc);

        ring->fault = slot->end.place;
        if (reason != NULL)
            return false;
    }
    if (slot->tail < slot->length)
        ring->crc = mapproc_crc32_extend(0, slot->data + slot->tail, slot->length - slot->tail);
    if (ring->mute || slot->length == 0)
        return true;
    return mapproc_inflate_give(ring->item, slot->data, slot->length, &ring->error) == MAPPROC_OK;
}

static void *give_slots(void *argument)
{
    struct mapproc_inflate_ring *ring = argument;

    (void)pthread_mutex_lock(&ring->lock);
    for (;;) {
        struct mapproc_inflate_slot *slot = &ring->slots[ring->done % MAPPROC_INFLATE_SLOTS];
        bool good;

        if (ring->done == ring->handed && ring->closing)
            break;
        if (ring->done == ring->handed) {
            (void)pthread_cond_wait(&ring->changed, &ring->lock);
            continue;
        }
        good = !ring->failed;
        (void)pthread_mutex_unlock(&ring->lock);
        good = good && give_slot(ring, slot);
        (void)pthread_mutex_lock(&ring->lock);
        ring->failed |= !good;
        ring->done++;
        (void)pthread_cond_broadcast(&ring->changed);
    }
    (void)pthread_mutex_unlock(&ring->lock);
    return NULL;
}

/* Starts the thread, which takes no signals but those that it causes itself, as workers do. Without
 * it the user's thread does the work. */
static void fork_thread(struct mapproc_inflate_ring *ring)
{
    static const int own[] = {SIGBUS, SIGSEGV, SIGFPE, SIGILL, SIGTRAP, SIGPIPE};
    sigset_t all, before;

    ring->may_fork = false;
    (void)sigfillset(&all);
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        (void)sigdelset(&all, own[i]);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    ring->forked = pthread_create(&ring->thread, NULL, give_slots, ring) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* Hands over the current slot and begins the next, once that is free. */
static bool hand_over(struct mapproc_inflate_ring *ring)
{
    struct mapproc_inflate_slot *slot = current(ring);
    bool failed;

    slot->tail = ring->open && ring->open_here ? ring->begin : slot->length;
    if (ring->open && !ring->open_here)
        slot->carried = slot->length;
    if (ring->may_fork)
        fork_thread(ring);
    (void)pthread_mutex_lock(&ring->lock);
    ring->handed = ++ring->filled;
    if (ring->forked) {
        (void)pthread_cond_broadcast(&ring->changed);
        while (ring->handed - ring->done >= MAPPROC_INFLATE_SLOTS)
            (void)pthread_cond_wait(&ring->changed, &ring->lock);
    } else {
        ring->failed = ring->failed || !give_slot(ring, slot);
        ring->done++;
    }
    failed = ring->failed;
    (void)pthread_mutex_unlock(&ring->lock);
    slot = current(ring);
    slot->length = slot->carried = 0;
    slot->carried_ends = false;
    ring->open_here = false;
    return !failed;
}

void mapproc_inflate_ring_begin(struct mapproc_inflate_ring *ring)
{
    ring->open = ring->open_here = true;
    ring->begin = current(ring)->length;
}

uint8_t *mapproc_inflate_ring_room(struct mapproc_inflate_ring *ring, size_t *room)
{
    struct mapproc_inflate_slot *slot = current(ring);

    *room = ring->slot_size - slot->length;
    return slot->data + slot->length;
}

bool mapproc_inflate_ring_add(struct mapproc_inflate_ring *ring, size_t length)
{
    struct mapproc_inflate_slot *slot = current(ring);

    slot->length += length;
    return slot->length < ring->slot_size || hand_over(ring);
}

const char *mapproc_inflate_ring_end(struct mapproc_inflate_ring *ring,
                                     struct mapproc_inflate_end *end)
{
    struct mapproc_inflate_slot *slot = current(ring);
    const char *reason;

    if (ring->open_here) {
        reason = judge(
            end, mapproc_crc32_extend(0, slot->data + ring->begin, slot->length - ring->begin));
        if (reason != NULL)
            mapproc_inflate_ring_drop(ring);
        ring->open = false;
        return reason;
    }
    ring->open = false;
    slot->carried = slot->length;
    slot->carried_ends = true;
    slot->end = *end;
    if (ring->may_fork || ring->forked)
        return NULL;
    if (hand_over(ring) || ring->fault.reason == NULL)
        return NULL;
    end->place = ring->fault; /* it is the caller's now */
    reason = ring->fault.reason;
    ring->fault.reason = NULL;
    ring->failed = false;
    return reason;
}

void mapproc_inflate_ring_drop(struct mapproc_inflate_ring *ring)
{
    struct mapproc_inflate_slot *slot = current(ring);

    slot->length = ring->open_here ? ring->begin : 0;
    slot->carried = ring->open_here ? slot->carried : 0;
    ring->open = false;
}

bool mapproc_inflate_ring_flush(struct mapproc_inflate_ring *ring)
{
    const struct mapproc_inflate_slot *slot = current(ring);

    return (slot->length == 0 && !slot->carried_ends) || hand_over(ring);
}

int mapproc_inflate_ring_finish(struct mapproc_inflate_ring *ring)
{
    ring->may_fork = false;
    (void)mapproc_inflate_ring_flush(ring);
    if (ring->forked) {
        (void)pthread_mutex_lock(&ring->lock);
        ring->closing = true;
        (void)pthread_cond_broadcast(&ring->changed);
        (void)pthread_mutex_unlock(&ring->lock);
        (void)pthread_join(ring->thread, NULL);
    }
    if (!ring->failed)
        return MAPPROC_OK;
    if (ring->fault.reason != NULL)
        return mapproc_inflate_add_fault(ring->item, &ring->fault);
    return mapproc_inflate_fail(ring->item, &ring->error);
}
