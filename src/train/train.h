/* train.h - from a dataset to a network: float, then down a list of stages of precisions, then without batch norm.
 *
 * A recipe is a list of stages. Each quantized stage starts from the net of the stage before, which is also its teacher
 * (FQ-Conv, Verhoef et al., arXiv 1912.09356). Nothing here reads a test set: the only images are the two halves of the
 * training set.
 */
#ifndef MHO_TRAIN_TRAIN_H
#define MHO_TRAIN_TRAIN_H

#include "base/log.h"
#include "crossbar/crossbar.h"
#include "data/dataset.h"
#include "net/graph/net.h"

/* The keys "train.*" of a study; table in mho_train_descriptor. */
typedef struct MhoTrainParams {
    char net[MHO_TEXT_MAX];    /* builder: lenet allconv resnet20 */
    double width;              /* multiplies the builder's channels */
    char stages[MHO_TEXT_MAX]; /* "float:6 4/4:2 2/4:4 fq:4@0.002": stages "float", "W/A" (bits, batch norm stands),
                                * "fq" or "fq W/A" (batch norm removed), "chip" (through the device model), ":" epochs,
                                * "@" a peak rate of its own; "allocate" (an allocator's moves); the epoch best on
                                * validation images goes on */
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
    int validation;                                   /* images validation of the training set for validation */
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

/* Called after every epoch with a whole model record (mho_net_to_record plus groups "history" and "training": optimizer
 * and teacher state), which is borrowed during the call. final: training is done and the record is the model to keep
 * (without teacher and optimizer state). */
typedef MhoStatus (*MhoCheckpointFunction)(void *context, const MhoRecord *checkpoint, bool final, MhoError *error);

/* What an allocator does in the stage "allocate" of a stages: the call that goes up, filled by `study`. Every move
 * starts a recovery, a stage of its own in the history, whose best net on validation images comes to the next move. */
typedef struct MhoAllocation {
    void *context;
    bool chip; /* recoveries go through the input's chip and are judged on it, as stages "chip" */
    /* The net that layers compete from, of the net of the stage before. *first is the caller's; NULL: that net as is.
     * A member that is NULL stands for the latter. */
    MhoStatus (*begin)(void *context, const MhoNet *net, MhoNet **first, MhoError *error);
    /* From the net at the end of a stage and its validation accuracy: the net of the next recovery (the caller's) and
     * its name, or *done and the net to end with (NULL: the one given). */
    MhoStatus (*move)(void *context, const MhoNet *net, double validation_accuracy, MhoNet **next,
                      char name[MHO_NAME_MAX], bool *done, MhoError *error);
    bool (*recovered)(void *context, int epochs, double validation_accuracy); /* after whole epochs of a recovery */
    double (*rate)(const void *context, double epochs);                       /* learning rate */
    /* The log of all moves and what is needed to go on: group "allocation" of the model and of every checkpoint. */
    MhoStatus (*to_record)(const void *context, MhoRecord *group, MhoError *error);
    MhoStatus (*from_record)(void *context, const MhoRecord *group, const char *file, MhoError *error);
} MhoAllocation;

typedef struct MhoTrainInput {
    const MhoDataset *training, *validation; /* halves of the training set */
    const MhoTrainParams *train;
    const MhoQuantParams *quant;
    uint64_t seed;
    const char *recipe; /* digest of the recipe (64 hex digits): becomes the net's and every checkpoint's attribute */
    int threads;        /* <= 0: OpenMP's default */
    const MhoLog *log;
    MhoCheckpointFunction checkpoint;
    void *context;
    const MhoChipConfig *chip;       /* of stages "chip" and recoveries on a chip; NULL: there are none */
    const MhoAllocation *allocation; /* of the stage "allocate"; NULL: none is in the stages */
    const MhoRecord *start;          /* NULL, or the finished model of the stages' first stage alone, same seed and
                                      * images: its net and history stand for that stage; resume has precedence */
    const char *start_file;          /* for messages */
    const MhoRecord *resume;         /* NULL, or a checkpoint of the same recipe: goes on to the same bytes */
    const char *resume_file;         /* for messages */
} MhoTrainInput;

/* Train. *net is the caller's. Group "history" of every checkpoint has arrays per epoch: stage (string; in stage
 * "allocate" the name of the move), epoch, loss, train_accuracy, validation_accuracy, validation_loss (of chips in
 * stages chip and recoveries on a chip), rate, gradient_norm. Wall times are provenance: they stand in group
 * "provenance" only. FAILED when the loss or a gradient is not finite, naming stage, epoch and step; STOPPED on a stop
 * request (the last checkpoint stands). USAGE when a stage of the stages lacks its chip or allocator. */
MhoStatus mho_train(const MhoTrainInput *input, MhoNet **net, MhoError *error) MHO_CHECKED;

/* Top-1 accuracy (0..1) and mean loss of a quantized net on chips first .. first + n - 1 of a configuration, at its
 * time and temperature: means over the chips (one where all are the same). calibration: training images for converter
 * ranges that are calibrated, else NULL. USAGE for sets of other shapes, and as plans say. */
MhoStatus mho_train_evaluate_chip(const MhoNet *net, const MhoDataset *set, const MhoDataset *calibration,
                                  const MhoChipConfig *config, uint32_t first, uint32_t n, int threads,
                                  double *accuracy, double *loss, MhoError *error) MHO_CHECKED;

/* (1 + cos(pi t)) / 2 for t in 0..1, the shape of rates that anneal; error below 1e-11. */
double mho_schedule_half_cosine(double t);

/* Top-1 accuracy (0..1) and mean loss of a net in evaluation mode on a dataset, float/fake-quant executor. */
MhoStatus mho_train_evaluate(MhoNet *net, const MhoDataset *set, size_t batch, double *accuracy, double *loss,
                             MhoError *error) MHO_CHECKED;

#endif
