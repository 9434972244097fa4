/* checkpoint.c - a course of training as a model record, and back.
 *
 * Beside the net's own groups:
 *   history      one row an epoch: stage, loss, train_accuracy, held_loss, held_accuracy, rate
 *   training     attributes stage, stage_epochs, best_accuracy; velocity/<node>/<array>: momentum; best and teacher:
 * whole nets provenance   epoch_seconds: wall time, not part of the digest
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "train/train_internal.h"

/* The columns of the history that are numbers. */
static const struct {
    const char *name, *help;
    size_t offset;
} columns[] = {
    {"loss", "mean training loss of the epoch", offsetof(MhoEpoch, loss)},
    {"train_accuracy", "top-1 on the augmented training images while they are learned",
     offsetof(MhoEpoch, train_accuracy)},
    {"held_loss", "mean cross entropy of the held-out images", offsetof(MhoEpoch, held_loss)},
    {"held_accuracy", "top-1 of the held-out images", offsetof(MhoEpoch, held_accuracy)},
    {"rate", "learning rate of the epoch's last step", offsetof(MhoEpoch, rate)},
};

enum { N_COLUMNS = sizeof columns / sizeof *columns };

static double *cell(MhoEpoch *epoch, size_t offset)
{
    return (double *)(void *)((unsigned char *)epoch + offset);
}

/* One number per epoch from or into the history. */
static void gather(MhoEpoch *history, size_t n, size_t offset, double *values)
{
    for (size_t i = 0; i < n; i++)
        values[i] = *cell(&history[i], offset);
}

static MhoStatus add_column(MhoRecord *group, const char *name, const char *unit, const char *help, MhoEpoch *history,
                            size_t n, size_t offset, MhoError *error)
{
    static const char *const axis[] = {"epoch"};
    MhoArray *array;
    const MhoStatus status = mho_record_add(group, name, MHO_F64, 1, &n, axis, unit, help, NULL, &array, error);

    if (status == MHO_OK)
        gather(history, n, offset, array->data);
    return status;
}

/* Names of the stages and numbers of the epochs, from 1. */
static MhoStatus add_epochs(const MhoCourse *course, MhoRecord *history, MhoError *error)
{
    static const char *const axis[] = {"epoch"};
    const size_t n = course->n_history;
    MhoArray *numbers;
    char **names = malloc((n + 1) * sizeof *names);

    if (!names)
        return mho_fail(error, MHO_MEMORY, "out of memory for the history of %zu epochs", n);
    for (size_t i = 0; i < n; i++)
        names[i] = course->history[i].stage;
    MhoStatus status =
        mho_record_add(history, "stage", MHO_STRING, 1, &n, axis, "", "stage of the ladder", names, NULL, error);
    free(names);
    if (status == MHO_OK)
        status =
            mho_record_add(history, "epoch", MHO_I32, 1, &n, axis, "", "epochs over all stages", NULL, &numbers, error);
    for (size_t i = 0; i < n && status == MHO_OK; i++)
        ((int32_t *)numbers->data)[i] = (int32_t)i + 1;
    return status;
}

static MhoStatus write_history(const MhoCourse *course, MhoRecord *record, MhoError *error)
{
    MhoRecord *history, *provenance;
    MhoStatus status = mho_record_child(record, "history", &history, error);

    if (status == MHO_OK)
        status = add_epochs(course, history, error);
    for (size_t i = 0; i < N_COLUMNS && status == MHO_OK; i++)
        status = add_column(history, columns[i].name, "", columns[i].help, course->history, course->n_history,
                            columns[i].offset, error);
    if (status == MHO_OK)
        status = mho_record_child(record, "provenance", &provenance, error);
    if (status == MHO_OK)
        status = add_column(provenance, "epoch_seconds", "s", "wall time of each epoch", course->history,
                            course->n_history, offsetof(MhoEpoch, seconds), error);
    return status;
}

