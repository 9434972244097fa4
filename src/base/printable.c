/* printable.c - escapes of control bytes. UTF-8 by the table of well-formed sequences, Unicode 15 chapter 3, D92. */
#include "base/printable.h"

#include <stdio.h>
#include <string.h>

/* Bytes of the well-formed UTF-8 character at text, or 0. */
static size_t utf8_length(const unsigned char *text, size_t n)
{
    static const struct {
        unsigned char first, last, low, high; /* ranges of the first and of the second byte */
        size_t length;
    } rows[] = {{0x00, 0x7F, 0, 0, 1},       {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
                {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3},
                {0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (text[0] < rows[i].first || text[0] > rows[i].last)
            continue;
        bool whole = rows[i].length <= n;
        for (size_t b = 1; b < rows[i].length && whole; b++)
            whole = text[b] >= (b == 1 ? rows[i].low : 0x80) && text[b] <= (b == 1 ? rows[i].high : 0xBF);
        return whole ? rows[i].length : 0;
    }
    return 0;
}

size_t mho_printable_length(const char *text, size_t n)
{
    const unsigned char *bytes = (const unsigned char *)text;
    if (bytes[0] < ' ' || bytes[0] == 0x7F)
        return 0;
    const size_t length = utf8_length(bytes, n);
    return length == 2 && bytes[0] == 0xC2 && bytes[1] < 0xA0 ? 0 : length;
}

void mho_printable_escape(char byte, char escape[MHO_ESCAPE_MAX + 1])
{
    static const char named[] = "\n\t\r", letters[] = "ntr";
    const char *at = byte ? strchr(named, byte) : NULL;
    if (at)
        snprintf(escape, MHO_ESCAPE_MAX + 1, "\\%c", letters[at - named]);
    else
        snprintf(escape, MHO_ESCAPE_MAX + 1, "\\x%02x", (unsigned)(unsigned char)byte);
}

size_t mho_printable(const char *text, char *out, size_t size)
{
    size_t used = 0;
    for (size_t n = strlen(text); n > 0;) {
        char escape[MHO_ESCAPE_MAX + 1];
        const size_t taken = mho_printable_length(text, n);
        if (!taken)
            mho_printable_escape(*text, escape);
        const size_t length = taken ? taken : strlen(escape);
        if (used + length >= size)
            break;
        memcpy(out + used, taken ? text : escape, length);
        used += length;
        text += taken ? taken : 1;
        n -= taken ? taken : 1;
    }
    out[used] = '\0';
    return used;
}
