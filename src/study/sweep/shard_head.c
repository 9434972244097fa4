/* shard_head.c - what a shard says of its study, and every difference between two shards by name. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "study/sweep/merge_internal.h"

enum { NAMED = 4, VALUE_MAX = 64 }; /* differences that are named; bytes shown of a value */

void mho_shard_head_clear(MhoShardHead *head)
{
    free(head->path);
    free(head->study);
    free(head->digest);
    free(head->models);
    free(head->data);
    free(head->version);
    free(head->points);
    *head = (MhoShardHead){0};
}

static const char *text_of(const MhoRecord *record, const char *name)
{
    const char *text = record ? mho_attribute_string(&record->attributes, name) : NULL;
    return text ? text : "";
}

MhoStatus mho_shard_head_read(const MhoRecord *shard, const char *path, MhoShardHead *head, MhoError *error)
{
    const MhoRecord *provenance = mho_record_find(shard, "provenance");
    const char *version = text_of(shard, "mho_version");
    const struct {
        char **place;
        const char *text;
    } texts[] = {
        {&head->path, path},
        {&head->study, text_of(shard, "study")},
        {&head->digest, text_of(shard, "study_digest")},
        {&head->models, text_of(shard, "models")},
        {&head->data, text_of(shard, "data")},
        {&head->version, *version ? version : text_of(provenance, "mho_version")},
    };
    *head = (MhoShardHead){0};
    MhoStatus status = MHO_OK;
    for (size_t i = 0; i < sizeof texts / sizeof *texts && status == MHO_OK; i++)
        if (!(*texts[i].place = mho_strdup(texts[i].text, error)))
            status = MHO_MEMORY;
    if (status == MHO_OK)
        status = mho_result_points(shard, path, &head->points, &head->n_points, error);
    if (status != MHO_OK)
        mho_shard_head_clear(head);
    return status;
}

/* Differences as one line: "WHAT is A in FILE and B in OTHER; WHAT: A and B; ...". */
typedef struct Differences {
    FILE *out;
    const MhoShardHead *first, *other;
    size_t n;
} Differences;

/* lengths: bytes of the texts that need no NUL */
static void note(Differences *at, const char *what, int what_length, const char *a, size_t a_length, const char *b,
                 size_t b_length)
{
    if (++at->n > NAMED)
        return;
    const int a_shown = (int)(a_length < VALUE_MAX ? a_length : VALUE_MAX);
    const int b_shown = (int)(b_length < VALUE_MAX ? b_length : VALUE_MAX);
    if (at->n == 1)
        fprintf(at->out, "%.*s is %.*s in %s and %.*s in %s", what_length, what, a_shown, a, at->first->path, b_shown,
                b, at->other->path);
    else
        fprintf(at->out, "; %.*s: %.*s and %.*s", what_length, what, a_shown, a, b_shown, b);
}

/* A line "NAME<separator>VALUE"; the separator is the last blank, or the first '='. */
typedef struct Line {
    const char *name, *value;
    size_t name_length, value_length;
} Line;

static bool next_line(const char **text, char separator, Line *line)
{
    while (**text == '\n')
        ++*text;
    if (!**text)
        return false;
    const size_t length = strcspn(*text, "\n");
    const char *at = separator == '=' ? memchr(*text, '=', length) : memrchr(*text, ' ', length);
    line->name = *text;
    line->name_length = at ? (size_t)(at - *text) : length;
    line->value = at ? at + 1 : *text + length;
    line->value_length = (size_t)(*text + length - line->value);
    *text += length;
    return true;
}

static bool has_name(const Line *line, const Line *wanted)
{
    return line->name_length == wanted->name_length && memcmp(line->name, wanted->name, wanted->name_length) == 0;
}

static bool find_name(const char *text, char separator, const Line *wanted)
{
    for (Line line; next_line(&text, separator, &line);)
        if (has_name(&line, wanted))
            return true;
    return false;
}

/* Whether a text has this very line. */
static bool has_line(const char *text, char separator, const Line *wanted)
{
    for (Line line; next_line(&text, separator, &line);)
        if (has_name(&line, wanted) && line.value_length == wanted->value_length &&
            memcmp(line.value, wanted->value, wanted->value_length) == 0)
            return true;
    return false;
}

/* A line of text with the name wanted that the text `without` has not. */
static bool find_only(const char *text, const char *without, char separator, const Line *wanted, Line *found)
{
    while (next_line(&text, separator, found))
        if (has_name(found, wanted) && !has_line(without, separator, found))
            return true;
    return false;
}

