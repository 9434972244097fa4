/* test_printable.c - control bytes are escaped, letters of every script stay. */
#include <string.h>

#include "base/printable.h"
#include "harness.h"

static const char *printable(const char *text)
{
    static char out[256];
    ck_assert_uint_eq(mho_printable(text, out, sizeof out), strlen(out));
    return out;
}

/* ASCII and well-formed UTF-8 pass unchanged. */
TEST(test_letters_stay)
{
    ck_assert_str_eq(printable(""), "");
    ck_assert_str_eq(printable("noise ~ 0.5 \\x1b"), "noise ~ 0.5 \\x1b"); /* an escape of before */
    ck_assert_str_eq(printable("µS, 電導, 🙂"), "µS, 電導, 🙂");
}

/* C0 and C1 control characters, DEL, and every byte that is not UTF-8 become visible. */
TEST(test_controls_are_visible)
{
    ck_assert_str_eq(printable("a\nb\tc\rd"), "a\\nb\\tc\\rd");
    ck_assert_str_eq(printable("\x1b[2J\a\x7f"), "\\x1b[2J\\x07\\x7f");
    ck_assert_str_eq(printable("\xc2\x9b"
                               "31m"),
                     "\\xc2\\x9b31m"); /* C1: another way to write ESC [ */
    ck_assert_str_eq(printable("\xc0\x8a \xed\xa0\x80"), "\\xc0\\x8a \\xed\\xa0\\x80"); /* overlong, surrogate */
    ck_assert_str_eq(printable("\xf4\x90\x80\x80 \xe9"), "\\xf4\\x90\\x80\\x80 \\xe9");
}

/* Text that does not fit is cut at a whole character or escape. */
TEST(test_cut)
{
    char out[8];
    ck_assert_uint_eq(mho_printable("abc\x1b\x1b", out, sizeof out), 7);
    ck_assert_str_eq(out, "abc\\x1b");
    ck_assert_uint_eq(mho_printable("abcdef電", out, sizeof out), 6);
    ck_assert_str_eq(out, "abcdef");
    ck_assert_uint_eq(mho_printable("abc", out, 1), 0);
    ck_assert_str_eq(out, "");
}
