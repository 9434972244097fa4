/* pairs.h - compare points of a result: variants of one thing under the same conditions, sample by sample.
 *
 * A sample is a chip (the same devices at every point) or, over a swept key such as the seed, one of its values:
 * another model, on other chips. Differences are taken within each sample, so what its variants share cancels.
 */
#ifndef MHO_STUDY_REPORT_PAIRS_H
#define MHO_STUDY_REPORT_PAIRS_H

#include <stdbool.h>
#include <stdio.h>

#include "base/record.h"
#include "study/report/intervals.h"

enum { MHO_VARIANT_MAX = 96 };

typedef struct MhoResultPoints {
    const MhoRecord *result; /* borrowed */
    size_t n, n_chips;
    const double *accuracy; /* (n, n_chips), NaN where no trial was run */
} MhoResultPoints;

/* USAGE error when the record is not a result. */
MhoStatus mho_result_points_read(const MhoRecord *result, MhoResultPoints *points, MhoError *error) MHO_CHECKED;

/* The value of a swept key at point p: NaN or "" where the key does not apply, has the other type or is not swept. */
double mho_result_points_number(const MhoResultPoints *points, const char *key, size_t p);
const char *mho_result_points_word(const MhoResultPoints *points, const char *key, size_t p);

/* Whether p and q agree in every swept key but those of except (n_except). */
bool mho_result_points_same(const MhoResultPoints *points, size_t p, size_t q, const char *const *except,
                            size_t n_except);

/* 95 % Student interval of the mean accuracy at p, within 0..1, and of the paired difference p minus q:
 * over the chips of a point (over NULL), or over the values of the swept key `over`, each with the mean of its chips.
 */
MhoStatus mho_result_points_interval(const MhoResultPoints *points, size_t p, const char *over, MhoInterval *interval,
                                     MhoError *error) MHO_CHECKED;
MhoStatus mho_result_points_difference(const MhoResultPoints *points, size_t p, size_t q, const char *over,
                                       MhoInterval *interval, MhoError *error) MHO_CHECKED;

/* Write the variant of point p, in words for the reader, to text; "": the point is left out. */
typedef void MhoVariantName(const MhoResultPoints *points, size_t p, char *text, size_t size);

/* What an experiment compares. */
typedef struct MhoComparison {
    const char *const *keys; /* (n_keys) swept keys that make the variants */
    size_t n_keys;
    const char *over; /* as above; NULL: chips */
    MhoVariantName *variant;
    /* (n_versus) variants that others are compared with, plainest first. Each variant is compared with those that come
     * before itself in this list. */
    const char *const *versus;
    size_t n_versus;
} MhoComparison;

/* The table of a comparison into record: a row per variant and condition, with the axes
 *   condition: variant (words), every swept key that is neither compared nor sampled, samples,
 *              accuracy_mean, _low, _high: 95 % Student interval over the samples, within 0..1
 *   condition, versus: difference_mean, _low, _high: accuracy minus that of the variant `versus` under the same
 *              condition, paired; NaN where not compared
 * and the attributes samples_are ("chip" or the key), confidence and conditions (the keys of its conditions). */
MhoStatus mho_comparison_add(const MhoResultPoints *points, const MhoComparison *comparison, MhoRecord *record,
                             MhoError *error) MHO_CHECKED;

/* Add the strings "variant" (n) over an axis: the names of points rows[i]; rows NULL: of the points 0 to n - 1. */
MhoStatus mho_variant_names_add(const MhoResultPoints *points, MhoVariantName *variant, const size_t *rows, size_t n,
                                const char *axis, MhoRecord *record, MhoError *error) MHO_CHECKED;

/* The points that the rows of a comparison's table describe: the first sample of each, (*n) in a block that the caller
 * frees. */
MhoStatus mho_comparison_points(const MhoResultPoints *points, const MhoComparison *comparison, size_t **rows,
                                size_t *n, MhoError *error) MHO_CHECKED;

/* Whether a record, of any file, is such a table: arrays of these types with a value for every row. */
bool mho_comparison_is_table(const MhoRecord *record);

/* Print the table: a line per row and one per difference, which says "contains 0" where no difference is shown. A
 * single sample has no interval. Prints nothing for a record that is not a table. */
void mho_comparison_print(const MhoRecord *table, FILE *out);

#endif
