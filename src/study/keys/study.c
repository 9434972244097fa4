/* study.c - a study from its YAML file and the command line. */
#include "study/keys/study.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/yaml.h"
#include "study/keys/sweep_axes_internal.h"

void mho_study_destroy(MhoStudy *study)
{
    mho_axes_clear(study);
    mho_origins_clear(study);
    mho_settings_destroy(study->settings);
    *study = (MhoStudy){0};
}

enum { PLACE_MAX = 4200 };

typedef struct Reader {
    MhoStudy *study;
    const char *path;
    size_t grid;
    char **seen; /* "WHERE KEY", full keys met so far: "chip: {time: 1}" and "chip.time: 1" are one key. WHERE is 0 in
                  * the body and 1 + grid under sweep:, where a key may stand again. */
    size_t n_seen;
} Reader;

static MhoStatus see_key(Reader *reader, size_t scope, const char *key, const char *where, MhoError *error)
{
    char name[MHO_KEY_MAX + 32];
    snprintf(name, sizeof name, "%zu %s", scope, key);
    for (size_t i = 0; i < reader->n_seen; i++)
        if (strcmp(reader->seen[i], name) == 0)
            return mho_fail(error, MHO_USAGE, "%s: %s is given twice", where, key);
    char **grown = mho_list_grow(reader->seen, reader->n_seen, sizeof *grown, error);
    if (!grown)
        return MHO_MEMORY;
    reader->seen = grown;
    grown[reader->n_seen] = mho_strdup(name, error);
    return grown[reader->n_seen] && ++reader->n_seen ? MHO_OK : MHO_MEMORY;
}

/* The keys of a leaf, "a" or "a,b,c"; each is met for the first time. */
static MhoStatus see_keys(Reader *reader, size_t scope, const char *text, const char *where, MhoKeys *keys,
                          MhoError *error)
{
    MhoStatus status = mho_keys_split(text, where, keys, error);
    for (size_t i = 0; i < keys->n && status == MHO_OK; i++)
        status = see_key(reader, scope, keys->name[i], where, error);
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
    char where[PLACE_MAX];
    size_t first;
    snprintf(where, sizeof where, "%s:%d", reader->path, leaf->line);
    if (leaf->n_children == 0)
        return mho_fail(error, MHO_USAGE, "%s: sweep.%s: an empty list", where, keys->name[0]);
    MhoStatus status = mho_axes_start(reader->study, reader->grid, keys, where, &first, error);
    if (status == MHO_OK)
        status = mho_origins_note(reader->study, keys, where, true, error);
    for (size_t i = 0; i < leaf->n_children && status == MHO_OK; i++) {
        snprintf(where, sizeof where, "%s:%d", reader->path, leaf->children[i]->line);
        status = read_item(reader->study, first, leaf->children[i], where, error);
    }
    return status;
}

/* "[0..2]", as the text of a study has intervals. */
static bool is_lone_range(const MhoStudy *study, const MhoKeys *keys, const MhoYaml *leaf)
{
    const MhoParam *param = mho_settings_find(study->settings, keys->name[0], NULL);
    return keys->n == 1 && param && leaf->kind == MHO_YAML_LIST && leaf->n_children == 1 &&
           leaf->children[0]->kind == MHO_YAML_SCALAR && mho_is_range(param, leaf->children[0]->scalar);
}

/* A key under sweep:; one value makes an axis of one value. */
static MhoStatus read_swept(void *context, const char *key, const MhoYaml *leaf, MhoError *error)
{
    Reader *reader = context;
    char where[PLACE_MAX];
    snprintf(where, sizeof where, "%s:%d", reader->path, leaf->line);
    MhoKeys keys;
    MhoStatus status = see_keys(reader, 1 + reader->grid, key, where, &keys, error);
    if (status == MHO_OK && is_lone_range(reader->study, &keys, leaf))
        leaf = leaf->children[0];
    if (status != MHO_OK || leaf->kind != MHO_YAML_SCALAR)
        return status == MHO_OK ? read_sequence(reader, &keys, leaf, error) : status;
    const MhoParam *param = mho_settings_find(reader->study->settings, key, NULL);
    if (keys.n > 1 || (param && mho_is_list(param, leaf->scalar)))
        return mho_axes_set(reader->study, reader->grid, key, leaf->scalar, where, error);
    const MhoYaml *const alone[] = {leaf};
    const MhoYaml list = {.kind = MHO_YAML_LIST, .line = leaf->line, .children = (MhoYaml **)alone, .n_children = 1};
    return read_sequence(reader, &keys, &list, error);
}

