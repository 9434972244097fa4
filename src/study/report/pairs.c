/* pairs.c - groups of a result's points, paired differences between them, and their table. */
#include "study/report/pairs.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static const double confidence = 0.95;

MhoStatus mho_result_points_read(const MhoRecord *result, MhoResultPoints *points, MhoError *error)
{
    const MhoArray *accuracy = mho_record_array(result, "accuracy");
    if (!accuracy || accuracy->rank != 2 || accuracy->type != MHO_F64)
        return mho_fail(error, MHO_USAGE, "this is not a result file: it has no array accuracy over point and chip");
    *points = (MhoResultPoints){result, accuracy->shape[0], accuracy->shape[1], accuracy->data};
    return MHO_OK;
}

/* A swept key: numbers or words over the points. */
static bool is_swept(const MhoResultPoints *points, const MhoArray *array)
{
    return (array->type == MHO_F64 || array->type == MHO_STRING) && array->rank == 1 && array->shape[0] == points->n &&
           array->axis[0] && strcmp(array->axis[0], "point") == 0;
}

static const MhoArray *column(const MhoResultPoints *points, const char *key, MhoType type)
{
    const MhoArray *array = mho_record_array(points->result, key);
    return array && array->type == type && is_swept(points, array) ? array : NULL;
}

double mho_result_points_number(const MhoResultPoints *points, const char *key, size_t p)
{
    const MhoArray *array = column(points, key, MHO_F64);
    return array ? ((const double *)array->data)[p] : NAN;
}

const char *mho_result_points_word(const MhoResultPoints *points, const char *key, size_t p)
{
    const MhoArray *array = column(points, key, MHO_STRING);
    return array ? ((char *const *)array->data)[p] : "";
}

static bool same_value(const MhoArray *array, size_t p, size_t q)
{
    if (array->type == MHO_STRING)
        return strcmp(((char *const *)array->data)[p], ((char *const *)array->data)[q]) == 0;
    double a = ((const double *)array->data)[p], b = ((const double *)array->data)[q];
    return a == b || (isnan(a) && isnan(b));
}

static bool is_in(const char *word, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (list[i] && strcmp(word, list[i]) == 0)
            return true;
    return false;
}

bool mho_result_points_same(const MhoResultPoints *points, size_t p, size_t q, const char *const *except,
                            size_t n_except)
{
    for (size_t i = 0; i < points->result->n_arrays; i++) {
        const MhoArray *array = points->result->arrays[i];
        if (is_swept(points, array) && !is_in(array->name, except, n_except) && !same_value(array, p, q))
            return false;
    }
    return true;
}

/* A swept key that is neither compared nor sampled. */
static bool is_condition(const MhoResultPoints *points, const MhoComparison *comparison, const MhoArray *array)
{
    return is_swept(points, array) && !is_in(array->name, comparison->keys, comparison->n_keys) &&
           !is_in(array->name, &comparison->over, 1);
}

/* Mean over the chips that ran; NaN where none did. */
static double mean_of_chips(const MhoResultPoints *points, size_t p)
{
    return mho_student_interval(points->accuracy + p * points->n_chips, points->n_chips, confidence).mean;
}

/* The point with the value of `over` that i has and the other keys of q; points->n: none. */
static size_t sample_of(const MhoResultPoints *points, const MhoArray *over, size_t i, size_t q)
{
    const char *const except[] = {over->name};
    for (size_t j = 0; j < points->n; j++)
        if (same_value(over, i, j) && mho_result_points_same(points, q, j, except, 1))
            return j;
    return points->n;
}

