/* result_api.c - result files of mho.h: arrays of numbers and of texts. */
#include <stdlib.h>

#include "api/api_internal.h"
#include "base/memory.h"
#include "study/models/record_file.h"

struct MhoResult {
    MhoRecord *record;
};

MhoStatus mho_result_open(const char *path, MhoResult **result, MhoError *error)
{
    if (result)
        *result = NULL;
    MhoStatus status = mho_api_need(error, {path, "path"}, {result, "result"});
    MhoResult *made = status == MHO_OK ? mho_calloc(1, sizeof *made, error, "a result") : NULL;
    if (!made)
        return status == MHO_OK ? MHO_MEMORY : status;
    status = mho_file_read(path, true, &made->record, error);
    if (status == MHO_OK && !mho_record_array(made->record, "accuracy"))
        status = mho_fail(error, MHO_INPUT, "%s has no array accuracy, so it is not the result of a study", path);
    if (status == MHO_OK)
        *result = made;
    else
        mho_result_free(made);
    return status;
}

static MhoStatus find_array(const MhoResult *result, const char *name, const MhoArray **array, MhoError *error)
{
    *array = mho_record_array(result->record, name);
    return *array ? MHO_OK
                  : mho_fail(error, MHO_INPUT, "the result has no array '%s'; results/README.md lists them", name);
}

MhoStatus mho_result_shape(const MhoResult *result, const char *name, MhoResultShape *shape, MhoError *error)
{
    _Static_assert((int)MHO_RESULT_MAX_RANK == (int)MHO_MAX_RANK, "every shape of a record has room");
    const MhoArray *array;
    MhoStatus status = mho_api_need(error, {result, "result"}, {name, "name"}, {shape, "shape"});
    if (status == MHO_OK)
        status = find_array(result, name, &array, error);
    if (status != MHO_OK)
        return status;
    *shape = (MhoResultShape){.rank = array->rank, .n = mho_array_count(array)};
    for (size_t d = 0; d < array->rank; d++)
        shape->size[d] = array->shape[d];
    return MHO_OK;
}

static double number_at(const MhoArray *array, size_t i)
{
    switch (array->type) {
    case MHO_U8: return ((const uint8_t *)array->data)[i];
    case MHO_I8: return ((const int8_t *)array->data)[i];
    case MHO_I16: return ((const int16_t *)array->data)[i];
    case MHO_I32: return ((const int32_t *)array->data)[i];
    case MHO_I64: return (double)((const int64_t *)array->data)[i];
    case MHO_U64: return (double)((const uint64_t *)array->data)[i];
    case MHO_F32: return (double)((const float *)array->data)[i];
    case MHO_F64:
    case MHO_STRING: break;
    }
    return ((const double *)array->data)[i];
}

MhoStatus mho_result_numbers(const MhoResult *result, const char *name, double *values, size_t n, MhoError *error)
{
    const MhoArray *array;
    MhoStatus status = mho_api_need(error, {result, "result"}, {name, "name"}, {values, "values"});
    if (status == MHO_OK)
        status = find_array(result, name, &array, error);
    if (status != MHO_OK)
        return status;
    if (array->type == MHO_STRING)
        return mho_fail(error, MHO_USAGE, "%s holds texts: read them with mho_result_text", name);
    if (n != mho_array_count(array))
        return mho_fail(error, MHO_USAGE, "%s holds %zu numbers and values has room for %zu", name,
                        mho_array_count(array), n);
    for (size_t i = 0; i < n; i++)
        values[i] = number_at(array, i);
    return MHO_OK;
}

const char *mho_result_text(const MhoResult *result, const char *name, size_t i)
{
    const MhoArray *array = result && name ? mho_record_array(result->record, name) : NULL;
    return array && array->type == MHO_STRING && i < mho_array_count(array) ? ((char *const *)array->data)[i] : NULL;
}

void mho_result_free(MhoResult *result)
{
    if (result)
        mho_record_destroy(result->record);
    free(result);
}
