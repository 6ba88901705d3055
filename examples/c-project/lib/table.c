#include "table.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_SLOTS = 64 };

/* FNV-1a, 64 bits. */
static uint64_t hash(const char *word, size_t length)
{
    uint64_t value = 14695981039346656037u;
    for (size_t i = 0; i < length; i++) {
        value ^= (unsigned char)word[i];
        value *= 1099511628211u;
    }
    return value;
}

/* The slot that holds WORD, or the empty one where it belongs. There is always an empty one. */
static struct entry *find(struct entry *slots, size_t n_slots, const char *word, size_t length)
{
    size_t at = (size_t)hash(word, length) & (n_slots - 1);
    while (slots[at].word
           && (slots[at].length != length || memcmp(slots[at].word, word, length) != 0)) {
        at = (at + 1) & (n_slots - 1);
    }
    return &slots[at];
}

static int grow(struct table *table)
{
    size_t n_slots = table->n_slots ? table->n_slots * 2 : FIRST_SLOTS;
    if (n_slots < table->n_slots || n_slots > SIZE_MAX / sizeof(struct entry)) {
        return 0;
    }
    struct entry *slots = calloc(n_slots, sizeof *slots);
    if (!slots) {
        return 0;
    }
    for (size_t i = 0; i < table->n_slots; i++) {
        const struct entry *old = &table->slots[i];
        if (old->word) {
            *find(slots, n_slots, old->word, old->length) = *old;
        }
    }
    free(table->slots);
    table->slots = slots;
    table->n_slots = n_slots;
    return 1;
}

void table_init(struct table *table)
{
    table->slots = NULL;
    table->n_slots = 0;
    table->n_words = 0;
}

void table_free(struct table *table)
{
    for (size_t i = 0; i < table->n_slots; i++) {
        free(table->slots[i].word);
    }
    free(table->slots);
    table_init(table);
}

unsigned long table_add(struct table *table, const char *word, size_t length)
{
    /* Three quarters full at most, so that searches stay short. */
    if (table->n_words >= table->n_slots / 4 * 3 && !grow(table)) {
        return 0;
    }
    struct entry *entry = find(table->slots, table->n_slots, word, length);
    if (!entry->word) {
        char *copy = malloc(length + 1);
        if (!copy) {
            return 0;
        }
        memcpy(copy, word, length);
        copy[length] = '\0';
        entry->word = copy;
        entry->length = length;
        table->n_words++;
    }
    return ++entry->count;
}

unsigned long table_count(const struct table *table, const char *word, size_t length)
{
    return table->n_slots ? find(table->slots, table->n_slots, word, length)->count : 0;
}

static int by_count(const void *left, const void *right)
{
    const struct entry *a = *(struct entry *const *)left;
    const struct entry *b = *(struct entry *const *)right;
    if (a->count != b->count) {
        return a->count < b->count ? 1 : -1;
    }
    return strcmp(a->word, b->word);
}

struct entry **table_sorted(const struct table *table)
{
    if (table->n_words == 0) {
        return NULL;
    }
    struct entry **sorted = malloc(table->n_words * sizeof *sorted);
    if (!sorted) {
        return NULL;
    }
    size_t n = 0;
    for (size_t i = 0; i < table->n_slots; i++) {
        if (table->slots[i].word) {
            sorted[n++] = &table->slots[i];
        }
    }
    qsort(sorted, n, sizeof *sorted, by_count);
    return sorted;
}
