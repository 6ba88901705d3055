// Tells apart what blanks, quotes and the start of a line decide: words, comments, recipes.
//
// A word is read whole where it begins, without taking it; what it is made of is queued and handed
// out one piece after the other. So a word is either right or no word.
#include "tree_sitter/alloc.h"
#include "tree_sitter/parser.h"

#include <string.h>

// The order is that of `externals` in grammar.js.
enum Token {
    NEWLINE,
    BLANK_LINES,
    CONTINUATION,
    COMMENT,
    LINE_START,
    START_VALUE,
    START_PLAIN,
    START_FILE,
    START_TARGET,
    START_SIZE,
    START_SOURCE,
    START_HEADER,
    START_FILTER,
    START_REGEX,
    START_AFTER_EQUALS,
    START_FIRST,
    START_LIST,
    START_CONDITION,
    START_GROUP,
    START_BINDING,
    START_COMMAND,
    BARE,
    ESCAPE,
    RAW_STRING,
    PLACEHOLDER,
    GLOB,
    QUOTE_OPEN,
    QUOTE_CLOSE,
    FREE_NAME,
    NAME_OF_WORD,
    KW_SUFFIX,
    KW_MATCH,
    KW_REGEX,
    KW_WITH,
    KW_USING,
    KW_X,
    ARROW,
    RECIPE_START,
    NO_RECIPE,
    SHEBANG,
    RECIPE_TEXT,
    RECIPE_PLACEHOLDER,
    RECIPE_END,
    IN_ERROR,
};

static const char *const KEYWORDS[] = {"suffix", "match", "regex", "with", "using", "x"};

// Pieces of one word that are kept; what is more becomes part of the last.
#define MOST_PIECES 250
// Braces in braces, at most.
#define DEEPEST 50
#define END (-1)

typedef struct {
    uint16_t length;
    uint16_t kind;
} Piece;

typedef struct {
    Piece pieces[MOST_PIECES];
    uint16_t n_pieces;
    uint16_t next;
    // The last token ended a word: an arrow must not touch it.
    bool after_word;
    // The recipe's placeholders are filled.
    bool is_shell;
} Scanner;

// The text from where the token begins, as far as it was read.
typedef struct {
    TSLexer *lexer;
    int32_t *chars;
    uint32_t n, room;
} Text;

// The character at `place`; the lexer then stands at the furthest place that was looked at.
static int32_t at(Text *text, uint32_t place) {
    while (text->n < place && !text->lexer->eof(text->lexer)) {
        if (text->n == text->room) {
            text->room = text->room ? text->room * 2 : 256;
            text->chars = ts_realloc(text->chars, text->room * sizeof(int32_t));
        }
        text->chars[text->n++] = text->lexer->lookahead;
        text->lexer->advance(text->lexer, false);
    }
    if (place < text->n) return text->chars[place];
    return text->lexer->eof(text->lexer) ? END : text->lexer->lookahead;
}

static bool starts_with(Text *text, uint32_t place, const char *token) {
    for (; *token; token++, place++) {
        if (at(text, place) != *token) return false;
    }
    return true;
}

static bool line_ends(Text *text, uint32_t place) {
    int32_t c = at(text, place);
    return c == END || c == '\n' || (c == '\r' && at(text, place + 1) == '\n');
}

