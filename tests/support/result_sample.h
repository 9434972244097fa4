/* result_sample.h - result records as sweeps write them, with chosen values, for tests of analyses. */
#ifndef MHO_TESTS_RESULT_SAMPLE_H
#define MHO_TESTS_RESULT_SAMPLE_H

#include <math.h>
#include <string.h>

#include "base/record.h"
#include "harness.h"
#include "must.h"

/* A result of accuracies (n, n_chips). */
static inline MhoRecord *sample_result(size_t n, size_t n_chips, const double *accuracy)
{
    static const char *const axes[] = {"point", "chip"};
    const size_t shape[] = {n, n_chips};
    MhoError error = {0};
    MhoRecord *result;
    must(mho_record_create(&result, &error), &error);
    must(mho_record_add(result, "accuracy", MHO_F64, 2, shape, axes, "", "", accuracy, NULL, &error), &error);
    return result;
}

/* Add a swept key of n values: f64 or strings. */
static inline void sample_key(MhoRecord *result, const char *key, MhoType type, size_t n, const void *values)
{
    static const char *const axis = "point";
    MhoError error = {0};
    must(mho_record_add(result, key, type, 1, &n, &axis, "", "", values, NULL, &error), &error);
}

/* Add the empty group summary/analysis. */
static inline MhoRecord *sample_analysis(MhoRecord *result)
{
    MhoError error = {0};
    MhoRecord *summary, *analysis;
    must(mho_record_child(result, "summary", &summary, &error), &error);
    must(mho_record_child(summary, "analysis", &analysis, &error), &error);
    return analysis;
}

/* Number i of an array of f64. */
static inline double number_at(const MhoRecord *record, const char *path, size_t i)
{
    const MhoArray *array = mho_record_array(record, path);
    ck_assert_msg(array && array->type == MHO_F64 && i < mho_array_count(array), "no %s[%zu]", path, i);
    return ((const double *)array->data)[i];
}

static inline const char *word_at(const MhoRecord *record, const char *path, size_t i)
{
    const MhoArray *array = mho_record_array(record, path);
    ck_assert_msg(array && array->type == MHO_STRING && i < mho_array_count(array), "no %s[%zu]", path, i);
    return ((char *const *)array->data)[i];
}

#endif
