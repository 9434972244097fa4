/* study.c - a study from its YAML file and the command line. */
#include "study/study.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/yaml.h"

static void axis_clear(MhoAxis *axis)
{
    for (size_t i = 0; i < axis->n; i++)
        free(axis->values[i]);
    free(axis->values);
    *axis = (MhoAxis){0};
}

void mho_study_destroy(MhoStudy *study)
{
    for (size_t i = 0; i < study->n_axes; i++)
        axis_clear(&study->axes[i]);
    mho_settings_destroy(study->settings);
    *study = (MhoStudy){0};
}

/* Check one value against its table by setting it, so that a bad value is refused before anything runs. */
static MhoStatus axis_push(MhoStudy *study, MhoAxis *axis, const char *text, const char *where, MhoError *error)
{
    MhoStatus status = mho_settings_set(study->settings, axis->key, text, where, error);
    if (status != MHO_OK)
        return status;
    char canonical[MHO_TEXT_MAX];
    mho_settings_format(study->settings, axis->key, canonical, sizeof canonical);
    for (size_t i = 0; i < axis->n; i++)
        if (strcmp(axis->values[i], canonical) == 0)
            return mho_fail(error, MHO_USAGE, "%s%s%s: %s stands twice in the sweep", where ? where : "",
                            where ? ": " : "", axis->key, canonical);
    if (axis->n == MHO_MAX_AXIS_VALUES)
        return mho_fail(error, MHO_USAGE, "%s: more than %d values", axis->key, MHO_MAX_AXIS_VALUES);
    char **grown = realloc(axis->values, (axis->n + 1) * sizeof *grown);
    if (!grown)
        return mho_fail(error, MHO_MEMORY, "out of memory for the axis %s", axis->key);
    axis->values = grown;
    axis->values[axis->n] = strdup(canonical);
    if (!axis->values[axis->n])
        return mho_fail(error, MHO_MEMORY, "out of memory for the axis %s", axis->key);
    axis->n++;
    return MHO_OK;
}

/* first:last:step with both ends included. */
static MhoStatus axis_range(MhoStudy *study, MhoAxis *axis, const char *text, const char *where, MhoError *error)
{
    double first, last, step;
    char tail;
    const char *lead = where ? where : "--set";
    if (sscanf(text, "%lf:%lf:%lf%c", &first, &last, &step, &tail) != 3 || !isfinite(first) || !isfinite(last) ||
        !isfinite(step))
        return mho_fail(error, MHO_USAGE, "%s: %s: '%s' is no range; write first:last:step, as 4:8:2", lead, axis->key,
                        text);
    double count = floor((last - first) / step + 1e-9) + 1.0;
    if (!(count >= 1.0 && count <= MHO_MAX_AXIS_VALUES))
        return mho_fail(error, MHO_USAGE, "%s: %s: the range %s has no values or more than %d", lead, axis->key, text,
                        MHO_MAX_AXIS_VALUES);
    MhoStatus status = MHO_OK;
    for (size_t i = 0; i < (size_t)count && status == MHO_OK; i++) {
        char value[64];
        snprintf(value, sizeof value, "%.12g", first + (double)i * step);
        status = axis_push(study, axis, value, where, error);
    }
    return status;
}

/* A new axis for key, in place of an older one of the same key. */
static MhoStatus axis_start(MhoStudy *study, const char *key, const char *where, MhoAxis **axis, MhoError *error)
{
    if (!mho_settings_find(study->settings, key, NULL))
        return mho_settings_unknown(study->settings, key, where, error);
    size_t at = 0;
    while (at < study->n_axes && strcmp(study->axes[at].key, key) != 0)
        at++;
    if (at == MHO_MAX_AXES)
        return mho_fail(error, MHO_USAGE, "%s%s%s: a sweep has at most %d axes", where ? where : "", where ? ": " : "",
                        key, MHO_MAX_AXES);
    if (at == study->n_axes)
        study->n_axes++;
    axis_clear(&study->axes[at]);
    snprintf(study->axes[at].key, sizeof study->axes[at].key, "%s", key);
    *axis = &study->axes[at];
    return MHO_OK;
}

