/* model_train.c - from the recipe of settings to a model file: images, the chip it trains on, a float net that a family
 * of models shares, and the checkpoint that a stopped run leaves. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/digest.h"
#include "store/store.h"
#include "study/models/claim.h"
#include "study/models/model_file.h"
#include "study/models/model_origin.h"
#include "study/models/model_recipe.h"
#include "study/keys/study.h"

enum { PATH_BYTES = 4096, CHECKPOINT_SECONDS = 300 };

typedef struct Training {
    const MhoSettings *settings;
    const MhoModelOptions *options;
    const char *path;
    bool replaces; /* a file at path: --retrain */
    char recipe[65], checkpoint[PATH_BYTES];
    MhoQuantParams quant;
    MhoDataset training, validation, calibration; /* calibration: of an allocator's chips */
    MhoChipConfig chip;          /* that training sees; borrows from settings; no cell: there is none */
    MhoAllocateInput allocation; /* no allocator: there is none */
    char start_file[PATH_BYTES];
    MhoRecord *start, *resume;
    MhoModelOrigin origin;
} Training;

/* Six digits of the folder of a model, the same for all its spellings; a folder that moves with the current one keeps
 * them. */
static unsigned folder_digits(const char *model, const char *slash)
{
    char folder[PATH_BYTES], here[PATH_BYTES], real[PATH_BYTES];
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - model) + 1 : 1, slash ? model : ".");
    const bool known = realpath(folder, real) && realpath(".", here);
    const size_t length = known ? strlen(here) : 0;
    const bool is_below = known && strncmp(real, here, length) == 0 && (real[length] == '/' || real[length] == '\0');
    const char *name = is_below ? real + length : known ? real : folder;
    return (unsigned)(mho_digest64(name, strlen(name)) & 0xffffff);
}

MhoStatus mho_checkpoint_path(const char *folder, const char *model, const char *recipe, char *path, size_t size,
                              MhoError *error)
{
    const char *slash = strrchr(model, '/'), *name = slash ? slash + 1 : model, *dot = strrchr(name, '.');
    const int length = dot ? (int)(dot - name) : (int)strlen(name);
    const int n = snprintf(path, size, "%s/%.*s-%.12s-%06x.h5", folder ? folder : "results/checkpoints", length, name,
                           recipe, folder_digits(model, slash));
    return n >= 0 && (size_t)n < size ? MHO_OK : mho_fail(error, MHO_USAGE, "%s: the path is too long", model);
}

bool mho_model_was_made(const MhoModelOptions *options, const char *path)
{
    size_t length = strlen(path);
    const char *at = options->made ? *options->made : NULL;
    while (at && (at = strstr(at, path)) != NULL) {
        if (at > *options->made && at[-1] == '\n' && at[length] == '\n')
            return true;
        at += length;
    }
    return false;
}

static MhoStatus note_made(const MhoModelOptions *options, const char *path, MhoError *error)
{
    char *joined;
    if (!options->made)
        return MHO_OK;
    if (asprintf(&joined, "%s\n%s\n", *options->made ? *options->made : "", path) < 0)
        return mho_fail(error, MHO_MEMORY, "out of memory for the name of a model");
    free(*options->made);
    *options->made = joined;
    return MHO_OK;
}

/* A checkpoint, or at last the model. */
static MhoStatus save(void *context, MhoRecord *record, bool final, MhoError *error)
{
    const Training *t = context;
    MhoStatus status = mho_model_origin_write(&t->origin, record, error);
    if (status == MHO_OK)
        status = !final        ? mho_store_write(t->checkpoint, record, error)
                 : t->replaces ? mho_store_write(t->path, record, error)
                               : mho_store_create(t->path, record, error);
    if (status == MHO_OK && final)
        (void)unlink(t->checkpoint);
    return status;
}

static MhoStatus find_places(Training *t, MhoError *error)
{
    MhoStatus status = mho_recipe_digest(t->settings, t->recipe, error);
    if (status == MHO_OK)
        status = mho_checkpoint_path(t->options->checkpoints, t->path, t->recipe, t->checkpoint, sizeof t->checkpoint,
                                     error);
    const char *const paths[] = {t->path, t->checkpoint};
    for (size_t i = 0; i < sizeof paths / sizeof *paths && status == MHO_OK; i++) {
        status = mho_make_folders(paths[i], error);
        if (status == MHO_OK)
            status = mho_check_writable(paths[i], error);
    }
    return status;
}

