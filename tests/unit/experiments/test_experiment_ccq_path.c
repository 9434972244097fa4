/* The analysis of ccq_path on a result made by hand, and trajectories read from the logs of models. */
#include <stdlib.h>

#include "experiments/bit_trajectory.h"
#include "experiments/experiment.h"
#include "support/result_sample.h"

enum { N = 8 };

static MhoError error;

static void add(MhoRecord *group, const char *name, MhoType type, size_t rows, size_t columns, const void *values)
{
    const size_t shape[] = {rows, columns};
    must(mho_record_add(group, name, type, columns ? 2 : 1, shape, NULL, "", "", values, NULL, &error), &error);
}

/* Two layers and the first one's converter; four moves, the last undone. */
static MhoRecord *sample_model(void)
{
    static const char *const candidates[] = {"conv1", "logits", "conv1"}, *const winners[] = {"conv1", "conv1",
                                                                                              "logits", "conv1"};
    static const unsigned char converter[] = {0, 0, 1};
    static const int32_t kind[] = {0, 1, 0, 0}, from[] = {8, 7, 8, 6}, to[] = {6, 6, 6, 4}, undone[] = {0, 0, 0, 1};
    static const double size[] = {6.5, 6.5, 6.0, 4.0}, after[] = {0.9, 0.89, 0.88, 0.5};
    static const double feedback[] = {0.8, 0.9, 0.7, NAN, 0.8, 0.8, 0.85, 0.75, NAN, NAN, NAN, NAN};
    static const double share[] = {0.2, 0.4, 0.4, 0.0, 0.8, 0.2, 0.5, 0.5, 0.0, 0.1, 0.8, 0.1};
    MhoRecord *model, *group;
    must(mho_record_create(&model, &error), &error);
    must(mho_record_child(model, "allocation", &group, &error), &error);
    add(group, "candidate", MHO_STRING, 3, 0, candidates);
    add(group, "converter", MHO_U8, 3, 0, converter);
    add(group, "winner", MHO_STRING, 4, 0, winners);
    add(group, "winner_converter", MHO_I32, 4, 0, kind);
    add(group, "bits_from", MHO_I32, 4, 0, from);
    add(group, "bits_to", MHO_I32, 4, 0, to);
    add(group, "undone", MHO_I32, 4, 0, undone);
    add(group, "size", MHO_F64, 4, 0, size);
    add(group, "accuracy_after", MHO_F64, 4, 0, after);
    add(group, "feedback", MHO_F64, 4, 3, feedback);
    add(group, "share", MHO_F64, 4, 3, share);
    return model;
}

/* A log gives sizes, accuracies, final bits and spreads; moves that were undone and moves of converters do not count as
 * bits of a layer. */
TEST(test_trajectory_of_log)
{
    MhoRecord *model = sample_model();
    BitTrajectory trajectory;
    must(bit_trajectory_read(model, &trajectory, &error), &error);
    mho_record_destroy(model); /* the trajectory borrows nothing from it */
    ck_assert_uint_eq(trajectory.n, 3);
    ck_assert_uint_eq(trajectory.n_layers, 2);
    ck_assert_str_eq(trajectory.layers[1], "logits");
    ck_assert_double_eq(trajectory.bits[0], 6.0); /* neither the converter's move nor the undone one */
    ck_assert_double_eq(trajectory.bits[1], 6.0);
    ck_assert_double_eq(trajectory.size_reached, 6.0);
    ck_assert_double_eq(trajectory.accuracy[2], 0.88);
    ck_assert_double_eq_tol(trajectory.feedback_range, (0.2 + 0.0 + 0.1) / 3.0,
                            1e-12); /* the last move had no trial moves */
    ck_assert_double_eq_tol(trajectory.probability_ratio, pow(2.0 * 4.0 * 1.0 * 8.0, 0.25), 1e-12);
    bit_trajectory_clear(&trajectory);
}

/* A model without a log has no layers; a log that lacks an array is refused by the array's name. */
TEST(test_incomplete_log)
{
    static const double short_size[] = {6.5};
    MhoRecord *model, *group;
    BitTrajectory trajectory;
    must(mho_record_create(&model, &error), &error);
    must(bit_trajectory_read(model, &trajectory, &error), &error); /* a model without a log */
    ck_assert_uint_eq(trajectory.n_layers, 0);
    must(mho_record_child(model, "allocation", &group, &error), &error);
    add(group, "size", MHO_F64, 1, 0, short_size);
    must_refuse(bit_trajectory_read(model, &trajectory, &error), &error, MHO_INPUT, "candidate");
    mho_record_destroy(model);
}

