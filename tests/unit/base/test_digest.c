/* test_digest.c - SHA-256 known answers (FIPS 180-4 examples) and files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/digest.h"
#include "harness.h"

static const char abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
static const char empty[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
static const char million_a[] = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";

/* SHA-256 and its first 64 bits equal the published values. */
TEST(test_known_answers)
{
    char hex[65];
    mho_sha256("abc", 3, hex);
    ck_assert_str_eq(hex, abc);
    mho_sha256(NULL, 0, hex);
    ck_assert_str_eq(hex, empty);
    ck_assert_uint_eq(mho_digest64("abc", 3), 0xeacf018fbf1678bau); /* first 8 bytes, little-endian */
    ck_assert_uint_ne(mho_digest64("abd", 3), mho_digest64("abc", 3));
}

/* The digest of a file of a million bytes is the published one; a missing file is an error. */
TEST(test_file_is_streamed)
{
    char path[] = "/tmp/mho-test-XXXXXX", hex[65];
    MhoError error = {0};
    int descriptor = mkstemp(path);
    ck_assert_int_ge(descriptor, 0);
    FILE *file = fdopen(descriptor, "wb");
    ck_assert_ptr_nonnull(file);
    for (int i = 0; i < 1000000; i++)
        fputc('a', file);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(mho_sha256_file(path, hex, &error), MHO_OK);
    ck_assert_str_eq(hex, million_a);
    unlink(path);
    ck_assert_int_eq(mho_sha256_file(path, hex, &error), MHO_INPUT);
    ck_assert_ptr_nonnull(strstr(error.text, path));
    ck_assert_int_eq(mho_sha256_file("/tmp", hex, &error), MHO_INPUT); /* a folder opens but does not read */
}
