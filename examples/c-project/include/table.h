/* A hash table from words to counts. Knows nothing of files or of what a word is. */
#ifndef TABLE_H
#define TABLE_H

#include <stddef.h>

struct entry {
    char *word;
    size_t length;
    unsigned long count;
};

struct table {
    struct entry *slots; /* open addressing; an empty slot has no word */
    size_t n_slots;      /* a power of two, or 0 before the first word */
    size_t n_words;
};

void table_init(struct table *table);
void table_free(struct table *table);

/* Counts WORD once more. Returns its new count, or 0 when memory has run out. */
unsigned long table_add(struct table *table, const char *word, size_t length);

/* How often WORD was added. */
unsigned long table_count(const struct table *table, const char *word, size_t length);

/* All entries, the most frequent first, equal ones in byte order. The caller frees the array,
   not the words. NULL when memory has run out or the table is empty. */
struct entry **table_sorted(const struct table *table);

#endif
