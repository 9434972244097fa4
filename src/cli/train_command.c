/* train_command.c - mho train. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "study/keys/points.h"

/* A sweep of the chip does not change the model and is ignored; a sweep of the recipe gives several models. */
static MhoStatus check_one_model(const MhoStudy *study, MhoError *error)
{
    char first[65], other[65];
    MhoSettings *settings = NULL;
    MhoStatus status = mho_settings_copy(study->settings, &settings, error);
    for (size_t i = 0; i < study->n_axes && status == MHO_OK; i++) {
        const MhoAxis *axis = &study->axes[i];
        bool differs = strcmp(axis->key, "model") == 0;
        for (size_t v = 0; v < axis->n && status == MHO_OK; v++) {
            status = mho_settings_set(settings, axis->key, axis->values[v], NULL, error);
            if (status == MHO_OK)
                status = mho_recipe_digest(settings, v == 0 ? first : other, error);
            differs = differs || (v > 0 && strcmp(first, other) != 0);
        }
        if (status == MHO_OK && differs)
            status =
                mho_fail(error, MHO_USAGE,
                         "train makes one model, but the study sweeps %s; `mho sweep` trains every model that it needs",
                         axis->key);
    }
    mho_settings_destroy(settings);
    return status;
}

static MhoStatus run_train(MhoOptions *options, MhoError *error)
{
    MhoStudy study;
    MhoPointList grid = {0};
    char path[4096];
    MhoStatus status = mho_options_study(options, options->arguments[0], &study, error);
    if (status != MHO_OK)
        return status;
    status = mho_study_identify(study.settings, options->data, error);
    if (status == MHO_OK)
        status = check_one_model(&study, error);
    if (status == MHO_OK) /* refuse keys without effect and unknown names before any training */
        status = mho_points_create(&study, &grid, error);
    mho_points_destroy(&grid);
    if (status == MHO_OK && options->output)
        status = mho_settings_set(study.settings, "model", options->output, "-o", error);
    if (status == MHO_OK)
        status = mho_model_path(study.settings, path, sizeof path, error);
    if (status == MHO_OK) {
        MhoModelOptions model = mho_options_model(options, true);
        model.resume = options->resume ? MHO_RESUME_ASKED : MHO_RESUME_NONE;
        status = mho_model_train(study.settings, &model, path, error);
    }
    if (status == MHO_OK)
        printf("%s\n", path);
    mho_study_destroy(&study);
    return status;
}

const Command command_train = {
    .name = "train",
    .usage = "STUDY.yaml [-o MODEL.h5]",
    .summary = "train the model of a study by its recipe",
    .help = "  mho train mine.yaml                                          trains and writes the model that the study "
            "names\n"
            "  mho train mine.yaml -o models/uniq.h5 --set quant.weight.name=uniq\n"
            "The section train: of the study is the recipe. Its key stages lists stages and their epochs:\n"
            "  train: {net: allconv, stages: \"float:6 4/4:2 2/4:4 fq:4\"}\n"
            "6 epochs in float; 2 epochs with 4-bit weights and 4-bit activations; 4 with 2-bit (ternary) weights; 4 "
            "without\n"
            "batch norm. A stage chip:3 trains through the device model of train.chip; a stage allocate chooses the "
            "bits of\n"
            "each layer. `mho describe train` and `mho describe allocate` explain every key.\n"
            "Training writes a checkpoint to results/checkpoints/ after every epoch; --resume continues from it and "
            "gives the\n"
            "same bytes. Test images are not read.",
    .options = MHO_OPTIONS_RUN | MHO_OPTION_OUTPUT | MHO_OPTION_RESUME,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_train,
};
