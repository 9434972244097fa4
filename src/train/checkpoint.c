/* checkpoint.c - a course of training as a model record, and back.
 *
 * Beside the net's own groups:
 *   history      one row an epoch: stage, loss, train_accuracy, held_loss, held_accuracy, rate, gradient_norm
 *   training     attributes stage, stage_epochs, stale_epochs, over, best_accuracy; velocity/<node>/<array>: momentum;
 *                best and teacher: whole nets
 *   allocation   the allocator's own, once its stage is reached
 *   provenance   epoch_seconds: wall time, not part of the digest
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
    {"gradient_norm", "norm of all gradients of a step, mean over the epoch", offsetof(MhoEpoch, gradient_norm)},
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

/* Attributes of group training that are whole numbers. */
static MhoStatus write_position(const MhoCourse *course, MhoRecord *training, MhoError *error)
{
    MhoStatus status = mho_attribute_int(&training->attributes, "stage", (int64_t)course->stage, error);

    if (status == MHO_OK)
        status = mho_attribute_int(&training->attributes, "stage_epochs", course->stage_epochs, error);
    if (status == MHO_OK)
        status = mho_attribute_int(&training->attributes, "stale_epochs", course->stale_epochs, error);
    if (status == MHO_OK)
        status = mho_attribute_int(&training->attributes, "over", course->over, error);
    return status;
}

static MhoStatus write_training(const MhoCourse *course, MhoRecord *record, MhoError *error)
{
    MhoRecord *training, *velocity;
    MhoStatus status = mho_record_child(record, "training", &training, error);

    if (status == MHO_OK)
        status = write_position(course, training, error);
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

/* Whether the stage "allocate" has begun. */
static bool allocates(const MhoCourse *course)
{
    for (size_t s = 0; s < course->ladder.n && s <= course->stage; s++)
        if (course->ladder.stages[s].kind == MHO_STAGE_ALLOCATE)
            return true;
    return false;
}

static MhoStatus write_allocation(const MhoTrainInput *input, MhoRecord *record, MhoError *error)
{
    MhoRecord *group;
    const MhoStatus status = mho_record_child(record, "allocation", &group, error);

    return status == MHO_OK ? input->allocation->to_record(input->allocation->context, group, error) : status;
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
    if (status == MHO_OK && allocates(course))
        status = write_allocation(input, record, error);
    if (status == MHO_OK && !final)
        status = write_training(course, record, error);
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
        return damaged(from, "no stage in group training", error);
    *number = *(const int64_t *)attribute->data;
    return *number >= 0 && *number <= max ? MHO_OK : damaged(from, "its stage is not in the ladder", error);
}

static MhoStatus read_column(const Source *from, const char *path, MhoCourse *course, size_t offset, MhoError *error)
{
    const MhoArray *array;
    const MhoStatus status = mho_record_require(from->record, from->file, path, MHO_F64, 1, &array, error);

    if (status != MHO_OK)
        return status;
    if (mho_array_count(array) != course->n_history)
        return damaged(from, "its history has another length", error);
    for (size_t i = 0; i < course->n_history; i++)
        *cell(&course->history[i], offset) = ((const double *)array->data)[i];
    return MHO_OK;
}

/* Rows that the stages before the running one left, at least and at most. */
static bool is_plausible(const MhoTrainInput *input, const MhoCourse *course, size_t n)
{
    size_t most = (size_t)course->stage_epochs, least = most;
    bool open = false; /* recoveries have any number */

    for (size_t s = 0; s <= course->stage; s++) {
        const MhoStage *stage = &course->ladder.stages[s];

        open = open || stage->kind == MHO_STAGE_ALLOCATE;
        if (s == course->stage)
            break;
        most += (size_t)stage->epochs;
        least += input->train->patience > 0 && stage->epochs > 0 ? 1 : (size_t)stage->epochs;
    }
    return n >= least && (open || n <= most);
}

/* Every row, and the name of the running stage. course->stage and stage_epochs are set. */
static MhoStatus read_history(const Source *from, MhoCourse *course, MhoError *error)
{
    const MhoArray *names;
    MhoStatus status = mho_record_require(from->record, from->file, "history/stage", MHO_STRING, 1, &names, error);

    if (status != MHO_OK)
        return status;
    const size_t n = mho_array_count(names);
    if (!is_plausible(from->input, course, n))
        return damaged(from, "its history has another length", error);
    status = mho_course_reserve(course, n, error);
    for (size_t i = 0; i < n && status == MHO_OK; i++) {
        course->history[i] = (MhoEpoch){0};
        snprintf(course->history[i].stage, MHO_NAME_MAX, "%s", ((char *const *)names->data)[i]);
    }
    course->n_history = n;
    if (status == MHO_OK)
        status = read_column(from, "provenance/epoch_seconds", course, offsetof(MhoEpoch, seconds), error);
    for (size_t i = 0; i < N_COLUMNS && status == MHO_OK; i++) {
        char path[MHO_NAME_MAX];

        snprintf(path, sizeof path, "history/%s", columns[i].name);
        status = read_column(from, path, course, columns[i].offset, error);
    }
    if (status == MHO_OK && n > 0)
        memcpy(course->name, course->history[n - 1].stage, sizeof course->name);
    return status;
}

static MhoStatus read_velocity(const Source *from, MhoCourse *course, MhoError *error)
{
    const MhoNet *net = course->net;
    MhoStatus status = mho_optimizer_create(course->net, from->input->train, &course->optimizer, error);

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
                memcpy(mho_optimizer_velocity(&course->optimizer, i, a), array->data, learned->n * sizeof(float));
        }
    return status;
}

