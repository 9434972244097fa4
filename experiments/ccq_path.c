/* ccq_path.c - does accuracy feedback help layers to compete for bits, or does size decide?
 *
 * The study sweeps the allocator with its settings (swept together) and the seed: every value is a net of its own,
 * brought to one size. Compared are test accuracies at that size, paired over the seeds, and from the models' logs how
 * much an answer could sway the draw: with temperature T the chances of two layers differ by exp(T (a - b)).
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "experiments/findings.h"
#include "experiments/bit_trajectory.h"
#include "study/models/record_file.h"
#include "study/keys/points.h"

static const char *const keys[] = {"allocate.name",           "allocate.ccq.competition",  "allocate.ccq.temperature",
                                   "allocate.ccq.cumulative", "allocate.ccq.lambda_first", "allocate.ccq.lambda_last"};
enum { KEY_NAME, KEY_COMPETITION, KEY_TEMPERATURE, KEY_CUMULATIVE, KEY_FIRST, KEY_LAST };
static const char *const versus[] = {"uniform", "size decides", "CCQ as published"};

static void name_variant(const MhoResultPoints *points, size_t p, char *text, size_t size)
{
    const bool kept = strcmp(mho_result_points_word(points, keys[KEY_CUMULATIVE], p), "true") == 0;
    double t = mho_result_points_number(points, keys[KEY_TEMPERATURE], p);
    double first = mho_result_points_number(points, keys[KEY_FIRST], p),
           last = mho_result_points_number(points, keys[KEY_LAST], p);
    if (strcmp(mho_result_points_word(points, keys[KEY_NAME], p), "uniform") == 0)
        snprintf(text, size, "%s", versus[0]);
    else if (strcmp(mho_result_points_word(points, keys[KEY_COMPETITION], p), "size") == 0)
        snprintf(text, size, "%s", versus[1]);
    else if (t == 1.0 && first == 1.0 && last == 0.4 && !kept)
        snprintf(text, size, "%s", versus[2]);
    else if (first == 0.0 && last == 0.0)
        snprintf(text, size, "accuracy decides, T = %g%s", t, kept ? ", kept" : "");
    else
        snprintf(text, size, "both, T = %g, size %g to %g%s", t, first, last, kept ? ", kept" : "");
}

static const MhoComparison comparison = {.keys = keys,
                                         .n_keys = sizeof keys / sizeof *keys,
                                         .over = "seed",
                                         .variant = name_variant,
                                         .versus = versus,
                                         .n_versus = sizeof versus / sizeof *versus};

/* The log of the model of one point; none where the file is not at hand. */
static MhoStatus read_path(const MhoSettings *settings, Path *path, MhoError *error)
{
    char file[4096];
    MhoRecord *model = NULL;
    MhoStatus status = mho_model_path(settings, file, sizeof file, error);
    if (status != MHO_OK || access(file, R_OK) != 0)
        return status;
    status = mho_file_read(file, false, &model, error);
    if (status == MHO_OK)
        status = path_read(model, path, error);
    mho_record_destroy(model);
    return status;
}

/* paths (points->n), through the study that the result holds. */
static MhoStatus read_paths(const MhoResultPoints *points, const MhoStudy *study, Path *paths, MhoError *error)
{
    MhoPointList grid;
    MhoStatus status = mho_points_create(study, &grid, error);
    if (status == MHO_OK && grid.n_points != points->n)
        status = mho_fail(error, MHO_INPUT, "the result has other points than its study");
    for (size_t p = 0; p < points->n && status == MHO_OK; p++)
        status = read_path(grid.points[p].settings, &paths[p], error);
    mho_points_destroy(&grid);
    return status;
}

static MhoStatus add_paths(const MhoResultPoints *points, const char *study_text, MhoRecord *analysis, MhoError *error)
{
    MhoStudy study;
    Path *paths = calloc(points->n + 1, sizeof *paths);
    if (!paths)
        return mho_fail(error, MHO_MEMORY, "out of memory for the paths of %zu models", points->n);
    MhoStatus status = mho_study_from_text(study_text, "the result", &study, error);
    if (status == MHO_OK) {
        status = read_paths(points, &study, paths, error);
        mho_study_destroy(&study);
    }
    if (status == MHO_OK)
        status = paths_add(points, paths, name_variant, analysis, error);
    for (size_t p = 0; p < points->n; p++)
        path_clear(&paths[p]);
    free(paths);
    return status;
}

static MhoStatus analyse(const MhoRecord *result, MhoRecord *analysis, MhoError *error)
{
    MhoResultPoints points;
    const char *study = mho_attribute_string(&result->attributes, "study");
    MhoStatus status = findings_compare(result, &comparison, analysis, error);
    if (status == MHO_OK)
        status = mho_result_points_read(result, &points, error);
    return status == MHO_OK && study ? add_paths(&points, study, analysis, error) : status;
}

/* Mean over the points of a variant; NaN values are left out. */
static double mean_of(const MhoRecord *paths, const char *name, const char *variant)
{
    const MhoArray *names = mho_record_array(paths, "variant"), *array = mho_record_array(paths, name);
    double sum = 0.0;
    size_t n = 0;
    if (!names || names->type != MHO_STRING || !array || array->type != MHO_F64 ||
        mho_array_count(array) != mho_array_count(names)) /* of a file */
        return NAN;
    for (size_t p = 0; p < mho_array_count(names); p++) {
        double value = ((const double *)array->data)[p];
        if (strcmp(((char *const *)names->data)[p], variant) != 0 || isnan(value))
            continue;
        sum += value;
        n++;
    }
    return n ? sum / (double)n : NAN;
}

static void print_paths(const MhoRecord *analysis, FILE *out)
{
    const MhoRecord *paths = mho_record_find(analysis, "paths");
    const MhoArray *variants = mho_record_array(analysis, "variant");
    if (!paths || !variants) {
        fprintf(out, "  The models' files are not at hand, so nothing is said of their paths.\n");
        return;
    }
    fprintf(out, "  How the layers were chosen, means over nets and moves\n");
    for (size_t i = 0; i < variants->shape[0]; i++) {
        const char *name = ((char *const *)variants->data)[i];
        double range = mean_of(paths, "feedback_range", name), ratio = mean_of(paths, "share_ratio", name);
        fprintf(out, "    %s: %.2f bits a weight reached", name, mean_of(paths, "size_reached", name));
        if (!isnan(range))
            fprintf(out, "; accuracies asked for spread over %.2f points, a factor of %.3f in chance at temperature 1",
                    100.0 * range, exp(range));
        if (ratio > 1.0)
            fprintf(out, "; the likeliest layer was drawn with %.3g times the chance of the least likely", ratio);
        fprintf(out, "\n");
    }
}

static char *finding(const MhoRecord *result)
{
    return findings_print(result, "Bits by competition at one size, over nets of several seeds", print_paths);
}

const MhoExperiment mho_experiment = {
    .name = "ccq_path",
    .question = "Does accuracy feedback help layers to compete for bits, or does size decide?",
    .study = "ccq_path.yaml",
    .axis = "allocate.name",
    .analyse = analyse,
    .finding = finding,
};
