/* train.h - from a data set to a network: float, then stages of lower precision, then without batch norm.
 *
 * A recipe is a list of stages. Each quantized stage starts from the network of the stage before, which is also its
 * teacher (FQ-Conv, Verhoef et al., arXiv 1912.09356). Nothing here reads a test set: the only images are the two parts
 * of the training set, for training and for validation.
 */
#ifndef MHO_TRAIN_TRAIN_H
#define MHO_TRAIN_TRAIN_H

#include "base/log.h"
#include "crossbar/crossbar.h"
#include "data/dataset.h"
#include "net/graph/net.h"
#include "train/stages.h"

/* The keys "train.*" of a study; table in mho_train_descriptor. */
typedef struct MhoTrainParams {
    char net[MHO_TEXT_MAX];    /* builder: lenet allconv resnet20 */
    double width;              /* multiplies the builder's channels */
    char stages[MHO_TEXT_MAX]; /* "float:6 4/4:2 2/4:4 fq:4@0.002": the grammar is in stages.c */
    int batch;
    double learning_rate, quant_learning_rate; /* peak learning rates of the float stage and of the others */
    double momentum, weight_decay, label_smoothing;
    int schedule;                    /* MhoSchedule */
    double warmup;                   /* epochs */
    double step_epochs, step_factor; /* schedule = step */
    int crop;                        /* pixels of padding before a random crop; 0: none */
    bool flip;
    double distill, distill_temperature;              /* weight of the teacher's soft targets, 0: none */
    double noise_weight, noise_activation, noise_sum; /* keys noise.*: LSB */
    int validation;                                   /* training images kept for validation */
    int limit;                                        /* first n training images; 0: all */
    int gradual_layers;   /* key gradual.layers: layers that learn together where the weight policy injects noise;
                           * 0: all at once */
    bool gradual_noise;   /* key gradual.noise: off, such layers learn through their codes, as others do */
    int patience;         /* epochs without a better net on validation images that end a stage; 0: never */
    double gradient_clip; /* largest norm of all gradients; 0: none */
    double weight_clip;   /* weights stay within +- this many standard deviations of their layer; 0: none */
    int validation_chips; /* key validation_chips: chips that a validation accuracy on chips is taken over */
    int chip_curriculum;  /* MhoCurriculum: time since programming of a chip stage's steps */
} MhoTrainParams;

typedef enum MhoCurriculum {
    MHO_CURRICULUM_FIXED,  /* the chip's time */
    MHO_CURRICULUM_SPREAD, /* log-uniform up to it */
    MHO_CURRICULUM_GROWING /* log-uniform up to a limit that grows to it over the stage */
} MhoCurriculum;

typedef enum MhoSchedule { MHO_SCHEDULE_COSINE, MHO_SCHEDULE_STEP, MHO_SCHEDULE_CONSTANT } MhoSchedule;

extern const MhoDescriptor mho_train_descriptor; /* name "train"; check() parses the stages */

/* The keys "quant.*" of a study; table in mho_quant_descriptor. Bits 0: as the model has them. */
typedef struct MhoQuantParams {
    char weight_name[MHO_TEXT_MAX], activation_name[MHO_TEXT_MAX];
    int weight_bits, activation_bits;
    int scale; /* MhoWeightScale, key weight.scale */
    int shift; /* 0 row, 1 none: key shift */
} MhoQuantParams;

extern const MhoDescriptor mho_quant_descriptor;

/* Called with a whole model record (mho_net_to_record plus groups "history" and "training": optimizer, teacher and
 * position) after every epoch, within epochs as checkpoint_seconds says, and on a stop request. The record is the
 * callback's to extend and the caller's to destroy. final: training is done and the record is the model to keep
 * (without teacher and optimizer state). */
typedef MhoStatus (*MhoCheckpointFunction)(void *context, MhoRecord *checkpoint, bool final, MhoError *error);

typedef struct MhoTrainInput {
    const MhoDataset *training, *validation; /* parts of the training set */
    const MhoTrainParams *train;
    const MhoQuantParams *quant;
    uint64_t seed;
    const char *recipe; /* digest of the recipe (64 hex digits): becomes the net's and every checkpoint's attribute */
    int threads;        /* <= 0: OpenMP's default */
    const MhoLog *log;
    MhoCheckpointFunction checkpoint;
    void *context;
    double
        checkpoint_seconds; /* longest time between checkpoints, for epochs that take longer; 0: none within epochs */
    const MhoChipConfig *chip; /* of stages "chip" and of recoveries on a chip; NULL: there are none */
    bool recovers_on_chip;     /* the stage "allocate" goes forward through the chip, as stages "chip" do */
    const MhoRecord *start;    /* NULL, or the finished model of the first stage alone, same seed and images: its net
                                * and history take the place of that stage; resume has precedence */
    const char *start_file;    /* for messages */
    const MhoRecord *resume;   /* NULL, or a checkpoint of the same recipe: training goes on to the same net */
    const char *resume_file;   /* for messages */
} MhoTrainInput;

