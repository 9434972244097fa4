/* sweep_axes.c - the axes of a study: one key with a list or range of values, or several keys that move together, each
 * row of whose list gives a value to every key. They stand grid after grid. */
#include "study/keys/sweep_axes_internal.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* A USAGE error after "where: ". */
static MhoStatus MHO_PRINTF(3, 4) refuse(const char *where, MhoError *error, const char *format, ...)
{
    char text[MHO_ERROR_TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return mho_fail(error, MHO_USAGE, "%s%s%s", where ? where : "", where ? ": " : "", text);
}

static void axis_clear(MhoAxis *axis)
{
    for (size_t i = 0; i < axis->n; i++)
        free(axis->values[i]);
    free(axis->values);
    *axis = (MhoAxis){0};
}

void mho_axes_clear(MhoStudy *study)
{
    for (size_t i = 0; i < study->n_axes; i++)
        axis_clear(&study->axes[i]);
    study->n_axes = 0;
}

size_t mho_axes_together(const MhoStudy *study, size_t first)
{
    size_t n = 1;
    while (first + n < study->n_axes && study->axes[first + n].zipped)
        n++;
    return n;
}

bool mho_is_axis(const MhoStudy *study, const char *key)
{
    for (size_t i = 0; i < study->n_axes; i++)
        if (strcmp(study->axes[i].key, key) == 0)
            return true;
    return false;
}

bool mho_is_axis_everywhere(const MhoStudy *study, const char *key)
{
    size_t grids = 0;
    for (size_t i = 0; i < study->n_axes; i++)
        grids += strcmp(study->axes[i].key, key) == 0;
    return grids == study->n_grids;
}

static bool has_key(const MhoKeys *keys, const char *key)
{
    for (size_t i = 0; i < keys->n; i++)
        if (strcmp(keys->name[i], key) == 0)
            return true;
    return false;
}

MhoStatus mho_keys_split(const char *text, const char *where, MhoKeys *keys, MhoError *error)
{
    *keys = (MhoKeys){0};
    for (bool more = true; more;) {
        size_t length = strcspn(text, ","), end = length;
        size_t start = strspn(text, " ");
        while (end > start && text[end - 1] == ' ')
            end--;
        if (keys->n == MHO_MAX_AXES)
            return refuse(where, error, "%s: a sweep has at most %d axes", keys->name[0], MHO_MAX_AXES);
        char key[MHO_KEY_MAX] = "";
        int n = end > start ? snprintf(key, sizeof key, "%.*s", (int)(end - start), text + start) : 0;
        if (n <= 0 || (size_t)n >= sizeof key)
            return refuse(where, error, "'%s' is not a key", key);
        if (has_key(keys, key))
            return refuse(where, error, "%s: is twice among keys that move together", key);
        memcpy(keys->name[keys->n++], key, sizeof key);
        more = text[length] == ',';
        text += length + more;
    }
    return MHO_OK;
}

/* Remove the axes of these keys from a grid; *at: the place of the first of them, or the end of the grid. */
static MhoStatus remove_axes(MhoStudy *study, size_t grid, const MhoKeys *keys, const char *where, size_t *at,
                             MhoError *error)
{
    size_t end = 0;
    bool found = false;
    *at = 0;
    for (size_t first = 0, n; first < study->n_axes; first += n) {
        size_t named = 0;
        n = mho_axes_together(study, first);
        if (study->axes[first].grid > grid)
            break;
        end = first + n;
        if (study->axes[first].grid < grid)
            continue;
        for (size_t i = first; i < first + n; i++)
            named += has_key(keys, study->axes[i].key);
        if (named == 0)
            continue;
        for (size_t i = first; i < first + n; i++)
            if (!has_key(keys, study->axes[i].key))
                return refuse(where, error,
                              "%s: is swept together with %s; give both again, as "
                              "'%s,%s=[[first, first], [second, second]]'",
                              keys->name[0], study->axes[i].key, keys->name[0], study->axes[i].key);
        *at = found ? *at : first;
        found = true;
        for (size_t i = first; i < first + n; i++)
            axis_clear(&study->axes[i]);
        memmove(study->axes + first, study->axes + first + n, (study->n_axes - first - n) * sizeof *study->axes);
        study->n_axes -= n;
        n = 0;
        end = first;
    }
    *at = found ? *at : end;
    return MHO_OK;
}

/* Number of different keys that are swept, with these. */
static size_t count_keys(const MhoStudy *study, const MhoKeys *more)
{
    size_t n = more->n;
    for (size_t i = 0; i < study->n_axes; i++) {
        bool counted = has_key(more, study->axes[i].key);
        for (size_t k = 0; k < i && !counted; k++)
            counted = strcmp(study->axes[k].key, study->axes[i].key) == 0;
        n += !counted;
    }
    return n;
}

MhoStatus mho_axes_start(MhoStudy *study, size_t grid, const MhoKeys *keys, const char *where, size_t *first,
                         MhoError *error)
{
    for (size_t k = 0; k < keys->n; k++)
        if (!mho_settings_find(study->settings, keys->name[k], NULL))
            return mho_settings_unknown(study->settings, keys->name[k], where, error);
    MhoStatus status = remove_axes(study, grid, keys, where, first, error);
    if (status != MHO_OK)
        return status;
    if (count_keys(study, keys) > MHO_MAX_AXES)
        return refuse(where, error, "%s: a sweep has at most %d axes", keys->name[0], MHO_MAX_AXES);
    if (study->n_axes + keys->n > MHO_MAX_STUDY_AXES)
        return refuse(where, error, "%s: the grids of a sweep have at most %d axes together", keys->name[0],
                      MHO_MAX_STUDY_AXES);
    memmove(study->axes + *first + keys->n, study->axes + *first, (study->n_axes - *first) * sizeof *study->axes);
    study->n_axes += keys->n;
    for (size_t k = 0; k < keys->n; k++) {
        MhoAxis *axis = &study->axes[*first + k];
        *axis = (MhoAxis){.zipped = k > 0, .grid = grid};
        memcpy(axis->key, keys->name[k], sizeof axis->key);
    }
    return MHO_OK;
}

MhoStatus mho_axis_add_value(MhoAxis *axis, const char *value, MhoError *error)
{
    char **grown = mho_list_grow(axis->values, axis->n, sizeof *grown, error);
    if (!grown)
        return MHO_MEMORY;
    axis->values = grown;
    grown[axis->n] = mho_strdup(value, error);
    return grown[axis->n] && ++axis->n ? MHO_OK : MHO_MEMORY;
}

static bool is_row(const MhoAxis *axes, size_t n, size_t at, char (*row)[MHO_TEXT_MAX])
{
    for (size_t k = 0; k < n; k++)
        if (strcmp(axes[k].values[at], row[k]) != 0)
            return false;
    return true;
}

/* The canonical text of a value into row, which is checked by setting it. The setting is as before afterwards. */
static MhoStatus canonical(MhoSettings *settings, const char *key, const char *value, const char *where,
                           char row[MHO_TEXT_MAX], MhoError *error)
{
    char before[MHO_TEXT_MAX];
    mho_settings_format(settings, key, before, sizeof before);
    MhoStatus status = mho_settings_set(settings, key, value, where, error);
    if (status != MHO_OK)
        return status;
    mho_settings_format(settings, key, row, MHO_TEXT_MAX);
    return mho_settings_set(settings, key, before, where, error);
}

MhoStatus mho_axes_push(MhoStudy *study, size_t first, const char *const *values, size_t n, const char *where,
                        MhoError *error)
{
    MhoAxis *axes = &study->axes[first];
    char row[MHO_MAX_AXES][MHO_TEXT_MAX];
    if (n != mho_axes_together(study, first))
        return refuse(where, error, "%s and the keys after it move together: %zu values for %zu keys", axes->key, n,
                      mho_axes_together(study, first));
    MhoStatus status = MHO_OK;
    for (size_t k = 0; k < n && status == MHO_OK; k++) {
        status = canonical(study->settings, axes[k].key, values[k], where, row[k], error);
    }
    if (status != MHO_OK)
        return status;
    for (size_t i = 0; i < axes->n; i++)
        if (is_row(axes, n, i, row))
            return refuse(where, error, "%s: %s%s is twice in the sweep", axes->key, row[0],
                          n > 1 ? " with the same others" : "");
    if (axes->n == MHO_MAX_AXIS_VALUES)
        return mho_fail(error, MHO_USAGE, "%s: more than %d values", axes->key, MHO_MAX_AXIS_VALUES);
    for (size_t k = 0; k < n && status == MHO_OK; k++)
        status = mho_axis_add_value(&axes[k], row[k], error);
    return status;
}

void mho_write_escaped(const char *value, const char *special, FILE *out)
{
    for (; *value; value++) {
        if (*value == '\n') {
            fputs("\\n", out);
            continue;
        }
        if (*value == '\\' || strchr(special, *value))
            fputc('\\', out);
        fputc(*value, out);
    }
}

char *mho_unescape(char *text, char end)
{
    char *to = text;
    for (; *text && (*text != end || end == '\0'); text++) {
        if (*text == '\\' && text[1])
            *to++ = *++text == 'n' ? '\n' : *text;
        else
            *to++ = *text;
    }
    char *rest = *text ? text + 1 : NULL;
    *to = '\0';
    return rest;
}

/* The next value of a list between commas, without the blanks around it; a comma of a value follows a backslash.
 * *list moves on, to NULL at the end. */
static char *next_word(char **list)
{
    char *word = *list + strspn(*list, " ");
    *list = mho_unescape(word, ',');
    size_t length = strlen(word);
    while (length > 0 && word[length - 1] == ' ')
        word[--length] = '\0';
    return word;
}

static MhoStatus push_list(MhoStudy *study, size_t at, char *list, const char *where, MhoError *error)
{
    MhoStatus status = MHO_OK;
    while (list && status == MHO_OK) {
        const char *const values[] = {next_word(&list)};
        status = mho_axes_push(study, at, values, 1, where, error);
    }
    return status;
}

static MhoStatus push_row(MhoStudy *study, size_t at, char *row, const char *where, MhoError *error)
{
    const char *values[MHO_MAX_AXES + 1];
    size_t n = 0;
    while (row && n <= MHO_MAX_AXES)
        values[n++] = next_word(&row);
    return mho_axes_push(study, at, values, n, where, error);
}

/* The first bare `end` from text on, or NULL. */
static char *find_bare(char *text, char end)
{
    for (; *text && *text != end; text++)
        text += *text == '\\' && text[1];
    return *text ? text : NULL;
}

/* "[[a, b], [c, d]]": rows of values. */
static MhoStatus push_rows(MhoStudy *study, size_t at, char *text, const char *where, MhoError *error)
{
    MhoStatus status = MHO_OK;
    bool more = text[0] == '[';
    while (more && status == MHO_OK) {
        char *row = text + 1 + strspn(text + 1, " "), *end = *row == '[' ? find_bare(row, ']') : NULL;
        if (!end)
            break;
        *end = '\0';
        status = push_row(study, at, row + 1, where, error);
        text = end + 1 + strspn(end + 1, " ");
        more = *text == ',';
    }
    if (status == MHO_OK && (more || strcmp(text, "]") != 0))
        return refuse(where, error,
                      "%s and the keys after it move together: write rows with a value for each, as "
                      "[[0, 0], [0.2, 1]]",
                      study->axes[at].key);
    return status;
}

/* Several values of one key, or rows of several keys, for one grid. */
static MhoStatus set_in_grid(MhoStudy *study, size_t grid, const MhoKeys *keys, const char *text, const char *where,
                             MhoError *error)
{
    const MhoParam *param = mho_settings_find(study->settings, keys->name[0], NULL);
    const bool together = keys->n > 1;
    const size_t length = strlen(text);
    size_t at;
    MhoStatus status = mho_axes_start(study, grid, keys, where, &at, error);
    char *copy = status == MHO_OK ? mho_strdup(text, error) : NULL, *list = copy;
    if (!copy)
        return status == MHO_OK ? MHO_MEMORY : status;
    if (!together && text[0] == '[' && length >= 2 && text[length - 1] == ']') {
        list = copy + 1;
        copy[length - 1] = '\0';
    }
    if (together)
        status = push_rows(study, at, list, where, error);
    else if (param && mho_is_range(param, list))
        status = mho_axes_push_range(study, at, list, where, error);
    else
        status = push_list(study, at, list, where, error);
    free(copy);
    return status;
}

MhoStatus mho_axes_set(MhoStudy *study, size_t grid, const char *key, const char *text, const char *where,
                       MhoError *error)
{
    const size_t first = grid == MHO_EVERY_GRID ? 0 : grid, end = grid == MHO_EVERY_GRID ? study->n_grids : grid + 1;
    const MhoParam *param = mho_settings_find(study->settings, key, NULL);
    MhoKeys keys = {.n = 1};
    const bool list = strchr(key, ',') || (param && mho_is_list(param, text));
    MhoStatus status = MHO_OK;
    if (list)
        status = mho_keys_split(key, where, &keys, error);
    else
        snprintf(keys.name[0], sizeof keys.name[0], "%s", key);
    if (status == MHO_OK && !list)
        status = mho_settings_set(study->settings, key, text, where, error);
    for (size_t g = first, at; g < end && status == MHO_OK; g++)
        status =
            list ? set_in_grid(study, g, &keys, text, where, error) : remove_axes(study, g, &keys, where, &at, error);
    return status == MHO_OK ? mho_origins_note(study, &keys, where, list, error) : status;
}

static void write_interval(const MhoParam *param, const MhoAxis *axis, FILE *out)
{
    char low[64], high[64];
    const MhoParam real = {.key = param->key, .type = MHO_REAL};
    mho_param_format(&real, &axis->low, low, sizeof low);
    mho_param_format(&real, &axis->high, high, sizeof high);
    fprintf(out, "%s%s..%s", axis->logarithmic ? "log:" : "", low, high);
}

void mho_axes_write(const MhoStudy *study, FILE *out)
{
    size_t grid = 0;
    for (size_t first = 0, n; first < study->n_axes; first += n) {
        const MhoAxis *axes = &study->axes[first];
        n = mho_axes_together(study, first);
        for (; study->n_grids > 1 && grid <= axes->grid; grid++)
            fprintf(out, "sweep=%zu\n", grid + 1);
        for (size_t k = 0; k < n; k++)
            fprintf(out, "%s%s", k ? "," : "", axes[k].key);
        fputs("=[", out);
        if (axes->drawn)
            write_interval(mho_settings_find(study->settings, axes->key, NULL), axes, out);
        for (size_t v = 0; v < axes->n; v++) {
            fputs(v ? ", " : "", out);
            fputs(n > 1 ? "[" : "", out);
            for (size_t k = 0; k < n; k++) {
                fputs(k ? ", " : "", out);
                mho_write_escaped(axes[k].values[v], n > 1 ? ",]" : ",", out);
            }
            fputs(n > 1 ? "]" : "", out);
        }
        fputs("]\n", out);
    }
    for (; study->n_grids > 1 && grid < study->n_grids; grid++)
        fprintf(out, "sweep=%zu\n", grid + 1);
}
