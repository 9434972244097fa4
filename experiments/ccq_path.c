/* ccq_path.c - does accuracy feedback help to choose the layers that lose bits, or does size decide?
 *
 * The study sweeps the allocator with its settings (swept together) and the seed; each value trains another network,
 * and all are brought to one size. Compared are test accuracies at that size, paired over the seeds. The models' logs
 * say how much the trial moves could change a choice: at temperature T the probabilities of two layers whose accuracies
 * differ by a - b differ by the factor exp(T (a - b)).
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "experiments/bit_trajectory.h"
#include "experiments/experiment.h"
#include "study/keys/points.h"
#include "study/models/model_recipe.h"
#include "study/models/record_file.h"

static const char *const keys[] = {"allocate.name",           "allocate.ccq.competition",  "allocate.ccq.temperature",
                                   "allocate.ccq.cumulative", "allocate.ccq.lambda_first", "allocate.ccq.lambda_last"};
enum { KEY_NAME, KEY_COMPETITION, KEY_TEMPERATURE, KEY_CUMULATIVE, KEY_FIRST, KEY_LAST };
static const char *const versus[] = {"uniform", "size decides", "CCQ as published"};

static void name_variant(const MhoResultPoints *points, size_t p, char *text, size_t size)
{
    const bool cumulative = strcmp(mho_result_points_word(points, keys[KEY_CUMULATIVE], p), "true") == 0;
    double t = mho_result_points_number(points, keys[KEY_TEMPERATURE], p);
    double first = mho_result_points_number(points, keys[KEY_FIRST], p),
           last = mho_result_points_number(points, keys[KEY_LAST], p);
    if (strcmp(mho_result_points_word(points, keys[KEY_NAME], p), "uniform") == 0)
        snprintf(text, size, "%s", versus[0]);
    else if (strcmp(mho_result_points_word(points, keys[KEY_COMPETITION], p), "size") == 0)
        snprintf(text, size, "%s", versus[1]);
    else if (t == 1.0 && first == 1.0 && last == 0.4 && !cumulative)
        snprintf(text, size, "%s", versus[2]);
    else if (first == 0.0 && last == 0.0)
        snprintf(text, size, "accuracy decides, T = %g%s", t, cumulative ? ", cumulative" : "");
    else
        snprintf(text, size, "both, T = %g, size %g to %g%s", t, first, last, cumulative ? ", cumulative" : "");
}

static const MhoComparison comparison = {.keys = keys,
                                         .n_keys = sizeof keys / sizeof *keys,
                                         .over = "seed",
                                         .variant = name_variant,
                                         .versus = versus,
                                         .n_versus = sizeof versus / sizeof *versus};

/* From the log of the model of one point; left empty where the model's file cannot be read. */
static MhoStatus read_trajectory(const MhoSettings *settings, BitTrajectory *trajectory, MhoError *error)
{
    char file[4096];
    MhoRecord *model = NULL;
    MhoStatus status = mho_model_path(settings, file, sizeof file, error);
    if (status != MHO_OK || access(file, R_OK) != 0)
        return status;
    status = mho_file_read(file, false, &model, error);
    if (status == MHO_OK)
        status = bit_trajectory_read(model, trajectory, error);
    mho_record_destroy(model);
    return status;
}

/* The digest of the training images, which is part of the models' recipes and so of their names: that of the first
 * model of the result that can be read; "" without one. */
static void find_training_digest(const MhoRecord *result, char digest[65])
{
    const char *line = mho_attribute_string(&result->attributes, "models"); /* lines "path digest" */
    digest[0] = '\0';
    for (; line && *line && !digest[0]; line += strcspn(line, "\n"), line += *line == '\n') {
        char path[4096];
        MhoRecord *model = NULL;
        const int length = (int)strcspn(line, "\n") - 65; /* a blank and 64 hex digits */
        if (length <= 0 || (size_t)length >= sizeof path)
            continue;
        snprintf(path, sizeof path, "%.*s", length, line);
        if (access(path, R_OK) == 0 && mho_file_read(path, false, &model, NULL) == MHO_OK)
            snprintf(digest, 65, "%s", mho_provenance_text(model, "data_digest"));
        mho_record_destroy(model);
    }
}

