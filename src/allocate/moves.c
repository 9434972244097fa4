/* moves.c - the log of all moves, as the group "allocation" of a model file and back.
 *
 *   attributes              allocator, start_accuracy, start_size, start_bops, end, reached; with feedback on a chip:
 *                           feedback and recovery, "chip" or "codes", where trial moves and the others are measured
 *   candidate, converter    (candidate) name of the layer; 1: its converters
 *   state                   (candidate, value) the allocator's state between moves
 *   winner bits_from ...    (move) see `move_list`
 *   eligible feedback share (move, candidate)
 *   accepted                the net before the running move, where an accuracy budget may undo the move
 *
 * The group is empty until the first net is given; there are no arrays over "move" before the first move.
 */
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "allocate/allocate_internal.h"
#include "base/memory.h"
#include "base/record_columns.h"

enum { MOST_MOVES = 1 << 20 };

#define MOVE_COLUMN(name, unit, help, type, member, wide)       \
    {                                                           \
        name, unit, help, type, offsetof(MhoMove, member), wide \
    }

static const char *const move_axes[] = {"move", "candidate"};
static const char *const candidate_axes[] = {"candidate", "value"};

static const MhoColumn move_list[] = {
    MOVE_COLUMN("winner", "", "layer that went down", MHO_STRING, winner, false),
    MOVE_COLUMN("winner_converter", "1", "1: the layer's converters went down, 0: its weights and activations", MHO_I32,
                converter, false),
    MOVE_COLUMN("bits_from", "bit", "bits of the winner before the move", MHO_I32, bits_from, false),
    MOVE_COLUMN("bits_to", "bit", "bits of the winner after the move", MHO_I32, bits_to, false),
    MOVE_COLUMN("size", "bit", "mean bits of a weight after the move", MHO_F64, size, false),
    MOVE_COLUMN("bops", "MBOP", "bit operations of an image after the move", MHO_F64, bops, false),
    MOVE_COLUMN("accuracy_before", "1", "top-1 of the validation images before the move", MHO_F64, before, false),
    MOVE_COLUMN("accuracy_trial", "1", "top-1 of the trial images after the move, nothing trained", MHO_F64, trial,
                false),
    MOVE_COLUMN("accuracy_after", "1", "top-1 of the validation images after recovery; NaN: not yet", MHO_F64, after,
                false),
    MOVE_COLUMN("recovery_epochs", "1", "epochs of recovery after the move", MHO_I32, epochs, false),
    MOVE_COLUMN("undone", "1", "1: the move cost more than the accuracy budget and was taken back", MHO_I32, undone,
                false),
    MOVE_COLUMN("eligible", "1", "1: a candidate for this move, with a bit width below its own", MHO_U8, eligible,
                true),
    MOVE_COLUMN("feedback", "1", "top-1 of the trial images with this candidate a bit width lower; NaN: not tried",
                MHO_F64, feedback, true),
    MOVE_COLUMN("share", "1", "probability of this candidate to be chosen", MHO_F64, share, true),
};
static const MhoColumn candidate_list[] = {
    {"candidate", "", "layers in the order of the graph, then their converters where these are candidates", MHO_STRING,
     offsetof(MhoCandidate, name), false},
    {"converter", "1", "1: the layer's converters, 0: its weights and activations", MHO_U8,
     offsetof(MhoCandidate, converter), false},
};
static const MhoColumns move_columns = {move_list, sizeof move_list / sizeof *move_list, sizeof(MhoMove), move_axes},
                        candidate_columns = {candidate_list, sizeof candidate_list / sizeof *candidate_list,
                                             sizeof(MhoCandidate), candidate_axes};

void mho_moves_destroy(MhoAllocation *a)
{
    for (size_t i = 0; i < a->n_moves; i++)
        free(a->moves[i].feedback);
    free(a->moves);
    a->moves = NULL;
    a->n_moves = 0;
}

MhoStatus mho_moves_add(MhoAllocation *a, MhoMove **row, MhoError *error)
{
    MhoMove *moves = mho_list_grow(a->moves, a->n_moves, sizeof *moves, error);
    if (!moves)
        return MHO_MEMORY;
    a->moves = moves;
    MhoMove made = {.before = NAN, .trial = NAN, .after = NAN};
    made.feedback = mho_calloc(a->n, 2 * sizeof *made.feedback + 1, error, "the log of a move");
    if (!made.feedback)
        return MHO_MEMORY;
    made.share = made.feedback + a->n;
    made.eligible = (uint8_t *)(made.share + a->n);
    *row = &a->moves[a->n_moves++];
    **row = made;
    return MHO_OK;
}