/* Of p, or of p minus q; q = points->n: of p alone. */
static MhoStatus over_key(const MhoResultPoints *points, size_t p, size_t q, const char *key, MhoInterval *interval,
                          MhoError *error)
{
    const MhoArray *over = mho_record_array(points->result, key);
    if (!over || !is_swept(points, over))
        return mho_fail(error, MHO_USAGE, "the study does not sweep %s, so there are no samples over it", key);
    double *values = mho_calloc(points->n, sizeof *values, error, "%zu samples", points->n);
    if (!values)
        return MHO_MEMORY;
    size_t n = 0;
    for (size_t i = 0; i < points->n; i++) {
        if (!mho_result_points_same(points, p, i, &key, 1))
            continue;
        double other = 0.0;
        if (q < points->n) {
            size_t j = sample_of(points, over, i, q);
            other = j < points->n ? mean_of_chips(points, j) : NAN;
        }
        values[n++] = mean_of_chips(points, i) - other;
    }
    *interval = (q < points->n ? mho_student_interval : mho_accuracy_interval)(values, n, confidence);
    free(values);
    return MHO_OK;
}

MhoStatus mho_result_points_interval(const MhoResultPoints *points, size_t p, const char *over, MhoInterval *interval,
                                     MhoError *error)
{
    if (over)
        return over_key(points, p, points->n, over, interval, error);
    *interval = mho_accuracy_interval(points->accuracy + p * points->n_chips, points->n_chips, confidence);
    return MHO_OK;
}

MhoStatus mho_result_points_difference(const MhoResultPoints *points, size_t p, size_t q, const char *over,
                                       MhoInterval *interval, MhoError *error)
{
    if (over)
        return over_key(points, p, q, over, interval, error);
    *interval = mho_student_paired(points->accuracy + p * points->n_chips, points->accuracy + q * points->n_chips,
                                   points->n_chips, confidence);
    return MHO_OK;
}

/* Whether the comparison gives point p this name. */
static bool is_variant(const MhoResultPoints *points, const MhoComparison *comparison, size_t p, const char *name)
{
    char text[MHO_VARIANT_MAX] = "";
    comparison->variant(points, p, text, sizeof text);
    return strcmp(text, name) == 0;
}

/* Whether p is the first of its samples: of the points that differ in `over` alone. */
static bool is_first(const MhoResultPoints *points, size_t p, const char *over)
{
    for (size_t q = 0; over && q < p; q++)
        if (mho_result_points_same(points, p, q, &over, 1))
            return false;
    return true;
}

MhoStatus mho_comparison_points(const MhoResultPoints *points, const MhoComparison *comparison, size_t **rows,
                                size_t *n, MhoError *error)
{
    *n = 0;
    *rows = mho_calloc(points->n, sizeof **rows, error, "the rows of a comparison");
    if (!*rows)
        return MHO_MEMORY;
    for (size_t p = 0; p < points->n; p++)
        if (!is_variant(points, comparison, p, "") && is_first(points, p, comparison->over))
            (*rows)[(*n)++] = p;
    return MHO_OK;
}

/* The first point of the variant called name under the conditions of p; points->n: none. */
static size_t versus_point(const MhoResultPoints *points, const MhoComparison *comparison, size_t p, const char *name)
{
    for (size_t q = 0; q < points->n; q++) {
        bool same = true;
        for (size_t i = 0; i < points->result->n_arrays && same; i++)
            same = !is_condition(points, comparison, points->result->arrays[i]) ||
                   same_value(points->result->arrays[i], p, q);
        if (same && is_variant(points, comparison, q, name))
            return q;
    }
    return points->n;
}

/* A table being filled: row i is points rows[i] and its other samples. */
typedef struct Table {
    const MhoResultPoints *points;
    const MhoComparison *comparison;
    MhoRecord *record;
    size_t *rows, n;
} Table;

static const char *const row_axis = "condition";

static MhoStatus set_text(MhoArray *array, size_t i, const char *text, MhoError *error)
{
    char *copy = mho_strdup(text, error), **place = (char **)array->data + i;
    if (!copy)
        return MHO_MEMORY;
    free(*place);
    *place = copy;
    return MHO_OK;
}

MhoStatus mho_variant_names_add(const MhoResultPoints *points, MhoVariantName *variant, const size_t *rows, size_t n,
                                const char *axis, MhoRecord *record, MhoError *error)
{
    MhoArray *names;
    MhoStatus status =
        mho_record_add(record, "variant", MHO_STRING, 1, &n, &axis, "", "what is compared", NULL, &names, error);
    for (size_t i = 0; i < n && status == MHO_OK; i++) {
        char text[MHO_VARIANT_MAX] = "";
        variant(points, rows ? rows[i] : i, text, sizeof text);
        status = set_text(names, i, text, error);
    }
    return status;
}

