/* journal.c - append-only records of finished trials.
 *
 * Record: magic (4), bytes of the record (4), point (8), chip (4), layers (4), accuracy, loss, logits (8 each), then
 * per layer conversions, clipped, signal, noise (8 each), then the checksum (8) over all before it. Little-endian as
 * the machines are.
 */
#include "study/sweep/journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/memory.h"
#include "study/models/provenance.h"

enum { HEAD = 48, PER_LAYER = 32, CHECK = 8, RECORD_MAX = HEAD + PER_LAYER * MHO_TRIAL_MAX_LAYERS + CHECK };

static const uint32_t journal_magic = 0x314F484DU; /* "MHO1" */

/* Folder of a result's journals. */
static void journal_folder(const char *result, char *folder, size_t size)
{
    snprintf(folder, size, "%s.parts", result);
}

static size_t encode(const MhoTrial *trial, unsigned char *record)
{
    uint32_t bytes = (uint32_t)(HEAD + PER_LAYER * trial->n_layers + CHECK);
    memcpy(record, &journal_magic, 4);
    memcpy(record + 4, &bytes, 4);
    memcpy(record + 8, &trial->point, 8);
    memcpy(record + 16, &trial->chip, 4);
    memcpy(record + 20, &trial->n_layers, 4);
    memcpy(record + 24, &trial->accuracy, 8);
    memcpy(record + 32, &trial->loss, 8);
    memcpy(record + 40, &trial->logits, 8);
    for (size_t l = 0; l < trial->n_layers; l++) {
        unsigned char *at = record + HEAD + PER_LAYER * l;
        memcpy(at, &trial->layers[l].conversions, 8);
        memcpy(at + 8, &trial->layers[l].clipped, 8);
        memcpy(at + 16, &trial->layers[l].signal, 8);
        memcpy(at + 24, &trial->layers[l].noise, 8);
    }
    uint64_t check = mho_digest64(record, bytes - CHECK);
    memcpy(record + bytes - CHECK, &check, 8);
    return bytes;
}

/* Bytes used, or 0 when the rest is torn or foreign. */
static size_t decode(const unsigned char *record, size_t left, MhoTrial *trial)
{
    uint32_t magic, bytes, layers;
    if (left < HEAD + CHECK)
        return 0;
    memcpy(&magic, record, 4);
    memcpy(&bytes, record + 4, 4);
    memcpy(&layers, record + 20, 4);
    if (magic != journal_magic || layers > MHO_TRIAL_MAX_LAYERS || bytes != HEAD + PER_LAYER * layers + CHECK ||
        bytes > left)
        return 0;
    uint64_t check;
    memcpy(&check, record + bytes - CHECK, 8);
    if (check != mho_digest64(record, bytes - CHECK))
        return 0;
    memset(trial, 0, sizeof *trial);
    memcpy(&trial->point, record + 8, 8);
    memcpy(&trial->chip, record + 16, 4);
    trial->n_layers = layers;
    memcpy(&trial->accuracy, record + 24, 8);
    memcpy(&trial->loss, record + 32, 8);
    memcpy(&trial->logits, record + 40, 8);
    for (size_t l = 0; l < layers; l++) {
        const unsigned char *at = record + HEAD + PER_LAYER * l;
        memcpy(&trial->layers[l].conversions, at, 8);
        memcpy(&trial->layers[l].clipped, at + 8, 8);
        memcpy(&trial->layers[l].signal, at + 16, 8);
        memcpy(&trial->layers[l].noise, at + 24, 8);
    }
    return bytes;
}

MhoStatus mho_journal_open(const char *result, MhoJournal *journal, MhoError *error)
{
    char folder[3900], host[256] = "host";
    journal->file = -1;
    journal_folder(result, folder, sizeof folder);
    MhoStatus status = mho_make_folders(folder, error);
    if (status != MHO_OK)
        return status;
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        return mho_fail(error, MHO_IO, "%s: cannot make this folder: %s; choose another result with -o", folder,
                        strerror(errno));
    (void)gethostname(host, sizeof host - 1);
    /* a new file every time: a killed process may have left one with a torn tail under the same process number */
    for (int attempt = 0; attempt < 1000; attempt++) {
        snprintf(journal->path, sizeof journal->path, "%s/%.64s.%ld.%d.%.64s.journal", folder, host, (long)getpid(),
                 attempt, mho_commit());
        journal->file = open(journal->path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666);
        if (journal->file >= 0 || errno != EEXIST)
            break;
    }
    if (journal->file < 0)
        return mho_fail(error, MHO_IO, "%s: cannot write here: %s; choose another result with -o", journal->path,
                        strerror(errno));
    return MHO_OK;
}

