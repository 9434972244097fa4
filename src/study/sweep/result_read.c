/* result_read.c - points and trials back out of a result record, which may come from a hostile file. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "study/sweep/result.h"

typedef struct StoredArrays {
    const MhoArray *accuracy, *loss, *logits, *keys, *chips, *signal, *noise, *conversions, *clipped;
} StoredArrays;

static MhoStatus require_arrays(const MhoRecord *result, const char *file, StoredArrays *at, MhoError *error)
{
    const struct {
        const char *name;
        MhoType type;
        size_t rank;
        const MhoArray **array;
    } wanted[] = {
        {"accuracy", MHO_F64, 2, &at->accuracy},    {"loss", MHO_F64, 2, &at->loss},
        {"logits_digest", MHO_U64, 2, &at->logits}, {"point_key", MHO_U64, 1, &at->keys},
        {"n_chips", MHO_I32, 1, &at->chips},        {"signal", MHO_F64, 3, &at->signal},
        {"noise", MHO_F64, 3, &at->noise},          {"conversions", MHO_I64, 3, &at->conversions},
        {"clipped", MHO_I64, 3, &at->clipped},
    };
    MhoStatus status = MHO_OK;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted && status == MHO_OK; i++) {
        status =
            mho_record_require(result, file, wanted[i].name, wanted[i].type, wanted[i].rank, wanted[i].array, error);
        for (size_t d = 0; status == MHO_OK && d < wanted[i].rank; d++) {
            const MhoArray *like = wanted[i].rank == 3 ? at->signal : at->accuracy;
            if ((*wanted[i].array)->shape[d] != (d < 2 ? at->accuracy->shape[d] : like->shape[d]))
                status = mho_fail(error, MHO_INPUT, "%s: %s has another shape than accuracy; not a whole result", file,
                                  wanted[i].name);
        }
    }
    if (status == MHO_OK && at->signal->shape[2] > MHO_TRIAL_MAX_LAYERS)
        status =
            mho_fail(error, MHO_INPUT, "%s: %zu layers; at most %d", file, at->signal->shape[2], MHO_TRIAL_MAX_LAYERS);
    return status;
}

MhoStatus mho_result_points(const MhoRecord *result, const char *file, MhoPointInfo **points, size_t *n,
                            MhoError *error)
{
    StoredArrays at;
    MhoStatus status = require_arrays(result, file, &at, error);
    if (status != MHO_OK)
        return status;
    *n = at.keys->shape[0];
    *points = mho_calloc(*n, sizeof **points, error, "the points of a result");
    if (!*points)
        return MHO_MEMORY;
    for (size_t p = 0; p < *n; p++) {
        int32_t chips = ((const int32_t *)at.chips->data)[p];
        (*points)[p] =
            (MhoPointInfo){.key = ((const uint64_t *)at.keys->data)[p], .n_chips = chips > 0 ? (uint32_t)chips : 0};
        if (chips < 1 || (size_t)chips > at.accuracy->shape[1]) {
            free(*points);
            *points = NULL;
            return mho_fail(error, MHO_INPUT, "%s: n_chips of point %zu is %d and accuracy has %zu chips", file, p,
                            chips, at.accuracy->shape[1]);
        }
    }
    return MHO_OK;
}

static void fill_trial(const StoredArrays *at, size_t p, size_t chip, MhoTrial *trial)
{
    size_t i = p * at->accuracy->shape[1] + chip, n_layers = at->signal->shape[2];
    memset(trial, 0, sizeof *trial);
    trial->point = ((const uint64_t *)at->keys->data)[p];
    trial->chip = (uint32_t)chip;
    trial->accuracy = ((const double *)at->accuracy->data)[i];
    trial->loss = ((const double *)at->loss->data)[i];
    trial->logits = ((const uint64_t *)at->logits->data)[i];
    for (size_t l = 0; l < n_layers; l++) {
        double signal = ((const double *)at->signal->data)[i * n_layers + l];
        if (isnan(signal)) /* this point's network has fewer layers */
            break;
        trial->layers[l] = (MhoLayerMeter){
            .conversions = (uint64_t)((const int64_t *)at->conversions->data)[i * n_layers + l],
            .clipped = (uint64_t)((const int64_t *)at->clipped->data)[i * n_layers + l],
            .signal = signal,
            .noise = ((const double *)at->noise->data)[i * n_layers + l],
        };
        trial->n_layers = (uint32_t)l + 1;
    }
}

MhoStatus mho_result_trials(const MhoRecord *result, const char *file, MhoTrials *trials, MhoError *error)
{
    StoredArrays at;
    MhoStatus status = require_arrays(result, file, &at, error);
    MhoTrial *trial = status == MHO_OK ? mho_calloc(1, sizeof *trial, error, "a trial") : NULL;
    if (status == MHO_OK && !trial)
        status = MHO_MEMORY;
    for (size_t p = 0; status == MHO_OK && p < at.accuracy->shape[0]; p++)
        for (size_t chip = 0; status == MHO_OK && chip < at.accuracy->shape[1]; chip++) {
            if (isnan(((const double *)at.accuracy->data)[p * at.accuracy->shape[1] + chip]))
                continue;
            fill_trial(&at, p, chip, trial);
            status = mho_trials_add(trials, trial, error);
        }
    free(trial);
    return status == MHO_OK ? MHO_OK : mho_fail_context(error, "%s", file);
}
