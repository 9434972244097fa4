/* test_params.c - parameter tables: typed reading, refusals that name the remedy, canonical text. */
#include <float.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/descriptor.h"
#include "harness.h"

typedef struct Block {
    double g_max, any, time;
    int bits, read;
    bool on;
    char path[MHO_TEXT_MAX];
} Block;

static const MhoParam table[] = {
    {"g_max", MHO_REAL, offsetof(Block, g_max), 25e-6, 1e-9, 1e-3, "S", "largest conductance", NULL, NULL,
     "largest conductance"},
    {"any", MHO_REAL, offsetof(Block, any), -0.5, -DBL_MAX, DBL_MAX, "", "any finite number", NULL, NULL, ""},
    {"bits", MHO_INT, offsetof(Block, bits), 8, 1, 32, "bit", "resolution", NULL, NULL, "resolution"},
    {"read", MHO_CHOICE, offsetof(Block, read), 1, 0, 2, "", "read noise", "frozen per_read split", NULL, "read noise"},
    {"on", MHO_BOOL, offsetof(Block, on), 1, 0, 1, "", "a switch", NULL, NULL, "switch"},
    {"time", MHO_REAL, offsetof(Block, time), 0, 0, 1e9, "s", "time since programming", NULL, NULL, "time"},
    {"path", MHO_TEXT, offsetof(Block, path), 0, 0, 0, "", "a file", NULL, "model.h5", "file"},
};
enum { N_TABLE = sizeof table / sizeof *table };

static MhoStatus refuse_zero_any(const void *params, MhoError *error)
{
    const Block *block = params;
    return block->any == 0.0 ? mho_fail(error, MHO_USAGE, "any must not be zero") : MHO_OK;
}

static const MhoDescriptor pcm = {"pcm", "phase change", "none", sizeof(Block), table, N_TABLE, 0, refuse_zero_any};
static const MhoDescriptor nor_flash = {"nor_flash", "NOR flash", "none", 0, NULL, 0, 0, NULL};
static const MhoDescriptor *const models[] = {&pcm, &nor_flash};
static const MhoRegistry registry = {"cell", models, 2};

static Block defaults(void)
{
    Block block;
    memset(&block, 0xa5, sizeof block);
    mho_params_default(table, N_TABLE, &block);
    return block;
}

static const MhoParam *param(const char *key)
{
    const MhoParam *found = mho_params_find(table, N_TABLE, key);
    ck_assert_ptr_nonnull(found);
    return found;
}

static void accepts(const char *key, const char *text, Block *block)
{
    MhoError error = {0};
    MhoStatus status = mho_param_set(param(key), block, text, NULL, &error);
    ck_assert_msg(status == MHO_OK, "%s = %s refused: %s", key, text, error.text);
}

/* Refused with a text that holds `says`, and the block is left as it was. */
static void refuses(const char *key, const char *text, const char *says)
{
    Block block = defaults(), before = block;
    MhoError error = {0};
    MhoStatus status = mho_param_set(param(key), &block, text, "s.yaml:3: chip.x", &error);
    ck_assert_msg(status == MHO_USAGE, "%s = '%s' was not refused", key, text);
    ck_assert_msg(strncmp(error.text, "s.yaml:3: chip.x: ", 18) == 0, "no place in: %s", error.text);
    ck_assert_msg(strstr(error.text, says) != NULL, "'%s' is not in: %s", says, error.text);
    ck_assert_mem_eq(&block, &before, sizeof block);
}

/* Every parameter type takes its default from the table. */
TEST(test_defaults)
{
    Block block = defaults();
    ck_assert_double_eq(block.g_max, 25e-6);
    ck_assert_double_eq(block.any, -0.5);
    ck_assert_int_eq(block.bits, 8);
    ck_assert_int_eq(block.read, 1);
    ck_assert(block.on);
    ck_assert_str_eq(block.path, "model.h5");
}