static MhoStatus read_position(const Source *from, MhoCourse *course, MhoError *error)
{
    const MhoRecord *training = mho_record_find(from->record, "training");
    const MhoAttribute *best = training ? mho_attribute_find(&training->attributes, "best_accuracy") : NULL;
    const char *recipe = mho_attribute_string(&from->record->attributes, "recipe");
    int64_t stage = 0, epochs = 0, stale = 0, over = 0;

    if (!recipe || strcmp(recipe, from->input->recipe ? from->input->recipe : "") != 0)
        return damaged(from, "it was made by another", error);
    MhoStatus status = read_number(from, "stage", (int64_t)course->ladder.n - 1, &stage, error);
    if (status != MHO_OK)
        return status;
    const MhoStage *running = &course->ladder.stages[stage];
    const int most = running->kind == MHO_STAGE_ALLOCATE ? MHO_MAX_STAGE_EPOCHS : running->epochs;
    status = read_number(from, "stage_epochs", most, &epochs, error);
    if (status == MHO_OK)
        status = read_number(from, "stale_epochs", epochs, &stale, error);
    if (status == MHO_OK)
        status = read_number(from, "over", 1, &over, error);
    if (status == MHO_OK && (!best || best->type != MHO_F64 || best->n != 1))
        status = damaged(from, "no best accuracy in group training", error);
    if (status != MHO_OK)
        return status;
    course->best_accuracy = *(const double *)best->data;
    course->stage = (size_t)stage;
    course->stage_epochs = (int)epochs;
    course->stale_epochs = (int)stale;
    course->over = over == 1;
    return MHO_OK;
}

/* A net that reads these images; everything of a training is sized by them. */
static MhoStatus make_net(const Source *from, const MhoRecord *record, MhoNet **net, MhoError *error)
{
    const MhoDataset *set = from->input->kept;
    const MhoStatus status = mho_net_from_record(record, from->file, net, error);

    if (status != MHO_OK)
        return status;
    const MhoShape shape = (*net)->nodes[0].shape;
    if (shape.h != set->h || shape.w != set->w || shape.c != set->c || (*net)->n_classes != set->n_classes)
        return damaged(from, "its net is of other images", error);
    return MHO_OK;
}

static MhoStatus read_net(const Source *from, const char *path, MhoNet **net, MhoError *error)
{
    const MhoRecord *record = mho_record_find(from->record, path);

    return record ? make_net(from, record, net, error) : damaged(from, "a net of its stage is missing", error);
}

static MhoStatus read_allocation(const Source *from, MhoError *error)
{
    const MhoRecord *group = mho_record_find(from->record, "allocation");
    const MhoAllocation *allocation = from->input->allocation;

    return group ? allocation->from_record(allocation->context, group, from->file, error)
                 : damaged(from, "group allocation is missing", error);
}

MhoStatus mho_checkpoint_read(const MhoTrainInput *input, MhoCourse *course, MhoError *error)
{
    const Source from = {.input = input, .record = input->resume, .file = input->resume_file};
    MhoStatus status = read_position(&from, course, error);

    if (status == MHO_OK)
        status = read_history(&from, course, error);
    if (status == MHO_OK)
        status = make_net(&from, from.record, &course->net, error);
    if (status == MHO_OK)
        status = read_net(&from, "training/best", &course->best, error);
    if (status == MHO_OK && course->stage > 0)
        status = read_net(&from, "training/teacher", &course->teacher, error);
    if (status == MHO_OK && allocates(course))
        status = read_allocation(&from, error);
    course->resumed = true;
    return status == MHO_OK ? read_velocity(&from, course, error) : status;
}

MhoStatus mho_checkpoint_start(const MhoTrainInput *input, MhoCourse *course, MhoError *error)
{
    const char *file = input->start_file ? input->start_file : "the first stage's model";
    const Source from = {.input = input, .record = input->start, .file = file};

    course->stage = 1;
    MhoStatus status = read_history(&from, course, error);
    for (size_t i = 0; i < course->n_history && status == MHO_OK; i++)
        if (strcmp(course->history[i].stage, course->ladder.stages[0].name) != 0)
            status = damaged(&from, "it was trained beyond the first stage", error);
    return status == MHO_OK ? make_net(&from, from.record, &course->net, error) : status;
}
