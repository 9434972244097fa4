/* train_internal.h - what the files of training share. */
#ifndef MHO_TRAIN_TRAIN_INTERNAL_H
#define MHO_TRAIN_TRAIN_INTERNAL_H

#include "base/arena.h"
#include "net/fakequant/fakequant.h"
#include "train/stages.h"
#include "train/train.h"

/* loss.c */

/* What a batch is compared with. */
typedef struct MhoLoss {
    double label_smoothing;
    double distill, temperature; /* weight of the teacher; 0: no teacher */
} MhoLoss;

/* Loss of logits (n, classes) against labels (n) and, when distill > 0, teacher logits (n, classes); mean over n:
 *   (1 - w) CE(q, p) + w T^2 KL(teacher_T || p_T),  q = (1 - e) onehot + e / classes,  p_T = softmax(logits / T)
 * Hinton et al., arXiv 1503.02531; label smoothing: Szegedy et al., CVPR 2016. d_logits (n, classes) is its gradient
 * (NULL: not wanted). hits: first largest logit is the label. Sums in image order. */
double mho_loss(const MhoLoss *loss, size_t n, int classes, const float *logits, const uint8_t *labels,
                const float *teacher, float *d_logits, size_t *hits);

/* schedule.c */

/* Learning rate at `epoch` (whole epochs done in this stage plus the fraction of the running one) of `epochs`. */
double mho_schedule_rate(const MhoTrainParams *params, double peak, double epoch, double epochs);

/* Gradual quantization at progress 0..1 of a stage: weighted layers learn in groups of `layers` in node order (0: all
 * at once). modes, frozen (n_nodes): MhoNodeMode of every node, the running group in NOISE, groups before it in CODES
 * and frozen, groups after it CLEAN; a quantizer has the mode of the weighted layer before it, of the later one where
 * an addition joins two. Only weighted layers are frozen. Baskin et al., UNIQ, arXiv:1804.10969. */
void mho_gradual_modes(const MhoNet *net, double progress, int layers, uint8_t *modes, bool *frozen);
int mho_gradual_groups(const MhoNet *net, int layers); /* each has an equal share of the stage */

/* USAGE when the chip is read too early for a curriculum: times are spread from 20 s on. */
MhoStatus mho_curriculum_check(int curriculum, double time, MhoError *error) MHO_CHECKED;
/* Seconds since programming of a step at `progress` (0..1) of its stage; time: the chip's. */
double mho_curriculum_time(int curriculum, double time, uint64_t seed, uint32_t step, double progress);

/* batches.c */

/* One augmented copy of image (h, w, c): padded by `crop` pixels of code 0, cropped at a random place, flipped left to
 * right with probability 1/2 when `flip`. Drawn from (seed, epoch, number of the image). out (h, w, c). */
typedef struct MhoAugment {
    int h, w, c, crop;
    bool flip;
    uint64_t seed;
    uint32_t epoch;
} MhoAugment;
void mho_augment_image(const MhoAugment *augment, const uint8_t *image, uint32_t number, uint8_t *out);

/* The training images of one epoch after the other, in batches of equal size. What does not fill a batch at the end of
 * an epoch is left out; the order of every epoch is another, so no image is left out for good. */
typedef struct MhoBatches {
    const MhoDataset *set; /* borrowed */
    size_t batch, n_batches;
    MhoAugment augment;
    uint32_t *order; /* (set->n) */
    uint8_t *images; /* (batch, h, w, c) */
    uint8_t *labels; /* (batch) */
} MhoBatches;
MhoStatus mho_batches_create(const MhoTrainInput *input, MhoBatches *batches, MhoError *error) MHO_CHECKED;
void mho_batches_destroy(MhoBatches *batches);
void mho_batches_shuffle(MhoBatches *batches, uint32_t epoch); /* epoch: counted over all stages */
void mho_batches_fill(MhoBatches *batches, size_t number);     /* images and labels of batch 0 .. n_batches - 1 */

/* optimizer.c */

/* Stochastic gradient descent with Nesterov momentum:  v <- m v + g + d w;  w <- w - rate (g + d w + m v).
 * Decay d acts on weights only. A shift is counted in accumulator units u (value of one): its gradient is divided by
 * u^2, so that it learns at the pace of a bias in values whatever the units. Weights of a weighted layer are then
 * clipped to +- weight_clip standard deviations of the layer (Joshi et al., Nat. Commun. 11 (2020) 2473). */
typedef struct MhoOptimizer {
    MhoNet *net; /* borrowed */
    double momentum, weight_decay, weight_clip;
    const bool *frozen; /* (n_nodes) borrowed: nodes that keep their values and lose their momentum; NULL: none */
    float **velocity;   /* (n_nodes * MHO_NODE_MAX_ARRAYS), NULL where nothing is learned */
    double *units;      /* (most channels of a node) scratch of a step */
    MhoArena arena;
} MhoOptimizer;
MhoStatus mho_optimizer_create(MhoNet *net, const MhoTrainParams *params, MhoOptimizer *optimizer,
                               MhoError *error) MHO_CHECKED;
void mho_optimizer_destroy(MhoOptimizer *optimizer);
float *mho_optimizer_velocity(const MhoOptimizer *optimizer, size_t node, size_t array); /* (n) or NULL */
MhoStatus mho_optimizer_step(MhoOptimizer *optimizer, MhoFakeQuant *fq, double rate, MhoError *error) MHO_CHECKED;
void mho_sgd_update(size_t n, float rate, float momentum, float decay, const float *gradient, float *velocity,
                    float *value);

/* stage_net.c */

