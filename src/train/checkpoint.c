/* checkpoint.c - the state of training as a model record, and back.
 *
 * Groups beside the net's own:
 * - history: one row an epoch: stage, epoch, loss, train_accuracy, validation_loss, validation_accuracy, learning_rate,
 *   gradient_norm
 * - training: attributes name, stage, stage_epochs, stale_epochs, over, best_accuracy; of the running epoch steps,
 *   hits, loss_sum, gradient_norm, seconds
 * - training/velocity/NODE/ARRAY: momentum
 * - training/best and training/teacher: whole nets
 * - provenance: epoch_seconds, wall time, not part of the digest
 *
 * The callback may add groups of its own.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/record_columns.h"
#include "train/train_internal.h"

#define EPOCH_REAL(member, help)                                       \
    {                                                                  \
#member, "1", help, MHO_F64, offsetof(MhoEpoch, member), false \
    }

static const char *const epoch_axis[] = {"epoch"};
static const MhoColumn history_list[] = {
    {"stage", "", "name of the stage or of the recovery", MHO_STRING, offsetof(MhoEpoch, stage), false},
    EPOCH_REAL(loss, "mean training loss of the epoch"),
    EPOCH_REAL(train_accuracy, "top-1 on the augmented training images while they are learned"),
    EPOCH_REAL(validation_loss, "mean cross entropy of the validation images"),
    EPOCH_REAL(validation_accuracy, "top-1 of the validation images"),
    EPOCH_REAL(learning_rate, "learning rate of the epoch's last step"),
    EPOCH_REAL(gradient_norm, "norm of all gradients of a step, mean over the epoch"),
};
static const MhoColumn time_list[] = {
    {"epoch_seconds", "s", "wall time of each epoch", MHO_F64, offsetof(MhoEpoch, seconds), false},
};
static const MhoColumns history_columns = {history_list, sizeof history_list / sizeof *history_list, sizeof(MhoEpoch),
                                           epoch_axis},
                        time_columns = {time_list, 1, sizeof(MhoEpoch), epoch_axis};

static MhoStatus write_history(const MhoTrainingState *state, MhoRecord *record, MhoError *error)
{
    MhoRecord *history, *provenance;
    MhoStatus status = mho_record_child(record, "history", &history, error);
    if (status == MHO_OK)
        status = mho_columns_write(&history_columns, state->history, state->n_history, 0, history, error);
    if (status == MHO_OK)
        status = mho_record_add_numbers(history, "epoch", "epoch", state->n_history, "epochs over all stages", error);
    if (status == MHO_OK)
        status = mho_record_child(record, "provenance", &provenance, error);
    if (status == MHO_OK)
        status = mho_columns_write(&time_columns, state->history, state->n_history, 0, provenance, error);
    return status;
}

static MhoStatus write_velocity(const MhoTrainingState *state, MhoRecord *group, MhoError *error)
{
    const MhoNet *net = state->net;
    MhoStatus status = MHO_OK;
    for (size_t i = 0; i < net->n_nodes; i++)
        for (size_t a = 0; a < net->nodes[i].n_arrays && status == MHO_OK; a++) {
            const MhoNodeArray *array = &net->nodes[i].arrays[a];
            MhoRecord *node;
            if (!array->learned)
                continue;
            status = mho_record_child(group, net->nodes[i].name, &node, error);
            if (status == MHO_OK)
                status = mho_record_add(node, array->name, MHO_F32, 1, &array->n, NULL, "1", "momentum",
                                        mho_optimizer_velocity(&state->optimizer, i, a), NULL, error);
        }
    return status;
}

static MhoStatus write_net(const MhoNet *net, const char *name, MhoRecord *training, MhoError *error)
{
    MhoRecord *group;
    const MhoStatus status = mho_record_child(training, name, &group, error);
    return status == MHO_OK ? mho_net_to_record(net, group, error) : status;
}

/* Attributes of group training: where training is, and what the running epoch has summed up so far. */
static MhoStatus write_position(const MhoTrainingState *state, MhoAttributes *attributes, MhoError *error)
{
    const struct {
        const char *name;
        int64_t value;
    } numbers[] = {{"stage", (int64_t)state->stage},      {"stage_epochs", state->stage_epochs},
                   {"stale_epochs", state->stale_epochs}, {"over", state->over},
                   {"steps", (int64_t)state->part.steps}, {"hits", (int64_t)state->part.hits}};
    const struct {
        const char *name;
        double value;
    } reals[] = {{"best_accuracy", state->best_accuracy},
                 {"loss_sum", state->part.loss},
                 {"gradient_norm", state->part.gradient_norm},
                 {"seconds", state->part.seconds}};
    MhoStatus status = mho_attribute_text(attributes, "name", state->name, error);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers && status == MHO_OK; i++)
        status = mho_attribute_int(attributes, numbers[i].name, numbers[i].value, error);
    for (size_t i = 0; i < sizeof reals / sizeof *reals && status == MHO_OK; i++)
        status = mho_attribute_real(attributes, reals[i].name, reals[i].value, error);
    return status;
}

