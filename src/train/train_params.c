/* train_params.c - the tables behind the keys train.* and quant.* of a study. */
#include <stddef.h>
#include <string.h>

#include "train/train_internal.h"

#define TRAIN(type, key, member, value, min, max, unit, help, label)                                \
    {                                                                                               \
        key, type, offsetof(MhoTrainParams, member), value, min, max, unit, help, NULL, NULL, label \
    }
#define TRAIN_TEXT(key, member, text, help, label)                                            \
    {                                                                                         \
        key, MHO_TEXT, offsetof(MhoTrainParams, member), 0, 0, 0, "", help, NULL, text, label \
    }

static const MhoParam train_params[] = {
    TRAIN_TEXT("net", net, "allconv", "built-in network: lenet, allconv or resnet20", "network"),
    TRAIN(MHO_REAL, "width", width, 1.0, 0.01, 100.0, "", "multiplies the channels of the network's layers",
          "network width"),
    TRAIN_TEXT("stages", stages, "float:12 2/4:12 fq:0",
               "stages:epochs[@rate]: float, then weight bits / activation bits, then fq: batch norm removed; chip: "
               "through train.chip; allocate (no epochs): bits layer by layer",
               "training stages"),
    TRAIN(MHO_INT, "batch", batch, 128, 1, 65536, "images", "images a step", "batch size"),
    TRAIN(MHO_REAL, "learning_rate", learning_rate, 0.1, 0.0, 100.0, "", "peak learning rate of the float stage",
          "learning rate"),
    TRAIN(MHO_REAL, "quant_learning_rate", quant_learning_rate, 0.02, 0.0, 100.0, "",
          "peak learning rate of the other stages", "learning rate of codes"),
    TRAIN(MHO_REAL, "momentum", momentum, 0.9, 0.0, 0.9999, "", "of Nesterov's gradient descent", "momentum"),
    TRAIN(MHO_REAL, "weight_decay", weight_decay, 5e-4, 0.0, 1.0, "",
          "on weights; never on scales, shifts and batch norm", "weight decay"),
    TRAIN(MHO_REAL, "label_smoothing", label_smoothing, 0.0, 0.0, 0.9, "",
          "share of the target spread over all classes", "label smoothing"),
    {"schedule", MHO_CHOICE, offsetof(MhoTrainParams, schedule), MHO_SCHEDULE_COSINE, 0, 2, "",
     "schedule of the rate in a stage: to zero as a cosine, in steps, or constant", "cosine step constant", NULL,
     "learning rate schedule"},
    TRAIN(MHO_REAL, "warmup", warmup, 0.5, 0.0, 1e5, "epochs", "the rate rises from zero at the start of every stage",
          "warm-up"),
    TRAIN(MHO_REAL, "step_epochs", step_epochs, 30.0, 0.001, 1e5, "epochs", "length of a step of schedule = step",
          "learning rate step"),
    TRAIN(MHO_REAL, "step_factor", step_factor, 0.1, 0.0, 1.0, "",
          "the rate's factor after each step of schedule = step", "learning rate factor"),
    TRAIN(MHO_INT, "crop", crop, 0, 0, 64, "pixels", "padding around an image before a random crop; 0: none",
          "crop padding"),
    TRAIN(MHO_BOOL, "flip", flip, 0, 0, 1, "", "half of the images are mirrored", "mirrored images"),
    TRAIN(MHO_REAL, "distill", distill, 0.5, 0.0, 1.0, "",
          "weight of the soft targets of the stage before; 0: labels only", "distillation weight"),
    TRAIN(MHO_REAL, "distill_temperature", distill_temperature, 1.0, 0.1, 100.0, "",
          "softens logits of teacher and student", "distillation temperature"),
    TRAIN(MHO_REAL, "noise.weight", noise_weight, 0.0, 0.0, 100.0, "LSB",
          "Gaussian noise on weights in quantized stages", "training weight noise"),
    TRAIN(MHO_REAL, "noise.activation", noise_activation, 0.0, 0.0, 100.0, "LSB",
          "Gaussian noise on activations in quantized stages", "training activation noise"),
    TRAIN(MHO_REAL, "noise.sum", noise_sum, 0.0, 0.0, 100.0, "LSB",
          "Gaussian noise on sums before rounding, in steps of the output's quantizer", "training sum noise"),
    TRAIN(MHO_INT, "validation", validation, 5000, 1, 100000000, "images", "training images kept for validation",
          "validation set size"),
    TRAIN(MHO_INT, "limit", limit, 0, 0, 100000000, "images", "first n training images; 0: all", "training set size"),
    TRAIN(MHO_INT, "gradual.layers", gradual_layers, 1, 0, 4096, "layers",
          "layers that learn together where the quantizer of weights injects noise, one group after the other, "
          "each with the whole schedule of the rate; 0: all at once",
          "gradual group size"),
    TRAIN(MHO_BOOL, "gradual.noise", gradual_noise, 1, 0, 1, "",
          "off: where the quantizer of weights injects noise, layers learn through their codes instead, all at once",
          "gradual noise"),
    TRAIN(MHO_INT, "patience", patience, 0, 0, MHO_MAX_STAGE_EPOCHS, "epochs",
          "epochs in a row without a better net on validation images that end a stage; 0: never", "patience"),
    TRAIN(MHO_REAL, "gradient_clip", gradient_clip, 0.0, 0.0, 1e6, "",
          "largest norm of all gradients of a step; 0: none", "gradient clip"),
    TRAIN(MHO_REAL, "weight_clip", weight_clip, 0.0, 0.0, 100.0, "",
          "weights stay within this many standard deviations of their layer; 0: anywhere", "weight clip"),
    TRAIN(MHO_INT, "validation_chips", validation_chips, 2, 1, 1000, "chips",
          "chips that the validation accuracy of a chip stage, or of a recovery on the chip, is taken over",
          "validation repeats"),
    {"chip_curriculum", MHO_CHOICE, offsetof(MhoTrainParams, chip_curriculum), MHO_CURRICULUM_FIXED, 0, 2, "",
     "time since programming of a chip stage's steps: the chip's, log-uniform from 20 s to it, or up to a limit that "
     "grows to it over the stage (over each epoch of a recovery)",
     "fixed spread growing", NULL, "chip curriculum"},
};