/* The net that a stage starts from: built (first stage: before and previous NULL) or made of the net of the stage
 * before. The caller's. */
MhoStatus mho_stage_net(const MhoTrainInput *input, const MhoStage *stage, const MhoStage *before,
                        const MhoNet *previous, MhoNet **net, MhoError *error) MHO_CHECKED;
/* A copy of at most `most` images, spread evenly over the whole set, which may be sorted by class. */
MhoStatus mho_spread_images(const MhoDataset *set, size_t most, MhoDataset *spread, MhoError *error) MHO_CHECKED;

/* The result of a check of all gradients. */
typedef struct MhoGradient {
    double norm;     /* square root of the sum of all squares, before scaling */
    int node, array; /* the first that is not finite; -1: all are */
} MhoGradient;
/* Norm over the learned arrays of nodes that are not frozen (n_nodes; NULL: none is), with respect to what is stored;
 * gradients are scaled down to a norm of `most` (0: they are not). */
MhoGradient mho_gradient_clip(const MhoNet *net, MhoFakeQuant *fq, const bool *frozen, double most);

/* checkpoint.c */

/* One finished epoch. */
typedef struct MhoEpoch {
    char stage[MHO_NAME_MAX];
    double loss, train_accuracy, validation_loss, validation_accuracy,
        learning_rate;    /* learning_rate: at the end of the epoch */
    double gradient_norm; /* mean over the steps, before clipping */
    double seconds;
} MhoEpoch;

/* The steps done in an epoch that is not finished. */
typedef struct MhoEpochPart {
    size_t steps, hits;
    double loss, gradient_norm; /* sum over the steps; that share of the epoch's mean */
    double seconds;
} MhoEpochPart;

/* Where training is. */
typedef struct MhoTrainingState {
    MhoStages stages;
    size_t stage;            /* running stage */
    char name[MHO_NAME_MAX]; /* of the running stage, or of the running recovery of stage "allocate" */
    int stage_epochs;        /* epochs done in it */
    int stale_epochs;        /* epochs done since the best */
    bool over;               /* it ends here: patience, or recovered */
    MhoEpoch *history;       /* (n_history), and the running epoch's row */
    size_t n_history;        /* epochs done in all stages */
    MhoEpochPart part;       /* of the epoch after them; zero between epochs */
    MhoNet *net, *teacher;   /* teacher: NULL in the first stage */
    MhoNet *best;            /* of this stage on the validation images; NULL: none yet */
    double best_accuracy;
    MhoOptimizer optimizer;
    bool resumed; /* net and optimizer are those of a checkpoint in this stage */
} MhoTrainingState;

/* A zeroed row at the end of the history, which n_history does not count yet. */
MhoStatus mho_history_add(MhoTrainingState *state, MhoError *error) MHO_CHECKED;

/* Hand the state to the callback as a record; final: without teacher and optimizer. */
MhoStatus mho_checkpoint_write(const MhoTrainInput *input, const MhoTrainingState *state, bool final,
                               MhoError *error) MHO_CHECKED;
/* Fill stage, history, net, teacher and optimizer from input->resume. */
MhoStatus mho_checkpoint_read(const MhoTrainInput *input, MhoTrainingState *state, MhoError *error) MHO_CHECKED;
/* Fill history and net from input->start: the first stage is done. */
MhoStatus mho_checkpoint_start(const MhoTrainInput *input, MhoTrainingState *state, MhoError *error) MHO_CHECKED;

struct MhoTraining {
    const MhoTrainInput *input;
    MhoTrainingState state;
    MhoBatches batches;
    MhoDataset chip_validation; /* validation images of accuracies on chips */
    MhoLoss loss;
    const MhoRecovery *recovery;               /* that is running; NULL: none */
    bool injects;                              /* weights learn with injected noise */
    MhoFakeQuant *fq, *teacher;                /* of the running stage; teacher NULL: it has no weight in the loss */
    uint8_t *modes;                            /* (n_nodes) of the running stage; NULL: codes everywhere */
    bool *frozen;                              /* (n_nodes), with modes */
    float *logits, *teacher_logits, *d_logits; /* (batch, classes), in one block */
    int threads_before;                        /* of oneDNN */
    MhoProgress progress;
};

/* epochs.c */

const MhoStage *mho_training_running(const MhoTraining *t); /* the running stage */
/* Whether the net that a stage starts from is a candidate for its best. */
bool mho_training_competes(const MhoStage *stage);
/* Start a stage or recovery at the running net: optimizer and counts. competes: this net is a candidate for the best.
 */
MhoStatus mho_training_open_state(MhoTraining *t, bool competes, MhoError *error) MHO_CHECKED;
/* From the net of a stage or recovery to its best one, epoch by epoch. */
MhoStatus mho_training_run_epochs(MhoTraining *t, MhoError *error) MHO_CHECKED;

/* step.c */

/* Forward, loss, backward, update on batch `number` of the running epoch; notes its rate and gradient norm. */
MhoStatus mho_training_step(MhoTraining *t, size_t number, double *loss, size_t *hits, MhoError *error) MHO_CHECKED;
/* Set a new chip, that of batch `number`, as chip stages do. */
void mho_training_set_chip(MhoTraining *t, size_t number);
/* Replace batch norm's statistics by the mean over the first batches of the running epoch, with the weights as they
 * are, every layer in codes, in chip stages through chips. Ternary weights near a threshold flip until the last step,
 * and the running average lags (Nagel et al., "Overcoming oscillations in quantization-aware training", ICML 2022). */
MhoStatus mho_batchnorm_reestimate(MhoTraining *t, MhoError *error) MHO_CHECKED;

#endif
