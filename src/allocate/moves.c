/* moves.c - the log of all moves, as the group "allocation" of a model file and back.
 *
 *   attributes              allocator, start_accuracy, start_size, start_bops, end, reached; where layers compete on a
 *                           chip, feedback and recovery, "chip" or "codes": what the accuracies of probes and all
 *                           others are taken on (without them: codes)
 *   competitor, converter   (competitor) name; whether it is the layer's converters
 *   state                   (competitor, value) what the allocator keeps between moves
 *   winner bits_from ...    (move) see `columns`
 *   awake feedback share    (move, competitor)
 *   accepted                the net before the running move, where an accuracy budget may ask for it back
 * The group is empty until the first net is seen; there are no arrays over "move" before the first.
 */
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "allocate/allocate_internal.h"

enum { MOST_MOVES = 1 << 20 };

static const char *const move_axes[] = {"move", "competitor"};
static const char *const competitor_axes[] = {"competitor", "value"};

/* Columns over moves. */
static const struct Column {
    const char *name, *unit, *help;
    MhoType type; /* MHO_I32 or MHO_F64 */
    size_t offset;
} columns[] = {
    {"winner_converter", "", "1: the layer's converters went down, 0: its weights and activations", MHO_I32,
     offsetof(MhoMove, converter)},
    {"bits_from", "bit", "bits of the winner before the move", MHO_I32, offsetof(MhoMove, bits_from)},
    {"bits_to", "bit", "bits of the winner after the move", MHO_I32, offsetof(MhoMove, bits_to)},
    {"size", "bit", "mean bits of a weight after the move", MHO_F64, offsetof(MhoMove, size)},
    {"bops", "MBOP", "bit operations of an image after the move", MHO_F64, offsetof(MhoMove, bops)},
    {"accuracy_before", "", "top-1 of the validation images before the move", MHO_F64, offsetof(MhoMove, before)},
    {"accuracy_probe", "", "top-1 of the probe images after the move, nothing trained", MHO_F64,
     offsetof(MhoMove, probe)},
    {"accuracy_after", "", "top-1 of the validation images after recovery; NaN: not yet", MHO_F64,
     offsetof(MhoMove, after)},
    {"recovery_epochs", "epochs", "epochs of recovery after the move", MHO_I32, offsetof(MhoMove, epochs)},
    {"undone", "", "1: the move cost more than the accuracy budget and was taken back", MHO_I32,
     offsetof(MhoMove, undone)},
};
enum { N_COLUMNS = sizeof columns / sizeof *columns };

/* Rows of competitors. */
static const struct Row {
    const char *name, *help;
    MhoType type;  /* MHO_U8 or MHO_F64 */
    size_t offset; /* of the pointer */
} rows[] = {
    {"awake", "1: had a bit width below it and competed", MHO_U8, offsetof(MhoMove, awake)},
    {"feedback", "top-1 of the probe images with this one a bit width lower; NaN: not asked", MHO_F64,
     offsetof(MhoMove, feedback)},
    {"share", "probability that it was chosen with", MHO_F64, offsetof(MhoMove, share)},
};
enum { N_ROWS = sizeof rows / sizeof *rows };

static void row_destroy(MhoMove *row)
{
    free(row->feedback);
    free(row->share);
    free(row->awake);
}

void mho_moves_destroy(MhoAllocationStage *c)
{
    for (size_t i = 0; i < c->n_moves; i++)
        row_destroy(&c->moves[i]);
    free(c->moves);
    c->moves = NULL;
    c->n_moves = c->capacity = 0;
}

MhoStatus mho_moves_add(MhoAllocationStage *c, MhoMove **row, MhoError *error)
{
    if (c->n_moves == c->capacity) {
        const size_t capacity = c->capacity > 0 ? 2 * c->capacity : 16;
        MhoMove *moves = realloc(c->moves, capacity * sizeof *moves);
        if (!moves)
            return mho_fail(error, MHO_MEMORY, "out of memory for the log of %zu moves", c->n_moves);
        c->moves = moves;
        c->capacity = capacity;
    }
    MhoMove made = {.before = NAN,
                    .probe = NAN,
                    .after = NAN,
                    .feedback = calloc(c->n, sizeof(double)),
                    .share = calloc(c->n, sizeof(double)),
                    .awake = calloc(c->n, 1)};
    if (!made.feedback || !made.share || !made.awake) {
        row_destroy(&made);
        return mho_fail(error, MHO_MEMORY, "out of memory for the log of %zu moves", c->n_moves);
    }
    *row = &c->moves[c->n_moves++];
    **row = made;
    return MHO_OK;
}