/* The grids of "sweep: [{...}, {...}]". */
static MhoStatus read_grids(Reader *reader, const MhoYaml *list, MhoError *error)
{
    MhoStatus status = MHO_OK;
    for (size_t g = 0; g < list->n_children && status == MHO_OK; g++) {
        if (list->children[g]->kind != MHO_YAML_MAP)
            return mho_fail(error, MHO_USAGE,
                            "%s:%d: sweep: write keys with their lists, as chip.noise: [0, 1], or a list of such grids",
                            reader->path, list->children[g]->line);
        if (g == MHO_MAX_STUDY_AXES)
            return mho_fail(error, MHO_USAGE, "%s:%d: sweep: more than %d grids", reader->path, list->children[g]->line,
                            MHO_MAX_STUDY_AXES);
        reader->grid = g;
        reader->study->n_grids = g + 1;
        status = mho_yaml_each_leaf(list->children[g], read_swept, reader, error);
    }
    reader->grid = 0;
    return status;
}

/* One value of the body. */
static MhoStatus read_value(Reader *reader, const char *key, const char *text, const char *where, MhoError *error)
{
    char place[PLACE_MAX + MHO_KEY_MAX];
    const MhoParam *param = mho_settings_find(reader->study->settings, key, NULL);
    MhoKeys keys = {.n = 1};
    snprintf(keys.name[0], sizeof keys.name[0], "%s", key);
    snprintf(place, sizeof place, "%s: %s", where, key);
    MhoStatus status = param ? mho_refuse_list(param, text, place, error) : MHO_OK;
    if (status == MHO_OK)
        status = mho_settings_set(reader->study->settings, key, text, where, error);
    return status == MHO_OK ? mho_origins_note(reader->study, &keys, where, false, error) : status;
}

static MhoStatus read_leaf(void *context, const char *key, const MhoYaml *leaf, MhoError *error)
{
    Reader *reader = context;
    char where[PLACE_MAX];
    snprintf(where, sizeof where, "%s:%d", reader->path, leaf->line);
    if (strncmp(key, "sweep.", 6) == 0)
        return read_swept(context, key + 6, leaf, error);
    if (strcmp(key, "sweep") == 0 && leaf->kind == MHO_YAML_LIST)
        return read_grids(reader, leaf, error);
    if (strcmp(key, "sweep") == 0 && leaf->scalar[0] == '\0')
        return MHO_OK; /* nothing is swept yet */
    if (strncmp(key, "train.", 6) == 0)
        reader->study->has_train = true;
    if (leaf->kind != MHO_YAML_SCALAR || strchr(key, ','))
        return mho_fail(error, MHO_USAGE, "%s: %s: a list belongs under sweep:", where, key);
    const MhoStatus status = see_key(reader, 0, key, where, error);
    return status == MHO_OK ? read_value(reader, key, leaf->scalar, where, error) : status;
}

