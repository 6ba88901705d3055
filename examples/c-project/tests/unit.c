/* Tests of the library. Prints each claim that does not hold; the exit status tells whether any. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"
#include "words.h"

static int n_claims, n_broken;

static void claim(int holds, const char *what)
{
    n_claims++;
    if (!holds) {
        n_broken++;
        printf("broken: %s\n", what);
    }
}

/* The words of TEXT, counted through a real file. */
static void count_text(const char *text, struct table *table)
{
    FILE *file = tmpfile();
    if (!file || fputs(text, file) == EOF) {
        perror("tmpfile");
        exit(2);
    }
    rewind(file);
    claim(words_count(file, table) == WORDS_OK, "text can be read");
    fclose(file);
}

static void a_new_table_is_empty(void)
{
    struct table table;
    table_init(&table);
    claim(table_count(&table, "a", 1) == 0, "an absent word has count 0");
    claim(table_sorted(&table) == NULL, "an empty table sorts to nothing");
    table_free(&table);
}

static void growing_keeps_every_word(void)
{
    struct table table;
    char word[32];
    table_init(&table);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 10000; i++) {
            int length = snprintf(word, sizeof word, "w%d", i);
            if (!table_add(&table, word, (size_t)length)) {
                claim(0, "memory suffices");
            }
        }
    }
    int all_twice = 1;
    for (int i = 0; i < 10000; i++) {
        int length = snprintf(word, sizeof word, "w%d", i);
        all_twice &= table_count(&table, word, (size_t)length) == 2;
    }
    claim(all_twice, "each of 10000 words was counted twice");
    claim(table.n_words == 10000, "a word that comes again is no new word");
    table_free(&table);
}

static void the_most_frequent_comes_first(void)
{
    struct table table;
    table_init(&table);
    count_text("b a c a b a", &table);
    struct entry **sorted = table_sorted(&table);
    claim(sorted && strcmp(sorted[0]->word, "a") == 0 && sorted[0]->count == 3, "a is first");
    claim(sorted && strcmp(sorted[1]->word, "b") == 0, "b is second");
    claim(sorted && strcmp(sorted[2]->word, "c") == 0, "c is last");
    free(sorted);
    table_free(&table);
}

static void words_are_cut_where_they_end(void)
{
    struct table table;
    table_init(&table);
    count_text("I've 'quoted' it: it's-it; rock 'n' roll'' 7", &table);
    claim(table_count(&table, "i've", 4) == 1, "an apostrophe inside belongs to the word");
    claim(table_count(&table, "quoted", 6) == 1, "quotes do not");
    claim(table_count(&table, "it", 2) == 2, "a dash ends a word");
    claim(table_count(&table, "roll", 4) == 1, "two apostrophes end a word");
    claim(table.n_words == 7, "digits are no words");
    table_free(&table);
}

static void a_long_word_stays_whole(void)
{
    static char text[100001];
    struct table table;
    memset(text, 'x', sizeof text - 1);
    table_init(&table);
    count_text(text, &table);
    claim(table_count(&table, text, sizeof text - 1) == 1, "100000 letters are one word");
    table_free(&table);
}

int main(void)
{
    a_new_table_is_empty();
    growing_keeps_every_word();
    the_most_frequent_comes_first();
    words_are_cut_where_they_end();
    a_long_word_stays_whole();
    printf("%d claims, %d broken\n", n_claims, n_broken);
    return n_broken != 0;
}
