/* store_sample.c - records for the tests of the store, and folders of their own to write them to. */
#include "support/store_sample.h"

#include <dirent.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Also used outside of a test, where Check's assertions cannot be. */
static void must(bool good)
{
    if (!good)
        abort();
}

MhoArray *store_add(MhoRecord *record, const char *name, MhoType type, size_t rank, const size_t *shape,
                    const char *const *axes, const char *unit, const void *data)
{
    MhoArray *array = NULL;
    must(mho_record_add(record, name, type, rank, shape, axes, unit, "what it is", data, &array, NULL) == MHO_OK);
    return array;
}

static MhoRecord *child_of(MhoRecord *record, const char *name)
{
    MhoRecord *child = NULL;
    must(mho_record_child(record, name, &child, NULL) == MHO_OK);
    return child;
}

/* Arrays of 1 to 8 axes and every type, values that use the whole range. */
static void add_types(MhoRecord *record)
{
    static const size_t shape[MHO_MAX_RANK] = {2, 3, 2, 1, 2, 3, 1, 2};
    static const char *const axes[MHO_MAX_RANK] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    unsigned char bytes[144 * 8];
    char name[16];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 37 + i / 7);
    for (int type = MHO_U8; type < MHO_STRING; type++) {
        MhoArray *array;
        snprintf(name, sizeof name, "t_%s", mho_type_name((MhoType)type));
        array = store_add(record, name, (MhoType)type, (size_t)type + 1, shape, axes, "S", bytes);
        if (type == MHO_F32) {
            ((float *)array->data)[0] = NAN;
            ((float *)array->data)[1] = -INFINITY;
        }
        if (type == MHO_F64) {
            ((double *)array->data)[0] = NAN;
            ((double *)array->data)[1] = -0.0;
            ((double *)array->data)[2] = 5e-324;
        }
    }
}

static void add_attributes(MhoAttributes *attributes)
{
    static const char *const texts[] = {"one", "", "dr\xc3\xb6i"};
    static const double reals[] = {0.1, -3.0, 1e300};
    static const uint64_t large = UINT64_MAX;
    must(mho_attribute_text(attributes, "title", "a sample", NULL) == MHO_OK);
    must(mho_attribute_text(attributes, "empty", "", NULL) == MHO_OK);
    must(mho_attribute_real(attributes, "ratio", 0.1, NULL) == MHO_OK);
    must(mho_attribute_int(attributes, "count", INT64_MIN, NULL) == MHO_OK);
    must(mho_attribute_set(attributes, "texts", MHO_STRING, 3, texts, NULL) == MHO_OK);
    must(mho_attribute_set(attributes, "reals", MHO_F64, 3, reals, NULL) == MHO_OK);
    must(mho_attribute_set(attributes, "large", MHO_U64, 1, &large, NULL) == MHO_OK);
    must(mho_attribute_set(attributes, "nothing", MHO_F32, 0, NULL, NULL) == MHO_OK);
}

/* Axes that cannot keep their name: two lengths in one group, the name of a child, of another array, of the array
 * itself. */
static void add_clashes(MhoRecord *record)
{
    store_add(record, "short", MHO_F32, 1, (size_t[]){3}, (const char *[]){"k"}, "", NULL);
    store_add(record, "long", MHO_F32, 1, (size_t[]){5}, (const char *[]){"k"}, "", NULL);
    store_add(record, "square", MHO_F32, 2, (size_t[]){3, 3}, (const char *[]){"k", "k"}, "", NULL);
    store_add(record, "by_layer", MHO_I32, 1, (size_t[]){4}, (const char *[]){"layer"}, "", NULL);
    store_add(record, "by_short", MHO_I32, 1, (size_t[]){6}, (const char *[]){"short"}, "", NULL);
    store_add(record, "table", MHO_I32, 2, (size_t[]){2, 3}, (const char *[]){"table", "k"}, "", NULL);
    store_add(record, "unnamed", MHO_I16, 3, (size_t[]){2, 1, 2}, NULL, "", NULL);
    store_add(record, "half_named", MHO_I16, 2, (size_t[]){2, 3}, (const char *[]){NULL, "k"}, "", NULL);
    store_add(child_of(record, "layer"), "weight", MHO_I8, 2, (size_t[]){7, 3}, (const char *[]){"k", "c"}, "", NULL);
}

