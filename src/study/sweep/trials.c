/* trials.c - finished trials, found by their key. */
#include "study/sweep/trials.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* The slot of a key, or the free slot where it belongs. */
static size_t slot_of(const MhoTrials *trials, uint64_t point, uint32_t chip)
{
    /* chips count up from 0: multiply (Knuth, TAOCP 3, 6.4) and take bits that all of the key has reached */
    uint64_t mixed = (point + chip * UINT64_C(0xD1B54A32D192ED03)) * UINT64_C(0x9E3779B97F4A7C15);
    size_t mask = trials->n_slots - 1, at = (size_t)(mixed >> 32 ^ mixed >> 7) & mask;
    for (size_t index; (index = trials->slots[at]) != 0; at = (at + 1) & mask)
        if (trials->list[index - 1]->point == point && trials->list[index - 1]->chip == chip)
            break;
    return at;
}

const MhoTrial *mho_trials_find(const MhoTrials *trials, uint64_t point, uint32_t chip)
{
    size_t index = trials->n_slots ? trials->slots[slot_of(trials, point, chip)] : 0;
    return index ? trials->list[index - 1] : NULL;
}

/* Room for one more, in the list and in the slots. */
static MhoStatus trials_grow(MhoTrials *trials, MhoError *error)
{
    enum { FIRST = 64 };
    if (trials->n < trials->capacity)
        return MHO_OK;
    size_t capacity = trials->capacity ? 2 * trials->capacity : FIRST, n_slots = 2 * capacity;
    MhoTrial **grown = mho_realloc(trials->list, capacity, sizeof *grown, error, "%zu trials", capacity);
    if (!grown)
        return MHO_MEMORY;
    trials->list = grown;
    size_t *slots = mho_calloc(n_slots, sizeof *slots, error, "%zu trials", capacity);
    if (!slots)
        return MHO_MEMORY;
    free(trials->slots);
    trials->slots = slots;
    trials->n_slots = n_slots;
    trials->capacity = capacity;
    for (size_t i = 0; i < trials->n; i++)
        slots[slot_of(trials, trials->list[i]->point, trials->list[i]->chip)] = i + 1;
    return MHO_OK;
}

MhoStatus mho_trials_add(MhoTrials *trials, const MhoTrial *trial, MhoError *error)
{
    const MhoTrial *known = mho_trials_find(trials, trial->point, trial->chip);
    if (known) {
        /* NaN never equals itself: compare the bytes */
        if (memcmp(&known->accuracy, &trial->accuracy, sizeof known->accuracy) == 0 && known->logits == trial->logits)
            return MHO_OK;
        return mho_fail(error, MHO_INPUT,
                        "one trial (point %016llx, chip %u) with two different results: they come "
                        "from different builds or machines; keep the files of one",
                        (unsigned long long)trial->point, trial->chip);
    }
    MhoStatus status = trials_grow(trials, error);
    if (status != MHO_OK)
        return status;
    size_t size = offsetof(MhoTrial, layers) + trial->n_layers * sizeof *trial->layers;
    /* a copy without unused layers: a study has many trials and few of MHO_TRIAL_MAX_LAYERS layers */
    MhoTrial *copy = mho_calloc(1, size, error, "%zu trials", trials->n + 1);
    if (!copy)
        return MHO_MEMORY;
    memcpy(copy, trial, size);
    trials->list[trials->n++] = copy;
    trials->slots[slot_of(trials, trial->point, trial->chip)] = trials->n;
    return MHO_OK;
}

MhoStatus mho_trials_host(MhoTrials *trials, const char *name, uint32_t *number, MhoError *error)
{
    for (size_t i = trials->n_hosts; i-- > 0;) /* most trials come from the host of the trial before */
        if (strcmp(trials->hosts[i], name) == 0) {
            *number = (uint32_t)i;
            return MHO_OK;
        }
    char **grown = mho_list_grow(trials->hosts, trials->n_hosts, sizeof *grown, error);
    if (!grown)
        return MHO_MEMORY;
    trials->hosts = grown;
    grown[trials->n_hosts] = mho_strdup(name, error);
    if (!grown[trials->n_hosts])
        return MHO_MEMORY;
    *number = (uint32_t)trials->n_hosts++;
    return MHO_OK;
}

void mho_trials_clear(MhoTrials *trials)
{
    for (size_t i = 0; i < trials->n; i++)
        free(trials->list[i]);
    for (size_t i = 0; i < trials->n_hosts; i++)
        free(trials->hosts[i]);
    free(trials->hosts);
    free(trials->list);
    free(trials->slots);
    *trials = (MhoTrials){0};
}
