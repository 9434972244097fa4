/* params.c - text to a typed parameter and back, from one table. Nothing is clamped or guessed. */
#include "base/descriptor.h"

#include <errno.h>
#include <limits.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REAL_TEXT_MAX = 64 };

void mho_params_default(const MhoParam *params, size_t n, void *block)
{
    for (size_t i = 0; i < n; i++) {
        const MhoParam *param = &params[i];
        unsigned char *member = (unsigned char *)block + param->offset;
        int whole = param->type == MHO_INT || param->type == MHO_CHOICE ? (int)param->value : 0;
        bool flag = param->value != 0.0;
        switch (param->type) {
        case MHO_REAL: memcpy(member, &param->value, sizeof param->value); break;
        case MHO_INT:
        case MHO_CHOICE: memcpy(member, &whole, sizeof whole); break;
        case MHO_BOOL: memcpy(member, &flag, sizeof flag); break;
        case MHO_TEXT:
            memset(member, 0, MHO_TEXT_MAX);
            snprintf((char *)member, MHO_TEXT_MAX, "%s", param->text ? param->text : "");
            break;
        }
    }
}

const MhoParam *mho_params_find(const MhoParam *params, size_t n, const char *key)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(params[i].key, key) == 0)
            return &params[i];
    return NULL;
}

const char *mho_param_label(const MhoParam *param)
{
    return param->label && *param->label ? param->label : param->key;
}

/* Switch this thread to the C locale, so that numbers do not depend on the locale of the host program. Returns the
 * locale before. glibc returns its static C locale, so nothing is allocated. */
static locale_t c_locale_enter(void)
{
    return uselocale(newlocale(LC_ALL_MASK, "C", (locale_t)0));
}

static double read_real(const char *text, char **end)
{
    locale_t before = c_locale_enter();
    double value = strtod(text, end);
    uselocale(before);
    return value;
}

/* The fewest significant decimal digits of a finite value that read back to the same double. Returns their number;
 * value = 0.d1d2.. * 10^point. */
static size_t shortest_digits(double value, char digits[REAL_TEXT_MAX], int *point)
{
    char text[REAL_TEXT_MAX];
    for (int precision = 0; precision < 17; precision++) {
        snprintf(text, sizeof text, "%.*e", precision, value);
        if (strtod(text, NULL) == value)
            break;
    }
    size_t n = 0;
    const char *at = text;
    for (; *at != 'e'; at++)
        if (*at >= '0' && *at <= '9')
            digits[n++] = *at;
    *point = (int)strtol(at + 1, NULL, 10) + 1;
    return n;
}

/* Plain notation for 1e-5 <= |value| < 1e16, else d.ddde-7. */
static void format_real(double value, char text[REAL_TEXT_MAX])
{
    if (!isfinite(value)) {
        snprintf(text, REAL_TEXT_MAX, "%s", isnan(value) ? "nan" : value < 0 ? "-inf" : "inf");
        return;
    }
    locale_t before = c_locale_enter();
    const char *sign = signbit(value) ? "-" : "";
    char digits[REAL_TEXT_MAX];
    int point;
    int n = (int)shortest_digits(fabs(value), digits, &point);
    if (value == 0.0)
        snprintf(text, REAL_TEXT_MAX, "%s0", sign);
    else if (point > 16 || point < -4)
        snprintf(text, REAL_TEXT_MAX, "%s%c%s%.*se%d", sign, digits[0], n > 1 ? "." : "", n - 1, digits + 1, point - 1);
    else if (point <= 0)
        snprintf(text, REAL_TEXT_MAX, "%s0.%.*s%.*s", sign, -point, "0000", n, digits);
    else if (n <= point)
        snprintf(text, REAL_TEXT_MAX, "%s%.*s%.*s", sign, n, digits, point - n, "0000000000000000");
    else
        snprintf(text, REAL_TEXT_MAX, "%s%.*s.%.*s", sign, point, digits, n - point, digits + point);
    uselocale(before);
}