// Whether a word ends here because of a blank, the line's end, or a `\` before it.
static bool is_blank(Text *text, uint32_t place) {
    int32_t c = at(text, place);
    if (c == '\\') {
        return at(text, place + 1) != END && line_ends(text, place + 1);
    }
    return c == END || c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_letter(int32_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0xaa;
}

static bool is_digit(int32_t c) { return c >= '0' && c <= '9'; }

static uint32_t name_length(Text *text, uint32_t place) {
    uint32_t end = place;
    if (!is_letter(at(text, end))) return 0;
    for (;; end++) {
        int32_t c = at(text, end);
        bool is_dash = c == '-' && at(text, end + 1) != '>';
        if (!is_letter(c) && !is_digit(c) && !is_dash) return end - place;
    }
}

// Characters that look like others; in quotes they are what they are.
static bool is_deceptive(int32_t c) {
    return c == 0xa0 || (c >= 0x2000 && c <= 0x200d) || c == 0x202f || c == 0x3000 || c == 0xfeff ||
           (c >= 0x201c && c <= 0x201e) || c == 0x2018 || c == 0x2019;
}

// `{name[0].part}`, in words also `{**name}` and `{name:REGEX}`, in recipes `{name:raw}`.
// The length, 0 where none stands.
static uint32_t placeholder_length(Text *text, uint32_t start, bool in_word) {
    uint32_t place = start + 1;
    if (in_word && starts_with(text, place, "**")) place += 2;
    uint32_t length = name_length(text, place);
    if (length == 0) return 0;
    place += length;
    for (;;) {
        if (at(text, place) == '[') {
            uint32_t end = place + 1;
            if (at(text, end) == '-') end++;
            uint32_t digits = end;
            while (is_digit(at(text, end))) end++;
            // What has more digits fits no index.
            if (end == digits || end - digits > 18 || at(text, end) != ']') return 0;
            place = end + 1;
        } else if (at(text, place) == '.' && (length = name_length(text, place + 1)) > 0) {
            place += 1 + length;
        } else {
            break;
        }
    }
    if (at(text, place) == '}') return place + 1 - start;
    if (!in_word) return starts_with(text, place, ":raw}") ? place + 5 - start : 0;
    if (at(text, place) != ':') return 0;
    uint32_t braces = 0, classes = 0;
    for (place++;; place++) {
        int32_t c = at(text, place);
        if (c == END || c == '\n') return 0;
        if (c == '\\' && at(text, place + 1) != '\n') {
            place++;
        } else if (c == '[') {
            classes++;
            if (at(text, place + 1) == '^') place++;
            if (at(text, place + 1) == ']') place++;
        } else if (c == ']' && classes > 0) {
            classes--;
        } else if (c == '{' && classes == 0) {
            braces++;
        } else if (c == '}' && classes == 0) {
            if (braces == 0) return place + 1 - start;
            braces--;
        }
    }
}

// --- words ---------------------------------------------------------------------------------------

typedef enum { IN_BARE, IN_QUOTES, IN_CHOICE, IN_QUOTED_CHOICE } Within;

typedef struct {
    Text *text;
    Scanner *scanner;
    // Characters that end a bare word, and whether `->` does.
    const char *ends;
    bool arrow_ends;
    uint32_t place;
    bool is_quoted;
    bool has_holes_or_globs;
} Word;

// Queues a piece that ends at the word's place; text that goes on grows.
static void push(Word *word, uint16_t kind, uint32_t start) {
    Scanner *scanner = word->scanner;
    Piece *last = scanner->n_pieces ? &scanner->pieces[scanner->n_pieces - 1] : NULL;
    uint32_t length = word->place - start;
    if (last && ((last->kind == BARE && kind == BARE) || scanner->n_pieces == MOST_PIECES)) {
        last->length += length;
    } else {
        scanner->pieces[scanner->n_pieces++] = (Piece){length, kind};
    }
}

static bool read_pieces(Word *word, Within within, unsigned depth);

// Behind the backslash at the word's place.
static bool read_escape(Word *word, bool in_quotes) {
    Text *text = word->text;
    int32_t c = at(text, word->place + 1);
    word->is_quoted = true;
    if ((c == ' ' || c == '\t') && !in_quotes) {
        uint32_t end = word->place + 1;
        while (at(text, end) == ' ' || at(text, end) == '\t' || at(text, end) == '\r') end++;
        if (at(text, end) == '\n') return false;
    }
    word->place += 2;
    if (c == 'u' && in_quotes) {
        if (at(text, word->place) != '{') return false;
        uint32_t value = 0, n = 0;
        for (word->place++;; word->place++, n++) {
            int32_t digit = at(text, word->place);
            if (is_digit(digit)) value = value * 16 + (digit - '0');
            else if (digit >= 'a' && digit <= 'f') value = value * 16 + (digit - 'a' + 10);
            else if (digit >= 'A' && digit <= 'F') value = value * 16 + (digit - 'A' + 10);
            else break;
            if (n == 6) return false;
        }
        bool is_character = value < 0x110000 && (value < 0xd800 || value > 0xdfff);
        if (n == 0 || n > 6 || at(text, word->place) != '}' || !is_character) return false;
        word->place++;
    }
    return true;
}

static bool read_raw(Word *word) {
    word->is_quoted = true;
    for (word->place++; at(word->text, word->place) != '\''; word->place++) {
        int32_t c = at(word->text, word->place);
        if (c == END || c == '\n' || c == 0) return false;
    }
    word->place++;
    return true;
}

// `[a-z]`; 0 where it does not close.
static uint32_t class_length(Text *text, uint32_t start, bool in_quotes) {
    uint32_t place = start + 1;
    if (at(text, place) == '!' || at(text, place) == '^') place++;
    if (at(text, place) == ']') place++;
    for (;; place++) {
        int32_t c = at(text, place);
        if (c == ']') return place + 1 - start;
        bool stops = in_quotes ? c == '"' : c == ' ' || c == '\t';
        if (c == END || c == '\n' || stops) return 0;
    }
}

// A regex in a placeholder that holds a bare `"` would have closed the quotes around it.
static bool leaves_quotes(Text *text, uint32_t start, uint32_t length) {
    uint32_t place = start;
    while (place < start + length && at(text, place) != ':') place++;
    bool is_escaped = false;
    for (; place < start + length; place++) {
        int32_t c = at(text, place);
        if (c == '"' && !is_escaped) return true;
        is_escaped = c == '\\' && !is_escaped;
    }
    return false;
}

static bool read_brace(Word *word, bool in_quotes, unsigned depth, bool is_top) {
    uint32_t start = word->place;
    uint32_t length = placeholder_length(word->text, start, true);
    word->has_holes_or_globs = true;
    if (length > 0 && !(in_quotes && leaves_quotes(word->text, start, length))) {
        word->place += length;
        if (is_top) push(word, PLACEHOLDER, start);
        return true;
    }
    if (depth == DEEPEST) return false;
    unsigned n_choices = 0;
    for (;;) {
        word->place++;
        if (!read_pieces(word, in_quotes ? IN_QUOTED_CHOICE : IN_CHOICE, depth + 1)) return false;
        n_choices++;
        int32_t c = at(word->text, word->place);
        if (c == '}') break;
        if (c != ',') return false;
    }
    word->place++;
    if (is_top) push(word, GLOB, start);
    return n_choices > 1;
}

// Reads until what ends `within`.
static bool read_pieces(Word *word, Within within, unsigned depth) {
    Text *text = word->text;
    bool in_quotes = within == IN_QUOTES || within == IN_QUOTED_CHOICE;
    bool in_choice = within == IN_CHOICE || within == IN_QUOTED_CHOICE;
    // Quotes in a choice are part of its one piece.
    bool is_top = depth == 0 && !in_choice;
    unsigned parentheses = 0;
    for (;;) {
        uint32_t start = word->place;
        int32_t c = at(text, start);
        if (c == END || c == '\n') return true;
        if (c == '\r' && (!in_quotes || line_ends(text, start))) return true;
        if ((c == ' ' || c == '\t') && !in_quotes) return true;
        if (c == '"' && in_quotes) return true;
        if ((c == ',' || c == '}') && in_choice) return true;
        if (within == IN_BARE) {
            if (word->arrow_ends && starts_with(text, start, "->")) return true;
            if (c == ')' && parentheses > 0) parentheses--;
            else if (c < 0x80 && c > 0 && strchr(word->ends, c)) return true;
            else if (c == '(') parentheses++;
        }
        if (c == '\\') {
            if (line_ends(text, start + 1)) return in_quotes || at(text, start + 1) != END;
            if (!read_escape(word, in_quotes)) return false;
            if (is_top) push(word, ESCAPE, start);
        } else if (c == '\'' && !in_quotes) {
            if (!read_raw(word)) return false;
            if (is_top) push(word, RAW_STRING, start);
        } else if (c == '"') {
            word->is_quoted = true;
            word->place++;
            if (is_top) push(word, QUOTE_OPEN, start);
            if (!read_pieces(word, IN_QUOTES, depth)) return false;
            if (at(text, word->place) != '"') return false;
            word->place++;
            if (is_top) push(word, QUOTE_CLOSE, word->place - 1);
        } else if (c == '*' || c == '?') {
            word->place += starts_with(text, start, "**") ? 2 : 1;
            word->has_holes_or_globs = true;
            if (is_top) push(word, GLOB, start);
        } else if (c == '[' && class_length(text, start, in_quotes) > 0) {
            word->place += class_length(text, start, in_quotes);
            word->has_holes_or_globs = true;
            if (is_top) push(word, GLOB, start);
        } else if (c == '{') {
            if (!read_brace(word, in_quotes, depth, is_top)) return false;
        } else {
            bool is_wrong = c == '}' || (c == '[' && !in_quotes) || c == 0;
            if (is_wrong || (!word->is_quoted && is_deceptive(c))) return false;
            word->place++;
            if (is_top) push(word, BARE, start);
        }
    }
}

// Whether a ` -> ` comes later on this line and those that a `\` joins to it.
static bool has_arrow(Text *text, uint32_t place) {
    for (;; place++) {
        int32_t c = at(text, place);
        if (c == END) return false;
        if (c == '\n') {
            uint32_t before = place;
            if (before > 0 && at(text, before - 1) == '\r') before--;
            if (before == 0 || at(text, before - 1) != '\\') return false;
        }
        if (c == ' ' && starts_with(text, place, " ->") && is_blank(text, place + 3)) return true;
    }
}

// What people write for `->`, standing alone.
static bool is_wrong_arrow(Text *text) {
    static const char *const WRONG[] = {"=>", "<-", "-->", ">", "=", ":", "|", "-"};
    for (unsigned n = 0; n < sizeof WRONG / sizeof *WRONG; n++) {
        if (starts_with(text, 0, WRONG[n]) && is_blank(text, strlen(WRONG[n]))) return true;
    }
    return at(text, 0) == 0x2192 && is_blank(text, 1);
}

// The word of a header's own that `text` is, -1 when it is none.
static int keyword(Text *text) {
    for (int n = 0; n < 6; n++) {
        uint32_t length = strlen(KEYWORDS[n]);
        if (starts_with(text, 0, KEYWORDS[n]) && is_blank(text, length)) return n;
    }
    return -1;
}

static bool contains_glued_comparison(Text *text, uint32_t length) {
    for (uint32_t place = 0; place + 1 < length; place++) {
        if (at(text, place) == '=' && at(text, place + 1) == '=') return length > 2;
    }
    return false;
}

// Queues the pieces of the word that begins here, and says whether it is one.
static bool read_word(Scanner *scanner, Text *text, enum Token start, bool touches) {
    static const char *const ENDS[] = {
        [START_SIZE] = ":",      [START_FIRST] = ",]",   [START_LIST] = ",]",
        [START_CONDITION] = ",]", [START_GROUP] = ",)",   [START_BINDING] = ",)",
        [START_COMMAND] = "",
    };
    bool is_header = start == START_TARGET || start == START_SIZE || start == START_SOURCE ||
                     start == START_HEADER || start == START_FILTER || start == START_REGEX ||
                     start == START_AFTER_EQUALS;
    int32_t first = at(text, 0);
    Word word = {.text = text, .scanner = scanner, .ends = ENDS[start], .arrow_ends = is_header};
    if (!word.ends) word.ends = "";
    scanner->n_pieces = scanner->next = 0;
    bool is_list = start == START_VALUE || start == START_FIRST || start == START_LIST ||
                   start == START_CONDITION || start == START_BINDING;
    if (first == '(' || (first == '[' && is_list)) return false;
    bool may_be_second_equals = start == START_VALUE || start == START_BINDING;
    if (first == '=' && touches && may_be_second_equals) return false;
    if (first == '=' && start == START_FIRST && at(text, 1) != '=') return false;
    bool is_source = start == START_SOURCE || start == START_HEADER;
    if (is_source && keyword(text) >= 0) return false;
    if (start == START_SOURCE && is_wrong_arrow(text)) return false;
    bool is_filter = start == START_FILTER || start == START_REGEX;
    if (is_filter && keyword(text) >= 0) return false;

    if (start == START_COMMAND) {
        bool is_read = false;
        if (first == '\'') {
            is_read = read_raw(&word);
            if (is_read) push(&word, RAW_STRING, 0);
        } else if (first == '"') {
            word.place = 1;
            push(&word, QUOTE_OPEN, 0);
            for (;;) {
                uint32_t place = word.place;
                int32_t c = at(text, place);
                if (line_ends(text, place) || c == 0) return false;
                if (c == '"') break;
                if (c == '\\') {
                    if (line_ends(text, place + 1) || !read_escape(&word, true)) return false;
                    push(&word, ESCAPE, place);
                } else {
                    word.place++;
                    push(&word, BARE, place);
                }
            }
            word.place++;
            push(&word, QUOTE_CLOSE, word.place - 1);
            is_read = true;
        }
        return is_read;
    }

    if (!read_pieces(&word, IN_BARE, 0) || word.place == 0) return false;
    int32_t last = at(text, word.place - 1);
    bool is_separated_by_blanks = is_source || start == START_PLAIN || start == START_TARGET ||
                                  start == START_AFTER_EQUALS;
    if (is_separated_by_blanks && last == ',' && !word.is_quoted) return false;
    if (start == START_SOURCE && last == ':' && !word.is_quoted && word.place > 1) {
        int32_t before = at(text, word.place - 2);
        bool is_text = before != '}' && before != ']' && before != '*' && before != '?';
        if (is_text && !has_arrow(text, word.place)) return false;
    }
    if (start == START_REGEX) {
        bool is_escaped = false;
        for (uint32_t n = 0; n < word.place; n++) is_escaped |= at(text, n) == '\\';
        bool begins_quoted = first == '\'' || first == '"';
        if (word.has_holes_or_globs || (is_escaped && !begins_quoted)) return false;
    }
    if (start == START_CONDITION && contains_glued_comparison(text, word.place)) return false;
    return true;
}

// --- recipes -------------------------------------------------------------------------------------

static bool is_line_blank(Text *text, uint32_t place) {
    for (;; place++) {
        int32_t c = at(text, place);
        if (c == END || c == '\n') return true;
        if (c != ' ' && c != '\t' && c != '\r') return false;
    }
}

static uint32_t next_line(Text *text, uint32_t place) {
    while (at(text, place) != END && at(text, place) != '\n') place++;
    return at(text, place) == END ? place : place + 1;
}

// Whether `#!…` names a shell, whose placeholders are filled.
static bool names_a_shell(Text *text, uint32_t place) {
    static const char *const SHELLS[] = {"sh", "dash", "bash", "zsh", "ksh"};
    for (;;) {
        while (at(text, place) == ' ' || at(text, place) == '\t') place++;
        uint32_t base = place;
        bool is_option = at(text, place) == '-', is_assignment = false;
        for (; !is_blank(text, place); place++) {
            if (at(text, place) == '/') base = place + 1;
            if (at(text, place) == '=') is_assignment = true;
        }
        if (place == base) return false;
        bool is_env = starts_with(text, base, "env") && place - base == 3;
        if (is_option || is_assignment || is_env) continue;
        for (unsigned n = 0; n < sizeof SHELLS / sizeof *SHELLS; n++) {
            if (strlen(SHELLS[n]) == place - base && starts_with(text, base, SHELLS[n])) return true;
        }
        return false;
    }
}

// Under a header: is there a block, and is it indented as it should be?
static bool scan_recipe_start(Scanner *scanner, TSLexer *lexer, Text *text) {
    lexer->mark_end(lexer);
    uint32_t first = 0;
    while (at(text, first) != END && is_line_blank(text, first)) first = next_line(text, first);
    uint32_t indent = 0;
    while (at(text, first + indent) == ' ' || at(text, first + indent) == '\t') indent++;
    if (at(text, first) == END || indent == 0) {
        lexer->result_symbol = NO_RECIPE;
        return true;
    }
    uint32_t content = first + indent;
    static const char *const OF_HEADERS[] = {"->", "with", "using", "suffix", "match"};
    for (unsigned n = 0; n < 5; n++) {
        if (starts_with(text, content, OF_HEADERS[n]) &&
            is_blank(text, content + strlen(OF_HEADERS[n]))) {
            return false;
        }
    }
    scanner->is_shell = !starts_with(text, content, "#!") || names_a_shell(text, content + 2);
    for (uint32_t line = first; at(text, line) != END; line = next_line(text, line)) {
        if (is_line_blank(text, line)) continue;
        int32_t c = at(text, line);
        if (c != ' ' && c != '\t') break;
        for (uint32_t n = 0; n < indent; n++) {
            if (at(text, line + n) != at(text, first + n)) return false;
        }
    }
    lexer->result_symbol = RECIPE_START;
    return true;
}

// Text up to the next placeholder or the block's end.
static bool scan_recipe(Scanner *scanner, TSLexer *lexer, const bool *valid) {
    // Blank lines and indentation before the first line are taken with what follows.
    bool has_text = false;
    int32_t before = 0;
    if (valid[SHEBANG]) {
        while (lexer->lookahead == ' ' || lexer->lookahead == '\t' || lexer->lookahead == '\r' ||
               lexer->lookahead == '\n') {
            lexer->advance(lexer, true);
        }
        if (lexer->lookahead == '#') {
            lexer->advance(lexer, false);
            has_text = true;
            if (lexer->lookahead == '!') {
                while (!lexer->eof(lexer) && lexer->lookahead != '\n' && lexer->lookahead != '\r') {
                    lexer->advance(lexer, false);
                }
                lexer->mark_end(lexer);
                lexer->result_symbol = SHEBANG;
                return true;
            }
            lexer->mark_end(lexer);
        }
    }
    for (;;) {
        if (lexer->eof(lexer)) break;
        int32_t c = lexer->lookahead;
        if (c == 0) return false;
        if (c == '\n') {
            // The next line that is not blank says whether the block goes on.
            lexer->mark_end(lexer);
            bool is_indented = false;
            if (!has_text) {
                // The end takes its line's end with it.
                lexer->advance(lexer, false);
                lexer->mark_end(lexer);
            }
            while (!lexer->eof(lexer) &&
                   (lexer->lookahead == '\n' || lexer->lookahead == ' ' ||
                    lexer->lookahead == '\t' || lexer->lookahead == '\r')) {
                // A carriage return alone indents nothing.
                if (lexer->lookahead == '\n') is_indented = false;
                else if (lexer->lookahead != '\r') is_indented = true;
                lexer->advance(lexer, false);
            }
            if (lexer->eof(lexer) || !is_indented) {
                if (has_text) {
                    lexer->result_symbol = RECIPE_TEXT;
                    return true;
                }
                lexer->result_symbol = RECIPE_END;
                return valid[RECIPE_END];
            }
            has_text = true;
            lexer->mark_end(lexer);
            before = ' ';
            continue;
        }
        bool may_fill = c == '{' && scanner->is_shell && before != '$' && before != '%' &&
                        before != '@' && before != '{';
        if (may_fill) {
            lexer->mark_end(lexer);
            Text text = {.lexer = lexer};
            uint32_t length = placeholder_length(&text, 0, false);
            if (length > 0) {
                bool ends_text = has_text;
                if (!ends_text) {
                    at(&text, length);
                    lexer->mark_end(lexer);
                }
                ts_free(text.chars);
                lexer->result_symbol = ends_text ? RECIPE_TEXT : RECIPE_PLACEHOLDER;
                return true;
            }
            // No placeholder: what was read is text, up to where the lexer stands now.
            before = text.n ? text.chars[text.n - 1] : 0;
            ts_free(text.chars);
            has_text = true;
            lexer->mark_end(lexer);
            continue;
        }
        before = c;
        lexer->advance(lexer, false);
        has_text = true;
        lexer->mark_end(lexer);
    }
    lexer->mark_end(lexer);
    lexer->result_symbol = has_text ? RECIPE_TEXT : RECIPE_END;
    return has_text || valid[RECIPE_END];
}

// --- lines ---------------------------------------------------------------------------------------

static bool scan_comment(TSLexer *lexer) {
    while (!lexer->eof(lexer) && lexer->lookahead != '\n') {
        if (lexer->lookahead == 0) return false;
        // The one that belongs to the line's end stays.
        if (lexer->lookahead == '\r') lexer->mark_end(lexer);
        bool is_return = lexer->lookahead == '\r';
        lexer->advance(lexer, false);
        if (is_return && lexer->lookahead == '\n') {
            lexer->result_symbol = COMMENT;
            return true;
        }
    }
    lexer->mark_end(lexer);
    lexer->result_symbol = COMMENT;
    return true;
}

// Where an item can begin: blank lines, comments, and that something begins at the line's start.
static bool scan_line_start(Scanner *scanner, TSLexer *lexer) {
    uint32_t indent = 0;
    bool has_lines = false;
    for (;;) {
        int32_t c = lexer->lookahead;
        if (lexer->eof(lexer)) break;
        if (c == '\n') {
            lexer->advance(lexer, false);
            lexer->mark_end(lexer);
            has_lines = true;
            indent = 0;
        } else if (c == ' ' || c == '\t' || c == '\r') {
            lexer->advance(lexer, !has_lines);
            indent++;
        } else {
            break;
        }
    }
    scanner->after_word = false;
    if (has_lines) {
        lexer->result_symbol = BLANK_LINES;
        return true;
    }
    if (lexer->lookahead == '#' && !lexer->eof(lexer)) return scan_comment(lexer);
    bool begins = is_letter(lexer->lookahead) || lexer->lookahead == '[';
    if (indent > 0 || !begins || lexer->eof(lexer)) return false;
    lexer->mark_end(lexer);
    lexer->result_symbol = LINE_START;
    return true;
}

static bool scan_piece(Scanner *scanner, TSLexer *lexer, const bool *valid) {
    Piece piece = scanner->pieces[scanner->next];
    if (!valid[piece.kind]) return false;
    for (uint16_t n = 0; n < piece.length; n++) lexer->advance(lexer, false);
    lexer->mark_end(lexer);
    scanner->next++;
    scanner->after_word = true;
    lexer->result_symbol = piece.kind;
    return true;
}

static bool scan_text(Scanner *scanner, TSLexer *lexer, const bool *valid, Text *text) {
    uint32_t n_blanks = 0;
    for (; lexer->lookahead == ' ' || lexer->lookahead == '\t' || lexer->lookahead == '\r';
         n_blanks++) {
        lexer->advance(lexer, true);
    }
    bool touches = n_blanks == 0;
    lexer->mark_end(lexer);
    int32_t first = at(text, 0);
    bool is_continued = first == '\\' && at(text, 1) != END && line_ends(text, 1);
    if (is_continued || first == END || first == '\n') {
        if (!is_continued && !valid[NEWLINE]) return false;
        at(text, first == END ? 0 : !is_continued ? 1 : at(text, 1) == '\r' ? 3 : 2);
        lexer->mark_end(lexer);
        scanner->after_word = false;
        lexer->result_symbol = is_continued ? CONTINUATION : NEWLINE;
        return true;
    }
    if (first == '#') return scan_comment(lexer);
    if (valid[ARROW] && starts_with(text, 0, "->")) {
        if (touches && scanner->after_word) return false;
        at(text, 2);
        lexer->mark_end(lexer);
        if (!is_blank(text, 2) && at(text, 2) != '(') return false;
        scanner->after_word = false;
        lexer->result_symbol = ARROW;
        return true;
    }
    if (valid[FREE_NAME]) {
        uint32_t length = name_length(text, 0);
        for (unsigned n = 0; n < 6; n++) {
            if (strlen(KEYWORDS[n]) == length && starts_with(text, 0, KEYWORDS[n])) return false;
        }
        lexer->result_symbol = FREE_NAME;
        return length > 0;
    }
    // Names and keywords are as long as the lexer has read when they are known.
    int word = keyword(text);
    if (word >= 0 && valid[KW_SUFFIX + word]) {
        lexer->mark_end(lexer);
        scanner->after_word = true;
        lexer->result_symbol = KW_SUFFIX + word;
        return true;
    }
    if (valid[NAME_OF_WORD] && word < 0) {
        uint32_t length = name_length(text, 0);
        if (length > 0 && at(text, length) == '=') {
            lexer->mark_end(lexer);
            if (is_blank(text, length + 1)) return false;
            lexer->result_symbol = NAME_OF_WORD;
            return true;
        }
    }
    // A command's quotes before any other word.
    if (valid[START_COMMAND] && read_word(scanner, text, START_COMMAND, touches)) {
        lexer->result_symbol = START_COMMAND;
        return true;
    }
    for (int start = START_VALUE; start < START_COMMAND; start++) {
        if (valid[start] && read_word(scanner, text, start, touches)) {
            lexer->result_symbol = start;
            return true;
        }
    }
    return false;
}

// --- what tree-sitter calls ----------------------------------------------------------------------

void *tree_sitter_flow_external_scanner_create(void) { return ts_calloc(1, sizeof(Scanner)); }

void tree_sitter_flow_external_scanner_destroy(void *payload) { ts_free(payload); }

unsigned tree_sitter_flow_external_scanner_serialize(void *payload, char *buffer) {
    Scanner *scanner = payload;
    unsigned n_left = scanner->n_pieces - scanner->next, length = 0;
    buffer[length++] = scanner->after_word | scanner->is_shell << 1;
    buffer[length++] = n_left;
    memcpy(buffer + length, scanner->pieces + scanner->next, n_left * sizeof(Piece));
    return length + n_left * sizeof(Piece);
}

void tree_sitter_flow_external_scanner_deserialize(void *payload, const char *buffer,
                                                   unsigned length) {
    Scanner *scanner = payload;
    scanner->n_pieces = scanner->next = 0;
    scanner->after_word = scanner->is_shell = false;
    if (length < 2) return;
    scanner->after_word = buffer[0] & 1;
    scanner->is_shell = buffer[0] >> 1 & 1;
    scanner->n_pieces = (uint8_t)buffer[1];
    memcpy(scanner->pieces, buffer + 2, scanner->n_pieces * sizeof(Piece));
}

bool tree_sitter_flow_external_scanner_scan(void *payload, TSLexer *lexer, const bool *valid) {
    Scanner *scanner = payload;
    Text text = {.lexer = lexer};
    // While tree-sitter looks for a way to go on, lines' ends and comments are what helps it.
    if (valid[IN_ERROR]) {
        scanner->n_pieces = scanner->next = 0;
        while (lexer->lookahead == ' ' || lexer->lookahead == '\t' || lexer->lookahead == '\r') {
            lexer->advance(lexer, true);
        }
        if (lexer->lookahead != '\n' || lexer->eof(lexer)) return false;
        lexer->advance(lexer, false);
        lexer->mark_end(lexer);
        lexer->result_symbol = NEWLINE;
        return true;
    }
    if (scanner->next < scanner->n_pieces) return scan_piece(scanner, lexer, valid);
    if (valid[LINE_START]) return scan_line_start(scanner, lexer);
    if (valid[RECIPE_TEXT]) return scan_recipe(scanner, lexer, valid);
    bool is_found = valid[NO_RECIPE] ? scan_recipe_start(scanner, lexer, &text)
                                     : scan_text(scanner, lexer, valid, &text);
    ts_free(text.chars);
    return is_found;
}
