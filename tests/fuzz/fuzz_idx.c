/* fuzz_idx.c - the readers of dataset bytes (gzip, IDX, CIFAR) against arbitrary input. */
#include <stdlib.h>

#include "data/formats_internal.h"
#include "replay.h"

/* Unpacked content is what the trailer announced, and no more than the limits allow. */
static bool unpack(const uint8_t *data, size_t n, MhoHeadCheck *check, MhoBytes *bytes)
{
    MhoError error = {.text = ""};
    if (mho_bytes_unpack(data, n, check, "fuzz.bin", bytes, &error) != MHO_OK) {
        require_reason(&error, MHO_INPUT, "fuzz.bin");
        return false;
    }
    require(bytes->n <= n || bytes->n <= 1032 * (n + 1));
    return true;
}

static void read_cifar(const uint8_t *data, size_t n)
{
    MhoBytes bytes;
    if (!unpack(data, n, mho_cifar_check, &bytes))
        return;
    size_t count = mho_cifar_records(bytes.n);
    uint8_t *images = malloc(bytes.n + 1), *labels = malloc(bytes.n + 1);
    MhoError error = {.text = ""};
    require(images && labels);
    if (count > 0 && mho_cifar_parse(&bytes, "fuzz.bin", 10, images, labels, &error) == MHO_OK)
        for (size_t i = 0; i < count; i++)
            require(labels[i] < 10);
    else if (count > 0)
        require_reason(&error, MHO_INPUT, "fuzz.bin");
    free(images);
    free(labels);
    mho_bytes_free(&bytes);
}

static void read_idx(const uint8_t *data, size_t n)
{
    MhoBytes bytes;
    MhoIdx idx;
    MhoError error = {.text = ""};
    if (!unpack(data, n, mho_idx_check, &bytes))
        return;
    if (mho_idx_parse(&bytes, "fuzz.bin", &idx, &error) != MHO_OK) {
        require_reason(&error, MHO_INPUT, "fuzz.bin");
        require(bytes.data == NULL);
        return;
    }
    size_t count = 1;
    unsigned sum = 0;
    for (size_t i = 0; i < idx.rank; i++)
        count *= idx.shape[i];
    require(idx.bytes.n == 4 + 4 * idx.rank + count && idx.data + count == idx.bytes.data + idx.bytes.n);
    for (size_t i = 0; i < count; i++)
        sum += idx.data[i]; /* every byte is readable */
    require(sum <= 255 * count);
    mho_idx_free(&idx);
    count_taken();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    read_cifar(data, n);
    read_idx(data, n);
    return 0;
}

#ifndef MHO_LIBFUZZER
#include "support/data_files.h"

enum { N_SEEDS = 5, N_MUTANTS = 4000, HEADER = 24 };

static Buffer seeds[N_SEEDS];

static void gzip_memory(const Buffer *plain, Buffer *packed)
{
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)plain->data,
                       .avail_in = (uInt)plain->n,
                       .next_out = packed->data,
                       .avail_out = sizeof packed->data};
    require(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    require(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    packed->n = stream.total_out;
    deflateEnd(&stream);
}

static void make_seeds(void)
{
    make_idx(&seeds[0], 1, (uint32_t[]){40}, 1, 10);
    make_idx(&seeds[1], 3, (uint32_t[]){5, 4, 3}, 7, 251);
    make_idx(&seeds[2], 4, (uint32_t[]){2, 3, 2, 3}, 5, 256);
    gzip_memory(&seeds[1], &seeds[3]);
    seeds[4].n = 2 * 3073;
    for (size_t i = 0; i < seeds[4].n; i++)
        seeds[4].data[i] = (uint8_t)(i % 3073 == 0 ? i % 10 : i * 3);
}

int main(int argc, char **argv)
{
    static const char extremes[] = {0, 1, 0x7f, (char)0x80, (char)0xff};
    const Damage damage = {HEADER, extremes, sizeof extremes};
    make_seeds();
    for (size_t s = 0; s < N_SEEDS; s++)
        replay(seeds[s].data, seeds[s].n, damage, N_MUTANTS);
    replay_corpus(argc > 1 ? argv[1] : NULL);
    return replay_done();
}
#endif