static MhoStatus out_of_range(const MhoParam *param, const char *text, const char *where, MhoError *error)
{
    char low[REAL_TEXT_MAX], high[REAL_TEXT_MAX];
    format_real(param->min, low);
    format_real(param->max, high);
    const char *space = param->unit && *param->unit ? " " : "";
    return mho_fail(error, MHO_USAGE, "%s: %s is outside %s to %s%s%s", where, text, low, high, space,
                    *space ? param->unit : "");
}

static MhoStatus unknown_choice(const MhoParam *param, const char *text, const char *where, MhoError *error)
{
    char word[MHO_NAME_MAX], best[MHO_NAME_MAX] = "";
    const char *nearest = NULL;
    int distance = 0;
    for (int i = 0; mho_choice_name(param->choices, i, word); i++)
        if (mho_nearest_step(text, word, &nearest, &distance))
            memcpy(best, word, sizeof best);
    if (nearest)
        return mho_fail(error, MHO_USAGE, "%s: unknown word '%s'; did you mean '%s'?", where, text, best);
    return mho_fail(error, MHO_USAGE, "%s: unknown word '%s'; one of: %s", where, text, param->choices);
}

/* False for NaN too. */
static bool inside(const MhoParam *param, double value)
{
    return value >= param->min && value <= param->max && isfinite(value);
}

MhoStatus mho_param_check(const MhoParam *param, const void *block, const char *where, MhoError *error)
{
    const unsigned char *member = (const unsigned char *)block + param->offset;
    char text[REAL_TEXT_MAX];
    double real = 0.0;
    int whole = 0;
    if (!where)
        where = param->key;
    switch (param->type) {
    case MHO_REAL:
        memcpy(&real, member, sizeof real);
        format_real(real, text);
        return inside(param, real) ? MHO_OK : out_of_range(param, text, where, error);
    case MHO_INT:
        memcpy(&whole, member, sizeof whole);
        snprintf(text, sizeof text, "%d", whole);
        return inside(param, whole) ? MHO_OK : out_of_range(param, text, where, error);
    case MHO_CHOICE:
        memcpy(&whole, member, sizeof whole);
        if (mho_choice_name(param->choices, whole, text))
            return MHO_OK;
        return mho_fail(error, MHO_USAGE, "%s: no choice has number %d; one of: %s", where, whole, param->choices);
    case MHO_BOOL:
        if (*member <= 1)
            return MHO_OK;
        return mho_fail(error, MHO_USAGE, "%s: neither true nor false", where);
    case MHO_TEXT:
        if (memchr(member, '\0', MHO_TEXT_MAX))
            return MHO_OK;
        return mho_fail(error, MHO_USAGE, "%s: longer than %d characters", where, MHO_TEXT_MAX - 1);
    }
    return mho_fail(error, MHO_FAILED, "%s: the parameter table gives an unknown type", where);
}

static MhoStatus not_a_number(const MhoParam *param, const char *text, const char *where, MhoError *error)
{
    const char *kind = param->type == MHO_INT ? "whole number" : "finite number";
    if (param->unit && *param->unit)
        return mho_fail(error, MHO_USAGE, "%s: '%s' is not a plain %s (in %s)", where, text, kind, param->unit);
    return mho_fail(error, MHO_USAGE, "%s: '%s' is not a plain %s", where, text, kind);
}

static MhoStatus set_real(const MhoParam *param, unsigned char *member, const char *text, const char *where,
                          MhoError *error)
{
    /* Decimal notation only: nan, inf, hexadecimal numbers and blanks, which strtod reads, are refused here. */
    if (*text == '\0' || text[strspn(text, "0123456789+-.eE")] != '\0')
        return not_a_number(param, text, where, error);
    char *end;
    errno = 0;
    double value = read_real(text, &end);
    if (end == text || *end != '\0')
        return not_a_number(param, text, where, error);
    /* glibc reports ERANGE for subnormal values too, which are accepted. */
    bool out_of_double = errno == ERANGE && (value == 0.0 || isinf(value));
    if (out_of_double || !inside(param, value))
        return out_of_range(param, text, where, error);
    memcpy(member, &value, sizeof value);
    return MHO_OK;
}

