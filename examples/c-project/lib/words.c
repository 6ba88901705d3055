#include "words.h"

#include <stdlib.h>

struct buffer {
    char *bytes;
    size_t length;
    size_t room;
};

static int push(struct buffer *buffer, int byte)
{
    if (buffer->length == buffer->room) {
        size_t room = buffer->room ? buffer->room * 2 : 64;
        char *bytes = room > buffer->room ? realloc(buffer->bytes, room) : NULL;
        if (!bytes) {
            return 0;
        }
        buffer->bytes = bytes;
        buffer->room = room;
    }
    buffer->bytes[buffer->length++] = (char)byte;
    return 1;
}

static int is_letter(int byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte > 127;
}

static int lower(int byte)
{
    return byte >= 'A' && byte <= 'Z' ? byte - 'A' + 'a' : byte;
}

enum words_status words_count(FILE *file, struct table *table)
{
    struct buffer word = {NULL, 0, 0};
    enum words_status status = WORDS_OK;
    int apostrophe = 0; /* one was read after a letter; the next byte tells what it is */
    int byte;

    do {
        byte = getc(file);
        if (byte != EOF && is_letter(byte)) {
            if ((apostrophe && !push(&word, '\'')) || !push(&word, lower(byte))) {
                status = WORDS_NO_MEMORY;
                break;
            }
            apostrophe = 0;
        } else if (byte == '\'' && word.length && !apostrophe) {
            apostrophe = 1;
        } else {
            if (word.length && !table_add(table, word.bytes, word.length)) {
                status = WORDS_NO_MEMORY;
                break;
            }
            word.length = 0;
            apostrophe = 0;
        }
    } while (byte != EOF);

    if (status == WORDS_OK && ferror(file)) {
        status = WORDS_READ_ERROR;
    }
    free(word.bytes);
    return status;
}