static void axis_drop(MhoStudy *study, const char *key)
{
    for (size_t i = 0; i < study->n_axes; i++) {
        if (strcmp(study->axes[i].key, key) != 0)
            continue;
        axis_clear(&study->axes[i]);
        study->n_axes--;
        for (size_t j = i; j < study->n_axes; j++)
            study->axes[j] = study->axes[j + 1];
        study->axes[study->n_axes] = (MhoAxis){0};
        return;
    }
}

/* Number-valued keys may be swept with 4,6,8 and 4:8:2 without brackets; texts need brackets. */
static bool is_number(const MhoSettings *settings, const char *key)
{
    const MhoParam *param = mho_settings_find(settings, key, NULL);
    return param && (param->type == MHO_REAL || param->type == MHO_INT);
}

/* Write a value so that unescape() reads it back: special characters behind a backslash, line ends as "\\n". */
static void write_escaped(const char *value, const char *special, FILE *out)
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

/* In place, up to the first bare `end` ('\0': none) or the text's end; returns what stands behind it, or NULL. */
static char *unescape(char *text, char end)
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

/* Values between commas; a comma of a value stands behind a backslash. */
static MhoStatus set_list(MhoStudy *study, const char *key, char *list, const char *where, MhoError *error)
{
    MhoAxis *axis;
    MhoStatus status = axis_start(study, key, where, &axis, error);
    for (char *word = list, *rest; word && status == MHO_OK; word = rest) {
        word += strspn(word, " ");
        rest = unescape(word, ',');
        size_t length = strlen(word);
        while (length > 0 && word[length - 1] == ' ')
            word[--length] = '\0';
        status = axis_push(study, axis, word, where, error);
    }
    return status;
}

/* One scalar text: a value, a list or a range. */
static MhoStatus set_text(MhoStudy *study, const char *key, const char *text, const char *where, MhoError *error)
{
    size_t length = strlen(text);
    bool number = is_number(study->settings, key);
    bool bracketed = length >= 2 && text[0] == '[' && text[length - 1] == ']';
    if (bracketed || (number && strchr(text, ','))) {
        char *list = strdup(bracketed ? text + 1 : text);
        if (!list)
            return mho_fail(error, MHO_MEMORY, "out of memory for the axis %s", key);
        if (bracketed)
            list[length - 2] = '\0';
        MhoStatus status = set_list(study, key, list, where, error);
        free(list);
        return status;
    }
    if (number && strchr(text, ':')) {
        MhoAxis *axis;
        MhoStatus status = axis_start(study, key, where, &axis, error);
        return status == MHO_OK ? axis_range(study, axis, text, where, error) : status;
    }
    axis_drop(study, key);
    return mho_settings_set(study->settings, key, text, where, error);
}

typedef struct Reader {
    MhoStudy *study;
    const char *path;
    char **seen; /* full keys met so far: "chip: {time: 1}" and "chip.time: 1" are one key, swept or not */
    size_t n_seen;
} Reader;

static MhoStatus see_key(Reader *reader, const char *key, const char *where, MhoError *error)
{
    for (size_t i = 0; i < reader->n_seen; i++)
        if (strcmp(reader->seen[i], key) == 0)
            return mho_fail(error, MHO_USAGE, "%s: %s is given twice", where, key);
    char **grown = realloc(reader->seen, (reader->n_seen + 1) * sizeof *grown);
    if (grown)
        reader->seen = grown;
    if (!grown || !(grown[reader->n_seen] = strdup(key)))
        return mho_fail(error, MHO_MEMORY, "out of memory for the study");
    reader->n_seen++;
    return MHO_OK;
}

