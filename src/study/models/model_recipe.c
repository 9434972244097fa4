/* model_recipe.c - compares a model file with a recipe, key by key. */
#include "study/models/model_recipe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "store/store.h"
#include "study/keys/study.h"

enum { MOST_KEYS = 3, MOST_VALUE = 48 };

const char *mho_provenance_text(const MhoRecord *record, const char *name)
{
    const MhoRecord *group = mho_record_find(record, "provenance");
    const char *text = group ? mho_attribute_string(&group->attributes, name) : NULL;
    return text ? text : "";
}

/* One line "key=value" of a recipe. */
typedef struct Line {
    const char *key, *value;
    int key_length, length; /* length: of the value */
} Line;

/* The next line of *text; false at the end. */
static bool next_line(const char **text, Line *line)
{
    const char *at = *text + strspn(*text, "\n"), *end = at + strcspn(at, "\n"), *equals = at;
    while (equals < end && *equals != '=')
        equals++;
    *text = end;
    *line = (Line){.key = at,
                   .key_length = (int)(equals - at),
                   .value = equals < end ? equals + 1 : end,
                   .length = equals < end ? (int)(end - equals - 1) : 0};
    return at < end;
}

static bool find_key(const char *text, const Line *wanted, Line *found)
{
    while (next_line(&text, found))
        if (found->key_length == wanted->key_length &&
            strncmp(found->key, wanted->key, (size_t)wanted->key_length) == 0)
            return true;
    return false;
}

/* A list of differences that grows by phrases. */
typedef struct Phrases {
    char *text;
    size_t size, n;
} Phrases;

static void add_value(Phrases *to, const char *lead, const Line *line)
{
    const size_t used = strlen(to->text);
    const bool is_long = line && line->length > MOST_VALUE;
    if (!line)
        snprintf(to->text + used, to->size - used, "%snot used", lead);
    else if (line->length == 0)
        snprintf(to->text + used, to->size - used, "%sempty", lead);
    else
        snprintf(to->text + used, to->size - used, "%s%.*s%s", lead, is_long ? MOST_VALUE : line->length, line->value,
                 is_long ? "..." : "");
}

/* Lines that are digests: what another one means. */
static const char *digest_phrase(const Line *line)
{
    static const struct {
        const char *key, *phrase;
    } digests[] = {{"data.training_sha256=", "its training images were others"},
                   {"model_sha256=", "it is of another model"},
                   {"images_sha256=", "it is of other images"}};
    for (size_t i = 0; i < sizeof digests / sizeof *digests; i++)
        if (strncmp(line->key, digests[i].key, strlen(digests[i].key)) == 0)
            return digests[i].phrase;
    return NULL;
}

/* One difference: a key with its value there and here; NULL: it has none. */
static void add_phrase(Phrases *to, const Line *there, const Line *here)
{
    const Line *line = here ? here : there;
    const char *phrase = digest_phrase(line);
    if (to->n++ >= MOST_KEYS)
        return;
    const size_t used = strlen(to->text);
    const char *comma = to->n > 1 ? ", " : "";
    if (phrase) {
        snprintf(to->text + used, to->size - used, "%s%s", comma, phrase);
        return;
    }
    snprintf(to->text + used, to->size - used, "%s%.*s", comma, line->key_length, line->key);
    add_value(to, " is ", there);
    add_value(to, " there and ", here);
    snprintf(to->text + strlen(to->text), to->size - strlen(to->text), " here");
}

void mho_recipe_difference(const char *there, const char *here, char *text, size_t size)
{
    Phrases phrases = {.text = text, .size = size};
    const char *at = here;
    Line line, other;
    text[0] = '\0';
    while (next_line(&at, &line)) /* values that changed say more than keys that came or went with them */
        if (find_key(there, &line, &other) &&
            (other.length != line.length || strncmp(other.value, line.value, (size_t)line.length) != 0))
            add_phrase(&phrases, &other, &line);
    for (at = here; next_line(&at, &line);)
        if (!find_key(there, &line, &other))
            add_phrase(&phrases, NULL, &line);
    for (at = there; next_line(&at, &line);)
        if (!find_key(here, &line, &other))
            add_phrase(&phrases, &line, NULL);
    if (phrases.n > MOST_KEYS)
        snprintf(text + strlen(text), size - strlen(text), " and %zu more", phrases.n - MOST_KEYS);
}

