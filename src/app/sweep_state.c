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
#include "study/sweep/stop_rule.h"
#include "study/keys/study.h"

const char *const mho_part_state_names[MHO_N_PART_STATES] = {"done", "running", "lost", "stopped", "not started"};

enum { MAX_PARTS = 100000, PATH_SIZE = 4096 };

/* Where the parts of a sweep lie: LEAD, i, "-of-", n, ".h5". */
typedef struct Place {
    char lead[PATH_SIZE];            /* "results/r.h5.cluster/parts/part-"; "": one part, the result itself */
    const char *result, *study_text; /* the text may be NULL */
    int n;
} Place;

static MhoStatus part_path(const Place *place, int number, char path[PATH_SIZE], MhoError *error)
{
    const int n = place->lead[0] != '\0' ? snprintf(path, PATH_SIZE, "%s%d-of-%d.h5", place->lead, number, place->n)
                                         : snprintf(path, PATH_SIZE, "%s", place->result);
    return n >= 0 && n < PATH_SIZE ? MHO_OK : mho_fail(error, MHO_USAGE, "%s: the path is too long", place->result);
}

static int compare_numbers(const void *a, const void *b)
{
    const int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

/* The number that is there most often; of several, the largest. */
static int most_frequent(int *numbers, size_t n)
{
    int best = 0;
    size_t most = 0, same = 0;
    if (n > 1)
        qsort(numbers, n, sizeof *numbers, compare_numbers);
    for (size_t i = 0; i < n; i++) {
        same = i > 0 && numbers[i] == numbers[i - 1] ? same + 1 : 1;
        if (same >= most) {
            most = same;
            best = numbers[i];
        }
    }
    return best;
}

/* The number of parts in the names of a folder that start with `stem`: the one that most names have. 0: none has. */
static MhoStatus count_parts(const char *folder, const char *stem, int *n_parts, MhoError *error)
{
    DIR *list = opendir(folder);
    const size_t length = strlen(stem);
    int *numbers = NULL;
    size_t n_names = 0;
    MhoStatus status = MHO_OK;
    for (struct dirent *entry; list && status == MHO_OK && (entry = readdir(list));) {
        int i, n;
        if (strncmp(entry->d_name, stem, length) != 0 || sscanf(entry->d_name + length, "%d-of-%d.h5", &i, &n) != 2 ||
            n < 1 || n > MAX_PARTS || i < 1 || i > n)
            continue;
        int *grown = mho_list_grow(numbers, n_names, sizeof *grown, error);
        if (grown)
            (numbers = grown)[n_names++] = n;
        else
            status = MHO_MEMORY;
    }
    if (list)
        closedir(list);
    *n_parts = most_frequent(numbers, n_names);
    free(numbers);
    return status;
}

static bool is_there(const char *path, const char *ending)
{
    char name[PATH_SIZE + 16];
    snprintf(name, sizeof name, "%s%s", path, ending);
    return access(name, F_OK) == 0;
}

bool mho_result_is_of(const char *path, const char *study_text)
{
    MhoRecord *record = NULL;
    MhoError ignored = {0};
    if (access(path, F_OK) != 0)
        return false;
    if (!study_text || mho_file_read(path, true, &record, &ignored) != MHO_OK)
        return true;
    const char *theirs = mho_attribute_string(&record->attributes, "study");
    const bool same = theirs && strcmp(theirs, study_text) == 0;
    mho_record_destroy(record);
    return same;
}

/* Shards beside the result, "results/drift.shard-"; else the result itself. */
static MhoStatus find_place(const char *result, const MhoSweepPlan *plan, Place *place, MhoError *error)
{
    char folder[PATH_SIZE], stem[PATH_SIZE];
    *place = (Place){.result = result, .study_text = plan->study_text, .n = plan->n_parts};
    if (plan->n_parts > 0) {
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
    MhoStatus status = MHO_OK;
    const bool is_done = mho_result_is_of(result, plan->study_text);
    if (!is_done && !is_there(result, ".parts"))
        status = count_parts(folder, stem, &place->n, error);
    if (place->n == 0) {
        place->lead[0] = '\0';
        place->n = is_done || is_there(result, ".parts") || is_there(result, ".lock");
    }
    return status;
}

/* What is known of the study's trials. */
typedef struct Trials {
    MhoPointInfo *points; /* (n_points) as a finished part tells; else NULL */
    size_t n_points, n;   /* n 0: not known */
    bool stops_early;     /* parts have whole points */
} Trials;

/* From a finished part, or the whole result: its points have the chips that they needed. */
static void read_trials(const char *path, bool is_part, Trials *trials)
{
    MhoRecord *record = NULL;
    MhoStudy study;
    MhoError ignored = {0};
    *trials = (Trials){0};
    if (mho_file_read(path, true, &record, &ignored) == MHO_OK &&
        mho_result_points(record, path, &trials->points, &trials->n_points, &ignored) == MHO_OK)
        for (size_t p = 0; p < trials->n_points; p++)
            trials->n += trials->points[p].n_chips;
    const char *text = record ? mho_attribute_string(&record->attributes, "study") : NULL;
    if (is_part && text && mho_study_from_text(text, path, &study, &ignored) == MHO_OK) {
        const MhoStopRule rule = mho_stop_rule(study.settings);
        trials->stops_early = mho_stop_is_on(&rule);
        mho_study_destroy(&study);
    }
    mho_record_destroy(record);
}

/* Lines "trials N" and "stops_early 1" of RESULT.parts/plan. */
static void read_plan(const char *path, MhoPart *part)
{
    char name[PATH_SIZE + 16], line[256];
    snprintf(name, sizeof name, "%s.parts/plan", path);
    FILE *file = fopen(name, "re");
    while (file && fgets(line, sizeof line, file)) {
        unsigned trials;
        if (sscanf(line, "trials %u", &trials) == 1)
            part->n_trials = trials;
        else if (strcmp(line, "stops_early 1\n") == 0)
            part->stops_early = true;
    }
    if (file)
        fclose(file);
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

static MhoStatus read_part(const char *path, const char *study_text, MhoPart *part, MhoError *error)
{
    if (mho_result_is_of(path, study_text)) {
        part->state = MHO_PART_DONE;
        return MHO_OK;
    }
    MhoStatus status = mho_claim_owner(path, &part->owner, error);
    if (status == MHO_OK)
        status = read_journals(path, part, error);
    read_plan(path, part);
    part->state = part->owner.is_there && part->owner.is_alive ? MHO_PART_RUNNING
                  : part->owner.is_there                       ? MHO_PART_LOST
                  : part->n_done > 0                           ? MHO_PART_STOPPED
                                                               : MHO_PART_WAITING;
    return status;
}

/* Trials of a part: 0, 1, 2, ... of a study are dealt out one after the other, or its points where they stop early. 0:
 * not known. */
static size_t share(const Trials *trials, int number, int n_parts)
{
    const size_t before = (size_t)number - 1, n = (size_t)n_parts;
    size_t sum = 0;
    if (!trials->stops_early || n == 1)
        return trials->n > before ? (trials->n - before + n - 1) / n : 0;
    for (size_t p = before; p < trials->n_points; p += n)
        sum += trials->points[p].n_chips;
    return sum;
}

/* Its trials, once those of the study are known or are not. */
static void settle_part(MhoPart *part, const Trials *trials, int n_parts)
{
    if (trials->n > 0 && (part->n_trials == 0 || part->state == MHO_PART_DONE))
        part->n_trials = share(trials, part->number, n_parts);
    if (part->state == MHO_PART_DONE)
        part->n_done = part->n_trials;
    if (part->n_trials > 0 && part->n_done > part->n_trials) {
        part->n_other = part->n_done - part->n_trials;
        part->n_done = part->n_trials;
    }
}

/* Sums over the parts. */
static void sum_up(MhoSweepState *state, const Trials *trials)
{
    double seconds = 0.0;
    size_t n_timed = 0;
    for (int i = 0; i < state->n_parts; i++) {
        MhoPart *part = &state->parts[i];
        settle_part(part, trials, state->n_parts);
        state->count[part->state]++;
        state->n_done += part->n_done;
        state->n_other += part->n_other;
        if (part->seconds > 0.0) {
            seconds += part->seconds;
            n_timed++;
        }
    }
    if (state->n_trials > 0 && state->n_done > state->n_trials) { /* parts that contradict one another */
        state->n_other += state->n_done - state->n_trials;
        state->n_done = state->n_trials;
    }
    for (int i = 0; i < state->n_parts && n_timed > 0; i++)
        if (state->parts[i].state == MHO_PART_RUNNING)
            state->rate += 1.0 / (state->parts[i].seconds > 0.0 ? state->parts[i].seconds : seconds / (double)n_timed);
}

/* Every part by its own files; *done: the path of one that is done, or "". */
static MhoStatus read_parts(const Place *place, MhoSweepState *state, char done[PATH_SIZE], MhoError *error)
{
    char path[PATH_SIZE];
    MhoStatus status = MHO_OK;
    bool all_known = true; /* a part that has not begun tells nothing */
    done[0] = '\0';
    for (int i = 0; i < place->n && status == MHO_OK; i++) {
        MhoPart *part = &state->parts[i];
        part->number = i + 1;
        status = part_path(place, i + 1, path, error);
        if (status == MHO_OK)
            status = read_part(path, place->study_text, part, error);
        state->n_foreign += status == MHO_OK && part->state != MHO_PART_DONE && is_there(path, "");
        if (status == MHO_OK && part->state == MHO_PART_DONE && done[0] == '\0')
            memcpy(done, path, sizeof path);
        state->n_trials += part->n_trials;
        state->stops_early = state->stops_early || part->stops_early;
        all_known = all_known && part->n_trials > 0;
    }
    if (!all_known)
        state->n_trials = 0;
    return status;
}

MhoStatus mho_sweep_state_read(const char *result, const MhoSweepPlan *plan, MhoSweepState *state, MhoError *error)
{
    Place place;
    Trials trials = {.n = plan->n_trials, .stops_early = plan->stops_early};
    char done[PATH_SIZE];
    *state = (MhoSweepState){0};
    MhoStatus status = find_place(result, plan, &place, error);
    if (status != MHO_OK || place.n == 0)
        return status;
    state->parts = mho_calloc((size_t)place.n, sizeof *state->parts, error, "the parts of a sweep");
    if (!state->parts)
        return MHO_MEMORY;
    state->n_parts = place.n;
    status = read_parts(&place, state, done, error);
    if (status == MHO_OK && done[0] != '\0') {
        read_trials(done, place.lead[0] != '\0', &trials);
        state->stops_early = false; /* the file tells */
    }
    if (trials.n > 0)
        state->n_trials = trials.n;
    else
        trials.n = state->n_trials;
    state->stops_early = state->stops_early || trials.stops_early;
    snprintf(state->pattern, sizeof state->pattern, "%s", place.lead[0] != '\0' ? place.lead : result);
    sum_up(state, &trials);
    free(trials.points);
    if (status != MHO_OK)
        mho_sweep_state_clear(state);
    return status;
}

void mho_sweep_state_clear(MhoSweepState *state)
{
    free(state->parts);
    *state = (MhoSweepState){0};
}
