/* train_command.c - mho train. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "study/keys/points.h"
#include "study/models/model_origin.h"

/* Whether some value of an axis makes another model than the first. */
static MhoStatus makes_models(const MhoSettings *like, const MhoAxis *axis, bool *differs, MhoError *error)
{
    char first[65], other[65];
    MhoSettings *settings = NULL;
    MhoStatus status = mho_settings_copy(like, &settings, error);
    *differs = strcmp(axis->key, "model") == 0 && axis->n > 1;
    for (size_t v = 0; v < axis->n && status == MHO_OK && !*differs; v++) {
        status = mho_settings_set(settings, axis->key, axis->values[v], NULL, error);
        if (status == MHO_OK)
            status = mho_recipe_digest(settings, v == 0 ? first : other, error);
        *differs = v > 0 && strcmp(first, other) != 0;
    }
    mho_settings_destroy(settings);
    return status;
}

/* Keys without effect and unknown names are told before any training. A sweep of the chip does not change the model; a
 * sweep of the recipe gives several models. The study's own values become those of its first point. */
static MhoStatus check_one_model(MhoStudy *study, const MhoLog *log, MhoError *error)
{
    MhoPointList list;
    MhoStatus status = mho_points_create(study, &list, error);
    if (status != MHO_OK)
        return status;
    mho_points_warn(&list, log);
    for (size_t i = 0; i < list.n_axes && status == MHO_OK; i++) {
        const MhoAxis *axis = &list.axes[i];
        bool differs = false;
        if (strncmp(axis->key, "chip.", 5) != 0 && strncmp(axis->key, "noise.", 6) != 0)
            status = makes_models(study->settings, axis, &differs, error);
        if (status == MHO_OK && differs)
            status =
                mho_fail(error, MHO_USAGE,
                         "train makes one model, but the study sweeps %s; `mho sweep` trains every model that it needs",
                         axis->key);
        if (status == MHO_OK)
            status = mho_settings_set(study->settings, axis->key, axis->values[list.points[0].value[i]], NULL, error);
    }
    mho_points_destroy(&list);
    return status;
}

/* Train the one model of a study. */
static MhoStatus train_study(const MhoOptions *options, MhoStudy *study, MhoError *error)
{
    MhoModelOptions model = mho_options_model(options, true);
    char path[4096];
    bool is_there = false;
    MhoStatus status = check_one_model(study, &options->log, error);
    if (status == MHO_OK && options->output)
        status = mho_settings_set(study->settings, "model", options->output, "-o", error);
    if (status == MHO_OK) /* the images are part of the recipe */
        status = mho_study_identify(study->settings, options->data, error);
    if (status == MHO_OK)
        status = options->output /* taken as it is, and not looked up beside the study file */
                     ? mho_model_name(study->settings, path, sizeof path, error)
                     : mho_model_path(study->settings, path, sizeof path, error);
    model.rename = "-o FILE";
    model.resume = options->restart ? MHO_RESUME_NONE : options->resume ? MHO_RESUME_ASKED : MHO_RESUME_FOUND;
    if (status == MHO_OK)
        status = mho_model_train(study->settings, &model, path, &is_there, error);
    if (status != MHO_OK)
        return status;
    if (is_there)
        mho_log(&options->log, MHO_LOG_INFO,
                "%s is the model of this recipe; nothing to do (--retrain trains it again)", path);
    printf("%s\n", path);
    return MHO_OK;
}

/* The recipe of a model file again: with other --set of the user's it is another one. */
static MhoStatus repeat(const MhoOptions *options, MhoError *error)
{
    MhoStudy study;
    MhoRecord *record = NULL;
    char what[4096], recipe[65];
    if (options->n_arguments > 0 || !options->output)
        return mho_fail(error, MHO_USAGE,
                        "--from takes the place of a study and needs a new file: "
                        "`mho train --from %s -o NEW.h5`",
                        options->from);
    MhoStatus status = mho_model_origin_study(options->from, &study, &record, error);
    if (status != MHO_OK)
        return status;
    for (size_t i = 0; i < options->n_sets && status == MHO_OK; i++)
        status = mho_study_set(&study, options->sets[i], error);
    if (status == MHO_OK)
        status = mho_study_identify(study.settings, options->data, error);
    if (status == MHO_OK)
        status = mho_recipe_digest(study.settings, recipe, error);
    const char *theirs = mho_attribute_string(&record->attributes, "recipe");
    if (status == MHO_OK && options->n_sets == 0 && (!theirs || strcmp(theirs, recipe) != 0))
        status = mho_model_origin_refuse(record, study.settings, options->from, error);
    snprintf(what, sizeof what, "%s was made", options->from);
    if (status == MHO_OK)
        mho_model_origin_compare(record, options->threads, what, &options->log);
    mho_record_destroy(record);
    if (status == MHO_OK)
        status = train_study(options, &study, error);
    mho_study_destroy(&study);
    return status;
}

static MhoStatus run_train(MhoOptions *options, MhoError *error)
{
    MhoStudy study;
    if (options->from)
        return repeat(options, error);
    if (options->n_arguments == 0)
        return mho_fail(error, MHO_USAGE, "train needs a study, or --from MODEL.h5 (`mho help train` explains)");
    const char *path = options->arguments[0];
    MhoStatus status = mho_options_study(options, path, &study, error);
    if (status != MHO_OK)
        return status;
    if (!study.has_train)
        status = mho_fail(error, MHO_USAGE,
                          "%s: there is no section train:, so it says nothing of how to train; add one, as train: "
                          "{net: allconv, stages: \"float:12 4/8:8\"} (`mho describe train` explains its keys)",
                          path);
    if (status == MHO_OK)
        status = train_study(options, &study, error);
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
            "  mho train --from models/uniq.h5 -o again.h5                   repeats the recipe that the model holds\n"
            "The section train: of the study is the recipe. Its key stages lists stages and their epochs:\n"
            "  train: {net: allconv, stages: \"float:6 4/4:2 2/4:4 fq:4\"}\n"
            "6 epochs in float; 2 epochs with 4-bit weights and 4-bit activations; 4 with 2-bit (ternary) weights; 4 "
            "without\n"
            "batch norm. A stage chip:3 trains through the device model of train.chip; a stage allocate chooses the "
            "bits of\n"
            "each layer. `mho describe train` and `mho describe allocate` explain every key.\n"
            "A checkpoint is written to results/checkpoints/ after every epoch, every 5 minutes and when training is "
            "stopped.\n"
            "The same command goes on from it and gives the same payload; --restart starts over. A model that is there "
            "stays: one\n"
            "of the same recipe is not trained again without --retrain, any other file is refused. Test images are not "
            "read.",
    .options = MHO_OPTIONS_RUN | MHO_OPTION_OUTPUT | MHO_OPTION_RESUME | MHO_OPTION_RESTART | MHO_OPTION_RETRAIN |
               MHO_OPTION_RECIPE_OF,
    .min_arguments = 0,
    .max_arguments = 1,
    .run = run_train,
};
