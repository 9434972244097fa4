/* journal.c - append-only records of finished trials.
 *
 * Record: magic (4), bytes of the record (4), point (8), chip (4), layers (4), host (64), the fields of the trial in
 * the order of mho_trial_fields (8 each), then those of every layer, then the checksum (8) over all before it.
 * Little-endian as the machines are.
 */
#include "study/sweep/journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/memory.h"
#include "base/words.h"
#include "study/models/provenance.h"
#include "study/sweep/trial_fields.h"

enum {
    HEAD = 24,
    HOST = 64,
    FIELD = 8,
    CHECK = 8,
    MAX_FIELDS = 32,
    RECORD_MAX = HEAD + HOST + FIELD * MAX_FIELDS * (MHO_TRIAL_MAX_LAYERS + 1) + CHECK
};

static const uint32_t journal_magic = 0x324F484DU; /* "MHO2" */

static void own_host(char host[HOST])
{
    memset(host, 0, HOST);
    if (gethostname(host, HOST - 1) != 0)
        snprintf(host, HOST, "host");
}

/* Folder of a result's journals. */
static void journal_folder(const char *result, char *folder, size_t size)
{
    snprintf(folder, size, "%s.parts", result);
}

/* Bytes of a record. */
static size_t record_bytes(size_t n_layers)
{
    size_t n = 0;
    for (size_t f = 0; f < mho_n_trial_fields; f++)
        n += mho_field_is_of_layer(&mho_trial_fields[f]) ? n_layers : 1;
    return HEAD + HOST + FIELD * n + CHECK;
}

/* The fields of a record: those of the trial, then those of every layer. */
static void write_fields(const MhoTrial *trial, unsigned char *at)
{
    for (size_t l = 0; l <= trial->n_layers; l++) /* first the trial's own, then layer l - 1 */
        for (size_t f = 0; f < mho_n_trial_fields; f++) {
            if (mho_field_is_of_layer(&mho_trial_fields[f]) != (l > 0))
                continue;
            const uint64_t value = mho_field_get(&mho_trial_fields[f], trial, l - 1);
            memcpy(at, &value, FIELD);
            at += FIELD;
        }
}

static void read_fields(const unsigned char *at, MhoTrial *trial)
{
    for (size_t l = 0; l <= trial->n_layers; l++)
        for (size_t f = 0; f < mho_n_trial_fields; f++) {
            uint64_t value;
            if (mho_field_is_of_layer(&mho_trial_fields[f]) != (l > 0))
                continue;
            memcpy(&value, at, FIELD);
            mho_field_set(&mho_trial_fields[f], trial, l - 1, value);
            at += FIELD;
        }
}

static size_t encode(const MhoTrial *trial, const char host[HOST], unsigned char *record)
{
    const uint32_t bytes = (uint32_t)record_bytes(trial->n_layers);
    memcpy(record, &journal_magic, 4);
    memcpy(record + 4, &bytes, 4);
    memcpy(record + 8, &trial->point, 8);
    memcpy(record + 16, &trial->chip, 4);
    memcpy(record + 20, &trial->n_layers, 4);
    memcpy(record + HEAD, host, HOST);
    write_fields(trial, record + HEAD + HOST);
    const uint64_t check = mho_digest64(record, bytes - CHECK);
    memcpy(record + bytes - CHECK, &check, CHECK);
    return bytes;
}

/* Bytes used, or 0 when the rest is torn or foreign. */
static size_t decode(const unsigned char *record, size_t left, MhoTrial *trial, char host[HOST])
{
    uint32_t magic, bytes, layers;
    uint64_t check;
    if (left < HEAD + HOST + CHECK)
        return 0;
    memcpy(&magic, record, 4);
    memcpy(&bytes, record + 4, 4);
    memcpy(&layers, record + 20, 4);
    if (magic != journal_magic || layers > MHO_TRIAL_MAX_LAYERS || bytes != record_bytes(layers) || bytes > left)
        return 0;
    memcpy(&check, record + bytes - CHECK, CHECK);
    if (check != mho_digest64(record, bytes - CHECK))
        return 0;
    memset(trial, 0, sizeof *trial);
    memcpy(&trial->point, record + 8, 8);
    memcpy(&trial->chip, record + 16, 4);
    trial->n_layers = layers;
    memcpy(host, record + HEAD, HOST);
    host[HOST - 1] = '\0';
    read_fields(record + HEAD + HOST, trial);
    return bytes;
}

