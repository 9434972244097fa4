/* trial.h - one trial: one point of a sweep on one chip. A pure function of (model, study, seed, point, chip).
 *
 * A trial cache keeps what trials share: images, nets, lowered nets, and nets on chips. Points that differ only in time
 * and temperature share one net on a chip; chips of points that differ in converters, reads or wires share devices.
 */
#ifndef MHO_STUDY_SWEEP_TRIAL_H
#define MHO_STUDY_SWEEP_TRIAL_H

#include "net/lowered/code_noise.h"
#include "net/lowered/net_on_chip.h"
#include "study/keys/points.h"
#include "study/models/model_file.h"

enum { MHO_TRIAL_MAX_LAYERS = 256 };

/* One analog layer of a trial. All members have 8 bytes. */
typedef struct MhoTrialLayer {
    MhoLayerMeter meter;
    double adc_step, adc_range; /* accumulator units; NaN: no converters */
    double bops;                /* bit operations for one image */
    int64_t tiles, weights;
    int64_t weight_bits, activation_bits, adc_bits; /* adc_bits 0: ideal or none */
} MhoTrialLayer;

typedef struct MhoTrial {
    uint64_t point; /* digest of the point, its model and its data: the trial key is (point, chip) */
    uint32_t chip;
    uint32_t n_layers;
    uint32_t host; /* in a list of hosts: MhoTrials */
    double accuracy, loss;
    uint64_t logits;                         /* digest of all logits */
    double integer_accuracy, float_accuracy; /* of the point's network on the same images; NaN: not known */
    double seconds;                          /* wall time */
    MhoTrialLayer layers[MHO_TRIAL_MAX_LAYERS];
} MhoTrial;

typedef struct MhoTrialCache MhoTrialCache;

/* options->retrain: every model is trained once more, the first time a point needs it. */
MhoStatus mho_trial_cache_create(const MhoModelOptions *options, MhoTrialCache **cache, MhoError *error) MHO_CHECKED;
void mho_trial_cache_destroy(MhoTrialCache *cache);

/* A point that is ready to run. Everything but `plan_only` is borrowed from the cache. It is valid until the cache
 * prepares a point of other images, more nets than it holds, or more than MHO_TRIAL_CACHE_CHIPS configurations. */
typedef struct MhoPointSetup {
    MhoTrialCache *cache;
    const MhoNet *net; /* quantized */
    const MhoLoweredNet *lowered;
    const MhoDataset *images, *calibration;
    MhoNetOnChip *on_chip;   /* NULL: noise on codes, or prepared for its key only */
    MhoExecutor *code_noise; /* NULL: a chip, or prepared for its key only */
    const MhoPlan *plan;     /* of on_chip, or plan_only; NULL: noise on codes that is ready to run */
    MhoPlan *plan_only;      /* owned; NULL: there is a net on a chip */
    MhoChipConfig config;
    bool is_noisy; /* noise on codes: there is no chip and no layer is metered */
    char model_digest[65];
    double integer_accuracy, float_accuracy; /* once ready; NaN: not known */
    uint64_t point;                          /* digest of the trial key without the chip */
    uint64_t devices;       /* digest of the plan's devices, the net and the images; 0: noise on codes, or ready to
                             * run */
    uint64_t configuration; /* digest of all that its net on a chip depends on */
    size_t measured;        /* images with signal and noise */
    size_t batch;           /* images between two looks at the stop signal */
    uint32_t n_chips;       /* repeat, or 1 for a point without a random term */
} MhoPointSetup;

/* Nets on chips that a cache holds at most. */
enum { MHO_TRIAL_CACHE_CHIPS = 16 };

/* Load (or train) the model, quantize and lower it, plan and calibrate the chip. ready false: only for n_chips and the
 * digests, without calibration. */
MhoStatus mho_trial_cache_prepare(MhoTrialCache *cache, const MhoSettings *settings, const char *point_text, bool ready,
                                  MhoPointSetup *setup, MhoError *error) MHO_CHECKED;
void mho_point_setup_clear(MhoPointSetup *setup);

/* Run chip number `chip`. logits: NULL, or (images->n, classes). */
MhoStatus mho_trial_run(const MhoPointSetup *setup, uint32_t chip, float *logits, MhoTrial *trial,
                        MhoError *error) MHO_CHECKED;

#endif