/* Values in range are read in every accepted spelling, including both ends of a range. */
TEST(test_accepted)
{
    Block block = defaults();
    accepts("g_max", "1.5E-5", &block);
    ck_assert_double_eq(block.g_max, 1.5e-5);
    accepts("g_max", "0.001", &block); /* the ends belong to the range */
    accepts("any", "4.9406564584124654e-324", &block);
    ck_assert_double_eq(block.any, DBL_TRUE_MIN);
    accepts("any", "-.5", &block);
    accepts("bits", "32", &block);
    accepts("bits", "+1", &block);
    ck_assert_int_eq(block.bits, 1);
    accepts("bits", "1e1", &block); /* whole, so a whole number */
    ck_assert_int_eq(block.bits, 10);
    accepts("bits", "3.2e+1", &block);
    ck_assert_int_eq(block.bits, 32);
    accepts("read", "split", &block);
    ck_assert_int_eq(block.read, 2);
    accepts("on", "false", &block);
    ck_assert(!block.on);
    accepts("path", "", &block);
    ck_assert_str_eq(block.path, "");
}

/* A parameter in seconds takes units of time, to the last bit of the decimal number, and nothing else does. */
TEST(test_units_of_time)
{
    static const struct {
        const char *text;
        double seconds;
    } rows[] = {{"250ns", 250e-9}, {"0.3us", 0.3e-6}, {"1.7ms", 1.7e-3}, {"7s", 7},
                {"30min", 1800},   {"1h", 3600},      {"1.5 h", 5400},   {"1d", 86400},
                {"1e1d", 864000},  {"1y", 31557600},  {"20", 20}};
    Block block = defaults();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double number;
        accepts("time", rows[i].text, &block);
        ck_assert_msg(block.time == rows[i].seconds, "%s: %.17g", rows[i].text, block.time);
        ck_assert(mho_param_number(param("time"), rows[i].text, &number) && number == rows[i].seconds);
    }
    static const char *const bad[] = {"1day", "1m", "d", "1 ", "1hh", "1h30min", "1d ", "nan d"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refuses("time", bad[i], "or as 30min, 1h, 1d, 1y");
    refuses("time", "40y", "40y is outside 0 to 1000000000 s");
    refuses("time", "1e308y", "outside");
    refuses("any", "1d", "not a plain finite number");
    refuses("g_max", "1s", "(in S)");
}

/* A decimal comma and a range in the place of a number are named. */
TEST(test_commas_and_ranges_are_named)
{
    refuses("any", "1,5", "the decimal sign is a point: 1.5");
    refuses("any", "-10,25", "a point: -10.25");
    refuses("any", "0..3", "first:last:step");
    refuses("bits", "4:8:2", "first:last:step");
}