static MhoStatus open_allocation(Training *t, MhoError *error)
{
    MhoAllocateInput *input = &t->allocation;
    *input = (MhoAllocateInput){
        .params = mho_settings_allocate(t->settings),
        .validation = &t->validation,
        .calibration = &t->calibration,
        .chip = t->chip.cell ? &t->chip : NULL,
        .seed = (uint64_t)mho_settings_study(t->settings)->seed,
        .threads = t->options->threads,
        .log = t->options->log,
    };
    MhoStatus status = mho_settings_allocator(t->settings, &input->allocator, &input->allocator_params, error);
    if (status == MHO_OK)
        status = mho_allocate_check(input, error);
    if (status == MHO_OK && input->chip && !mho_allocate_recovers_on_chip(input->params))
        status = mho_study_calibration(t->settings, t->options->data, &t->calibration, error);
    return status;
}

/* The keys chip.* do not act on training, which is easily forgotten. */
static MhoStatus open_chip(Training *t, MhoError *error)
{
    if (!mho_settings_has_train_chip(t->settings))
        mho_log(t->options->log, MHO_LOG_WARNING,
                "no key train.chip.* is set, so training sees the default chip with ideal cells (chip.* is for tests); "
                "choose a cell, as train.chip.cell.name=pcm");
    return mho_settings_train_chip_config(t->settings, &t->chip, error);
}

static MhoStatus open_training(Training *t, MhoError *error)
{
    MhoStatus status = mho_settings_policies(t->settings, &t->quant, error);
    if (status == MHO_OK)
        status = mho_study_training(t->settings, t->options->data, &t->training, &t->validation, error);
    if (status == MHO_OK && mho_settings_uses(t->settings, "train.chip.cell.name"))
        status = open_chip(t, error);
    if (status == MHO_OK && mho_settings_uses(t->settings, "allocate.name"))
        status = open_allocation(t, error);
    return status;
}

static void close_training(Training *t)
{
    mho_record_destroy(t->start);
    mho_record_destroy(t->resume);
    free(t->origin.parents);
    mho_dataset_destroy(&t->training);
    mho_dataset_destroy(&t->validation);
    mho_dataset_destroy(&t->calibration);
}

static bool is_of_recipe(const MhoRecord *record, const char *recipe)
{
    const char *made_by = mho_attribute_string(&record->attributes, "recipe");
    return made_by && strcmp(made_by, recipe) == 0;
}

/* A checkpoint that cannot be read is an error with --resume; else a warning, and training starts from the beginning.
 */
static MhoStatus drop_checkpoint(Training *t, const MhoError *why, MhoError *error)
{
    char text[MHO_ERROR_TEXT_MAX / 2];
    snprintf(text, sizeof text, "%.*s", (int)sizeof text - 1, why->text);
    mho_record_destroy(t->resume);
    t->resume = NULL;
    if (t->options->resume == MHO_RESUME_ASKED)
        return mho_fail(error, MHO_INPUT, "%s; --restart starts from the beginning", text);
    mho_log(t->options->log, MHO_LOG_WARNING, "%s; training starts from the beginning", text);
    return MHO_OK;
}

static MhoStatus find_checkpoint(Training *t, MhoError *error)
{
    MhoError why = {0};
    if (access(t->checkpoint, F_OK) != 0)
        return MHO_OK;
    if (t->options->resume == MHO_RESUME_NONE) {
        mho_log(t->options->log, MHO_LOG_INFO, "%s: the unfinished run is dropped; training starts from the beginning",
                t->checkpoint);
        (void)unlink(t->checkpoint);
        return MHO_OK;
    }
    MhoStatus status = mho_store_read(t->checkpoint, true, &t->resume, &why);
    if (status == MHO_OK && !is_of_recipe(t->resume, t->recipe))
        status = mho_fail(&why, MHO_INPUT, "%s is not a checkpoint of this recipe", t->checkpoint);
    if (status == MHO_INPUT)
        return drop_checkpoint(t, &why, error);
    if (status != MHO_OK)
        return mho_fail(error, status, "%s", why.text);
    char what[sizeof t->checkpoint + 16];
    snprintf(what, sizeof what, "%s was made", t->checkpoint);
    mho_log(t->options->log, MHO_LOG_INFO, "going on from %s", t->checkpoint);
    mho_model_origin_compare(t->resume, t->options->threads, what, t->options->log);
    return MHO_OK;
}