/* Train. *net is the caller's. Group "history" of every checkpoint has arrays per epoch: stage (string; in the stage
 * "allocate" the name of the move), epoch, loss, train_accuracy, validation_accuracy, validation_loss (on chips in
 * stages chip and in recoveries on a chip), learning_rate, gradient_norm. Wall times are in group "provenance" only.
 * FAILED when the loss or a gradient is not finite, naming stage, epoch and step; STOPPED on a stop request, with a
 * checkpoint of the last step. USAGE when a stage lacks its chip, and for a stage "allocate": mho_allocate_train runs
 * it. */
MhoStatus mho_train(const MhoTrainInput *input, MhoNet **net, MhoError *error) MHO_CHECKED;

/* A training under way, stage by stage; input is borrowed. mho_train calls the first five. */
typedef struct MhoTraining MhoTraining;
MhoStatus mho_training_create(const MhoTrainInput *input, MhoTraining **training, MhoError *error) MHO_CHECKED;
void mho_training_destroy(MhoTraining *training);                /* NULL allowed */
const MhoStage *mho_training_stage(const MhoTraining *training); /* the next or running one; NULL: all are done */
MhoStatus mho_training_run_stage(MhoTraining *training, MhoError *error) MHO_CHECKED; /* any but "allocate" */
/* The final checkpoint; *net is the caller's. */
MhoStatus mho_training_finish(MhoTraining *training, MhoNet **net, MhoError *error) MHO_CHECKED;

/* The stage "allocate" is: begin, any number of new nets with a recovery each, end. *resumed: the stage goes on within
 * a recovery of a checkpoint, and the next call is mho_training_recover. */
MhoStatus mho_training_begin_stage(MhoTraining *training, bool *resumed, MhoError *error) MHO_CHECKED;
void mho_training_end_stage(MhoTraining *training);
const MhoNet *mho_training_net(const MhoTraining *training);   /* borrowed */
void mho_training_set_net(MhoTraining *training, MhoNet *net); /* takes net in place of the running one */
/* Validation accuracy and loss of the running net: in a chip stage, on chips. */
MhoStatus mho_training_validate(MhoTraining *training, double *accuracy, double *loss, MhoError *error) MHO_CHECKED;

/* How the whole net recovers from a move. The learning rate is hybrid: plateau_epochs at low, a restart to high and a
 * half cosine down over restart_epochs, low again. */
typedef struct MhoRecovery {
    char name[MHO_NAME_MAX];    /* in the history */
    double accuracy;            /* it ends at this validation accuracy (0..1), */
    int epochs;                 /* or after so many epochs */
    double rate_low, rate_high; /* learning rates */
    double plateau_epochs, restart_epochs;
} MhoRecovery;
double mho_recovery_rate(const MhoRecovery *recovery, double epochs); /* epochs done */
bool mho_recovery_ends(const MhoRecovery *recovery, int epochs, double accuracy);
/* Train the running net. It is replaced by the best net on validation images, the net as it came included, whose
 * accuracy becomes *accuracy. The teacher is the net that the stage began with. */
MhoStatus mho_training_recover(MhoTraining *training, const MhoRecovery *recovery, double *accuracy,
                               MhoError *error) MHO_CHECKED;
int mho_training_stage_epochs(const MhoTraining *training); /* done in this stage or recovery */

/* Top-1 accuracy (0..1) and mean loss of a quantized net on chips first .. first + n - 1 of a configuration, at its
 * time and temperature: means over the chips (one where all are the same). calibration: training images for converter
 * ranges that are calibrated, else NULL. USAGE for images of another shape and for chips that no plan fits. */
MhoStatus mho_train_evaluate_chip(const MhoNet *net, const MhoDataset *set, const MhoDataset *calibration,
                                  const MhoChipConfig *config, uint32_t first, uint32_t n, int threads,
                                  double *accuracy, double *loss, MhoError *error) MHO_CHECKED;

/* Top-1 accuracy (0..1) and mean loss of a net in evaluation mode on a dataset, float/fake-quant executor. */
MhoStatus mho_train_evaluate(MhoNet *net, const MhoDataset *set, size_t batch, double *accuracy, double *loss,
                             MhoError *error) MHO_CHECKED;

#endif
