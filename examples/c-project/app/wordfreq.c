/* wordfreq: how often each word occurs, the most frequent first. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"
#include "words.h"

static const char USAGE[] = "usage: wordfreq [-n COUNT] [FILE...]\n"
                            "Prints each word of the FILEs (or of stdin) with its frequency.\n"
                            "  -n COUNT  only the COUNT most frequent words\n";

static int fail(const char *what, const char *why)
{
    fprintf(stderr, "wordfreq: %s: %s\n", what, why);
    return 1;
}

static int count(FILE *file, const char *name, struct table *table)
{
    switch (words_count(file, table)) {
    case WORDS_OK:
        return 0;
    case WORDS_NO_MEMORY:
        return fail(name, "out of memory");
    case WORDS_READ_ERROR:
        break;
    }
    return fail(name, strerror(errno));
}

static int print(const struct table *table, size_t limit)
{
    struct entry **sorted = table_sorted(table);
    if (!sorted && table->n_words) {
        return fail("sorting", "out of memory");
    }
    for (size_t i = 0; i < table->n_words && i < limit; i++) {
        printf("%7lu %s\n", sorted[i]->count, sorted[i]->word);
    }
    free(sorted);
    return 0;
}

int main(int argc, char **argv)
{
    size_t limit = (size_t)-1;
    int at = 1;

    if (at < argc && strcmp(argv[at], "--help") == 0) {
        fputs(USAGE, stdout);
        return 0;
    }
    if (at < argc && strcmp(argv[at], "-n") == 0) {
        char *end = NULL;
        const char *number = at + 1 < argc ? argv[at + 1] : "";
        errno = 0;
        limit = (size_t)strtoul(number, &end, 10);
        if (number[0] < '0' || number[0] > '9' || *end || errno) {
            fputs(USAGE, stderr);
            return 2;
        }
        at += 2;
    }

    struct table table;
    table_init(&table);
    int status = 0;
    if (at == argc) {
        status = count(stdin, "stdin", &table);
    }
    for (; at < argc; at++) {
        FILE *file = fopen(argv[at], "rb");
        if (!file) {
            status = fail(argv[at], strerror(errno));
            continue;
        }
        status |= count(file, argv[at], &table);
        fclose(file);
    }
    status |= print(&table, limit);
    table_free(&table);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        status = fail("stdout", strerror(errno));
    }
    return status;
}