static void *member(const MhoMove *move, size_t offset)
{
    return (unsigned char *)(uintptr_t)move + offset;
}

/* What a row's pointer at `offset` points to. */
static void *row_values(const MhoMove *move, const struct Row *row)
{
    return row->type == MHO_U8 ? (void *)move->awake : *(double **)member(move, row->offset);
}

/* Writing ---------------------------------------------------------------------------------------------------------- */

static MhoStatus write_attributes(const MhoAllocationStage *c, MhoAttributes *attributes, MhoError *error)
{
    MhoStatus status = mho_attribute_text(attributes, "allocator", c->input.allocator->descriptor.name, error);

    if (status == MHO_OK)
        status = mho_attribute_real(attributes, "start_accuracy", c->start_accuracy, error);
    if (status == MHO_OK)
        status = mho_attribute_real(attributes, "start_size", c->start_size, error);
    if (status == MHO_OK)
        status = mho_attribute_real(attributes, "start_bops", c->start_bops, error);
    if (status == MHO_OK)
        status = mho_attribute_text(attributes, "end", c->end, error);
    return status == MHO_OK ? mho_attribute_int(attributes, "reached", c->reached, error) : status;
}

/* What accuracies are of, where any is of the chip. */
static MhoStatus write_basis(const MhoAllocationStage *c, MhoAttributes *attributes, MhoError *error)
{
    const MhoAllocateParams *params = c->input.params;

    if (params->feedback != MHO_FEEDBACK_CHIP)
        return MHO_OK;
    const MhoStatus status = mho_attribute_text(attributes, "feedback", "chip", error);
    return status == MHO_OK ? mho_attribute_text(attributes, "recovery",
                                                 mho_allocate_recovers_on_chip(params) ? "chip" : "codes", error)
                            : status;
}

static MhoStatus write_competitors(const MhoAllocationStage *c, MhoRecord *group, MhoError *error)
{
    const size_t shape[2] = {c->n, c->input.allocator->n_state};
    char **names = calloc(c->n, sizeof *names);
    MhoArray *converter;

    if (!names)
        return mho_fail(error, MHO_MEMORY, "out of memory for the names of %zu competitors", c->n);
    for (size_t m = 0; m < c->n; m++)
        names[m] = c->competitors[m].name;
    MhoStatus status = mho_record_add(group, "competitor", MHO_STRING, 1, shape, competitor_axes, "",
                                      "layers in the order of the graph, then their converters where these compete",
                                      names, NULL, error);
    free(names);
    if (status == MHO_OK)
        status = mho_record_add(group, "converter", MHO_U8, 1, shape, competitor_axes, "",
                                "1: the layer's converters, 0: its weights and activations", NULL, &converter, error);
    for (size_t m = 0; m < c->n && status == MHO_OK; m++)
        ((unsigned char *)converter->data)[m] = c->competitors[m].converter;
    return status == MHO_OK && shape[1] > 0
               ? mho_record_add(group, "state", MHO_F64, 2, shape, competitor_axes, "",
                                "what the allocator keeps between moves", c->state, NULL, error)
               : status;
}

static MhoStatus write_winners(const MhoAllocationStage *c, MhoRecord *group, MhoError *error)
{
    char **names = calloc(c->n_moves, sizeof *names);
    MhoArray *numbers;

    if (!names)
        return mho_fail(error, MHO_MEMORY, "out of memory for the log of %zu moves", c->n_moves);
    for (size_t i = 0; i < c->n_moves; i++)
        names[i] = c->moves[i].winner;
    MhoStatus status = mho_record_add(group, "winner", MHO_STRING, 1, &c->n_moves, move_axes, "",
                                      "layer that went down", names, NULL, error);
    free(names);
    if (status == MHO_OK)
        status = mho_record_add(group, "move", MHO_I32, 1, &c->n_moves, move_axes, "", "moves, from 1", NULL, &numbers,
                                error);
    for (size_t i = 0; i < c->n_moves && status == MHO_OK; i++)
        ((int32_t *)numbers->data)[i] = (int32_t)i + 1;
    return status;
}