static MhoStatus write_training(const MhoTrainingState *state, MhoRecord *record, MhoError *error)
{
    MhoRecord *training, *velocity;
    MhoStatus status = mho_record_child(record, "training", &training, error);
    if (status == MHO_OK)
        status = write_position(state, &training->attributes, error);
    if (status == MHO_OK)
        status = mho_record_child(training, "velocity", &velocity, error);
    if (status == MHO_OK)
        status = write_velocity(state, velocity, error);
    if (status == MHO_OK && state->best)
        status = write_net(state->best, "best", training, error);
    if (status == MHO_OK && state->teacher)
        status = write_net(state->teacher, "teacher", training, error);
    return status;
}

MhoStatus mho_checkpoint_write(const MhoTrainInput *input, const MhoTrainingState *state, bool final, MhoError *error)
{
    MhoRecord *record = NULL;
    if (!input->checkpoint)
        return MHO_OK;
    MhoStatus status = mho_record_create(&record, error);
    if (status == MHO_OK)
        status = mho_net_to_record(state->net, record, error);
    if (status == MHO_OK)
        status = write_history(state, record, error);
    if (status == MHO_OK && !final)
        status = write_training(state, record, error);
    if (status == MHO_OK)
        status = input->checkpoint(input->context, record, final, error);
    mho_record_destroy(record);
    return status;
}

/* Reading -------------------------------------------------------------------------------------------------------------
 */

/* A record that training goes on from. */
typedef struct Source {
    const MhoTrainInput *input;
    const MhoRecord *record;
    const char *file; /* for messages */
} Source;

static MhoStatus damaged(const Source *from, const char *what, MhoError *error)
{
    return mho_fail(error, MHO_INPUT, "%s: not a checkpoint of this recipe: %s", from->file, what);
}

static MhoStatus read_number(const Source *from, const char *name, int64_t max, int64_t *number, MhoError *error)
{
    const MhoRecord *training = mho_record_find(from->record, "training");
    const MhoAttribute *attribute = training ? mho_attribute_find(&training->attributes, name) : NULL;
    if (!attribute || attribute->type != MHO_I64 || attribute->n != 1)
        return damaged(from, "no stage, or no position in it, in group training", error);
    *number = *(const int64_t *)attribute->data;
    return *number >= 0 && *number <= max
               ? MHO_OK
               : damaged(from, "its stage is not in the stages, or its position not in it", error);
}

/* Whether the stages up to the running one may have left n rows of history. */
static bool is_plausible(const MhoTrainInput *input, const MhoTrainingState *state, size_t n)
{
    size_t most = (size_t)state->stage_epochs, least = most;
    bool open = false; /* a stage allocate has any number of epochs */
    for (size_t s = 0; s <= state->stage; s++) {
        const MhoStage *stage = &state->stages.stages[s];
        open = open || stage->kind == MHO_STAGE_ALLOCATE;
        if (s == state->stage)
            break;
        most += (size_t)stage->epochs;
        least += input->train->patience > 0 && stage->epochs > 0 ? 1 : (size_t)stage->epochs;
    }
    return n >= least && (open || n <= most);
}

