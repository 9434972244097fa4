/* test_json.c - values, brackets and escapes of the JSON writer. */
#include "base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

static char *text;
static size_t size;

static void start(MhoJson *json)
{
    mho_json_start(json, open_memstream(&text, &size));
    ck_assert_ptr_nonnull(json->out);
}

static void expect(MhoJson *json, const char *expected)
{
    fclose(json->out);
    ck_assert_str_eq(text, expected);
    free(text);
}

/* Objects and arrays inside each other, with commas between members and one newline at the end. */
TEST(test_structure)
{
    MhoJson json;
    start(&json);
    mho_json_object(&json, NULL);
    mho_json_text(&json, "file", "r.h5");
    mho_json_array(&json, "shape");
    mho_json_int(&json, NULL, 3);
    mho_json_int(&json, NULL, -4);
    mho_json_end(&json);
    mho_json_object(&json, "empty");
    mho_json_end(&json);
    mho_json_bool(&json, "complete", true);
    mho_json_null(&json, "model");
    mho_json_end(&json);
    mho_json_array(&json, NULL); /* the next line */
    mho_json_end(&json);
    expect(&json, "{\"file\": \"r.h5\", \"shape\": [3, -4], \"empty\": {}, \"complete\": true, \"model\": null}\n[]\n");
}

/* Numbers are the shortest text that reads back; JSON has no NaN and no infinity. */
TEST(test_numbers)
{
    static const double values[] = {0.1, 1e300, -2.5e-7, 0.30000000000000004, 1.0, NAN, -INFINITY};
    MhoJson json;
    start(&json);
    mho_json_array(&json, NULL);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        mho_json_real(&json, NULL, values[i]);
    mho_json_int(&json, NULL, INT64_MIN);
    mho_json_end(&json);
    expect(&json, "[0.1, 1e300, -2.5e-7, 0.30000000000000004, 1, null, null, -9223372036854775808]\n");
}

/* Quotes, control characters (C1 too) and bytes that are not UTF-8. */
TEST(test_texts)
{
    MhoJson json;
    start(&json);
    mho_json_object(&json, NULL);
    mho_json_text(&json, "a\"\\b\n", "\x1b[1m µS 電\x7f\xc2\x9b\xff");
    mho_json_text(&json, "none", NULL);
    mho_json_end(&json);
    expect(&json, "{\"a\\\"\\\\b\\u000a\": \"\\u001b[1m µS 電\\u007f\\u009b\\ufffd\", \"none\": null}\n");
}

/* Nesting beyond the limit is null, and what follows is whole. */
TEST(test_depth)
{
    MhoJson json;
    start(&json);
    for (int i = 0; i < MHO_JSON_MAX_DEPTH + 3; i++)
        mho_json_array(&json, NULL);
    mho_json_int(&json, NULL, 1);
    for (int i = 0; i < MHO_JSON_MAX_DEPTH + 3; i++)
        mho_json_end(&json);
    fflush(json.out);
    ck_assert_uint_eq(strlen(text), 2 * MHO_JSON_MAX_DEPTH + strlen("null\n"));
    ck_assert_ptr_nonnull(strstr(text, "[null]"));
    fclose(json.out);
    free(text);
}
