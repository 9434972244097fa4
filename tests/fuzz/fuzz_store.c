/* fuzz_store.c - the reader of HDF5 files against arbitrary bytes: one line that names the file, never a crash.
 *
 * The checksum after the data is removed from the seeds, or every damaged byte would be refused at once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "replay.h"
#include "store/store.h"

/* HDF5 1.10 leaks memory of files that it fails to open; leaks of mho still count. Called by LeakSanitizer. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libhdf5";
}

static bool read_as(const char *path, bool require_format)
{
    MhoRecord *record = NULL;
    MhoError error = {.text = ""};
    char hex[65];
    if (mho_store_read(path, require_format, &record, &error) != MHO_OK) {
        require(record == NULL);
        require_reason(&error, MHO_INPUT, path);
        return false;
    }
    require(mho_record_digest(record, hex, &error) == MHO_OK); /* every value is readable */
    mho_record_destroy(record);
    return true;
}

static char path[4096];

static void remove_file(void)
{
    remove(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const char *folder = getenv("TMPDIR");
    FILE *file;
    if (path[0] == '\0') {
        snprintf(path, sizeof path, "%.4000s/mho-fuzz-%ld.h5", folder != NULL ? folder : "/tmp", (long)getpid());
        require(atexit(remove_file) == 0);
    }
    remove(path); /* a file cut to nothing and written again is flushed to disk by some file systems */
    file = fopen(path, "wb");
    require(file != NULL && fwrite(data, 1, n, file) == n && fclose(file) == 0);
    const bool is_model = read_as(path, true), is_file = read_as(path, false);
    require(is_file || !is_model);
    if (is_file)
        count_taken();
    return 0;
}

#ifndef MHO_LIBFUZZER
#include <sys/stat.h>

#include "support/store_sample.h"

enum { TRAILER = 76 };

static void replay_record(MhoRecord *record, const char *name, Damage damage, int n_mutants)
{
    struct stat info;
    uint8_t *data;
    require(mho_store_write(name, record, NULL) == MHO_OK && stat(name, &info) == 0 && info.st_size > TRAILER);
    data = malloc((size_t)info.st_size);
    FILE *file = fopen(name, "rb");
    require(data != NULL && file != NULL && fread(data, 1, (size_t)info.st_size, file) == (size_t)info.st_size);
    fclose(file);
    replay(data, (size_t)info.st_size, damage, 2);
    replay(data, (size_t)info.st_size - TRAILER, damage, n_mutants);
    free(data);
    mho_record_destroy(record);
}

/* Mostly descriptors and the heap, which HDF5 reads unchecked. */
static MhoRecord *many_words(void)
{
    static const size_t shape[] = {64};
    const char *words[64];
    MhoRecord *record = NULL;
    for (size_t i = 0; i < 64; i++)
        words[i] = i % 3 == 0 ? "pcm" : i % 3 == 1 ? "nor_flash" : "";
    require(mho_record_create(&record, NULL) == MHO_OK);
    (void)store_add(record, "words", MHO_STRING, 1, shape, NULL, "", words);
    return record;
}

int main(int argc, char **argv)
{
    static const char extremes[] = {0, 1, 16, 0x7f, (char)0x80, (char)0xff};
    const Damage anywhere = {0, extremes, sizeof extremes}, head = {2048, extremes, sizeof extremes};
    const char *folder = store_folder();
    replay_record(store_sample(), store_path(folder, "sample.h5"), anywhere, 150);
    replay_record(store_result(), store_path(folder, "result.h5"), head, 300);
    replay_record(many_words(), store_path(folder, "words.h5"), anywhere, 350);
    store_remove_folder(folder);
    replay_corpus(argc > 1 ? argv[1] : NULL);
    return replay_done();
}
#endif