MhoStatus mho_journal_append(MhoJournal *journal, const MhoTrial *trial, MhoError *error)
{
    unsigned char record[RECORD_MAX];
    size_t bytes = encode(trial, record);
    ssize_t written = write(journal->file, record, bytes);
    if (written != (ssize_t)bytes || fdatasync(journal->file) != 0)
        return mho_fail(error, MHO_IO, "%s: cannot append: %s; free space and run the same command again",
                        journal->path,
                        written >= 0 && written != (ssize_t)bytes ? "no space left on device" : strerror(errno));
    return MHO_OK;
}

void mho_journal_close(MhoJournal *journal)
{
    if (journal->file >= 0)
        close(journal->file);
    journal->file = -1;
}

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

void mho_trials_clear(MhoTrials *trials)
{
    for (size_t i = 0; i < trials->n; i++)
        free(trials->list[i]);
    free(trials->list);
    free(trials->slots);
    *trials = (MhoTrials){0};
}

static bool ends_with(const char *name, const char *end)
{
    size_t length = strlen(name), tail = strlen(end);
    return length > tail && strcmp(name + length - tail, end) == 0;
}

/* HOST.PROCESS.ATTEMPT.COMMIT.journal: trials of another build may differ, so they are not mixed in. */
static bool is_of_this_build(const char *path)
{
    char end[96];
    snprintf(end, sizeof end, ".%.64s.journal", mho_commit());
    return ends_with(path, end);
}

static MhoStatus read_one(const char *path, MhoTrials *trials, MhoError *error)
{
    if (!is_of_this_build(path))
        return MHO_OK;
    FILE *file = fopen(path, "rb");
    if (!file)
        return mho_fail(error, MHO_INPUT, "%s: %s", path, strerror(errno));
    unsigned char buffer[RECORD_MAX];
    size_t have = 0;
    MhoStatus status = MHO_OK;
    MhoTrial *trial = mho_calloc(1, sizeof *trial, error, "a journal");
    if (!trial)
        status = MHO_MEMORY;
    while (status == MHO_OK) {
        have += fread(buffer + have, 1, sizeof buffer - have, file);
        size_t used = decode(buffer, have, trial);
        if (used == 0)
            break;
        status = mho_trials_add(trials, trial, error);
        have -= used;
        memmove(buffer, buffer + used, have);
    }
    free(trial);
    fclose(file);
    return status == MHO_OK ? MHO_OK : mho_fail_context(error, "%s", path);
}

/* Call visit for every journal of a result. */
static MhoStatus each_journal(const char *result, MhoStatus (*visit)(const char *, MhoTrials *, MhoError *),
                              MhoTrials *trials, MhoError *error)
{
    char folder[3900];
    journal_folder(result, folder, sizeof folder);
    DIR *list = opendir(folder);
    if (!list)
        return MHO_OK;
    MhoStatus status = MHO_OK;
    for (struct dirent *entry; status == MHO_OK && (entry = readdir(list));) {
        char path[4200];
        if (!ends_with(entry->d_name, ".journal"))
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        status = visit(path, trials, error);
    }
    closedir(list);
    return status;
}

/* Counts files in trials->n. */
static MhoStatus count_other(const char *path, MhoTrials *trials, MhoError *error)
{
    (void)error;
    trials->n += !is_of_this_build(path);
    return MHO_OK;
}

size_t mho_journal_other_builds(const char *result)
{
    MhoTrials counter = {0};
    MhoError ignored = {0};
    return each_journal(result, count_other, &counter, &ignored) == MHO_OK ? counter.n : 0;
}

MhoStatus mho_journal_read(const char *result, MhoTrials *trials, MhoError *error)
{
    return each_journal(result, read_one, trials, error);
}

static MhoStatus remove_one(const char *path, MhoTrials *trials, MhoError *error)
{
    (void)trials;
    (void)error;
    (void)unlink(path); /* a journal that stays is harmless: its trials are known by key */
    return MHO_OK;
}

void mho_journal_remove(const char *result)
{
    char folder[3900];
    MhoError ignored = {0};
    journal_folder(result, folder, sizeof folder);
    if (each_journal(result, remove_one, NULL, &ignored) == MHO_OK)
        (void)rmdir(folder);
}