/* trajectories (points->n), of the models that the result's own study names. */
static MhoStatus read_trajectories(const MhoResultPoints *points, const MhoRecord *result, const char *study_text,
                                   BitTrajectory *trajectories, MhoError *error)
{
    char digest[65];
    MhoStudy study;
    MhoPointList list = {0};
    MhoStatus status = mho_study_from_text(study_text, "the result", &study, error);
    if (status != MHO_OK)
        return status;
    status = mho_points_create(&study, &list, error);
    if (status == MHO_OK && list.n_points != points->n)
        status =
            mho_fail(error, MHO_INPUT, "the result has %zu points, but its study gives %zu", points->n, list.n_points);
    find_training_digest(result, digest);
    for (size_t p = 0; p < points->n && status == MHO_OK; p++) {
        mho_settings_set_training_digest(list.points[p].settings, digest);
        status = read_trajectory(list.points[p].settings, &trajectories[p], error);
    }
    mho_points_destroy(&list);
    mho_study_destroy(&study);
    return status;
}

static MhoStatus analyse(const MhoRecord *result, MhoRecord *analysis, MhoError *error)
{
    MhoResultPoints points;
    const char *study = mho_attribute_string(&result->attributes, "study");
    MhoStatus status = mho_result_points_read(result, &points, error);
    if (status != MHO_OK || !study)
        return status;
    BitTrajectory *trajectories = mho_calloc(points.n, sizeof *trajectories, error, "%zu bit trajectories", points.n);
    if (!trajectories)
        return MHO_MEMORY;
    status = read_trajectories(&points, result, study, trajectories, error);
    if (status == MHO_OK)
        status = bit_trajectories_add(&points, trajectories, name_variant, analysis, error);
    for (size_t p = 0; p < points.n; p++)
        bit_trajectory_clear(&trajectories[p]);
    free(trajectories);
    return status;
}

/* Mean over the points of a variant without NaN; NaN where a file has no such array. */
static double mean_of(const MhoRecord *trajectories, const char *name, const char *variant)
{
    const MhoArray *names = mho_record_array(trajectories, "variant"), *array = mho_record_array(trajectories, name);
    double sum = 0.0;
    size_t n = 0;
    if (!names || names->type != MHO_STRING || !array || array->type != MHO_F64 ||
        mho_array_count(array) != mho_array_count(names))
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

static void print_trajectories(const MhoRecord *result, FILE *out)
{
    const MhoRecord *trajectories = mho_record_find(result, "summary/analysis/trajectories");
    const MhoArray *variants = mho_record_array(result, "summary/analysis/variant");
    if (!trajectories) {
        fprintf(out, "  The models' files were not found, so the trajectories of their bits are not known.\n");
        return;
    }
    fprintf(out, "  How the layers were chosen, means over networks and moves\n");
    for (size_t i = 0; i < variants->shape[0]; i++) {
        const char *name = ((char *const *)variants->data)[i];
        double range = mean_of(trajectories, "feedback_range", name),
               ratio = mean_of(trajectories, "probability_ratio", name);
        fprintf(out, "    %s: %.2f bits a weight reached", name, mean_of(trajectories, "size_reached", name));
        if (!isnan(range))
            fprintf(out,
                    "; accuracies of trial moves differ by %.2f points, a factor of %.3f in probability at "
                    "temperature 1",
                    100.0 * range, exp(range));
        if (ratio > 1.0)
            fprintf(out, "; the most probable layer had %.3g times the probability of the least probable", ratio);
        fprintf(out, "\n");
    }
}

const MhoExperiment mho_experiment = {
    .name = "ccq_path",
    .question = "Does accuracy feedback help to choose the layers that lose bits, or does size decide?",
    .study = "ccq_path.yaml",
    .axis = "allocate.name",
    .headline = "Bits allocated layer by layer, at one size, over networks of several seeds",
    .comparison = &comparison,
    .analyse = analyse,
    .print = print_trajectories,
};