MhoStatus mho_study_read(const char *path, MhoStudy *study, MhoError *error)
{
    *study = (MhoStudy){.n_grids = 1};
    MhoStatus status = mho_settings_create(&study->settings, error);
    if (status == MHO_OK && path) {
        MhoYaml *root = NULL;
        Reader reader = {.study = study, .path = path};
        if (strlen(path) >= sizeof study->path)
            status = mho_fail(error, MHO_USAGE, "the path of the study is too long");
        else
            snprintf(study->path, sizeof study->path, "%s", path);
        if (status == MHO_OK)
            status = mho_settings_set_folder(study->settings, path, error);
        if (status == MHO_OK)
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

/* What is wrong with a value itself: that is told before anything else about its key. */
static MhoStatus check_value(const MhoStudy *study, const char *key, const char *text, const char *where,
                             MhoError *error)
{
    MhoStudy scratch = {.n_grids = 1};
    MhoStatus status = mho_settings_copy(study->settings, &scratch.settings, error);
    if (status == MHO_OK)
        status = mho_axes_set(&scratch, 0, key, text, where, error);
    if (status == MHO_OK) {
        status = mho_settings_check(scratch.settings, error);
        if (status != MHO_OK)
            status = mho_study_fail_place(&scratch, error);
    }
    mho_study_destroy(&scratch);
    return status;
}

MhoStatus mho_study_assign(MhoStudy *study, const char *key, const char *text, const char *where, MhoError *error)
{
    const bool known = mho_settings_find(study->settings, key, NULL) != NULL; /* a misspelling is told first */
    if (known && !study->has_train && mho_settings_through_model(key) && !acts_without_training(key)) {
        const MhoStatus status = check_value(study, key, text, where, error);
        return status != MHO_OK ? status
                                : mho_fail(error, MHO_USAGE,
                                           "%s%s%s: the study has no train: section, so nothing is trained and this "
                                           "would change nothing",
                                           where ? where : "", where ? " " : "", key);
    }
    return mho_axes_set(study, MHO_EVERY_GRID, key, text, where, error);
}

/* The key of "key=value"; *value: what follows. */
static MhoStatus split_assignment(const char *assignment, char key[MHO_MAX_AXES * MHO_KEY_MAX], const char **value,
                                  MhoError *error)
{
    const char *equals = strchr(assignment, '=');
    if (!equals || equals == assignment || (size_t)(equals - assignment) >= MHO_MAX_AXES * MHO_KEY_MAX)
        return mho_fail(error, MHO_USAGE, "--set %s: write --set key=value", assignment);
    snprintf(key, MHO_MAX_AXES * MHO_KEY_MAX, "%.*s", (int)(equals - assignment), assignment);
    *value = equals + 1;
    return MHO_OK;
}

MhoStatus mho_study_set(MhoStudy *study, const char *assignment, MhoError *error)
{
    char key[MHO_MAX_AXES * MHO_KEY_MAX];
    const char *value = "";
    const MhoStatus status = split_assignment(assignment, key, &value, error);
    return status == MHO_OK ? mho_study_assign(study, key, value, "--set", error) : status;
}

/* A line for every key, or for those alone that are not at their defaults, and for the axes. */
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
        if ((!full && (mho_settings_is_default(study->settings, &key) || mho_settings_of_cluster(key.name))) ||
            mho_is_axis_everywhere(study, key.name))
            continue;
        mho_settings_format(study->settings, key.name, value, sizeof value);
        fprintf(out, "%s=%s", key.name, value[0] == '[' ? "\\" : ""); /* a bare [ begins a list */
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

/* One line of a study's text. *grid: that of the axes that follow. */
static MhoStatus read_line(MhoStudy *study, char *line, size_t *grid, MhoError *error)
{
    char key[MHO_MAX_AXES * MHO_KEY_MAX];
    const char *value = "";
    MhoStatus status = split_assignment(line, key, &value, error);
    if (status != MHO_OK)
        return status;
    if (strcmp(key, "sweep") == 0) {
        const unsigned long n = strtoul(value, NULL, 10);
        if (n < 1 || n > MHO_MAX_STUDY_AXES || (n > 1 && n != study->n_grids + 1))
            return mho_fail(error, MHO_USAGE, "sweep: '%s' is not the number of the next grid", value);
        *grid = n - 1;
        study->n_grids = n;
        return MHO_OK;
    }
    study->has_train |= strncmp(line, "train.", 6) == 0;
    if (value[0] == '[') /* a list's values are unescaped one by one */
        return mho_axes_set(study, *grid, key, value, NULL, error);
    (void)mho_unescape(line + (value - line), '\0');
    return mho_settings_set(study->settings, key, value, NULL, error);
}

MhoStatus mho_study_from_text(const char *text, const char *where, MhoStudy *study, MhoError *error)
{
    MhoStatus status = mho_study_read(NULL, study, error);
    char *copy = status == MHO_OK ? mho_strdup(text, error) : NULL, *rest = copy, *line;
    size_t grid = 0;
    if (status == MHO_OK && !copy)
        status = MHO_MEMORY;
    while (status == MHO_OK && (line = strsep(&rest, "\n")) != NULL)
        if (*line)
            status = read_line(study, line, &grid, error);
    free(copy);
    if (status == MHO_OK)
        return MHO_OK;
    mho_study_destroy(study);
    return mho_fail_context(error, "%s: the study it holds", where);
}