static MhoStatus write_velocity(const MhoCourse *course, MhoRecord *group, MhoError *error)
{
    const MhoNet *net = course->net;
    MhoStatus status = MHO_OK;

    for (size_t i = 0; i < net->n_nodes; i++)
        for (size_t a = 0; a < net->nodes[i].n_arrays && status == MHO_OK; a++) {
            const MhoNodeArray *array = &net->nodes[i].arrays[a];
            MhoRecord *node;

            if (!array->learned)
                continue;
            status = mho_record_child(group, net->nodes[i].name, &node, error);
            if (status == MHO_OK)
                status = mho_record_add(node, array->name, MHO_F32, 1, &array->n, NULL, "", "momentum",
                                        mho_optimizer_velocity(&course->optimizer, i, a), NULL, error);
        }
    return status;
}

static MhoStatus write_net(const MhoNet *net, const char *name, MhoRecord *training, MhoError *error)
{
    MhoRecord *group;
    const MhoStatus status = mho_record_child(training, name, &group, error);

    return status == MHO_OK ? mho_net_to_record(net, group, error) : status;
}

static MhoStatus write_training(const MhoCourse *course, MhoRecord *record, MhoError *error)
{
    MhoRecord *training, *velocity;
    MhoStatus status = mho_record_child(record, "training", &training, error);

    if (status == MHO_OK)
        status = mho_attribute_int(&training->attributes, "stage", (int64_t)course->stage, error);
    if (status == MHO_OK)
        status = mho_attribute_int(&training->attributes, "stage_epochs", course->stage_epochs, error);
    if (status == MHO_OK)
        status = mho_record_child(training, "velocity", &velocity, error);
    if (status == MHO_OK)
        status = write_velocity(course, velocity, error);
    if (status == MHO_OK)
        status = mho_attribute_real(&training->attributes, "best_accuracy", course->best_accuracy, error);
    if (status == MHO_OK)
        status = write_net(course->best, "best", training, error);
    if (status == MHO_OK && course->teacher)
        status = write_net(course->teacher, "teacher", training, error);
    return status;
}

MhoStatus mho_checkpoint_write(const MhoTrainInput *input, const MhoCourse *course, bool final, MhoError *error)
{
    MhoRecord *record = NULL;

    if (!input->checkpoint)
        return MHO_OK;
    MhoStatus status = mho_record_create(&record, error);
    if (status == MHO_OK)
        status = mho_net_to_record(course->net, record, error);
    if (status == MHO_OK)
        status = write_history(course, record, error);
    if (status == MHO_OK && !final)
        status = write_training(course, record, error);
    if (status == MHO_OK)
        status = input->checkpoint(input->context, record, final, error);
    mho_record_destroy(record);
    return status;
}

/* Reading -------------------------------------------------------------------------------------------------------------
 */

static MhoStatus damaged(const MhoTrainInput *input, const char *what, MhoError *error)
{
    return mho_fail(error, MHO_INPUT, "%s: not a checkpoint of this recipe: %s", input->resume_file, what);
}

static MhoStatus read_number(const MhoTrainInput *input, const MhoRecord *training, const char *name, int64_t max,
                             int64_t *number, MhoError *error)
{
    const MhoAttribute *attribute = training ? mho_attribute_find(&training->attributes, name) : NULL;

    if (!attribute || attribute->type != MHO_I64 || attribute->n != 1)
        return damaged(input, "no stage in group training", error);
    *number = *(const int64_t *)attribute->data;
    return *number >= 0 && *number <= max ? MHO_OK : damaged(input, "its stage is not in the ladder", error);
}

static MhoStatus read_column(const MhoTrainInput *input, const char *path, MhoCourse *course, size_t offset,
                             MhoError *error)
{
    const MhoArray *array;
    const MhoStatus status = mho_record_require(input->resume, input->resume_file, path, MHO_F64, 1, &array, error);

    if (status != MHO_OK)
        return status;
    if (mho_array_count(array) != course->n_history)
        return damaged(input, "its history has another length", error);
    for (size_t i = 0; i < course->n_history; i++)
        *cell(&course->history[i], offset) = ((const double *)array->data)[i];
    return MHO_OK;
}

