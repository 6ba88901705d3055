/* Cuts a stream into words. */
#ifndef WORDS_H
#define WORDS_H

#include <stdio.h>

#include "table.h"

enum words_status { WORDS_OK, WORDS_NO_MEMORY, WORDS_READ_ERROR };

/* Counts the words of FILE into TABLE: runs of ASCII letters and bytes above 127, in lower case.
   An apostrophe between two letters belongs to its word. Words may be of any length. */
enum words_status words_count(FILE *file, struct table *table);

#endif