static MhoStatus read_sequence(MhoStudy *study, const char *path, const char *key, const MhoYaml *leaf, MhoError *error)
{
    char where[4200];
    snprintf(where, sizeof where, "%s:%d", path, leaf->line);
    if (leaf->n_children == 0)
        return mho_fail(error, MHO_USAGE, "%s: sweep.%s: an empty list", where, key);
    MhoAxis *axis;
    MhoStatus status = axis_start(study, key, where, &axis, error);
    for (size_t i = 0; i < leaf->n_children && status == MHO_OK; i++) {
        const MhoYaml *item = leaf->children[i];
        snprintf(where, sizeof where, "%s:%d", path, item->line);
        status = item->kind == MHO_NODE_SCALAR
                     ? axis_push(study, axis, item->scalar, where, error)
                     : mho_fail(error, MHO_USAGE, "%s: sweep.%s: values are plain, not nested", where, key);
    }
    return status;
}

static MhoStatus read_leaf(void *context, const char *key, const MhoYaml *leaf, MhoError *error)
{
    Reader *reader = context;
    bool swept = strncmp(key, "sweep.", 6) == 0;
    char where[4200];
    snprintf(where, sizeof where, "%s:%d", reader->path, leaf->line);
    if (swept)
        key += 6;
    if (!swept && strncmp(key, "train.", 6) == 0)
        reader->study->has_train = true;
    MhoStatus status = see_key(reader, key, where, error);
    if (status != MHO_OK)
        return status;
    if (leaf->kind == MHO_NODE_SCALAR)
        return set_text(reader->study, key, leaf->scalar, where, error);
    if (!swept)
        return mho_fail(error, MHO_USAGE, "%s: %s: a list belongs under sweep:", where, key);
    return read_sequence(reader->study, reader->path, key, leaf, error);
}

MhoStatus mho_study_read(const char *path, MhoStudy *study, MhoError *error)
{
    *study = (MhoStudy){0};
    MhoStatus status = mho_settings_create(&study->settings, error);
    if (status == MHO_OK && path) {
        MhoYaml *root = NULL;
        Reader reader = {.study = study, .path = path};
        if (strlen(path) >= sizeof study->path)
            return mho_fail(error, MHO_USAGE, "the path of the study is too long");
        snprintf(study->path, sizeof study->path, "%s", path);
        status = mho_yaml_read(path, &root, error);
        if (status == MHO_OK)
            status = mho_yaml_walk(root, read_leaf, &reader, error);
        mho_yaml_destroy(root);
        for (size_t i = 0; i < reader.n_seen; i++)
            free(reader.seen[i]);
        free(reader.seen);
    }
    if (status != MHO_OK)
        mho_study_destroy(study);
    return status;
}

/* Split the held-out images off: what eval and sweeps ask of the recipe without training. */
static bool acts_without_training(const char *key)
{
    return strcmp(key, "train.held_out") == 0 || strcmp(key, "train.limit") == 0;
}

static MhoStatus assign(MhoStudy *study, const char *assignment, bool any_recipe, MhoError *error)
{
    const char *equals = strchr(assignment, '=');
    char key[MHO_KEY_MAX];
    if (!equals || equals == assignment || (size_t)(equals - assignment) >= sizeof key)
        return mho_fail(error, MHO_USAGE, "--set %s: write --set key=value", assignment);
    snprintf(key, sizeof key, "%.*s", (int)(equals - assignment), assignment);
    if (!any_recipe && !study->has_train && strncmp(key, "train.", 6) == 0 && !acts_without_training(key))
        return mho_fail(
            error, MHO_USAGE,
            "--set %s: the study has no train: section, so nothing is trained and this would change nothing", key);
    return set_text(study, key, equals + 1, "--set", error);
}

MhoStatus mho_study_set(MhoStudy *study, const char *assignment, MhoError *error)
{
    return assign(study, assignment, false, error);
}

static bool is_axis(const MhoStudy *study, const char *key)
{
    for (size_t i = 0; i < study->n_axes; i++)
        if (strcmp(study->axes[i].key, key) == 0)
            return true;
    return false;
}