static MhoStatus add_condition(const Table *table, const MhoArray *from, MhoError *error)
{
    MhoArray *array;
    MhoStatus status = mho_record_add(table->record, from->name, from->type, 1, &table->n, &row_axis, from->unit,
                                      from->help, NULL, &array, error);
    for (size_t i = 0; i < table->n && status == MHO_OK; i++) {
        if (from->type == MHO_STRING)
            status = set_text(array, i, ((char *const *)from->data)[table->rows[i]], error);
        else
            ((double *)array->data)[i] = ((const double *)from->data)[table->rows[i]];
    }
    return status;
}

static MhoStatus add_conditions(const Table *table, MhoError *error)
{
    const MhoRecord *result = table->points->result;
    const char **keys = mho_calloc(result->n_arrays, sizeof *keys, error, "the table of a comparison");
    size_t n = 0;
    MhoStatus status = keys ? MHO_OK : MHO_MEMORY;
    for (size_t i = 0; i < result->n_arrays && status == MHO_OK; i++) {
        if (!is_condition(table->points, table->comparison, result->arrays[i]))
            continue;
        keys[n++] = result->arrays[i]->name;
        status = add_condition(table, result->arrays[i], error);
    }
    if (status == MHO_OK && n > 0)
        status = mho_attribute_set(&table->record->attributes, "conditions", MHO_STRING, n, keys, error);
    free(keys);
    return status;
}

/* Three arrays NAME_mean, NAME_low, NAME_high, all NaN. */
static MhoStatus add_interval(MhoRecord *record, const char *name, size_t rank, const size_t *shape,
                              const char *const *axes, const char *help, double *values[3], MhoError *error)
{
    static const char *const ends[] = {"mean", "low", "high"};
    static const char *const says[] = {"mean of", "lower end of the 95 % Student interval of the mean",
                                       "upper end of the 95 % Student interval of the mean"};
    for (size_t e = 0; e < 3; e++) {
        char full[64], text[256];
        MhoArray *array;
        snprintf(full, sizeof full, "%s_%s", name, ends[e]);
        snprintf(text, sizeof text, "%s %s", says[e], help);
        MhoStatus status = mho_record_add(record, full, MHO_F64, rank, shape, axes, "", text, NULL, &array, error);
        if (status != MHO_OK)
            return status;
        values[e] = array->data;
        for (size_t i = 0; i < mho_array_count(array); i++)
            values[e][i] = NAN;
    }
    return MHO_OK;
}

static void put_interval(double *values[3], size_t i, MhoInterval interval)
{
    values[0][i] = interval.mean;
    values[1][i] = interval.low;
    values[2][i] = interval.high;
}

static MhoStatus add_accuracies(const Table *table, MhoError *error)
{
    double *values[3];
    MhoArray *samples;
    MhoStatus status = mho_record_add(table->record, "samples", MHO_I64, 1, &table->n, &row_axis, "",
                                      "samples that means and intervals are taken over", NULL, &samples, error);
    if (status == MHO_OK)
        status = add_interval(table->record, "accuracy", 1, &table->n, &row_axis, "top-1 accuracy, within 0..1", values,
                              error);
    for (size_t i = 0; i < table->n && status == MHO_OK; i++) {
        MhoInterval interval;
        status = mho_result_points_interval(table->points, table->rows[i], table->comparison->over, &interval, error);
        if (status != MHO_OK)
            return status;
        ((int64_t *)samples->data)[i] = (int64_t)interval.n;
        put_interval(values, i, interval);
    }
    return status;
}

/* A variant is compared with those of versus that come before itself in the list. */
static bool is_compared(const MhoComparison *comparison, const char *variant, size_t v)
{
    return !is_in(variant, comparison->versus, v + 1);
}