/* A name with what leads it, "model "; its length */
static int full_name(char name[300], const char *what, const Line *line)
{
    return snprintf(name, 300, "%s%.*s", what, (int)(line->name_length < 200 ? line->name_length : 200), line->name);
}

/* Lines that only one of two texts has, side by side where they have one name. A name may be on several lines of a
 * text, in any order. what: leads the name; absent: what a line that is not there stands for. */
static void compare_lines(Differences *at, const char *what, const char *first, const char *other, char separator,
                          const char *absent)
{
    static const char elsewhere[] = "not so"; /* the name is on other lines, and these are in both texts */
    char name[300];
    Line a, b;
    for (const char *rest = first; next_line(&rest, separator, &a);) {
        if (has_line(other, separator, &a))
            continue;
        const int length = full_name(name, what, &a);
        const char *none = find_name(other, separator, &a) ? elsewhere : absent;
        if (find_only(other, first, separator, &a, &b))
            note(at, name, length, a.value, a.value_length, b.value, b.value_length);
        else
            note(at, name, length, a.value, a.value_length, none, strlen(none));
    }
    for (const char *rest = other; next_line(&rest, separator, &b);) {
        if (has_line(first, separator, &b) || find_only(first, other, separator, &b, &a))
            continue;
        const int length = full_name(name, what, &b);
        const char *none = find_name(first, separator, &b) ? elsewhere : absent;
        note(at, name, length, none, strlen(none), b.value, b.value_length);
    }
}

/* The first point that has another key or number of chips. */
static void compare_points(Differences *at)
{
    const MhoShardHead *a = at->first, *b = at->other;
    char name[64], values[2][32];
    size_t p = 0;
    if (a->n_points != b->n_points) {
        for (size_t i = 0; i < 2; i++)
            snprintf(values[i], sizeof values[i], "%zu", (i ? b : a)->n_points);
        note(at, "number of points", 16, values[0], strlen(values[0]), values[1], strlen(values[1]));
        return;
    }
    while (p < a->n_points && a->points[p].key == b->points[p].key && a->points[p].n_chips == b->points[p].n_chips)
        p++;
    if (p == a->n_points)
        return;
    const bool is_key = a->points[p].key != b->points[p].key;
    const int length = snprintf(name, sizeof name, "%s of point %zu", is_key ? "key" : "number of chips", p);
    for (size_t i = 0; i < 2; i++)
        if (is_key)
            snprintf(values[i], sizeof values[i], "%016llx", (unsigned long long)(i ? b : a)->points[p].key);
        else
            snprintf(values[i], sizeof values[i], "%u", (i ? b : a)->points[p].n_chips);
    note(at, name, length, values[0], strlen(values[0]), values[1], strlen(values[1]));
}

static void compare(Differences *at)
{
    const MhoShardHead *a = at->first, *b = at->other;
    if (*a->version && *b->version && strcmp(a->version, b->version) != 0)
        note(at, "version of mho", 14, a->version, strlen(a->version), b->version, strlen(b->version));
    const bool same_study = strcmp(a->study, b->study) == 0;
    if (!same_study) /* a key may be on several lines, one for each grid */
        compare_lines(at, "", a->study, b->study, '=', "not set");
    if (!same_study && at->n == 0)
        note(at, "order of the study's keys", 25, "one", 3, "another", 7);
    if (*a->data && *b->data)
        compare_lines(at, "data ", a->data, b->data, ' ', "not used");
    compare_lines(at, "model ", a->models, b->models, ' ', "not used");
    if (at->n == 0)
        compare_points(at);
    if (at->n == 0 && strcmp(a->digest, b->digest) != 0)
        note(at, "study_digest", 12, a->digest, strlen(a->digest), b->digest, strlen(b->digest));
}

MhoStatus mho_shard_heads_agree(const MhoShardHead *first, const MhoShardHead *other, MhoError *error)
{
    char *text = NULL;
    size_t size = 0;
    Differences at = {.out = open_memstream(&text, &size), .first = first, .other = other};
    if (!at.out)
        return mho_fail(error, MHO_MEMORY, "out of memory for a comparison of shards");
    compare(&at);
    if (at.n > NAMED)
        fprintf(at.out, "; and %zu more differences", at.n - NAMED);
    const bool failed = fclose(at.out) != 0;
    MhoStatus status = MHO_OK;
    if (failed)
        status = mho_fail(error, MHO_MEMORY, "out of memory for a comparison of shards");
    else if (at.n > 0)
        status = mho_fail(error, MHO_INPUT, "merge: shards of different sweeps: %s", text);
    free(text);
    return status;
}
