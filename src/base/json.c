/* json.c - JSON on one line: commas, brackets, escapes. */
#include "base/json.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/descriptor.h"
#include "base/printable.h"

static void put_text(MhoJson *json, const char *text)
{
    fputc('"', json->out);
    for (size_t n = strlen(text); n > 0;) {
        const unsigned char first = (unsigned char)*text;
        size_t taken = mho_printable_length(text, n);
        if (!taken && first == 0xC2 && n > 1 && (unsigned char)text[1] >= 0x80 && (unsigned char)text[1] < 0xA0) {
            fprintf(json->out, "\\u%04x", (unsigned)(unsigned char)text[1]); /* a C1 control character */
            taken = 2;
        } else if (!taken) {
            fprintf(json->out, "\\u%04x", first < 0x80 ? (unsigned)first : 0xFFFDU);
            taken = 1;
        } else {
            if (first == '"' || first == '\\')
                fputc('\\', json->out);
            fwrite(text, 1, taken, json->out);
        }
        text += taken;
        n -= taken;
    }
    fputc('"', json->out);
}

/* Comma and key of the next value; false where values are left out. */
static bool begin(MhoJson *json, const char *key)
{
    if (json->depth > MHO_JSON_MAX_DEPTH)
        return false;
    if (json->has_member[json->depth])
        fputs(", ", json->out);
    json->has_member[json->depth] = true;
    if (key) {
        put_text(json, key);
        fputs(": ", json->out);
    }
    return true;
}

static void finish(const MhoJson *json)
{
    if (json->depth == 0)
        fputc('\n', json->out);
}

static void put_word(MhoJson *json, const char *key, const char *word)
{
    if (!begin(json, key))
        return;
    fputs(word, json->out);
    finish(json);
}

void mho_json_start(MhoJson *json, FILE *out)
{
    *json = (MhoJson){.out = out};
}

static void open_bracket(MhoJson *json, const char *key, char start, char end)
{
    if (json->depth >= MHO_JSON_MAX_DEPTH) {
        if (json->depth == MHO_JSON_MAX_DEPTH)
            put_word(json, key, "null");
        json->depth++;
        return;
    }
    (void)begin(json, key);
    fputc(start, json->out);
    json->ends[json->depth++] = end;
    json->has_member[json->depth] = false;
}

void mho_json_object(MhoJson *json, const char *key)
{
    open_bracket(json, key, '{', '}');
}

void mho_json_array(MhoJson *json, const char *key)
{
    open_bracket(json, key, '[', ']');
}

void mho_json_end(MhoJson *json)
{
    if (json->depth == 0)
        return;
    if (--json->depth >= MHO_JSON_MAX_DEPTH)
        return;
    fputc(json->ends[json->depth], json->out);
    if (json->depth == 0) {
        json->has_member[0] = false;
        finish(json);
    }
}

void mho_json_text(MhoJson *json, const char *key, const char *text)
{
    if (!text) {
        mho_json_null(json, key);
    } else if (begin(json, key)) {
        put_text(json, text);
        finish(json);
    }
}

void mho_json_real(MhoJson *json, const char *key, double value)
{
    static const MhoParam plain = {.key = "", .type = MHO_REAL};
    char text[MHO_TEXT_MAX];
    mho_param_format(&plain, &value, text, sizeof text);
    put_word(json, key, isfinite(value) ? text : "null");
}

void mho_json_int(MhoJson *json, const char *key, int64_t value)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRId64, value);
    put_word(json, key, text);
}

void mho_json_bool(MhoJson *json, const char *key, bool value)
{
    put_word(json, key, value ? "true" : "false");
}

void mho_json_null(MhoJson *json, const char *key)
{
    put_word(json, key, "null");
}