static MhoStatus write_moves(const MhoAllocationStage *c, MhoRecord *group, MhoError *error)
{
    const size_t shape[2] = {c->n_moves, c->n};
    MhoStatus status = write_winners(c, group, error);
    MhoArray *array;

    for (size_t k = 0; k < N_COLUMNS && status == MHO_OK; k++) {
        const size_t size = mho_type_size(columns[k].type);
        status = mho_record_add(group, columns[k].name, columns[k].type, 1, shape, move_axes, columns[k].unit,
                                columns[k].help, NULL, &array, error);
        for (size_t i = 0; i < c->n_moves && status == MHO_OK; i++)
            memcpy((unsigned char *)array->data + i * size, member(&c->moves[i], columns[k].offset), size);
    }
    for (size_t k = 0; k < N_ROWS && status == MHO_OK; k++) {
        const size_t size = c->n * mho_type_size(rows[k].type);
        status = mho_record_add(group, rows[k].name, rows[k].type, 2, shape, move_axes, "", rows[k].help, NULL, &array,
                                error);
        for (size_t i = 0; i < c->n_moves && status == MHO_OK; i++)
            memcpy((unsigned char *)array->data + i * size, row_values(&c->moves[i], &rows[k]), size);
    }
    return status;
}

MhoStatus mho_moves_to_record(const void *context, MhoRecord *group, MhoError *error)
{
    const MhoAllocationStage *c = context;
    MhoRecord *accepted;

    if (c->n == 0)
        return MHO_OK;
    MhoStatus status = write_attributes(c, &group->attributes, error);
    if (status == MHO_OK)
        status = write_basis(c, &group->attributes, error);
    if (status == MHO_OK)
        status = write_competitors(c, group, error);
    if (status == MHO_OK && c->n_moves > 0)
        status = write_moves(c, group, error);
    if (status != MHO_OK || !c->accepted)
        return status;
    status = mho_record_child(group, "accepted", &accepted, error);
    return status == MHO_OK ? mho_net_to_record(c->accepted, accepted, error) : status;
}

/* Reading ---------------------------------------------------------------------------------------------------------- */

typedef struct Reading {
    MhoAllocationStage *c;
    const MhoRecord *group;
    const char *file;
} Reading;

static MhoStatus damaged(const Reading *reading, const char *what, MhoError *error)
{
    return mho_fail(error, MHO_INPUT, "%s: the group allocation does not fit this recipe: %s", reading->file, what);
}

/* An array of this type whose shape starts with (first, second), second 0: rank 1. */
static MhoStatus require(const Reading *reading, const char *name, MhoType type, size_t first, size_t second,
                         const MhoArray **array, MhoError *error)
{
    const MhoStatus status =
        mho_record_require(reading->group, reading->file, name, type, second > 0 ? 2 : 1, array, error);

    if (status != MHO_OK)
        return status;
    if ((*array)->shape[0] != first || (second > 0 && (*array)->shape[1] != second))
        return damaged(reading, "its arrays have different lengths", error);
    return MHO_OK;
}

static MhoStatus read_real(const Reading *reading, const char *name, double *value, MhoError *error)
{
    const MhoAttribute *attribute = mho_attribute_find(&reading->group->attributes, name);

    if (!attribute || attribute->type != MHO_F64 || attribute->n != 1)
        return damaged(reading, name, error);
    *value = *(const double *)attribute->data;
    return MHO_OK;
}

static MhoStatus read_attributes(const Reading *reading, MhoError *error)
{
    MhoAllocationStage *c = reading->c;
    const MhoAttributes *attributes = &reading->group->attributes;
    const char *allocator = mho_attribute_string(attributes, "allocator"),
               *end = mho_attribute_string(attributes, "end");
    const MhoAttribute *reached = mho_attribute_find(attributes, "reached");

    if (!allocator || strcmp(allocator, c->input.allocator->descriptor.name) != 0)
        return damaged(reading, "another allocator made it", error);
    if (!end || strlen(end) >= sizeof c->end || !reached || reached->type != MHO_I64 || reached->n != 1)
        return damaged(reading, "it does not say whether it has ended", error);
    snprintf(c->end, sizeof c->end, "%s", end);
    c->reached = *(const int64_t *)reached->data != 0;
    MhoStatus status = read_real(reading, "start_accuracy", &c->start_accuracy, error);
    if (status == MHO_OK)
        status = read_real(reading, "start_size", &c->start_size, error);
    return status == MHO_OK ? read_real(reading, "start_bops", &c->start_bops, error) : status;
}

/* Name i of a list of strings, which a file may leave empty. */
static void read_name(const MhoArray *names, size_t i, char name[MHO_NAME_MAX])
{
    const char *text = ((char *const *)names->data)[i];

    snprintf(name, MHO_NAME_MAX, "%s", text ? text : "");
}