/* Text that is not a plain decimal number in range is refused with unit or range. */
TEST(test_reals_refused)
{
    static const char *const bad[] = {"nan",   "NaN",   "-nan(1)", "inf", "-Infinity", "0x1p-20", "",  " 1e-6", "1e-6 ",
                                      "1e-6S", "25 uS", "1,5",     "1e",  "--1",       "1e-6;",   ".", "e5"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refuses("g_max", bad[i], "(in S)");
    refuses("g_max", "2e-3", "outside 1e-9 to 0.001 S");
    refuses("g_max", "0", "outside");
    refuses("g_max", "-25e-6", "outside");
    refuses("any", "1e999", "outside");
    refuses("any", "1e-999", "outside"); /* would become 0 silently */
}

/* Wrong whole numbers, choices, booleans and texts are refused with the reason. */
TEST(test_others_refused)
{
    static const char *const bad[] = {"8.5", "8 ", "", "1e", "eight", "0x8", "nan", "8bit", "3e-1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refuses("bits", bad[i], "whole number");
    refuses("bits", "33", "outside 1 to 32 bit");
    refuses("bits", "0", "outside");
    refuses("bits", "4294967297", "outside"); /* 1 after a cut to 32 bits */
    refuses("bits", "99999999999999999999999", "outside");
    refuses("read", "frozn", "did you mean 'frozen'");
    refuses("read", "per-read", "did you mean 'per_read'");
    refuses("read", "thermal", "one of: frozen per_read split");
    refuses("read", "frozen per_read", "unknown word");
    refuses("read", "", "unknown word");
    refuses("on", "yes", "neither true nor false");
    char longer[MHO_TEXT_MAX + 1];
    memset(longer, 'p', MHO_TEXT_MAX);
    longer[MHO_TEXT_MAX] = '\0';
    refuses("path", longer, "longer than 255");
}

/* Without a place, an error names the key. */
TEST(test_key_stands_in_for_place)
{
    Block block = defaults();
    MhoError error = {0};
    ck_assert_int_eq(mho_param_set(param("bits"), &block, "99", NULL, &error), MHO_USAGE);
    ck_assert_str_eq(error.text, "bits: 99 is outside 1 to 32 bit");
    ck_assert_ptr_null(mho_params_find(table, N_TABLE, "bit"));
}

static uint64_t next_random(uint64_t *state) /* xorshift64*, Vigna, ACM Trans. Math. Softw. 42 (2016) 30 */
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1du;
}

static void round_trip(double value)
{
    Block block = defaults(), back = defaults();
    char text[64], shorter[64];
    block.any = value;
    ck_assert_uint_lt(mho_param_format(param("any"), &block, text, sizeof text), sizeof text);
    accepts("any", text, &back);
    ck_assert_msg(memcmp(&back.any, &value, sizeof value) == 0, "%a became %s", value, text);

    /* One significant digit less must lose the value. */
    char digits[64];
    int n = 0, significant = 0;
    for (const char *at = text; *at && *at != 'e'; at++)
        if ((*at >= '1' && *at <= '9') || (*at == '0' && n > 0))
            digits[n++] = *at;
    for (int i = 0; i < n; i++)
        if (digits[i] >= '1' && digits[i] <= '9')
            significant = i + 1;
    if (significant < 2)
        return;
    snprintf(shorter, sizeof shorter, "%.*e", significant - 2, value);
    ck_assert_msg(strtod(shorter, NULL) != value, "%s has a shorter form, %s", text, shorter);
}

/* The text of any double reads back to the same double, and no shorter text does. */
TEST(test_shortest_form_reads_back)
{
    uint64_t state = 1;
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = next_random(&state);
        double any, whole = (double)(bits >> (bits % 60)), decimal = whole / 1e3;
        memcpy(&any, &bits, sizeof any); /* every exponent, subnormals too */
        if (isfinite(any))
            round_trip(any);
        round_trip(whole);
        round_trip(decimal);
    }
    static const double edges[] = {0.0, -0.0, DBL_MAX, -DBL_MAX, DBL_MIN, DBL_TRUE_MIN, 1e16, 1e15, 9007199254740993.0};
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++)
        round_trip(edges[i]);
}

static void reads_as(double value, const char *expected)
{
    Block block = defaults();
    char text[64];
    block.any = value;
    size_t length = mho_param_format(param("any"), &block, text, sizeof text);
    ck_assert_str_eq(text, expected);
    ck_assert_uint_eq(length, strlen(expected));
}

/* Reals have one canonical text: plain notation in the middle, exponents outside. */
TEST(test_canonical_reals)
{
    reads_as(0.1, "0.1");
    reads_as(-0.0, "-0");
    reads_as(300.0, "300");
    reads_as(25.5, "25.5");
    reads_as(1e15, "1000000000000000");
    reads_as(1e16, "1e16");
    reads_as(1e-5, "0.00001");
    reads_as(25e-6, "0.000025");
    reads_as(2.5e-6, "2.5e-6");
    reads_as(-1e-9, "-1e-9");
    reads_as(1.0 / 3.0, "0.3333333333333333");
    reads_as(0.1 + 0.2, "0.30000000000000004");
    reads_as(NAN, "nan");
    reads_as(-INFINITY, "-inf");
}

