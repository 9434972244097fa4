/* fuzz_journal.c - the reader of journals against arbitrary bytes, with and without right checksums.
 *
 * Whatever trials are read become the result of a small study whose networks have two named layers, and of one whose
 * networks differ: a result is made, or the trials are refused with a reason. The checksum of every record whose head
 * is sound is made right first, except where the first byte of the input is odd: else every damaged byte would end the
 * reading.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "replay.h"
#include "study/models/provenance.h"
#include "study/sweep/journal.h"
#include "study/sweep/result.h"

enum { HEAD = 24, CHECK = 8, ROOM = 1 << 20, N_POINTS = 3, N_CHIPS = 3, FIRST_POINT = 7, N_NAMES = 2 };

static char folder[256], result[300], parts[512], path[1024];

static MhoStudy study;
static MhoPointList grid;

static void leave(void)
{
    mho_points_destroy(&grid);
    mho_study_destroy(&study);
    remove(path);
    rmdir(parts);
    rmdir(folder);
}

static void enter(void)
{
    const char *base = getenv("TMPDIR");
    if (folder[0] != '\0')
        return;
    snprintf(folder, sizeof folder, "%.200s/mho-fuzz-XXXXXX",
             base                            ? base
             : access("/dev/shm", W_OK) == 0 ? "/dev/shm"
                                             : "/tmp");
    require(mkdtemp(folder) != NULL);
    snprintf(result, sizeof result, "%s/r.h5", folder);
    snprintf(parts, sizeof parts, "%s.parts", result);
    snprintf(path, sizeof path, "%s/here.1.0.%.64s.journal", parts, mho_commit());
    require(mho_study_read(NULL, &study, NULL) == MHO_OK);
    require(mho_study_set(&study, "chip.cell.name=[ideal, pcm]", NULL) == MHO_OK);
    require(mho_study_set(&study, "chip.noise=0.5,1", NULL) == MHO_OK);
    require(mho_points_create(&study, &grid, NULL) == MHO_OK && grid.n_points == N_POINTS);
    require(mkdir(parts, 0700) == 0 && atexit(leave) == 0);
}

/* Give every record that has room for it the checksum of its bytes. */
static void seal(uint8_t *data, size_t n)
{
    for (size_t at = 0; n - at >= HEAD + CHECK;) {
        uint32_t bytes;
        memcpy(&bytes, data + at + 4, 4);
        if (bytes < HEAD + CHECK || bytes > n - at)
            return;
        const uint64_t check = mho_digest64(data + at, bytes - CHECK);
        memcpy(data + at + bytes - CHECK, &check, CHECK);
        at += bytes;
    }
}

/* The trials as a result, with the names of two layers or without. */
static void make_result(const MhoTrials *trials, bool has_names)
{
    static const char *const names[N_NAMES] = {"conv1", "dense"};
    MhoPointInfo points[N_POINTS];
    const MhoResultInput input = {.study = &study,
                                  .grid = &grid,
                                  .points = points,
                                  .trials = trials,
                                  .layers = has_names ? names : NULL,
                                  .n_layers = has_names ? N_NAMES : 0,
                                  .digest = "d",
                                  .models = "m.h5 0\n"};
    MhoRecord *record = NULL;
    MhoError error = {.text = ""};
    for (size_t p = 0; p < N_POINTS; p++)
        points[p] = (MhoPointInfo){.key = FIRST_POINT + p, .n_chips = N_CHIPS};
    if (mho_result_create(&input, &record, &error) == MHO_OK) {
        const MhoArray *layers = mho_record_array(record, "layer");
        require(layers && layers->rank == 1 && (!has_names || layers->shape[0] <= N_NAMES));
    } else {
        require(has_names && error.status == MHO_INPUT && strstr(error.text, "layers") && !strchr(error.text, '\n'));
        record = NULL;
    }
    mho_record_destroy(record);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static uint8_t copy[ROOM];
    MhoTrials trials = {0};
    MhoError error = {.text = ""};
    if (n < 1 || n - 1 > ROOM)
        return 0;
    enter();
    memcpy(copy, data + 1, n - 1);
    if (data[0] % 2 == 0)
        seal(copy, n - 1);
    remove(path);
    FILE *file = fopen(path, "wb");
    require(file != NULL && fwrite(copy, 1, n - 1, file) == n - 1 && fclose(file) == 0);
    if (mho_journal_read(result, &trials, &error) == MHO_OK) {
        for (size_t i = 0; i < trials.n; i++) {
            require(trials.list[i]->host < trials.n_hosts && trials.list[i]->n_layers <= MHO_TRIAL_MAX_LAYERS);
            require(mho_trials_find(&trials, trials.list[i]->point, trials.list[i]->chip) == trials.list[i]);
        }
        make_result(&trials, true);
        make_result(&trials, false);
        if (trials.n > 0)
            count_taken();
    } else {
        require(error.status == MHO_INPUT && strstr(error.text, "r.h5.parts") && !strchr(error.text, '\n'));
    }
    mho_trials_clear(&trials);
    return 0;
}

#ifndef MHO_LIBFUZZER
/* A new journal of trials with these numbers of layers; its bytes. */
static size_t write_journal(const uint32_t *layers, uint32_t n_trials, uint8_t *data, size_t room)
{
    static MhoTrial trial = {.accuracy = 0.5, .loss = 1.0, .seconds = 0.1};
    MhoJournal journal;
    require(mho_journal_open(result, &journal, NULL) == MHO_OK);
    for (uint32_t i = 0; i < n_trials; i++) {
        trial.point = FIRST_POINT + i / 2;
        trial.chip = i;
        trial.n_layers = layers[i];
        require(mho_journal_append(&journal, &trial, NULL) == MHO_OK);
    }
    mho_journal_close(&journal);
    FILE *file = fopen(journal.path, "rb");
    require(file != NULL);
    const size_t n = fread(data, 1, room, file);
    fclose(file);
    remove(journal.path);
    return n;
}

int main(int argc, char **argv)
{
    static uint8_t seed[1 << 16];
    static const char extremes[] = {0, 1, 0x10, 0x7f, (char)0x80, (char)0xff};
    const Damage damage = {HEAD, extremes, sizeof extremes};
    enter();
    size_t n = write_journal((const uint32_t[]){0, 1, 2}, 3, seed + 1, sizeof seed - 1);
    replay(seed, n + 1, damage, 1500);
    seed[0] = 1;
    replay(seed, n + 1, damage, 500);
    n = write_journal((const uint32_t[]){2, 3}, 2, seed + 1, sizeof seed - 1); /* more layers than there are names */
    seed[0] = 0;
    replay(seed, n + 1, damage, 500);
    replay_corpus(argc > 1 ? argv[1] : NULL);
    return replay_done();
}
#endif
