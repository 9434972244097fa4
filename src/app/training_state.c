/* training_state.c - the locks and checkpoints of a study's models. */
#include "app/training_state.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "study/keys/points.h"
#include "study/models/model_file.h"
#include "study/models/model_recipe.h"
#include "study/sweep/sweep.h"

static MhoStatus append(MhoTrainingState *state, const char *model, const char *checkpoint, const MhoClaimOwner *owner,
                        MhoError *error)
{
    for (size_t i = 0; i < state->n; i++)
        if (strcmp(state->list[i].model, model) == 0)
            return MHO_OK;
    MhoTrainingRun *grown = mho_list_grow(state->list, state->n, sizeof *grown, error);
    if (!grown)
        return MHO_MEMORY;
    state->list = grown;
    MhoTrainingRun *run = &grown[state->n++];
    *run = (MhoTrainingRun){.model = mho_strdup(model, error), .owner = *owner};
    if (checkpoint)
        run->checkpoint = mho_strdup(checkpoint, error);
    else
        state->n_running++;
    return run->model && (run->checkpoint || !checkpoint) ? MHO_OK : MHO_MEMORY;
}

/* The checkpoint of a model that is not there and that nobody trains. */
static MhoStatus look_for_checkpoint(MhoSettings *settings, const char *model, const char *data_option,
                                     MhoTrainingState *state, MhoError *error)
{
    char recipe[65], path[4096];
    MhoError ignored = {0};
    const MhoClaimOwner nobody = {0};
    if (access(model, F_OK) == 0 || mho_study_identify(settings, data_option, &ignored) != MHO_OK)
        return MHO_OK;
    MhoStatus status = mho_recipe_digest(settings, recipe, error);
    if (status == MHO_OK)
        status = mho_checkpoint_path(NULL, model, recipe, path, sizeof path, error);
    return status == MHO_OK && access(path, F_OK) == 0 ? append(state, model, path, &nobody, error) : status;
}

/* The locks of the points' models. */
static MhoStatus look(const MhoPointList *grid, const char *data_option, MhoTrainingState *state, MhoError *error)
{
    char path[4096], before[4096] = "";
    MhoStatus status = MHO_OK;
    for (size_t p = 0; p < grid->n_points && status == MHO_OK; p++) {
        MhoClaimOwner owner = {0};
        status = mho_model_path(grid->points[p].settings, path, sizeof path, error);
        if (status != MHO_OK || strcmp(path, before) == 0)
            continue;
        memcpy(before, path, sizeof before);
        status = mho_claim_owner(path, &owner, error);
        if (status == MHO_OK && owner.is_there && owner.is_alive)
            status = append(state, path, NULL, &owner, error);
        else if (status == MHO_OK)
            status = look_for_checkpoint(grid->points[p].settings, path, data_option, state, error);
    }
    return status;
}

MhoStatus mho_training_state_read(const MhoStudy *study, const char *data_option, MhoTrainingState *state,
                                  MhoError *error)
{
    MhoPointList grid = {0};
    MhoError ignored = {0};
    const bool is_family = strstr(mho_settings_study(study->settings)->model, "{recipe}") != NULL;
    *state = (MhoTrainingState){0};
    if (!study->has_train)
        return MHO_OK;
    MhoStatus status = mho_points_create(study, &grid, error);
    /* names with {recipe} depend on the data; without them nothing is found */
    const bool can_look =
        status == MHO_OK && (!is_family || mho_sweep_identify_data(&grid, data_option, &ignored) == MHO_OK);
    if (can_look)
        status = look(&grid, data_option, state, error);
    mho_points_destroy(&grid);
    if (status != MHO_OK)
        mho_training_state_clear(state);
    return status;
}

void mho_training_state_clear(MhoTrainingState *state)
{
    for (size_t i = 0; i < state->n; i++) {
        free(state->list[i].model);
        free(state->list[i].checkpoint);
    }
    free(state->list);
    *state = (MhoTrainingState){0};
}