/* The other types format as they are read, and the length is that of the whole text. */
TEST(test_other_types_format)
{
    Block block = defaults();
    char text[MHO_TEXT_MAX];
    static const struct {
        const char *key, *text;
    } rows[] = {{"bits", "8"}, {"read", "per_read"}, {"on", "true"}, {"path", "model.h5"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        mho_param_format(param(rows[i].key), &block, text, sizeof text);
        ck_assert_str_eq(text, rows[i].text);
    }
    ck_assert_uint_eq(mho_param_format(param("path"), &block, text, 4), 8); /* the length it would need */
    ck_assert_str_eq(text, "mod");
}

/* A locale with a decimal comma changes neither reading nor writing. */
TEST(test_locale_of_the_host_changes_nothing)
{
    static const char *const comma[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "nl_NL.UTF-8", "pl_PL.UTF-8"};
    bool set = false;
    for (size_t i = 0; i < sizeof comma / sizeof *comma && !set; i++)
        set = setlocale(LC_ALL, comma[i]) != NULL;
    if (!set) {
        TEST_SKIP("no locale with a decimal comma is installed");
        return;
    }
    Block block = defaults();
    accepts("any", "0.25", &block);
    ck_assert(block.any == 0.25);
    reads_as(0.25, "0.25");
    refuses("any", "0,25", "finite number");
}

/* The check of a whole struct finds a bad member and then calls the descriptor's own check. */
TEST(test_descriptor_check)
{
    Block block = defaults();
    MhoError error = {0};
    ck_assert_int_eq(mho_descriptor_check(&pcm, &block, &error), MHO_OK);
    ck_assert_int_eq(mho_descriptor_check(&nor_flash, NULL, &error), MHO_OK);
    block.g_max = NAN;
    ck_assert_int_eq(mho_descriptor_check(&pcm, &block, &error), MHO_USAGE);
    ck_assert_str_eq(error.text, "pcm: g_max: nan is outside 1e-9 to 0.001 S");
    block = defaults();
    block.any = INFINITY;
    ck_assert_int_eq(mho_descriptor_check(&pcm, &block, &error), MHO_USAGE);
    block = defaults();
    block.bits = 0;
    ck_assert_int_eq(mho_descriptor_check(&pcm, &block, &error), MHO_USAGE);
    block = defaults();
    block.read = 3;
    ck_assert_int_eq(mho_descriptor_check(&pcm, &block, &error), MHO_USAGE);
    block = defaults();
    memset(block.path, 'x', sizeof block.path);
    ck_assert_int_eq(mho_descriptor_check(&pcm, &block, &error), MHO_USAGE);
    block = defaults();
    block.any = 0.0;
    ck_assert_int_eq(mho_descriptor_check(&pcm, &block, &error), MHO_USAGE);
    ck_assert_str_eq(error.text, "any must not be zero");
}

/* A registry finds a name, suggests the nearest one, and otherwise names the command that lists all. */
TEST(test_registry)
{
    MhoError error = {0};
    ck_assert_ptr_eq(mho_registry_find(&registry, "nor_flash", &error), &nor_flash);
    ck_assert_ptr_null(mho_registry_find(&registry, "norflash", &error));
    ck_assert_int_eq(error.status, MHO_USAGE);
    ck_assert_str_eq(error.text, "unknown cell 'norflash'; did you mean 'nor_flash'?");
    ck_assert_ptr_null(mho_registry_find(&registry, "memristor", &error));
    ck_assert_ptr_nonnull(strstr(error.text, "mho list cell"));
}

/* The nearest word is found by edit distance, and a word that is too far is not suggested. */
TEST(test_nearest_word)
{
    static const char *const words[] = {"prog_scale", "read_scale", "drift_scale", "t_read"};
    ck_assert_int_eq(mho_nearest_word("prog_scal", words, 4), 0);
    ck_assert_int_eq(mho_nearest_word("raed_scale", words, 4), 1);
    static const char *const verb[] = {"read"};
    ck_assert_int_eq(mho_nearest_word("raed", verb, 1), 0); /* two substitutions would be too many */
    ck_assert_int_eq(mho_nearest_word("rxxd", verb, 1), -1);
    ck_assert_int_eq(mho_nearest_word("drift_scale", words, 4), 2);
    ck_assert_int_eq(mho_nearest_word("temperature", words, 4), -1);
    ck_assert_int_eq(mho_nearest_word("", words, 4), -1);
    ck_assert_int_eq(mho_nearest_word("t_read", words, 0), -1);
    static char longer[5000];
    memset(longer, 'a', sizeof longer - 1);
    ck_assert_int_eq(mho_nearest_word(longer, words, 4), -1);
}

/* Words of a choice list are found by index, and an index outside gives NULL. */
TEST(test_choice_names)
{
    char word[MHO_NAME_MAX];
    ck_assert_str_eq(mho_choice_name("frozen per_read split", 0, word), "frozen");
    ck_assert_str_eq(mho_choice_name("frozen per_read split", 2, word), "split");
    ck_assert_ptr_null(mho_choice_name("frozen per_read split", 3, word));
    ck_assert_ptr_null(mho_choice_name("frozen", -1, word));
    ck_assert_ptr_null(mho_choice_name(NULL, 0, word));
    ck_assert_ptr_null(mho_choice_name("", 0, word));
}
