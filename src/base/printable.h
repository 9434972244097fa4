/* printable.h - text of files and arguments as a terminal may show it: nothing in it can move the cursor, change
 * colours or forge a line. */
#ifndef MHO_BASE_PRINTABLE_H
#define MHO_BASE_PRINTABLE_H

#include <stdbool.h>
#include <stddef.h>

enum { MHO_ESCAPE_MAX = 4 }; /* bytes of the longest escape, "\x1b" */

/* Bytes of the character at text (n bytes, n > 0) when a terminal may print it, 1 to 4; 0 when its first byte is a
 * control byte, part of a C1 control character or not UTF-8. */
size_t mho_printable_length(const char *text, size_t n);

/* The escape of one byte: "\n", "\t", "\r" or "\xHH", with a terminating 0. */
void mho_printable_escape(char byte, char escape[MHO_ESCAPE_MAX + 1]);

/* Copy text to out (size bytes, size > 0) with every byte escaped that is not printable; cut at whole characters.
 * Escaped text stays as it is. text and out do not overlap. Returns the length of out. */
size_t mho_printable(const char *text, char *out, size_t size);

#endif
