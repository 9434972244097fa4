/* trial.h - one trial: one point of a sweep on one chip. A pure function of (model, study, seed, point, chip).
 *
 * A workbench keeps what trials share: the images, the nets and their lowered programs.
 */
#ifndef MHO_STUDY_SWEEP_TRIAL_H
#define MHO_STUDY_SWEEP_TRIAL_H

#include "net/lowered/executor.h"
#include "study/keys/points.h"
#include "study/models/model_file.h"

enum { MHO_TRIAL_MAX_LAYERS = 256 };

typedef struct MhoTrial {
    uint64_t point; /* digest of the point and its model: the trial key is (point, chip) */
    uint32_t chip;
    uint32_t n_layers;
    double accuracy, loss;
    uint64_t logits; /* digest of all logits */
    MhoLayerMeter layers[MHO_TRIAL_MAX_LAYERS];
} MhoTrial;

typedef struct MhoTrialCache MhoTrialCache;

/* options->retrain: every model is trained once more, the first time a point needs it. */
MhoStatus mho_trial_cache_create(const MhoModelOptions *options, MhoTrialCache **bench, MhoError *error) MHO_CHECKED;
void mho_trial_cache_destroy(MhoTrialCache *bench);

/* A point ready to run: its program, plan, images. Borrowed from the workbench until the next call. */
typedef struct MhoPointSetup {
    const MhoNet *net; /* quantized */
    const MhoLoweredNet *program;
    const MhoDataset *images, *calibration;
    MhoPlan *plan;
    MhoChipConfig config;
    MhoCodeNoise noise; /* of every trial but for the chip */
    bool is_noisy;      /* noise on codes; no chip is made and no layer is metered */
    char model_digest[65];
    uint64_t point;   /* digest of the trial key without the chip */
    size_t measured;  /* images with signal and noise */
    size_t batch;     /* images classified at once */
    uint32_t n_chips; /* repeat, or 1 for a point without a random term */
} MhoPointSetup;

/* Load (or train) the model, quantize and lower it, plan the chip. calibrate false: only for n_chips and the key. */
MhoStatus mho_trial_cache_prepare(MhoTrialCache *bench, const MhoSettings *settings, const char *point_text,
                                  bool calibrate, MhoPointSetup *prepared, MhoError *error) MHO_CHECKED;
void mho_point_setup_clear(MhoPointSetup *prepared);

/* Run chip number `chip`. logits: NULL, or (images->n, classes). */
MhoStatus mho_trial_run(const MhoPointSetup *prepared, uint32_t chip, int threads, float *logits, MhoTrial *trial,
                        MhoError *error) MHO_CHECKED;

#endif