MhoStatus mho_journal_open(const char *result, MhoJournal *journal, MhoError *error)
{
    char folder[3900];
    *journal = (MhoJournal){.file = -1};
    journal_folder(result, folder, sizeof folder);
    MhoStatus status = mho_make_folders(folder, error);
    if (status != MHO_OK)
        return status;
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        return mho_fail(error, MHO_IO, "%s: cannot make this folder: %s; choose another result with -o", folder,
                        strerror(errno));
    own_host(journal->host);
    /* a new file every time: a killed process may have left one with a torn tail under the same process number */
    for (int attempt = 0; attempt < 1000; attempt++) {
        snprintf(journal->path, sizeof journal->path, "%s/%s.%ld.%d.%.64s.journal", folder, journal->host,
                 (long)getpid(), attempt, mho_commit());
        journal->file = open(journal->path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666);
        if (journal->file >= 0 || errno != EEXIST)
            break;
    }
    if (journal->file < 0)
        return mho_fail(error, MHO_IO, "%s: cannot write here: %s; choose another result with -o", journal->path,
                        strerror(errno));
    (void)flock(journal->file, LOCK_EX | LOCK_NB); /* tells others that the file has a living writer */
    return MHO_OK;
}

MhoStatus mho_journal_append(MhoJournal *journal, const MhoTrial *trial, MhoError *error)
{
    /* s: a power failure costs no trial that took longer than the first and, of shorter ones, those of the second */
    static const double slow_trial = 0.5, sync_interval = 1.0;
    unsigned char record[RECORD_MAX];
    const size_t bytes = encode(trial, journal->host, record);
    const ssize_t written = write(journal->file, record, bytes);
    const double now = mho_clock();
    bool good = written == (ssize_t)bytes;
    if (good && (trial->seconds > slow_trial || now - journal->synced >= sync_interval)) {
        good = fdatasync(journal->file) == 0;
        journal->synced = now;
    }
    if (!good)
        return mho_fail(error, MHO_IO, "%s: cannot append: %s; free space and run the same command again",
                        journal->path,
                        written >= 0 && written != (ssize_t)bytes ? "no space left on device" : strerror(errno));
    return MHO_OK;
}

int mho_journal_close(MhoJournal *journal)
{
    int failed = 0;
    if (journal->file >= 0) {
        failed = fdatasync(journal->file);
        failed |= close(journal->file);
    }
    journal->file = -1;
    return failed;
}

/* HOST.PROCESS.ATTEMPT.COMMIT.journal: trials of another build may differ, so they are not mixed in. */
static bool is_of_this_build(const char *path)
{
    char end[96];
    snprintf(end, sizeof end, ".%.64s.journal", mho_commit());
    return mho_ends_with(path, end);
}

static MhoStatus read_any(const char *path, MhoTrials *trials, MhoError *error)
{
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
        char host[HOST];
        errno = 0;
        have += fread(buffer + have, 1, sizeof buffer - have, file);
        if (ferror(file)) {
            status = mho_fail(error, MHO_IO, "%s; run the same command again once it can be read", strerror(errno));
            break;
        }
        size_t used = decode(buffer, have, trial, host);
        if (used == 0)
            break;
        status = mho_trials_host(trials, host, &trial->host, error);
        if (status == MHO_OK)
            status = mho_trials_add(trials, trial, error);
        have -= used;
        memmove(buffer, buffer + used, have);
    }
    free(trial);
    fclose(file);
    return status == MHO_OK ? MHO_OK : mho_fail_context(error, "%s", path);
}

