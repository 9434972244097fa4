/* sweep_state.c - the parts of a sweep: which are done, run, are lost or wait. */
#include "app/sweep_state.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "study/models/record_file.h"
#include "study/sweep/result.h"

const char *const mho_part_state_names[MHO_N_PART_STATES] = {"done", "running", "lost", "stopped", "not started"};

enum { MAX_PARTS = 100000, PATH_SIZE = 4096 };

/* Where the parts of a sweep lie: LEAD, i, "-of-", n, ".h5". */
typedef struct Place {
    char lead[PATH_SIZE]; /* "results/r.h5.cluster/parts/part-"; "": one part, the result itself */
    const char *result;
    int n;
} Place;

static MhoStatus part_path(const Place *place, int number, char path[PATH_SIZE], MhoError *error)
{
    const int n = place->lead[0] != '\0' ? snprintf(path, PATH_SIZE, "%s%d-of-%d.h5", place->lead, number, place->n)
                                         : snprintf(path, PATH_SIZE, "%s", place->result);
    return n >= 0 && n < PATH_SIZE ? MHO_OK : mho_fail(error, MHO_USAGE, "%s: the path is too long", place->result);
}

/* The number of parts in the names of a folder that start with `stem`: the one that most names have. */
static int count_parts(const char *folder, const char *stem)
{
    DIR *list = opendir(folder);
    const size_t length = strlen(stem);
    int best = 0, votes = 0; /* the majority, as Boyer and Moore find it */
    for (struct dirent *entry; list && (entry = readdir(list));) {
        int i, n;
        if (strncmp(entry->d_name, stem, length) != 0 || sscanf(entry->d_name + length, "%d-of-%d.h5", &i, &n) != 2 ||
            n < 1 || n > MAX_PARTS || i < 1 || i > n)
            continue;
        if (votes == 0)
            best = n;
        votes += n == best ? 1 : -1;
    }
    if (list)
        closedir(list);
    return best;
}

static bool is_there(const char *path, const char *ending)
{
    char name[PATH_SIZE + 16];
    snprintf(name, sizeof name, "%s%s", path, ending);
    return access(name, F_OK) == 0;
}

/* Shards beside the result, "results/drift.shard-"; else the result itself. */
static MhoStatus find_place(const char *result, int planned_parts, Place *place, MhoError *error)
{
    char folder[PATH_SIZE], stem[PATH_SIZE];
    *place = (Place){.result = result, .n = planned_parts};
    if (planned_parts > 0) {
        const int n = snprintf(place->lead, sizeof place->lead, "%s.cluster/parts/part-", result);
        return n >= 0 && (size_t)n < sizeof place->lead
                   ? MHO_OK
                   : mho_fail(error, MHO_USAGE, "%s: the path is too long", result);
    }
    const char *slash = strrchr(result, '/'), *base = slash ? slash + 1 : result;
    const size_t length = strlen(base), end = length > 3 && strcmp(base + length - 3, ".h5") == 0 ? length - 3 : length;
    const int a = snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - result) + 1 : 1, slash ? result : ".");
    const int b = snprintf(stem, sizeof stem, "%.*s.shard-", (int)end, base);
    const int c =
        snprintf(place->lead, sizeof place->lead, "%.*s%s", slash ? (int)(slash - result) + 1 : 0, result, stem);
    if (a < 0 || b < 0 || c < 0 || (size_t)a >= sizeof folder || (size_t)b >= sizeof stem ||
        (size_t)c >= sizeof place->lead)
        return mho_fail(error, MHO_USAGE, "%s: the path is too long", result);
    place->n = is_there(result, "") || is_there(result, ".parts") ? 0 : count_parts(folder, stem);
    if (place->n == 0) {
        place->lead[0] = '\0';
        place->n = is_there(result, "") || is_there(result, ".parts") || is_there(result, ".lock");
    }
    return MHO_OK;
}

/* Trials of the whole study, as a finished part tells. 0: it does not. */
static size_t trials_of_study(const char *path)
{
    MhoRecord *record = NULL;
    MhoPointInfo *points = NULL;
    MhoError ignored = {0};
    size_t n = 0, trials = 0;
    if (mho_file_read(path, true, &record, &ignored) == MHO_OK &&
        mho_result_points(record, path, &points, &n, &ignored) == MHO_OK)
        for (size_t p = 0; p < n; p++)
            trials += points[p].n_chips;
    free(points);
    mho_record_destroy(record);
    return trials;
}