/* course->history has room for the ladder's epochs, and n_history is set. */
static MhoStatus read_history(const MhoTrainInput *input, MhoCourse *course, MhoError *error)
{
    size_t at = 0;

    for (size_t s = 0; s <= course->stage; s++) {
        const MhoStage *stage = &course->ladder.stages[s];
        const int n = s < course->stage ? stage->epochs : course->stage_epochs;

        for (int i = 0; i < n; i++)
            memcpy(course->history[at++].stage, stage->name, sizeof stage->name);
    }
    MhoStatus status = read_column(input, "provenance/epoch_seconds", course, offsetof(MhoEpoch, seconds), error);
    for (size_t i = 0; i < N_COLUMNS && status == MHO_OK; i++) {
        char path[MHO_NAME_MAX];

        snprintf(path, sizeof path, "history/%s", columns[i].name);
        status = read_column(input, path, course, columns[i].offset, error);
    }
    return status;
}

static MhoStatus read_velocity(const MhoTrainInput *input, MhoCourse *course, MhoError *error)
{
    const MhoNet *net = course->net;
    MhoStatus status = mho_optimizer_create(course->net, input->train, &course->optimizer, error);

    for (size_t i = 0; i < net->n_nodes; i++)
        for (size_t a = 0; a < net->nodes[i].n_arrays && status == MHO_OK; a++) {
            const MhoNodeArray *learned = &net->nodes[i].arrays[a];
            const MhoArray *array;
            char path[3 * MHO_NAME_MAX];

            if (!learned->learned)
                continue;
            snprintf(path, sizeof path, "training/velocity/%s/%s", net->nodes[i].name, learned->name);
            status = mho_record_require(input->resume, input->resume_file, path, MHO_F32, 1, &array, error);
            if (status == MHO_OK && mho_array_count(array) != learned->n)
                status = damaged(input, "its momentum has another length", error);
            if (status == MHO_OK)
                memcpy(mho_optimizer_velocity(&course->optimizer, i, a), array->data, learned->n * sizeof(float));
        }
    return status;
}

static MhoStatus read_position(const MhoTrainInput *input, MhoCourse *course, MhoError *error)
{
    const MhoRecord *training = mho_record_find(input->resume, "training");
    const MhoAttribute *best = training ? mho_attribute_find(&training->attributes, "best_accuracy") : NULL;
    const char *recipe = mho_attribute_string(&input->resume->attributes, "recipe");
    int64_t stage = 0, epochs = 0;

    if (!recipe || strcmp(recipe, input->recipe ? input->recipe : "") != 0)
        return damaged(input, "it was made by another", error);
    MhoStatus status = read_number(input, training, "stage", (int64_t)course->ladder.n - 1, &stage, error);
    if (status == MHO_OK)
        status = read_number(input, training, "stage_epochs", course->ladder.stages[stage].epochs, &epochs, error);
    if (status == MHO_OK && (!best || best->type != MHO_F64 || best->n != 1))
        status = damaged(input, "no best accuracy in group training", error);
    if (status != MHO_OK)
        return status;
    course->best_accuracy = *(const double *)best->data;
    course->stage = (size_t)stage;
    course->stage_epochs = (int)epochs;
    course->n_history = (size_t)epochs;
    for (size_t s = 0; s < course->stage; s++)
        course->n_history += (size_t)course->ladder.stages[s].epochs;
    return status;
}

static MhoStatus read_net(const MhoTrainInput *input, const char *path, MhoNet **net, MhoError *error)
{
    const MhoRecord *record = mho_record_find(input->resume, path);

    return record ? mho_net_from_record(record, input->resume_file, net, error)
                  : damaged(input, "a net of its stage is missing", error);
}

MhoStatus mho_checkpoint_read(const MhoTrainInput *input, MhoCourse *course, MhoError *error)
{
    MhoStatus status = read_position(input, course, error);

    if (status == MHO_OK)
        status = read_history(input, course, error);
    if (status == MHO_OK)
        status = mho_net_from_record(input->resume, input->resume_file, &course->net, error);
    if (status == MHO_OK)
        status = read_net(input, "training/best", &course->best, error);
    if (status == MHO_OK && course->stage > 0)
        status = read_net(input, "training/teacher", &course->teacher, error);
    course->resumed = true;
    return status == MHO_OK ? read_velocity(input, course, error) : status;
}