typedef MhoStatus (*Visit)(const char *path, void *context, MhoError *error);

/* Call visit for every journal of a result. */
static MhoStatus each_journal(const char *result, Visit visit, void *context, MhoError *error)
{
    char folder[3900];
    journal_folder(result, folder, sizeof folder);
    DIR *list = opendir(folder);
    if (!list)
        return MHO_OK;
    MhoStatus status = MHO_OK;
    for (struct dirent *entry; status == MHO_OK && (entry = readdir(list));) {
        char path[4200];
        if (!mho_ends_with(entry->d_name, ".journal"))
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        status = visit(path, context, error);
    }
    closedir(list);
    return status;
}

static MhoStatus count_other(const char *path, void *n, MhoError *error)
{
    (void)error;
    *(size_t *)n += !is_of_this_build(path);
    return MHO_OK;
}

size_t mho_journal_other_builds(const char *result)
{
    size_t n = 0;
    MhoError ignored = {0};
    return each_journal(result, count_other, &n, &ignored) == MHO_OK ? n : 0;
}

static MhoStatus read_own(const char *path, void *trials, MhoError *error)
{
    return is_of_this_build(path) ? read_any(path, trials, error) : MHO_OK;
}

MhoStatus mho_journal_read(const char *result, MhoTrials *trials, MhoError *error)
{
    return each_journal(result, read_own, trials, error);
}

/* Whether a journal is of this process. */
static bool is_own(const char *path)
{
    char start[128], host[HOST];
    const char *slash = strrchr(path, '/');
    own_host(host);
    const int n = snprintf(start, sizeof start, "%s.%ld.", host, (long)getpid());
    return strncmp(slash ? slash + 1 : path, start, (size_t)n) == 0;
}

/* Whether a living process may write to a journal: where the file system has no flock, any but this one may. */
static bool may_have_writer(const char *path)
{
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    const bool is_locked = file >= 0 && flock(file, LOCK_SH | LOCK_NB) != 0 && (errno == EWOULDBLOCK || !is_own(path));
    if (file >= 0)
        close(file);
    return is_locked;
}

typedef struct Removal {
    MhoJournalIsWritten is_written;
    const void *context;
} Removal;

/* Remove a journal whose every trial the result holds and that nobody writes to. */
static MhoStatus remove_one(const char *path, void *context, MhoError *error)
{
    const Removal *removal = context;
    MhoTrials trials = {0};
    bool whole = !may_have_writer(path) && read_any(path, &trials, error) == MHO_OK;
    for (size_t i = 0; i < trials.n && whole; i++)
        whole = removal->is_written(removal->context, trials.list[i]->point, trials.list[i]->chip);
    mho_trials_clear(&trials);
    if (whole)
        (void)unlink(path); /* one that stays is harmless: its trials are known by key */
    return MHO_OK;
}

static void plan_path(const char *result, char *path, size_t size)
{
    snprintf(path, size, "%s.parts/plan", result);
}

MhoStatus mho_journal_write_plan(const char *result, const char *text, MhoError *error)
{
    char path[3950];
    plan_path(result, path, sizeof path);
    FILE *file = fopen(path, "we");
    const bool good = file && fputs(text, file) >= 0;
    if ((file && fclose(file) != 0) || !good)
        return mho_fail(error, MHO_IO, "%s: cannot write: %s", path, strerror(errno));
    return MHO_OK;
}

void mho_journal_remove(const char *result, MhoJournalIsWritten is_written, const void *context)
{
    char folder[3900], plan[3950];
    Removal removal = {is_written, context};
    MhoError ignored = {0};
    journal_folder(result, folder, sizeof folder);
    plan_path(result, plan, sizeof plan);
    if (each_journal(result, remove_one, &removal, &ignored) != MHO_OK)
        return;
    (void)unlink(plan);
    (void)rmdir(folder); /* stays while a journal is in it */
}