/* "trials N" of RESULT.parts/plan, or 0. */
static size_t read_plan(const char *path)
{
    char name[PATH_SIZE + 16], line[256];
    size_t trials = 0;
    snprintf(name, sizeof name, "%s.parts/plan", path);
    FILE *file = fopen(name, "re");
    while (file && fgets(line, sizeof line, file))
        (void)sscanf(line, "trials %zu", &trials);
    if (file)
        fclose(file);
    return trials;
}

/* Trials that lie in the journals of a part, and how long one took. */
static MhoStatus read_journals(const char *path, MhoPart *part, MhoError *error)
{
    MhoTrials trials = {0};
    const MhoStatus status = mho_journal_read(path, &trials, error);
    double sum = 0.0;
    size_t n = 0;
    for (size_t i = 0; i < trials.n; i++)
        if (trials.list[i]->seconds > 0.0) {
            sum += trials.list[i]->seconds;
            n++;
        }
    part->n_done = trials.n;
    part->seconds = n > 0 ? sum / (double)n : 0.0;
    mho_trials_clear(&trials);
    return status;
}

static MhoStatus read_part(const char *path, MhoPart *part, MhoError *error)
{
    if (is_there(path, "")) {
        part->state = MHO_PART_DONE;
        return MHO_OK;
    }
    MhoStatus status = mho_claim_owner(path, &part->owner, error);
    if (status == MHO_OK)
        status = read_journals(path, part, error);
    part->n_trials = read_plan(path);
    part->state = part->owner.is_there && part->owner.is_alive ? MHO_PART_RUNNING
                  : part->owner.is_there                       ? MHO_PART_LOST
                  : part->n_done > 0                           ? MHO_PART_STOPPED
                                                               : MHO_PART_WAITING;
    return status;
}

/* Trials 0, 1, 2, ... of a study are dealt out to the parts one after the other. */
static size_t share(size_t n_trials, int number, int n_parts)
{
    const size_t before = (size_t)number - 1, n = (size_t)n_parts;
    return n_trials > before ? (n_trials - before + n - 1) / n : 0;
}

/* Sums over the parts, once the trials of the study are known or are not. */
static void sum_up(MhoSweepState *state)
{
    double seconds = 0.0;
    size_t n_timed = 0;
    for (int i = 0; i < state->n_parts; i++) {
        MhoPart *part = &state->parts[i];
        if (state->n_trials > 0 && (part->n_trials == 0 || part->state == MHO_PART_DONE))
            part->n_trials = share(state->n_trials, part->number, state->n_parts);
        if (part->state == MHO_PART_DONE)
            part->n_done = part->n_trials;
        state->count[part->state]++;
        state->n_done += part->n_done;
        if (part->seconds > 0.0) {
            seconds += part->seconds;
            n_timed++;
        }
    }
    for (int i = 0; i < state->n_parts && n_timed > 0; i++)
        if (state->parts[i].state == MHO_PART_RUNNING)
            state->rate += 1.0 / (state->parts[i].seconds > 0.0 ? state->parts[i].seconds : seconds / (double)n_timed);
}

MhoStatus mho_sweep_state_read(const char *result, int planned_parts, size_t planned_trials, MhoSweepState *state,
                               MhoError *error)
{
    Place place;
    char path[PATH_SIZE], done[PATH_SIZE] = "";
    *state = (MhoSweepState){0};
    MhoStatus status = find_place(result, planned_parts, &place, error);
    if (status != MHO_OK || place.n == 0)
        return status;
    state->parts = mho_calloc((size_t)place.n, sizeof *state->parts, error, "the parts of a sweep");
    if (!state->parts)
        return MHO_MEMORY;
    state->n_parts = place.n;
    for (int i = 0; i < place.n && status == MHO_OK; i++) {
        state->parts[i].number = i + 1;
        status = part_path(&place, i + 1, path, error);
        if (status == MHO_OK)
            status = read_part(path, &state->parts[i], error);
        if (status == MHO_OK && state->parts[i].state == MHO_PART_DONE && done[0] == '\0')
            memcpy(done, path, sizeof done);
        state->n_trials += state->parts[i].n_trials;
    }
    if (done[0] != '\0')
        state->n_trials = trials_of_study(done);
    else if (planned_trials > 0)
        state->n_trials = planned_trials;
    else
        for (int i = 0; i < place.n; i++)
            if (state->parts[i].n_trials == 0)
                state->n_trials = 0; /* a part that has not begun tells nothing */
    snprintf(state->pattern, sizeof state->pattern, "%s", place.lead[0] != '\0' ? place.lead : result);
    sum_up(state);
    if (status != MHO_OK)
        mho_sweep_state_clear(state);
    return status;
}

void mho_sweep_state_clear(MhoSweepState *state)
{
    free(state->parts);
    *state = (MhoSweepState){0};
}