static void write_changed(const MhoStudy *study, const MhoSettings *defaults, FILE *out)
{
    const MhoSection *sections;
    size_t n = mho_settings_sections(study->settings, &sections);
    for (size_t i = 0; i < n; i++) {
        for (size_t p = 0; p < sections[i].model->n_params; p++) {
            char key[MHO_KEY_MAX * 2], value[MHO_TEXT_MAX], usual[MHO_TEXT_MAX];
            snprintf(key, sizeof key, "%s%s", sections[i].prefix, sections[i].model->params[p].key);
            mho_settings_format(study->settings, key, value, sizeof value);
            mho_settings_format(defaults, key, usual, sizeof usual);
            if (strcmp(value, usual) == 0 || is_axis(study, key))
                continue;
            fprintf(out, "%s=", key);
            write_escaped(value, "", out);
            fputc('\n', out);
        }
    }
    for (size_t i = 0; i < study->n_axes; i++) {
        fprintf(out, "%s=[", study->axes[i].key);
        for (size_t v = 0; v < study->axes[i].n; v++) {
            fputs(v ? ", " : "", out);
            write_escaped(study->axes[i].values[v], ",", out);
        }
        fputs("]\n", out);
    }
}

char *mho_study_text(const MhoStudy *study)
{
    char *text = NULL;
    size_t size = 0;
    MhoError ignored = {0};
    MhoSettings *defaults = NULL;
    FILE *out = mho_settings_create(&defaults, &ignored) == MHO_OK ? open_memstream(&text, &size) : NULL;
    if (out) {
        write_changed(study, defaults, out);
        if (fclose(out) != 0) {
            free(text);
            text = NULL;
        }
    }
    mho_settings_destroy(defaults);
    return text;
}

MhoStatus mho_study_from_text(const char *text, const char *where, MhoStudy *study, MhoError *error)
{
    MhoStatus status = mho_study_read(NULL, study, error);
    char *copy = status == MHO_OK ? strdup(text) : NULL, *rest = copy, *line;
    if (status == MHO_OK && !copy)
        status = mho_fail(error, MHO_MEMORY, "out of memory for the study");
    while (status == MHO_OK && (line = strsep(&rest, "\n")) != NULL) {
        study->has_train |= strncmp(line, "train.", 6) == 0;
        char *value = strchr(line, '=');
        if (value && value[1] != '[') /* a list's values are unescaped one by one */
            (void)unescape(value + 1, '\0');
        if (*line)
            status = assign(study, line, true, error);
    }
    free(copy);
    if (status == MHO_OK)
        return MHO_OK;
    mho_study_destroy(study);
    return mho_fail_context(error, "%s: the study it holds", where);
}

MhoStatus mho_recipe_digest(const MhoSettings *settings, char hex[65], MhoError *error)
{
    char *text = mho_settings_canonical(settings, true);
    if (!text)
        return mho_fail(error, MHO_MEMORY, "out of memory for the recipe");
    mho_sha256(text, strlen(text), hex);
    free(text);
    return MHO_OK;
}

static const char recipe_mark[] = "{recipe}";

/* The model's name with `word` for {recipe}. */
static MhoStatus fill_path(const MhoSettings *settings, const char *word, char *path, size_t size, MhoError *error)
{
    const char *given = mho_settings_study(settings)->model, *at = strstr(given, recipe_mark);
    int n = at ? snprintf(path, size, "%.*s%s%s", (int)(at - given), given, word, at + strlen(recipe_mark))
               : snprintf(path, size, "%s", given);
    return n >= 0 && (size_t)n < size ? MHO_OK : mho_fail(error, MHO_USAGE, "model: the path is too long");
}

MhoStatus mho_model_path(const MhoSettings *settings, char *path, size_t size, MhoError *error)
{
    char hex[65] = "";
    MhoStatus status = mho_recipe_digest(settings, hex, error);
    hex[8] = '\0';
    return status == MHO_OK ? fill_path(settings, hex, path, size, error) : status;
}

MhoStatus mho_model_float_path(const MhoSettings *settings, const char *recipe, char *path, size_t size,
                               MhoError *error)
{
    char word[sizeof "float-" + 12];
    snprintf(word, sizeof word, "float-%.12s", recipe);
    path[0] = '\0';
    return strstr(mho_settings_study(settings)->model, recipe_mark) ? fill_path(settings, word, path, size, error)
                                                                    : MHO_OK;
}