/* Whether the file begins as HDF5 files do: one that cannot be read is then a damaged one. */
static bool is_hdf5(const char *path)
{
    static const unsigned char signature[] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
    unsigned char begin[sizeof signature] = {0};
    FILE *file = fopen(path, "rb");
    const bool same =
        file && fread(begin, 1, sizeof begin, file) == sizeof begin && memcmp(begin, signature, sizeof begin) == 0;
    if (file)
        fclose(file);
    return same;
}

static MhoModelFound describe_unreadable(const char *path, const MhoError *why, char text[MHO_RECIPE_WHY_MAX])
{
    if (!is_hdf5(path)) {
        snprintf(text, MHO_RECIPE_WHY_MAX, "is not a model");
        return MHO_MODEL_FOREIGN;
    }
    const size_t lead = strlen(path) + 2; /* "PATH: " would stand there twice */
    const char *cause =
        strncmp(why->text, path, lead - 2) == 0 && strlen(why->text) > lead ? why->text + lead : why->text;
    snprintf(text, MHO_RECIPE_WHY_MAX, "cannot be read (%.400s)", cause);
    return MHO_MODEL_OTHER;
}

static MhoModelFound describe(const MhoRecord *record, const char *recipe, const char *here,
                              char why[MHO_RECIPE_WHY_MAX])
{
    const char *theirs = mho_attribute_string(&record->attributes, "recipe"),
               *there = mho_provenance_text(record, "recipe");
    char difference[MHO_RECIPE_WHY_MAX / 2] = "";
    if (!mho_record_find(record, "graph")) {
        snprintf(why, MHO_RECIPE_WHY_MAX, "is not a model");
        return MHO_MODEL_FOREIGN;
    }
    if (theirs && strcmp(theirs, recipe) == 0)
        return MHO_MODEL_MADE;
    if (!theirs || !*theirs) {
        snprintf(why, MHO_RECIPE_WHY_MAX, "holds no recipe: another program made it");
        return MHO_MODEL_OTHER;
    }
    if (*there)
        mho_recipe_difference(there, here, difference, sizeof difference);
    snprintf(why, MHO_RECIPE_WHY_MAX, "was made by another recipe%s%s", *difference ? ": " : "", difference);
    return MHO_MODEL_OTHER;
}

MhoStatus mho_model_find(const char *path, const MhoSettings *settings, MhoModelFound *found,
                         char why[MHO_RECIPE_WHY_MAX], MhoError *error)
{
    struct stat file;
    char recipe[65];
    MhoError cause = {0};
    MhoRecord *record = NULL;
    *found = MHO_MODEL_NONE;
    why[0] = '\0';
    if (stat(path, &file) != 0)
        return errno == ENOENT || errno == ENOTDIR
                   ? MHO_OK
                   : mho_fail(error, MHO_IO, "%s: cannot look for a model here: %s", path, strerror(errno));
    if (!S_ISREG(file.st_mode)) {
        *found = MHO_MODEL_FOREIGN;
        snprintf(why, MHO_RECIPE_WHY_MAX, "is not a file");
        return MHO_OK;
    }
    MhoStatus status = mho_recipe_digest(settings, recipe, error);
    char *here = status == MHO_OK ? mho_settings_canonical(settings, true) : NULL;
    if (!here)
        return status == MHO_OK ? mho_fail(error, MHO_MEMORY, "out of memory for the recipe") : status;
    status = mho_store_read(path, false, &record, &cause);
    if (status == MHO_OK)
        *found = describe(record, recipe, here, why);
    else if (status == MHO_INPUT)
        *found = describe_unreadable(path, &cause, why);
    else if (error)
        *error = cause;
    mho_record_destroy(record);
    free(here);
    return status == MHO_INPUT ? MHO_OK : status;
}
