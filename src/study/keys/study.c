/* study.c - a study from its YAML file and the command line. */
#include "study/keys/study.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/memory.h"
#include "base/yaml.h"
#include "study/keys/sweep_axes_internal.h"

void mho_study_destroy(MhoStudy *study)
{
    mho_axes_clear(study);
    mho_settings_destroy(study->settings);
    *study = (MhoStudy){0};
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
    char **grown = mho_list_grow(reader->seen, reader->n_seen, sizeof *grown, error);
    if (!grown)
        return MHO_MEMORY;
    reader->seen = grown;
    grown[reader->n_seen] = mho_strdup(key, error);
    return grown[reader->n_seen] && ++reader->n_seen ? MHO_OK : MHO_MEMORY;
}

/* The keys of a leaf, "a" or "a,b,c"; each is met for the first time. */
static MhoStatus see_keys(Reader *reader, const char *text, const char *where, MhoKeys *keys, MhoError *error)
{
    MhoStatus status = mho_keys_split(text, where, keys, error);
    for (size_t i = 0; i < keys->n && status == MHO_OK; i++)
        status = see_key(reader, keys->name[i], where, error);
    return status;
}

/* One value of a sweep's list, or a row of them where several keys move together. */
static MhoStatus read_item(MhoStudy *study, size_t first, const MhoYaml *item, const char *where, MhoError *error)
{
    const char *values[MHO_MAX_AXES + 1];
    size_t n = mho_axes_together(study, first);
    if (n == 1 && item->kind == MHO_YAML_SCALAR)
        return mho_axes_push(study, first, (const char *const *)&item->scalar, 1, where, error);
    if (n == 1)
        return mho_fail(error, MHO_USAGE, "%s: sweep.%s: values are plain, not nested", where, study->axes[first].key);
    bool is_row = item->kind == MHO_YAML_LIST;
    for (size_t k = 0; k < item->n_children && k <= MHO_MAX_AXES && is_row; k++) {
        is_row = item->children[k]->kind == MHO_YAML_SCALAR;
        values[k] = item->children[k]->scalar;
    }
    if (!is_row)
        return mho_fail(error, MHO_USAGE,
                        "%s: sweep.%s and the keys after it move together: rows are lists, as "
                        "[0.2, 1]",
                        where, study->axes[first].key);
    n = item->n_children <= MHO_MAX_AXES ? item->n_children : MHO_MAX_AXES + 1;
    return mho_axes_push(study, first, values, n, where, error);
}

static MhoStatus read_sequence(Reader *reader, const MhoKeys *keys, const MhoYaml *leaf, MhoError *error)
{
    char where[4200];
    size_t first;
    snprintf(where, sizeof where, "%s:%d", reader->path, leaf->line);
    if (leaf->n_children == 0)
        return mho_fail(error, MHO_USAGE, "%s: sweep.%s: an empty list", where, keys->name[0]);
    MhoStatus status = mho_axes_start(reader->study, keys, where, &first, error);
    for (size_t i = 0; i < leaf->n_children && status == MHO_OK; i++) {
        snprintf(where, sizeof where, "%s:%d", reader->path, leaf->children[i]->line);
        status = read_item(reader->study, first, leaf->children[i], where, error);
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
    MhoKeys keys;
    MhoStatus status = see_keys(reader, key, where, &keys, error);
    if (status != MHO_OK)
        return status;
    if (leaf->kind == MHO_YAML_SCALAR)
        return mho_axes_set(reader->study, key, leaf->scalar, where, error);
    if (!swept && strcmp(key, "sweep") == 0)
        return mho_fail(error, MHO_USAGE, "%s: sweep: write keys with their lists, as chip.noise: [0, 1]", where);
    if (!swept)
        return mho_fail(error, MHO_USAGE, "%s: %s: a list belongs under sweep:", where, key);
    return read_sequence(reader, &keys, leaf, error);
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
            status = mho_yaml_each_leaf(root, read_leaf, &reader, error);
        mho_yaml_destroy(root);
        for (size_t i = 0; i < reader.n_seen; i++)
            free(reader.seen[i]);
        free(reader.seen);
    }
    if (status != MHO_OK)
        mho_study_destroy(study);
    return status;
}

/* Keys that split the validation images off, which eval and sweeps do without training. */
static bool acts_without_training(const char *key)
{
    return strcmp(key, "train.validation") == 0 || strcmp(key, "train.limit") == 0;
}

MhoStatus mho_study_assign(MhoStudy *study, const char *key, const char *text, const char *where, MhoError *error)
{
    const bool known = mho_settings_find(study->settings, key, NULL) != NULL; /* a misspelling is told first */
    if (known && !study->has_train && mho_settings_through_model(key) && !acts_without_training(key))
        return mho_fail(error, MHO_USAGE,
                        "%s%s%s: the study has no train: section, so nothing is trained and this would change nothing",
                        where ? where : "", where ? " " : "", key);
    return mho_axes_set(study, key, text, where, error);
}

static MhoStatus assign(MhoStudy *study, const char *assignment, bool any_recipe, MhoError *error)
{
    const char *equals = strchr(assignment, '=');
    char key[MHO_MAX_AXES * MHO_KEY_MAX];
    if (!equals || equals == assignment || (size_t)(equals - assignment) >= sizeof key)
        return mho_fail(error, MHO_USAGE, "--set %s: write --set key=value", assignment);
    snprintf(key, sizeof key, "%.*s", (int)(equals - assignment), assignment);
    return any_recipe ? mho_axes_set(study, key, equals + 1, "--set", error)
                      : mho_study_assign(study, key, equals + 1, "--set", error);
}

MhoStatus mho_study_set(MhoStudy *study, const char *assignment, MhoError *error)
{
    return assign(study, assignment, false, error);
}

/* A line for every key, for those alone that are not at their defaults, and for the axes. */
static char *study_text(const MhoStudy *study, bool full)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    MhoSettingsKey key = {0};
    while (mho_settings_next(study->settings, &key)) {
        char value[MHO_TEXT_MAX];
        if ((!full && mho_settings_is_default(study->settings, &key)) || mho_is_axis(study, key.name))
            continue;
        mho_settings_format(study->settings, key.name, value, sizeof value);
        fprintf(out, "%s=", key.name);
        mho_write_escaped(value, "", out);
        fputc('\n', out);
    }
    mho_axes_write(study, out);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

char *mho_study_text(const MhoStudy *study)
{
    return study_text(study, false);
}

char *mho_study_full_text(const MhoStudy *study)
{
    return study_text(study, true);
}

MhoStatus mho_study_from_text(const char *text, const char *where, MhoStudy *study, MhoError *error)
{
    MhoStatus status = mho_study_read(NULL, study, error);
    char *copy = status == MHO_OK ? mho_strdup(text, error) : NULL, *rest = copy, *line;
    if (status == MHO_OK && !copy)
        status = MHO_MEMORY;
    while (status == MHO_OK && (line = strsep(&rest, "\n")) != NULL) {
        study->has_train |= strncmp(line, "train.", 6) == 0;
        char *value = strchr(line, '=');
        if (value && value[1] != '[') /* a list's values are unescaped one by one */
            (void)mho_unescape(value + 1, '\0');
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