/* Settings with the float stage alone; NULL where there is no other stage. */
static MhoStatus float_settings(const MhoSettings *settings, MhoSettings **alone, MhoError *error)
{
    const char *text = mho_settings_train(settings)->stages;
    char first[MHO_TEXT_MAX];
    MhoStages stages;
    *alone = NULL;
    MhoStatus status = mho_stages_parse(text, &stages, error);
    if (status != MHO_OK || stages.n == 1)
        return status;
    const size_t begin = strspn(text, " \t");
    snprintf(first, sizeof first, "%.*s", (int)(stages.stages[0].end - begin), text + begin);
    status = mho_settings_copy(settings, alone, error);
    return status == MHO_OK ? mho_settings_set(*alone, "train.stages", first, NULL, error) : status;
}

static MhoStatus make_model(const MhoSettings *settings, const MhoModelOptions *options, const char *path,
                            const char *why, bool *is_there, MhoError *error);

static MhoStatus note_parent(Training *t, MhoError *error)
{
    char digest[65];
    const MhoStatus status = mho_record_digest(t->start, digest, error);
    if (status == MHO_OK && asprintf(&t->origin.parents, "%s %s\n", t->start_file, digest) < 0) {
        t->origin.parents = NULL;
        return mho_fail(error, MHO_MEMORY, "out of memory for the name of a model");
    }
    return status;
}

/* The float net that the members of a family share, made when it is not there. */
static MhoStatus find_start(Training *t, MhoError *error)
{
    const char *path = t->start_file;
    char recipe[65];
    MhoSettings *alone = NULL;
    MhoStatus status = float_settings(t->settings, &alone, error);
    if (status == MHO_OK && alone)
        status = mho_recipe_digest(alone, recipe, error);
    if (status == MHO_OK && alone)
        status = mho_model_float_path(alone, recipe, t->start_file, sizeof t->start_file, error);
    if (status == MHO_OK && path[0])
        status = make_model(alone, t->options, path, "the models of this family share it", NULL, error);
    if (status == MHO_OK && path[0])
        status = mho_store_read(path, true, &t->start, error);
    if (status == MHO_OK && t->start)
        status = note_parent(t, error);
    mho_settings_destroy(alone);
    return status;
}

/* Keys that no stage uses have their defaults: what is not in the recipe cannot act on the model. */
static MhoTrainParams params_in_use(const MhoSettings *settings)
{
    MhoTrainParams params = *mho_settings_train(settings);
    for (size_t p = 0; p < mho_train_descriptor.n_params; p++) {
        char key[MHO_KEY_MAX];
        snprintf(key, sizeof key, "train.%s", mho_train_descriptor.params[p].key);
        if (!mho_settings_uses(settings, key))
            mho_params_default(&mho_train_descriptor.params[p], 1, &params);
    }
    return params;
}

static MhoStatus train(Training *t, MhoError *error)
{
    const MhoTrainParams params = params_in_use(t->settings);
    MhoNet *net = NULL;
    mho_model_origin_begin(&t->origin, t->resume);
    MhoTrainInput input = {
        .training = &t->training,
        .validation = &t->validation,
        .train = &params,
        .quant = &t->quant,
        .seed = (uint64_t)mho_settings_study(t->settings)->seed,
        .recipe = t->recipe,
        .threads = t->options->threads,
        .log = t->options->log,
        .checkpoint = save,
        .checkpoint_seconds = CHECKPOINT_SECONDS,
        .context = t,
        .chip = t->chip.cell ? &t->chip : NULL,
        .start = t->start,
        .start_file = t->start_file,
        .resume = t->resume,
        .resume_file = t->checkpoint,
    };
    MhoStatus status = t->allocation.allocator ? mho_allocate_train(&input, &t->allocation, &net, error)
                                               : mho_train(&input, &net, error);
    mho_net_destroy(net);
    return status;
}

/* Train from a checkpoint where there is one; from the beginning where its content is refused. */
static MhoStatus train_on(Training *t, MhoError *error)
{
    MhoStatus status = find_checkpoint(t, error);
    if (status == MHO_OK)
        status = train(t, error);
    if (status == MHO_INPUT && t->resume && strstr(error->text, t->checkpoint)) {
        MhoError why = *error;
        status = drop_checkpoint(t, &why, error);
        if (status == MHO_OK)
            status = train(t, error);
    }
    if (status != MHO_STOPPED)
        return status;
    const MhoError where = *error;
    return mho_fail(error, MHO_STOPPED, "training of %s %.400s; run the same command again to go on", t->path,
                    where.text);
}

