/* fuzz_images.c - sets of images from records, as HDF5 files give them: any type and shape is taken or refused.
 *
 * Input: type of x, rank of x, its dimensions (1 byte each, MHO_MAX_RANK), the same for y, limit, names of classes,
 * then the values of y.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/dataset.h"
#include "replay.h"

enum { HEAD = 2 * (2 + MHO_MAX_RANK) + 2, MAX_VALUES = 1 << 16, N_TYPES = MHO_STRING + 1 };

/* An array of zeros, or of the given bytes repeated; false when it would be large. */
static bool add(MhoRecord *record, const char *name, const uint8_t *head, const uint8_t *values, size_t n_values)
{
    static const char *const text = "1";
    const MhoType type = (MhoType)(head[0] % N_TYPES);
    const size_t rank = head[1] % (MHO_MAX_RANK + 1);
    size_t shape[MHO_MAX_RANK] = {0}, n = 1;
    MhoArray *array = NULL;
    for (size_t i = 0; i < rank; i++) {
        shape[i] = head[2 + i];
        n *= shape[i];
        if (n > MAX_VALUES)
            return false;
    }
    const char **words = calloc(n + 1, sizeof *words);
    require(words != NULL);
    for (size_t i = 0; i < n; i++)
        words[i] = text;
    require(mho_record_add(record, name, type, rank, shape, NULL, "", "",
                           type == MHO_STRING ? (const void *)words : NULL, &array, NULL) == MHO_OK);
    free(words);
    for (size_t i = 0; type != MHO_STRING && n_values > 0 && i < n * mho_type_size(type); i++)
        ((uint8_t *)array->data)[i] = values[i % n_values];
    return true;
}

static void add_names(MhoRecord *record, uint8_t kind)
{
    char *names[256];
    const size_t n = kind % 32;
    for (size_t i = 0; i < n; i++)
        names[i] = kind % 2 == 0 ? "a name" : "";
    if (kind >= 192)
        require(mho_attribute_real(&record->attributes, "class_names", 3.0, NULL) == MHO_OK);
    else if (kind >= 32)
        require(mho_attribute_set(&record->attributes, "class_names", MHO_STRING, n, names, NULL) == MHO_OK);
}

static void check_set(const MhoDataset *set, size_t limit)
{
    unsigned sum = 0;
    require(set->n > 0 && (limit == 0 || set->n <= limit) && strlen(set->digest) == 64);
    for (size_t i = 0; i < set->n; i++)
        require(set->labels[i] < set->n_classes);
    for (size_t i = 0; i < set->n * (size_t)set->h * (size_t)set->w * (size_t)set->c; i++)
        sum += set->images[i];
    for (int i = 0; set->class_names && i < set->n_classes; i++)
        sum += (unsigned)strlen(set->class_names[i]);
    require(sum < UINT32_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    MhoRecord *record = NULL;
    MhoDataset set, training, validation;
    MhoError error = {.text = ""};
    if (n < HEAD)
        return 0;
    const uint8_t *y = data + 2 + MHO_MAX_RANK, *rest = y + 2 + MHO_MAX_RANK;
    require(mho_record_create(&record, NULL) == MHO_OK);
    if (add(record, "x", data, data, HEAD) && add(record, "y", y, data + HEAD, n - HEAD)) {
        add_names(record, rest[1]);
        if (mho_dataset_from_record(record, "fuzz.h5", rest[0], &set, &error) == MHO_OK) {
            check_set(&set, rest[0]);
            if (mho_dataset_split(&set, set.n / 2, 1, &training, &validation, &error) == MHO_OK) {
                require(training.n + validation.n == set.n);
                mho_dataset_destroy(&training);
                mho_dataset_destroy(&validation);
            }
            mho_dataset_destroy(&set);
            count_taken();
        } else {
            require(set.images == NULL);
            require_reason(&error, MHO_INPUT, "fuzz.h5");
        }
    }
    mho_record_destroy(record);
    return 0;
}

#ifndef MHO_LIBFUZZER
int main(int argc, char **argv)
{
    static const uint8_t seeds[][HEAD + 4] = {
        {MHO_U8, 4, 4, 3, 2, 1, 0, 0, 0, 0, MHO_U8, 1, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3},
        {MHO_U8, 4, 9, 2, 2, 3, 0, 0, 0, 0, MHO_I64, 1, 9, 0, 0, 0, 0, 0, 0, 0, 5, 36, 0, 0, 0, 0},
        {MHO_U8, 4, 2, 5, 5, 1, 0, 0, 0, 0, MHO_I32, 1, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0},
    };
    static const char extremes[] = {0, 1, 2, 3, 4, 8, 9, 0x7f, (char)0x80, (char)0xff};
    const Damage damage = {.extremes = extremes, .n_extremes = sizeof extremes};
    for (size_t s = 0; s < sizeof seeds / sizeof *seeds; s++)
        replay(seeds[s], sizeof seeds[s], damage, 3000);
    replay_corpus(argc > 1 ? argv[1] : NULL);
    return replay_done();
}
#endif