/* Uniform, size, published and accuracy, two seeds; the models have no files. */
static MhoRecord *sample_variants(void)
{
    double accuracy[N], seeds[N], temperature[N], first[N], last[N];
    const char *names[N], *competition[N];
    static const double mean[] = {0.80, 0.81, 0.82, 0.85}, t[] = {NAN, 1, 1, 200}, l0[] = {NAN, 1, 1, 0},
                        l1[] = {NAN, 1, 0.4, 0};
    for (size_t p = 0; p < N; p++) {
        const size_t v = p / 2, seed = p % 2;
        names[p] = v == 0 ? "uniform" : "ccq";
        competition[p] = v == 0 ? "" : v == 1 ? "size" : "hedge";
        temperature[p] = t[v];
        first[p] = l0[v];
        last[p] = l1[v];
        seeds[p] = 1.0 + (double)seed;
        accuracy[p] = mean[v] + 0.05 * (double)seed;
    }
    MhoRecord *result = sample_result(N, 1, accuracy);
    sample_key(result, "allocate.name", MHO_STRING, N, names);
    sample_key(result, "allocate.ccq.competition", MHO_STRING, N, competition);
    sample_key(result, "allocate.ccq.temperature", MHO_F64, N, temperature);
    sample_key(result, "allocate.ccq.lambda_first", MHO_F64, N, first);
    sample_key(result, "allocate.ccq.lambda_last", MHO_F64, N, last);
    sample_key(result, "seed", MHO_F64, N, seeds);
    return result;
}

/* Points get the name of their allocator's settings, are compared with the plainer ones over seeds, and the finding
 * says that the models were not found. */
TEST(test_variants)
{
    MhoRecord *result = sample_variants(), *analysis = sample_analysis(result);
    must(experiment_analyse(result, analysis, &error), &error);
    static const char *const variants[] = {"uniform", "size decides", "CCQ as published", "accuracy decides, T = 200"};
    for (size_t i = 0; i < 4; i++)
        ck_assert_str_eq(word_at(analysis, "variant", i), variants[i]);
    /* against uniform, size and published: each with those before it */
    ck_assert_double_eq_tol(number_at(analysis, "difference_mean", 3 * 2), 0.02, 1e-12);
    ck_assert_double_eq_tol(number_at(analysis, "difference_mean", 3 * 2 + 1), 0.01, 1e-12);
    ck_assert(isnan(number_at(analysis, "difference_mean", 3 * 2 + 2)));
    ck_assert_double_eq_tol(number_at(analysis, "difference_mean", 3 * 3 + 2), 0.03, 1e-12);
    ck_assert_double_eq_tol(number_at(analysis, "difference_low", 3 * 3 + 2), 0.03,
                            1e-9); /* what seeds share cancels */
    char *text = experiment_finding(result);
    ck_assert_ptr_nonnull(strstr(text, "minus CCQ as published: +3.00 points"));
    ck_assert_ptr_nonnull(strstr(text, "were not found"));
    free(text);
    mho_record_destroy(result);
}

static void name_row(const MhoResultPoints *points, size_t p, char *text, size_t size)
{
    snprintf(text, size, "%s", mho_result_points_word(points, "allocate.name", p));
}

/* The points of an analysis have their models' trajectories as rows, padded with NaN where a model has no log or fewer
 * moves. */
TEST(test_trajectories_of_points)
{
    static const double accuracy[] = {0.8, 0.9, 0.7};
    static const char *const names[] = {"uniform", "ccq", "ccq"};
    MhoRecord *result = sample_result(3, 1, accuracy), *analysis = sample_analysis(result), *model = sample_model();
    MhoResultPoints points;
    BitTrajectory trajectories[3] = {0};
    sample_key(result, "allocate.name", MHO_STRING, 3, names);
    must(mho_result_points_read(result, &points, &error), &error);
    must(bit_trajectory_read(model, &trajectories[1], &error), &error);
    must(bit_trajectory_read(model, &trajectories[2], &error), &error);
    trajectories[2].n = 2;
    must(bit_trajectories_add(&points, trajectories, name_row, analysis, &error), &error);
    ck_assert(isnan(number_at(analysis, "trajectories/size", 0)));
    ck_assert_double_eq(number_at(analysis, "trajectories/size", 5), 6.0);
    ck_assert(isnan(number_at(analysis, "trajectories/size", 8)));
    ck_assert_double_eq(number_at(analysis, "trajectories/bits", 3), 6.0);
    ck_assert(isnan(number_at(analysis, "trajectories/bits", 0)) &&
              isnan(number_at(analysis, "trajectories/size_reached", 0)));
    ck_assert_double_eq_tol(number_at(analysis, "trajectories/feedback_range", 1), 0.1, 1e-12);
    ck_assert_str_eq(word_at(analysis, "trajectories/variant", 1), "ccq");
    bit_trajectory_clear(&trajectories[1]);
    bit_trajectory_clear(&trajectories[2]);
    mho_record_destroy(model);
    mho_record_destroy(result);
}