static MhoStatus set_int(const MhoParam *param, unsigned char *member, const char *text, const char *where,
                         MhoError *error)
{
    if (*text == '\0' || text[strspn(text, "0123456789+-")] != '\0')
        return not_a_number(param, text, where, error);
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (end == text || *end != '\0')
        return not_a_number(param, text, where, error);
    if (errno == ERANGE || value < INT_MIN || value > INT_MAX || !inside(param, (double)value))
        return out_of_range(param, text, where, error);
    int whole = (int)value;
    memcpy(member, &whole, sizeof whole);
    return MHO_OK;
}

static MhoStatus set_choice(const MhoParam *param, unsigned char *member, const char *text, const char *where,
                            MhoError *error)
{
    char word[MHO_NAME_MAX];
    for (int i = 0; mho_choice_name(param->choices, i, word); i++) {
        if (strcmp(word, text) != 0)
            continue;
        memcpy(member, &i, sizeof i);
        return MHO_OK;
    }
    return unknown_choice(param, text, where, error);
}

static MhoStatus set_bool(unsigned char *member, const char *text, const char *where, MhoError *error)
{
    bool value = strcmp(text, "true") == 0;
    if (!value && strcmp(text, "false") != 0)
        return mho_fail(error, MHO_USAGE, "%s: '%s' is neither true nor false", where, text);
    memcpy(member, &value, sizeof value);
    return MHO_OK;
}

static MhoStatus set_text(unsigned char *member, const char *text, const char *where, MhoError *error)
{
    size_t length = strlen(text);
    if (length >= MHO_TEXT_MAX)
        return mho_fail(error, MHO_USAGE, "%s: longer than %d characters", where, MHO_TEXT_MAX - 1);
    memset(member, 0, MHO_TEXT_MAX);
    memcpy(member, text, length);
    return MHO_OK;
}

MhoStatus mho_param_set(const MhoParam *param, void *block, const char *text, const char *where, MhoError *error)
{
    unsigned char *member = (unsigned char *)block + param->offset;
    if (!where)
        where = param->key;
    switch (param->type) {
    case MHO_REAL: return set_real(param, member, text, where, error);
    case MHO_INT: return set_int(param, member, text, where, error);
    case MHO_CHOICE: return set_choice(param, member, text, where, error);
    case MHO_BOOL: return set_bool(member, text, where, error);
    case MHO_TEXT: return set_text(member, text, where, error);
    }
    return mho_fail(error, MHO_FAILED, "%s: the parameter table gives an unknown type", where);
}

size_t mho_param_format(const MhoParam *param, const void *block, char *text, size_t size)
{
    const unsigned char *member = (const unsigned char *)block + param->offset;
    char number[REAL_TEXT_MAX] = "";
    const char *out = number;
    double real;
    int whole;
    switch (param->type) {
    case MHO_REAL:
        memcpy(&real, member, sizeof real);
        format_real(real, number);
        break;
    case MHO_INT:
        memcpy(&whole, member, sizeof whole);
        snprintf(number, sizeof number, "%d", whole);
        break;
    case MHO_CHOICE:
        memcpy(&whole, member, sizeof whole);
        if (!mho_choice_name(param->choices, whole, number))
            number[0] = '\0';
        break;
    case MHO_BOOL: out = *member ? "true" : "false"; break;
    case MHO_TEXT: out = (const char *)member; break;
    }
    int length = snprintf(text, size, "%.*s", MHO_TEXT_MAX - 1, out);
    return length < 0 ? 0 : (size_t)length;
}

size_t mho_param_format_default(const MhoParam *param, char *text, size_t size)
{
    union {
        double real;
        int whole;
        bool flag;
        char text[MHO_TEXT_MAX];
    } block;
    MhoParam alone = *param;
    alone.offset = 0;
    mho_params_default(&alone, 1, &block);
    return mho_param_format(&alone, &block, text, size);
}