static MhoStatus add_differences(const Table *table, MhoError *error)
{
    const MhoComparison *comparison = table->comparison;
    const char *const versus = "versus", *const axes[] = {row_axis, versus};
    const size_t shape[] = {table->n, comparison->n_versus};
    double *values[3];
    MhoStatus status = mho_record_add(table->record, versus, MHO_STRING, 1, &comparison->n_versus, &versus, "",
                                      "variant that is subtracted", comparison->versus, NULL, error);
    if (status == MHO_OK)
        status = add_interval(table->record, "difference", 2, shape, axes,
                              "accuracy minus that of the same samples of the variant `versus`", values, error);
    for (size_t i = 0; i < table->n && status == MHO_OK; i++) {
        char variant[MHO_VARIANT_MAX] = "";
        comparison->variant(table->points, table->rows[i], variant, sizeof variant);
        for (size_t v = 0; v < comparison->n_versus && status == MHO_OK; v++) {
            MhoInterval interval;
            size_t q = versus_point(table->points, comparison, table->rows[i], comparison->versus[v]);
            if (q == table->points->n || !is_compared(comparison, variant, v))
                continue;
            status = mho_result_points_difference(table->points, table->rows[i], q, comparison->over, &interval, error);
            if (status == MHO_OK)
                put_interval(values, i * comparison->n_versus + v, interval);
        }
    }
    return status;
}

MhoStatus mho_comparison_add(const MhoResultPoints *points, const MhoComparison *comparison, MhoRecord *record,
                             MhoError *error)
{
    Table table = {.points = points, .comparison = comparison, .record = record};
    MhoStatus status = mho_comparison_points(points, comparison, &table.rows, &table.n, error);
    if (status == MHO_OK)
        status =
            mho_attribute_text(&record->attributes, "samples_are", comparison->over ? comparison->over : "chip", error);
    if (status == MHO_OK)
        status = mho_attribute_real(&record->attributes, "confidence", confidence, error);
    if (status == MHO_OK)
        status = mho_variant_names_add(points, comparison->variant, table.rows, table.n, row_axis, record, error);
    if (status == MHO_OK)
        status = add_conditions(&table, error);
    if (status == MHO_OK)
        status = add_accuracies(&table, error);
    if (status == MHO_OK && comparison->n_versus > 0)
        status = add_differences(&table, error);
    free(table.rows);
    return status;
}

/* The keys of a table's conditions; NULL: none. */
static const MhoAttribute *conditions_of(const MhoRecord *table)
{
    const MhoAttribute *keys = mho_attribute_find(&table->attributes, "conditions");
    return keys && keys->type == MHO_STRING ? keys : NULL;
}

static const MhoArray *condition_array(const MhoRecord *table, const MhoAttribute *keys, size_t k)
{
    const MhoArray *array = mho_record_array(table, ((char *const *)keys->data)[k]);
    return array && array->rank == 1 && (array->type == MHO_F64 || array->type == MHO_STRING) ? array : NULL;
}

/* "chip.time 86400 s, chip.cell.name pcm": the condition of row i. */
static void print_condition(const MhoRecord *table, size_t i, FILE *out)
{
    const MhoAttribute *keys = conditions_of(table);
    const char *lead = "  ";
    for (size_t k = 0; keys && k < keys->n; k++) {
        const MhoArray *array = condition_array(table, keys, k);
        if (!array)
            continue;
        if (array->type == MHO_STRING && ((char *const *)array->data)[i][0])
            fprintf(out, "%s%s %s", lead, array->name, ((char *const *)array->data)[i]);
        else if (array->type == MHO_F64 && !isnan(((const double *)array->data)[i]))
            fprintf(out, "%s%s %g%s%s", lead, array->name, ((const double *)array->data)[i], array->unit[0] ? " " : "",
                    array->unit);
        else
            continue;
        lead = ", ";
    }
    fputs(lead[0] == ',' ? "\n" : "", out);
}