MhoRecord *store_sample(void)
{
    static const char *const words[] = {"pcm", "", "nor_flash"};
    MhoRecord *record = NULL;
    MhoArray *array;
    must(mho_record_create(&record, NULL) == MHO_OK);
    add_attributes(&record->attributes);
    add_types(record);
    add_clashes(record);
    store_add(record, "scalar", MHO_F64, 0, NULL, NULL, "K", &(double){300.0});
    store_add(record, "scalar_text", MHO_STRING, 0, NULL, NULL, "", (const char *[]){"text"});
    store_add(record, "none", MHO_F32, 1, (size_t[]){0}, (const char *[]){"nothing"}, "", NULL);
    array = store_add(record, "words", MHO_STRING, 1, (size_t[]){3}, (const char *[]){"word"}, "", words);
    add_attributes(&array->attributes);
    array = store_add(child_of(child_of(record, "deep"), "deeper"), "large", MHO_F32, 2, (size_t[]){300, 20},
                      (const char *[]){"row", "b"}, "S", NULL);
    for (size_t i = 0; i < 6000; i++)
        ((float *)array->data)[i] = (float)(i % 97) * 0.25f;
    add_attributes(&child_of(record, "deep")->attributes);
    (void)child_of(record, "empty");
    return record;
}

MhoRecord *store_result(void)
{
    static const char *const point_chip[] = {"point", "chip"};
    static const char *const cells[] = {"pcm", "pcm", "nor_flash", "nor_flash", "ideal", "ideal"};
    static const double noise[] = {0.5, 1.0, 0.5, 1.0, NAN, NAN};
    static const char *const grid_axes[] = {"chip.cell.name", "chip.noise", "chip"};
    double accuracy[24];
    int64_t index[6];
    MhoRecord *record = NULL;
    MhoRecord *grid;
    for (size_t i = 0; i < 24; i++) {
        accuracy[i] = 0.9 - 0.001 * (double)i;
        index[i % 6] = (int64_t)(i % 6);
    }
    must(mho_record_create(&record, NULL) == MHO_OK);
    must(mho_attribute_text(&record->attributes, "title", "a sample", NULL) == MHO_OK);
    store_add(record, "point", MHO_I64, 1, (size_t[]){6}, (const char *[]){"point"}, "", index);
    store_add(record, "accuracy", MHO_F64, 2, (size_t[]){6, 4}, point_chip, "1", accuracy);
    store_add(record, "chip.cell.name", MHO_STRING, 1, (size_t[]){6}, point_chip, "", cells);
    store_add(record, "chip.noise", MHO_F64, 1, (size_t[]){6}, point_chip, "", noise);
    store_add(record, "n_chips", MHO_I32, 1, (size_t[]){6}, point_chip, "", (int32_t[]){4, 4, 4, 4, 1, 1});
    store_add(child_of(record, "summary"), "accuracy_mean", MHO_F64, 1, (size_t[]){6}, point_chip, "1", accuracy);
    grid = child_of(record, "grid");
    store_add(grid, "chip.cell.name", MHO_STRING, 1, (size_t[]){2}, grid_axes, "",
              (const char *[]){"pcm", "nor_flash"});
    store_add(grid, "chip.noise", MHO_F64, 1, (size_t[]){2}, grid_axes + 1, "", noise);
    store_add(grid, "accuracy", MHO_F64, 3, (size_t[]){2, 2, 4}, grid_axes, "1", accuracy);
    store_add(child_of(child_of(record, "layers"), "conv1"), "weight", MHO_I8, 2, (size_t[]){4, 9},
              (const char *[]){"k", "r"}, "", NULL);
    store_add(child_of(child_of(record, "layers"), "conv2"), "weight", MHO_I8, 2, (size_t[]){8, 36},
              (const char *[]){"k", "r"}, "", NULL);
    store_add(record, "plain", MHO_F32, 2, (size_t[]){2, 3}, NULL, "", NULL);
    must(mho_attribute_text(&child_of(record, "provenance")->attributes, "host", "here", NULL) == MHO_OK);
    return record;
}

const char *store_folder(void)
{
    static char folder[512];
    const char *base = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/mho-store-XXXXXX", base != NULL && *base != '\0' ? base : "/tmp");
    must(mkdtemp(folder) != NULL);
    return folder;
}

const char *store_path(const char *folder, const char *name)
{
    static char paths[8][1024];
    static int next;
    next = (next + 1) % 8;
    snprintf(paths[next], sizeof paths[next], "%s/%s", folder, name);
    return paths[next];
}

void store_remove_folder(const char *folder)
{
    DIR *handle = opendir(folder);
    struct dirent *entry;
    while (handle != NULL && (entry = readdir(handle)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            (void)remove(store_path(folder, entry->d_name));
    if (handle != NULL)
        (void)closedir(handle);
    (void)rmdir(folder);
}

int store_count_files(const char *folder)
{
    DIR *handle = opendir(folder);
    struct dirent *entry;
    int n = 0;
    if (handle == NULL)
        return -1;
    while ((entry = readdir(handle)) != NULL)
        n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    (void)closedir(handle);
    return n;
}