/* Train into path, which this process has claimed. */
static MhoStatus train_claimed(const MhoSettings *settings, const MhoModelOptions *options, const char *path,
                               bool replaces, MhoError *error)
{
    Training t = {.settings = settings,
                  .options = options,
                  .path = path,
                  .replaces = replaces,
                  .origin = {.settings = settings, .threads = options->threads}};
    MhoStatus status = find_places(&t, error);
    if (status == MHO_OK)
        status = open_training(&t, error);
    if (status == MHO_OK)
        status = find_start(&t, error);
    if (status == MHO_OK)
        status = train_on(&t, error);
    if (status == MHO_OK)
        status = note_made(options, path, error);
    close_training(&t);
    return status;
}

/* What is to be done about the model at path. */
typedef struct Need {
    bool trains, replaces, is_made; /* replaces: a file is there; is_made: it is the model of this recipe */
    const char *why;                /* it is trained, for the log */
} Need;

/* USAGE when another file is in the way. */
static MhoStatus find_need(const MhoSettings *settings, const MhoModelOptions *options, const char *path, Need *need,
                           MhoError *error)
{
    char why[MHO_RECIPE_WHY_MAX];
    MhoModelFound found;
    const MhoStatus status = mho_model_find(path, settings, &found, why, error);
    if (status != MHO_OK)
        return status;
    const bool again = options->retrain && !mho_model_was_made(options, path);
    *need = (Need){.trains = found != MHO_MODEL_MADE || again,
                   .replaces = found != MHO_MODEL_NONE,
                   .is_made = found == MHO_MODEL_MADE,
                   .why = found == MHO_MODEL_NONE ? "no such file" : "--retrain"};
    if (found == MHO_MODEL_FOREIGN)
        return mho_fail(error, MHO_USAGE, "model %s exists and %s; name another with %s", path, why,
                        options->rename ? options->rename : "--set model=FILE");
    if (found != MHO_MODEL_OTHER || again)
        return MHO_OK;
    return mho_fail(error, MHO_USAGE,
                    "model %s exists and %s; name another with %s (with {recipe} in its name every recipe has its "
                    "own), or replace it with --retrain",
                    path, why, options->rename ? options->rename : "--set model=FILE");
}

MhoStatus mho_model_check(const MhoSettings *settings, const MhoModelOptions *options, const char *path,
                          MhoError *error)
{
    Need need;
    return find_need(settings, options, path, &need, error);
}

/* Claim path, look again and train. */
static MhoStatus claim_and_train(const MhoSettings *settings, const MhoModelOptions *options, const char *path,
                                 const char *why, MhoError *error)
{
    char work[MHO_CLAIM_WORK_MAX], recipe[65];
    MhoClaim claim = {.file = -1};
    Need need;
    bool waited = false;
    MhoStatus status = mho_recipe_digest(settings, recipe, error);
    if (status != MHO_OK)
        return status;
    snprintf(work, sizeof work, "model of recipe %s", recipe);
    status = mho_claim_take(path, work, options->log, &claim, &waited, error);
    if (status == MHO_OK)
        status = find_need(settings, options, path, &need, error);
    if (status == MHO_OK && need.trains && !(waited && need.is_made)) { /* else the other process made it */
        mho_log(options->log, MHO_LOG_INFO, "training %s (%s)", path, why ? why : need.why);
        status = train_claimed(settings, options, path, need.replaces, error);
    }
    mho_claim_release(&claim);
    return status;
}

/* The model of settings at path, trained when it is not there. why: NULL, or what the log says it is for. *is_there
 * (NULL: not wanted): it was there. */
static MhoStatus make_model(const MhoSettings *settings, const MhoModelOptions *options, const char *path,
                            const char *why, bool *is_there, MhoError *error)
{
    Need need;
    MhoStatus status = find_need(settings, options, path, &need, error);
    if (is_there)
        *is_there = status == MHO_OK && !need.trains;
    if (status == MHO_OK && need.trains)
        status = mho_make_folders(path, error);
    if (status == MHO_OK && need.trains)
        status = mho_check_writable(path, error);
    return status == MHO_OK && need.trains ? claim_and_train(settings, options, path, why, error) : status;
}

MhoStatus mho_model_train(const MhoSettings *settings, const MhoModelOptions *options, const char *path, bool *is_there,
                          MhoError *error)
{
    return make_model(settings, options, path, NULL, is_there, error);
}