static MhoStatus check_train(const void *block, MhoError *error)
{
    const MhoTrainParams *params = block;
    MhoStages stages;
    return mho_stages_parse(params->stages, &stages, error);
}

const MhoDescriptor mho_train_descriptor = {
    .name = "train",
    .summary =
        "the recipe that makes a network: float, then down a list of stages of precisions, then without batch norm",
    .reference = "Verhoef et al., FQ-Conv, arXiv:1912.09356 (2019)",
    MHO_PARAM_TABLE(MhoTrainParams, train_params),
    .check = check_train,
};

#define QUANT_BITS(key, member, help, label)                                                     \
    {                                                                                            \
        key, MHO_INT, offsetof(MhoQuantParams, member), 0, 0, 16, "bit", help, NULL, NULL, label \
    }
#define QUANT_TEXT(key, member, help, label)                                                      \
    {                                                                                             \
        key, MHO_TEXT, offsetof(MhoQuantParams, member), 0, 0, 0, "", help, NULL, "fqconv", label \
    }

static const MhoParam quant_params[] = {
    QUANT_TEXT("weight.name", weight_name, "quantizer of weights; `mho list quantizer`", "weight quantizer"),
    QUANT_TEXT("activation.name", activation_name, "quantizer of activations; `mho list quantizer`",
               "activation quantizer"),
    QUANT_BITS("weight.bits", weight_bits,
               "bits of weights when a float model is quantized after training; 0: as the model has them",
               "weight precision"),
    QUANT_BITS("activation.bits", activation_bits,
               "bits of activations when a float model is quantized after training; 0: as the model has them",
               "activation precision"),
    {"weight.scale", MHO_CHOICE, offsetof(MhoQuantParams, scale), MHO_SCALE_PER_CHANNEL, 0, 1, "",
     "one weight scale per tensor or per output channel", "per_tensor per_channel", NULL, "weight scale"},
    {"shift", MHO_CHOICE, offsetof(MhoQuantParams, shift), 0, 0, 1, "",
     "when batch norm is removed, its shift becomes always-on array rows, or is dropped", "row none", NULL,
     "batch norm shift"},
};

const MhoDescriptor mho_quant_descriptor = {
    .name = "quant",
    .summary = "how weights and activations become codes",
    .reference = "Verhoef et al., FQ-Conv, arXiv:1912.09356 (2019)",
    MHO_PARAM_TABLE(MhoQuantParams, quant_params),
};