/* Names of competitors and their state. */
static MhoStatus read_competitors(const Reading *reading, MhoError *error)
{
    MhoAllocationStage *c = reading->c;
    const size_t n_state = c->input.allocator->n_state;
    const MhoArray *names, *converter, *state = NULL;
    MhoStatus status = mho_record_require(reading->group, reading->file, "competitor", MHO_STRING, 1, &names, error);

    if (status != MHO_OK)
        return status;
    const size_t n = names->shape[0];
    if (n == 0 || n > 2 * (size_t)MHO_NET_MAX_NODES)
        return damaged(reading, "nobody competes", error);
    status = require(reading, "converter", MHO_U8, n, 0, &converter, error);
    if (status == MHO_OK && n_state > 0)
        status = require(reading, "state", MHO_F64, n, n_state, &state, error);
    if (status != MHO_OK)
        return status;
    c->competitors = calloc(n, sizeof *c->competitors);
    c->state = calloc(n * n_state + 1, sizeof *c->state);
    if (!c->competitors || !c->state)
        return mho_fail(error, MHO_MEMORY, "out of memory for %zu competitors", n);
    c->n = n;
    for (size_t i = 0; state && i < n * n_state; i++) {
        c->state[i] = ((const double *)state->data)[i];
        if (!isfinite(c->state[i]))
            return damaged(reading, "what its allocator keeps is not finite", error);
    }
    for (size_t m = 0; m < n; m++) {
        read_name(names, m, c->competitors[m].name);
        c->competitors[m].converter = ((const unsigned char *)converter->data)[m] != 0;
    }
    return MHO_OK;
}

static MhoStatus read_columns(const Reading *reading, size_t n, MhoError *error)
{
    MhoAllocationStage *c = reading->c;
    const MhoArray *array;
    MhoStatus status = MHO_OK;

    for (size_t k = 0; k < N_COLUMNS && status == MHO_OK; k++) {
        const size_t size = mho_type_size(columns[k].type);
        status = require(reading, columns[k].name, columns[k].type, n, 0, &array, error);
        for (size_t i = 0; i < n && status == MHO_OK; i++)
            memcpy(member(&c->moves[i], columns[k].offset), (const unsigned char *)array->data + i * size, size);
    }
    for (size_t k = 0; k < N_ROWS && status == MHO_OK; k++) {
        const size_t size = c->n * mho_type_size(rows[k].type);
        status = require(reading, rows[k].name, rows[k].type, n, c->n, &array, error);
        for (size_t i = 0; i < n && status == MHO_OK; i++)
            memcpy(row_values(&c->moves[i], &rows[k]), (const unsigned char *)array->data + i * size, size);
    }
    return status;
}

static MhoStatus read_moves(const Reading *reading, MhoError *error)
{
    MhoAllocationStage *c = reading->c;
    const MhoArray *winner = mho_record_array(reading->group, "winner");
    MhoMove *row;
    MhoStatus status = MHO_OK;

    if (!winner)
        return MHO_OK; /* before the first move */
    if (winner->type != MHO_STRING || winner->rank != 1 || winner->shape[0] > MOST_MOVES)
        return damaged(reading, "its winners are no list of names", error);
    const MhoArray *widest; /* before any memory for as many rows */
    status = require(reading, "feedback", MHO_F64, winner->shape[0], c->n, &widest, error);
    for (size_t i = 0; i < winner->shape[0] && status == MHO_OK; i++) {
        status = mho_moves_add(c, &row, error);
        if (status == MHO_OK)
            read_name(winner, i, row->winner);
    }
    return status == MHO_OK ? read_columns(reading, winner->shape[0], error) : status;
}

/* A net that reads the images at hand. */
static MhoStatus read_accepted(const Reading *reading, const MhoRecord *record, MhoError *error)
{
    const MhoDataset *set = reading->c->input.validation;
    const MhoStatus status = mho_net_from_record(record, reading->file, &reading->c->accepted, error);

    if (status != MHO_OK)
        return status;
    const MhoShape shape = reading->c->accepted->nodes[0].shape;
    if (shape.h != set->h || shape.w != set->w || shape.c != set->c ||
        reading->c->accepted->n_classes != set->n_classes)
        return damaged(reading, "the net before its last move is of other images", error);
    return MHO_OK;
}

MhoStatus mho_moves_from_record(void *context, const MhoRecord *group, const char *file, MhoError *error)
{
    const Reading reading = {.c = context, .group = group, .file = file};
    const MhoRecord *accepted = group ? mho_record_find(group, "accepted") : NULL;

    if (!group || !mho_attribute_find(&group->attributes, "allocator"))
        return MHO_OK; /* the stage had not begun */
    MhoStatus status = read_attributes(&reading, error);
    if (status == MHO_OK)
        status = read_competitors(&reading, error);
    if (status == MHO_OK)
        status = read_moves(&reading, error);
    return status == MHO_OK && accepted ? read_accepted(&reading, accepted, error) : status;
}
