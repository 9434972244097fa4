/* fuzz_journal.c - the reader of journals against arbitrary bytes, with and without right checksums.
 *
 * The checksum of every record whose head is sound is made right first, except where the first byte of the input is
 * odd: else every damaged byte would end the reading.
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

enum { HEAD = 24, CHECK = 8, ROOM = 1 << 20 };

static char folder[256], result[300], parts[512], path[1024];

static void leave(void)
{
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
        if (trials.n > 0)
            count_taken();
    } else {
        require(error.status == MHO_INPUT && strstr(error.text, "r.h5.parts") && !strchr(error.text, '\n'));
    }
    mho_trials_clear(&trials);
    return 0;
}

#ifndef MHO_LIBFUZZER
static size_t read_journal(const char *name, uint8_t *data, size_t room)
{
    FILE *file = fopen(name, "rb");
    require(file != NULL);
    const size_t n = fread(data, 1, room, file);
    fclose(file);
    return n;
}

int main(int argc, char **argv)
{
    static uint8_t seed[1 << 16];
    static MhoTrial trial = {.accuracy = 0.5, .loss = 1.0, .seconds = 0.1};
    static const char extremes[] = {0, 1, 0x10, 0x7f, (char)0x80, (char)0xff};
    const Damage damage = {HEAD, extremes, sizeof extremes};
    MhoJournal journal;
    enter();
    require(mho_journal_open(result, &journal, NULL) == MHO_OK);
    for (uint32_t i = 0; i < 3; i++) {
        trial.point = 7 + i / 2;
        trial.chip = i;
        trial.n_layers = i;
        require(mho_journal_append(&journal, &trial, NULL) == MHO_OK);
    }
    mho_journal_close(&journal);
    const size_t n = read_journal(journal.path, seed + 1, sizeof seed - 1);
    remove(journal.path);
    replay(seed, n + 1, damage, 1500);
    seed[0] = 1;
    replay(seed, n + 1, damage, 500);
    replay_corpus(argc > 1 ? argv[1] : NULL);
    return replay_done();
}
#endif
