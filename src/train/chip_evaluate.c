/* chip_evaluate.c - accuracy and loss of a net on chips: programmed, aged, read, scored, averaged in chip order. */
#include <stdlib.h>

#include "net/lowered/executor.h"
#include "train/train.h"

/* What the chips of one evaluation share. */
typedef struct ChipBench {
    const MhoDataset *set, *calibration; /* calibration NULL: none */
    const MhoChipConfig *config;
    int threads;
    MhoLoweredNet *program;
    MhoPlan *plan;
    float *logits; /* (set->n, classes) */
} ChipBench;

static MhoStatus check_set(const MhoLoweredNet *program, const MhoDataset *set, const char *what, MhoError *error)
{
    const MhoShape in = program->input;

    if (set->n == 0)
        return mho_fail(error, MHO_USAGE, "no %s images for a chip", what);
    if (set->h != in.h || set->w != in.w || set->c != in.c)
        return mho_fail(error, MHO_USAGE, "%s images are %d x %d x %d and the net takes %d x %d x %d", what, set->h,
                        set->w, set->c, in.h, in.w, in.c);
    return MHO_OK;
}

static MhoStatus bench_open(const MhoNet *net, ChipBench *bench, MhoError *error)
{
    const MhoDataset *calibration = bench->calibration;
    MhoStatus status = mho_lowered_net_create(net, &bench->program, error);

    if (status == MHO_OK)
        status = check_set(bench->program, bench->set, "evaluation", error);
    if (status == MHO_OK && calibration)
        status = check_set(bench->program, calibration, "calibration", error);
    if (status == MHO_OK)
        status = mho_lowered_net_plan(bench->program, bench->config, calibration ? calibration->images : NULL,
                                      calibration ? calibration->n : 0, bench->threads, &bench->plan, error);
    if (status != MHO_OK)
        return status;
    bench->logits = calloc(bench->set->n, (size_t)net->n_classes * sizeof *bench->logits);
    if (!bench->logits)
        return mho_fail(error, MHO_MEMORY, "out of memory for the logits of %zu images", bench->set->n);
    return MHO_OK;
}

static void bench_close(ChipBench *bench)
{
    free(bench->logits);
    mho_plan_destroy(bench->plan);
    mho_lowered_net_destroy(bench->program);
}

/* One chip at the configuration's time and temperature. */
static MhoStatus score_chip(const ChipBench *bench, uint32_t number, double *accuracy, double *loss, MhoError *error)
{
    const MhoCondition at = {.t = bench->config->chip.time, .temperature = bench->config->chip.temperature};
    const MhoAnalogOptions options = {.threads = bench->threads};
    const MhoDataset *set = bench->set, *calibration = bench->calibration;
    MhoChip *chip = NULL;
    MhoChipState *state = NULL;
    MhoStatus status =
        mho_lowered_net_state(bench->program, bench->plan, number, at, calibration ? calibration->images : NULL,
                              calibration ? calibration->n : 0, bench->threads, &chip, &state, error);

    if (status == MHO_OK)
        status = mho_analog_run(bench->program, state, set->images, set->n, &options, bench->logits, error);
    if (status == MHO_OK) {
        size_t hits;

        mho_logits_score(bench->logits, set->labels, set->n, bench->program->n_classes, &hits, loss);
        *accuracy = (double)hits / (double)set->n;
    }
    mho_chip_state_destroy(state);
    mho_chip_destroy(chip);
    return status;
}

MhoStatus mho_train_evaluate_chip(const MhoNet *net, const MhoDataset *set, const MhoDataset *calibration,
                                  const MhoChipConfig *config, uint32_t first, uint32_t n, int threads,
                                  double *accuracy, double *loss, MhoError *error)
{
    ChipBench bench = {.set = set, .calibration = calibration, .config = config, .threads = threads};

    *accuracy = *loss = 0.0;
    if (n == 0 || n > UINT32_MAX - first)
        return mho_fail(error, MHO_USAGE, "%u chips from number %u on: at least one, and numbers have 32 bits", n,
                        first);
    MhoStatus status = bench_open(net, &bench, error);
    if (status == MHO_OK && !mho_plan_is_random(bench.plan))
        n = 1; /* every chip is the same */
    for (uint32_t i = 0; i < n && status == MHO_OK; i++) {
        double hits, cross_entropy;

        status = score_chip(&bench, first + i, &hits, &cross_entropy, error);
        if (status == MHO_OK) {
            *accuracy += hits / n;
            *loss += cross_entropy / n;
        }
    }
    bench_close(&bench);
    return status;
}