static bool same_condition(const MhoRecord *table, size_t i, size_t j)
{
    const MhoAttribute *keys = conditions_of(table);
    for (size_t k = 0; keys && k < keys->n; k++) {
        const MhoArray *array = condition_array(table, keys, k);
        if (array && !same_value(array, i, j))
            return false;
    }
    return true;
}

static const double *values_of(const MhoRecord *table, const char *name)
{
    const MhoArray *array = mho_record_array(table, name);
    return array && array->type == MHO_F64 ? array->data : NULL;
}

/* several: there is more than one sample, so intervals are known. */
static void print_differences(const MhoRecord *table, size_t i, bool several, FILE *out)
{
    const MhoArray *versus = mho_record_array(table, "versus");
    const double *mean = values_of(table, "difference_mean"), *low = values_of(table, "difference_low"),
                 *high = values_of(table, "difference_high");
    for (size_t v = 0; versus && mean && low && high && v < versus->shape[0]; v++) {
        size_t at = i * versus->shape[0] + v;
        if (isnan(mean[at]))
            continue;
        fprintf(out, "      minus %s: %+.2f points", ((char *const *)versus->data)[v], 100.0 * mean[at]);
        if (several)
            fprintf(out, ", 95 %% interval %+.2f to %+.2f%s", 100.0 * low[at], 100.0 * high[at],
                    low[at] <= 0.0 && high[at] >= 0.0 ? " (contains 0: no difference shown)" : "");
        fputc('\n', out);
    }
}

/* Whether an array other than "versus" has a value for each of n rows, or for each of n rows and n_versus variants. */
static bool is_column(const MhoArray *array, size_t n, size_t n_versus)
{
    bool counts = strcmp(array->name, "samples") == 0, pairs = strncmp(array->name, "difference_", 11) == 0;
    if (array->rank != (pairs ? 2 : 1) || array->shape[0] != n || (pairs && array->shape[1] != n_versus))
        return false;
    if (counts)
        return array->type == MHO_I64;
    bool number = pairs || strncmp(array->name, "accuracy_", 9) == 0;
    return array->type == MHO_F64 || (array->type == MHO_STRING && !number);
}

bool mho_comparison_is_table(const MhoRecord *record)
{
    const MhoArray *variant = mho_record_array(record, "variant"), *versus = mho_record_array(record, "versus");
    if (!variant || variant->type != MHO_STRING || variant->rank != 1 || !mho_record_array(record, "samples") ||
        (versus && (versus->type != MHO_STRING || versus->rank != 1)))
        return false;
    for (size_t i = 0; i < record->n_arrays; i++)
        if (record->arrays[i] != versus &&
            !is_column(record->arrays[i], variant->shape[0], versus ? versus->shape[0] : 0))
            return false;
    return true;
}

void mho_comparison_print(const MhoRecord *table, FILE *out)
{
    const double *mean = values_of(table, "accuracy_mean"), *low = values_of(table, "accuracy_low"),
                 *high = values_of(table, "accuracy_high");
    if (!mho_comparison_is_table(table) || !mean || !low || !high)
        return;
    const MhoArray *variant = mho_record_array(table, "variant"), *samples = mho_record_array(table, "samples");
    const char *what = mho_attribute_string(&table->attributes, "samples_are");
    size_t n = variant->shape[0];
    for (size_t first = 0; first < n; first++) {
        size_t before = 0;
        while (before < first && !same_condition(table, before, first))
            before++;
        if (before < first) /* printed with its condition */
            continue;
        print_condition(table, first, out);
        for (size_t i = first; i < n; i++) {
            if (!same_condition(table, first, i))
                continue;
            int64_t count = ((const int64_t *)samples->data)[i];
            fprintf(out, "    %s: %.2f %%", ((char *const *)variant->data)[i], 100.0 * mean[i]);
            if (count > 1)
                fprintf(out, ", 95 %% interval %.2f to %.2f over %" PRId64 " %ss", 100.0 * low[i], 100.0 * high[i],
                        count, what ? what : "sample");
            else
                fprintf(out, " (one %s)", what ? what : "sample");
            fputc('\n', out);
            print_differences(table, i, count > 1, out);
        }
    }
}