/* Read every row. state->stage and stage_epochs are set. */
static MhoStatus read_history(const Source *from, MhoTrainingState *state, MhoError *error)
{
    const MhoArray *names;
    MhoStatus status = mho_record_require(from->record, from->file, "history/stage", MHO_STRING, 1, &names, error);
    if (status != MHO_OK)
        return status;
    const size_t n = mho_array_count(names);
    if (!is_plausible(from->input, state, n))
        return damaged(from, "its history has another length", error);
    for (; state->n_history < n && status == MHO_OK; state->n_history++)
        status = mho_history_add(state, error);
    if (status == MHO_OK)
        status = mho_columns_read(&history_columns, state->history, n, 0, from->record, from->file, "history", error);
    if (status == MHO_OK)
        status = mho_columns_read(&time_columns, state->history, n, 0, from->record, from->file, "provenance", error);
    return status;
}

static MhoStatus read_velocity(const Source *from, MhoTrainingState *state, MhoError *error)
{
    const MhoNet *net = state->net;
    MhoStatus status = mho_optimizer_create(state->net, from->input->train, &state->optimizer, error);
    for (size_t i = 0; i < net->n_nodes; i++)
        for (size_t a = 0; a < net->nodes[i].n_arrays && status == MHO_OK; a++) {
            const MhoNodeArray *learned = &net->nodes[i].arrays[a];
            const MhoArray *array;
            char path[3 * MHO_NAME_MAX];
            if (!learned->learned)
                continue;
            snprintf(path, sizeof path, "training/velocity/%s/%s", net->nodes[i].name, learned->name);
            status = mho_record_require(from->record, from->file, path, MHO_F32, 1, &array, error);
            if (status == MHO_OK && mho_array_count(array) != learned->n)
                status = damaged(from, "its momentum has another length", error);
            if (status == MHO_OK)
                memcpy(mho_optimizer_velocity(&state->optimizer, i, a), array->data, learned->n * sizeof(float));
        }
    return status;
}

static MhoStatus read_real(const Source *from, const char *name, double *value, MhoError *error)
{
    const MhoRecord *training = mho_record_find(from->record, "training");
    const MhoAttribute *attribute = training ? mho_attribute_find(&training->attributes, name) : NULL;
    if (!attribute || attribute->type != MHO_F64 || attribute->n != 1)
        return damaged(from, "a number is missing in group training", error);
    *value = *(const double *)attribute->data;
    return isfinite(*value) ? MHO_OK : damaged(from, "a number in group training is not finite", error);
}

/* The running stage or recovery: number, name, epochs. */
static MhoStatus read_stage(const Source *from, MhoTrainingState *state, MhoError *error)
{
    const MhoRecord *training = mho_record_find(from->record, "training");
    int64_t stage = 0, epochs = 0, stale = 0, over = 0;
    MhoStatus status = read_number(from, "stage", (int64_t)state->stages.n - 1, &stage, error);
    if (status != MHO_OK)
        return status;
    const char *name = mho_attribute_string(&training->attributes, "name");
    if (!name || strlen(name) >= sizeof state->name)
        return damaged(from, "no name of its stage in group training", error);
    snprintf(state->name, sizeof state->name, "%s", name);
    const MhoStage *running = &state->stages.stages[stage];
    const int most = running->kind == MHO_STAGE_ALLOCATE ? MHO_MAX_STAGE_EPOCHS : running->epochs;
    status = read_number(from, "stage_epochs", most, &epochs, error);
    if (status == MHO_OK)
        status = read_number(from, "stale_epochs", epochs, &stale, error);
    if (status == MHO_OK)
        status = read_number(from, "over", 1, &over, error);
    state->stage = (size_t)stage;
    state->stage_epochs = (int)epochs;
    state->stale_epochs = (int)stale;
    state->over = over == 1;
    return status;
}