/* Writing ---------------------------------------------------------------------------------------------------------- */

/* Attributes of the network that moves start from. */
static const char *const start_names[] = {"start_accuracy", "start_size", "start_bops"};

static MhoStatus write_attributes(const MhoAllocation *a, MhoAttributes *attributes, MhoError *error)
{
    const double reals[] = {a->start_accuracy, a->start_size, a->start_bops};
    MhoStatus status = mho_attribute_text(attributes, "allocator", a->input.allocator->descriptor.name, error);
    for (size_t i = 0; i < sizeof reals / sizeof *reals && status == MHO_OK; i++)
        status = mho_attribute_real(attributes, start_names[i], reals[i], error);
    if (status == MHO_OK)
        status = mho_attribute_text(attributes, "end", a->end, error);
    return status == MHO_OK ? mho_attribute_int(attributes, "reached", a->reached, error) : status;
}

/* Say where accuracies are taken, where any is taken on the chip. */
static MhoStatus write_basis(const MhoAllocation *a, MhoAttributes *attributes, MhoError *error)
{
    const MhoAllocateParams *params = a->input.params;
    if (params->feedback != MHO_FEEDBACK_CHIP)
        return MHO_OK;
    const MhoStatus status = mho_attribute_text(attributes, "feedback", "chip", error);
    return status == MHO_OK ? mho_attribute_text(attributes, "recovery",
                                                 mho_allocate_recovers_on_chip(params) ? "chip" : "codes", error)
                            : status;
}

static MhoStatus write_candidates(const MhoAllocation *a, MhoRecord *group, MhoError *error)
{
    const size_t shape[2] = {a->n, a->input.allocator->n_state};
    const MhoStatus status = mho_columns_write(&candidate_columns, a->candidates, a->n, 0, group, error);
    return status == MHO_OK && shape[1] > 0
               ? mho_record_add(group, "state", MHO_F64, 2, shape, candidate_axes, "1",
                                "the allocator's state between moves", a->state, NULL, error)
               : status;
}

static MhoStatus write_moves(const MhoAllocation *a, MhoRecord *group, MhoError *error)
{
    const MhoStatus status = mho_columns_write(&move_columns, a->moves, a->n_moves, a->n, group, error);
    return status == MHO_OK ? mho_record_add_numbers(group, "move", "move", a->n_moves, "moves, from 1", error)
                            : status;
}

MhoStatus mho_moves_to_record(const MhoAllocation *a, MhoRecord *group, MhoError *error)
{
    MhoRecord *accepted;
    if (a->n == 0)
        return MHO_OK;
    MhoStatus status = write_attributes(a, &group->attributes, error);
    if (status == MHO_OK)
        status = write_basis(a, &group->attributes, error);
    if (status == MHO_OK)
        status = write_candidates(a, group, error);
    if (status == MHO_OK && a->n_moves > 0)
        status = write_moves(a, group, error);
    if (status != MHO_OK || !a->accepted)
        return status;
    status = mho_record_child(group, "accepted", &accepted, error);
    return status == MHO_OK ? mho_net_to_record(a->accepted, accepted, error) : status;
}

/* Reading ---------------------------------------------------------------------------------------------------------- */

typedef struct Reading {
    MhoAllocation *a;
    const MhoRecord *group;
    const char *file;
} Reading;

static MhoStatus damaged(const Reading *reading, const char *what, MhoError *error)
{
    return mho_fail(error, MHO_INPUT, "%s: the group allocation does not fit this recipe: %s", reading->file, what);
}

/* An array (first, second) of floats. */
static MhoStatus require(const Reading *reading, const char *name, size_t first, size_t second, const MhoArray **array,
                         MhoError *error)
{
    const MhoStatus status = mho_record_require(reading->group, reading->file, name, MHO_F64, 2, array, error);
    if (status != MHO_OK)
        return status;
    if ((*array)->shape[0] != first || (*array)->shape[1] != second)
        return damaged(reading, "its arrays have different lengths", error);
    return MHO_OK;
}

