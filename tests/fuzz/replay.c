/* replay.c - seeds and damaged seeds through a fuzz target, without libFuzzer. */
#include "replay.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Input {
    uint8_t *data;
    size_t n, room;
} Input;

static uint64_t state = 0x9e3779b97f4a7c15u;
static long n_inputs, n_taken;

void require(bool condition)
{
    if (!condition)
        abort();
}

void require_reason(const MhoError *error, MhoStatus status, const char *file)
{
    require(error->status == status && strncmp(error->text, file, strlen(file)) == 0 && !strchr(error->text, '\n'));
}

void count_taken(void)
{
    n_taken++;
}

static uint64_t next_random(void) /* xorshift64 (Marsaglia, J. Stat. Softw. 8(14), 2003) */
{
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

/* Flip a bit, overwrite with an extreme, cut, grow, or copy a stretch over another. */
static void damage_once(Input *input, Damage damage)
{
    const bool at_head = damage.head > 0 && next_random() % 4 != 0 && input->n > damage.head;
    const size_t reach = at_head ? damage.head : input->n;
    const size_t at = reach > 0 ? next_random() % reach : 0;
    if (input->n == 0)
        return;
    switch (next_random() % 5) {
    case 0: input->data[at] ^= (uint8_t)(1U << next_random() % 8); break;
    case 1: input->data[at] = (uint8_t)damage.extremes[next_random() % damage.n_extremes]; break;
    case 2:
        input->n = next_random() % 4 == 0 ? next_random() % input->n : input->n - next_random() % (input->n / 8 + 1);
        break;
    case 3:
        if (input->n < input->room)
            input->data[input->n++] = (uint8_t)next_random();
        break;
    default: {
        const size_t length = next_random() % 9, to = next_random() % input->n;
        if (at + length <= input->n && to + length <= input->n)
            memmove(input->data + to, input->data + at, length);
    }
    }
}

static void run(const uint8_t *data, size_t n)
{
    uint8_t *copy = malloc(n > 0 ? n : 1);
    require(copy != NULL);
    memcpy(copy, data, n);
    (void)LLVMFuzzerTestOneInput(copy, n);
    free(copy);
    n_inputs++;
}

/* With MHO_FUZZ_SEEDS the seeds are also written to this folder, for libFuzzer to begin with. */
static void keep_seed(const uint8_t *seed, size_t n)
{
    static int number;
    const char *folder = getenv("MHO_FUZZ_SEEDS");
    char path[4096];
    if (folder == NULL || number >= 64)
        return;
    snprintf(path, sizeof path, "%s/seed-%02d", folder, number++);
    FILE *file = fopen(path, "wb");
    require(file != NULL && fwrite(seed, 1, n, file) == n && fclose(file) == 0);
}

void replay(const uint8_t *seed, size_t n, Damage damage, int n_mutants)
{
    keep_seed(seed, n);
    Input mutant = {.data = malloc(n + 16), .room = n + 16};
    require(mutant.data != NULL);
    run(seed, n);
    for (int i = 0; i < n_mutants; i++) {
        memcpy(mutant.data, seed, n);
        mutant.n = n;
        for (uint64_t steps = 1 + next_random() % 4; steps > 0; steps--)
            damage_once(&mutant, damage);
        run(mutant.data, mutant.n);
    }
    free(mutant.data);
}

static void run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    require(file != NULL && fseek(file, 0, SEEK_END) == 0);
    const long size = ftell(file);
    uint8_t *data = malloc(size > 0 ? (size_t)size : 1);
    rewind(file);
    require(size >= 0 && data != NULL && fread(data, 1, (size_t)size, file) == (size_t)size);
    fclose(file);
    run(data, (size_t)size);
    free(data);
}

void replay_corpus(const char *folder)
{
    struct dirent **entries = NULL;
    const int n = folder != NULL ? scandir(folder, &entries, NULL, alphasort) : 0;
    const long inputs = n_inputs, taken = n_taken;
    for (int i = 0; i < n; i++) {
        char path[8192];
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.')
            run_file(path);
        free(entries[i]);
    }
    free(entries);
    n_inputs = inputs;
    n_taken = taken;
}

int replay_done(void)
{
    require(n_taken >= n_inputs / 100 && n_inputs - n_taken >= n_inputs / 100);
    printf("1..1\nok 1 - %ld inputs, %ld taken, the others refused\n", n_inputs, n_taken);
    return 0;
}