/* The steps done in the epoch after the finished ones. */
static MhoStatus read_part(const Source *from, MhoTrainingState *state, MhoError *error)
{
    const size_t batch = (size_t)from->input->train->batch, n = from->input->training->n / batch;
    int64_t steps = 0, hits = 0;
    MhoEpochPart *part = &state->part;
    MhoStatus status = read_number(from, "steps", state->over ? 0 : (int64_t)n - 1, &steps, error);
    if (status == MHO_OK)
        status = read_number(from, "hits", steps * (int64_t)batch, &hits, error);
    if (status == MHO_OK)
        status = read_real(from, "loss_sum", &part->loss, error);
    if (status == MHO_OK)
        status = read_real(from, "gradient_norm", &part->gradient_norm, error);
    if (status == MHO_OK)
        status = read_real(from, "seconds", &part->seconds, error);
    part->steps = (size_t)steps;
    part->hits = (size_t)hits;
    return status;
}

static MhoStatus read_position(const Source *from, MhoTrainingState *state, MhoError *error)
{
    const char *recipe = mho_attribute_string(&from->record->attributes, "recipe");
    if (!recipe || strcmp(recipe, from->input->recipe ? from->input->recipe : "") != 0)
        return damaged(from, "another recipe made it", error);
    MhoStatus status = read_stage(from, state, error);
    if (status == MHO_OK)
        status = read_part(from, state, error);
    return status == MHO_OK ? read_real(from, "best_accuracy", &state->best_accuracy, error) : status;
}

/* A net that takes these images: the sizes of all buffers come from them. */
static MhoStatus make_net(const Source *from, const MhoRecord *record, MhoNet **net, MhoError *error)
{
    const MhoDataset *set = from->input->training;
    const MhoStatus status = mho_net_from_record(record, from->file, net, error);
    if (status != MHO_OK)
        return status;
    const MhoShape shape = (*net)->nodes[0].shape;
    if (shape.h != set->h || shape.w != set->w || shape.c != set->c || (*net)->n_classes != set->n_classes)
        return damaged(from, "its network expects a different image shape or number of classes", error);
    return MHO_OK;
}

static MhoStatus read_net(const Source *from, const char *path, MhoNet **net, MhoError *error)
{
    const MhoRecord *record = mho_record_find(from->record, path);
    return record ? make_net(from, record, net, error) : damaged(from, "a network of its stage is missing", error);
}

/* Whether there must be a best net: not in a first epoch, unless the net that the stage starts from is a candidate. */
static bool has_best(const Source *from, const MhoTrainingState *state)
{
    return state->stage_epochs > 0 || mho_training_competes(&state->stages.stages[state->stage]) ||
           mho_record_find(from->record, "training/best");
}

MhoStatus mho_checkpoint_read(const MhoTrainInput *input, MhoTrainingState *state, MhoError *error)
{
    const Source from = {.input = input, .record = input->resume, .file = input->resume_file};
    MhoStatus status = read_position(&from, state, error);
    if (status == MHO_OK)
        status = read_history(&from, state, error);
    if (status == MHO_OK)
        status = make_net(&from, from.record, &state->net, error);
    if (status == MHO_OK && has_best(&from, state))
        status = read_net(&from, "training/best", &state->best, error);
    if (status == MHO_OK && state->stage > 0)
        status = read_net(&from, "training/teacher", &state->teacher, error);
    state->resumed = true;
    return status == MHO_OK ? read_velocity(&from, state, error) : status;
}

MhoStatus mho_checkpoint_start(const MhoTrainInput *input, MhoTrainingState *state, MhoError *error)
{
    const char *file = input->start_file ? input->start_file : "the first stage's model";
    const Source from = {.input = input, .record = input->start, .file = file};
    state->stage = 1;
    MhoStatus status = read_history(&from, state, error);
    for (size_t i = 0; i < state->n_history && status == MHO_OK; i++)
        if (strcmp(state->history[i].stage, state->stages.stages[0].name) != 0)
            status = damaged(&from, "it was trained beyond the first stage", error);
    return status == MHO_OK ? make_net(&from, from.record, &state->net, error) : status;
}