static MhoStatus read_attributes(const Reading *reading, MhoError *error)
{
    MhoAllocation *a = reading->a;
    const MhoAttributes *attributes = &reading->group->attributes;
    const char *allocator = mho_attribute_string(attributes, "allocator"),
               *end = mho_attribute_string(attributes, "end");
    const MhoAttribute *reached = mho_attribute_find(attributes, "reached");
    if (!allocator || strcmp(allocator, a->input.allocator->descriptor.name) != 0)
        return damaged(reading, "another allocator made it", error);
    if (!end || strlen(end) >= sizeof a->end || !reached || reached->type != MHO_I64 || reached->n != 1)
        return damaged(reading, "it does not say whether it has ended", error);
    snprintf(a->end, sizeof a->end, "%s", end);
    a->reached = *(const int64_t *)reached->data != 0;
    double *const reals[] = {&a->start_accuracy, &a->start_size, &a->start_bops};
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++) {
        const MhoAttribute *attribute = mho_attribute_find(attributes, start_names[i]);
        if (!attribute || attribute->type != MHO_F64 || attribute->n != 1)
            return damaged(reading, start_names[i], error);
        *reals[i] = *(const double *)attribute->data;
    }
    return MHO_OK;
}

/* The candidates and the allocator's state. */
static MhoStatus read_candidates(const Reading *reading, MhoError *error)
{
    MhoAllocation *a = reading->a;
    const size_t n_state = a->input.allocator->n_state;
    const MhoArray *names, *state = NULL;
    MhoStatus status = mho_record_require(reading->group, reading->file, "candidate", MHO_STRING, 1, &names, error);
    if (status != MHO_OK)
        return status;
    const size_t n = names->shape[0];
    if (n == 0 || n > 2 * (size_t)MHO_NET_MAX_NODES)
        return damaged(reading, "it has no candidate layers, or too many", error);
    if (n_state > 0)
        status = require(reading, "state", n, n_state, &state, error);
    if (status != MHO_OK)
        return status;
    status = mho_candidates_reserve(a, n, error);
    if (status != MHO_OK)
        return status;
    for (size_t i = 0; state && i < n * n_state; i++) {
        a->state[i] = ((const double *)state->data)[i];
        if (!isfinite(a->state[i]))
            return damaged(reading, "the allocator's state is not finite", error);
    }
    status = mho_columns_read(&candidate_columns, a->candidates, n, 0, reading->group, reading->file, "", error);
    for (size_t m = 0; m < n; m++)
        a->candidates[m].converter = a->candidates[m].converter != 0;
    return status;
}

static MhoStatus read_moves(const Reading *reading, MhoError *error)
{
    MhoAllocation *a = reading->a;
    const MhoArray *winner = mho_record_array(reading->group, "winner"), *feedback;
    MhoMove *row;
    if (!winner)
        return MHO_OK; /* before the first move */
    if (winner->type != MHO_STRING || winner->rank != 1 || winner->shape[0] > MOST_MOVES)
        return damaged(reading, "its winners are not a list of names", error);
    const size_t n = winner->shape[0];
    MhoStatus status = require(reading, "feedback", n, a->n, &feedback, error); /* before memory for as many rows */
    for (size_t i = 0; i < n && status == MHO_OK; i++)
        status = mho_moves_add(a, &row, error);
    return status == MHO_OK
               ? mho_columns_read(&move_columns, a->moves, n, a->n, reading->group, reading->file, "", error)
               : status;
}

/* The net before the running move, which must take the validation images. */
static MhoStatus read_accepted(const Reading *reading, const MhoRecord *record, MhoError *error)
{
    const MhoDataset *set = reading->a->input.validation;
    const MhoStatus status = mho_net_from_record(record, reading->file, &reading->a->accepted, error);
    if (status != MHO_OK)
        return status;
    const MhoShape shape = reading->a->accepted->nodes[0].shape;
    if (shape.h != set->h || shape.w != set->w || shape.c != set->c ||
        reading->a->accepted->n_classes != set->n_classes)
        return damaged(reading, "the network before its last move expects a different image shape or number of classes",
                       error);
    return MHO_OK;
}

MhoStatus mho_moves_from_record(MhoAllocation *a, const MhoRecord *group, const char *file, MhoError *error)
{
    const Reading reading = {.a = a, .group = group, .file = file};
    const MhoRecord *accepted = group ? mho_record_find(group, "accepted") : NULL;
    if (!group || !mho_attribute_find(&group->attributes, "allocator"))
        return MHO_OK; /* the stage had not begun */
    MhoStatus status = read_attributes(&reading, error);
    if (status == MHO_OK)
        status = read_candidates(&reading, error);
    if (status == MHO_OK)
        status = read_moves(&reading, error);
    return status == MHO_OK && accepted ? read_accepted(&reading, accepted, error) : status;
}
