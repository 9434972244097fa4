/* fuzz_idx.c - the readers of dataset bytes (gzip, IDX, CIFAR) against arbitrary input.
 *
 * LLVMFuzzerTestOneInput is a libFuzzer target (clang -fsanitize=fuzzer,address -DMHO_LIBFUZZER). Without libFuzzer
 * main() replays well-formed seeds and a fixed sequence of damaged ones, as a normal test.
 */
#include <stdlib.h>
#include <string.h>

#include "data/formats_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void require(bool condition)
{
    if (!condition)
        abort();
}

/* A refusal is one line that names the file. */
static void require_reason(const MhoError *error)
{
    require(error->status == MHO_INPUT && strstr(error->text, "fuzz.bin") && !strchr(error->text, '\n'));
}

static void read_cifar(const MhoBytes *bytes)
{
    size_t count = mho_cifar_records(bytes->n);
    uint8_t *images = malloc(bytes->n), *labels = malloc(bytes->n);
    MhoError error = {.text = ""};
    require(images && labels);
    if (count > 0 && mho_cifar_parse(bytes, "fuzz.bin", 10, images, labels, &error) == MHO_OK) {
        for (size_t i = 0; i < count; i++)
            require(labels[i] < 10);
    } else if (count > 0) {
        require_reason(&error);
    }
    free(images);
    free(labels);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    MhoBytes bytes;
    MhoIdx idx;
    MhoError error = {.text = ""};
    if (mho_bytes_unpack(data, n, "fuzz.bin", &bytes, &error) != MHO_OK) {
        require_reason(&error);
        return 0;
    }
    if (bytes.n > 0)
        read_cifar(&bytes);
    if (mho_idx_parse(&bytes, "fuzz.bin", &idx, &error) != MHO_OK) {
        require_reason(&error);
        require(bytes.data == NULL);
        return 0;
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
    return 0;
}

#ifndef MHO_LIBFUZZER
#include <stdio.h>

#include "support/data_files.h"

enum { N_SEEDS = 5, N_MUTANTS = 4000 };

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

static uint64_t next_random(uint64_t *state) /* xorshift64 (Marsaglia, J. Stat. Softw. 8(14), 2003) */
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

/* Flip a bit, overwrite with an extreme, cut, grow, or copy a stretch over another; most damage falls on the header. */
static void damage(Buffer *input, uint64_t *state)
{
    static const uint8_t extremes[] = {0, 1, 0x7f, 0x80, 0xff};
    size_t reach = next_random(state) % 4 != 0 && input->n > 24 ? 24 : input->n;
    size_t at = reach > 0 ? next_random(state) % reach : 0;
    if (input->n == 0)
        return;
    switch (next_random(state) % 5) {
    case 0:
        input->data[at] ^= (uint8_t)(1U << next_random(state) % 8);
        break;
    case 1:
        input->data[at] = extremes[next_random(state) % sizeof extremes];
        break;
    case 2:
        input->n = next_random(state) % input->n;
        break;
    case 3:
        input->data[input->n++] = (uint8_t)next_random(state);
        break;
    default: {
        size_t length = next_random(state) % 9, to = next_random(state) % input->n;
        if (at + length <= input->n && to + length <= input->n)
            memmove(input->data + to, input->data + at, length);
    }
    }
}

/* Exactly n bytes on the heap, so that a sanitizer sees the first byte too far. */
static void run(const Buffer *input)
{
    uint8_t *copy = malloc(input->n > 0 ? input->n : 1);
    require(copy != NULL);
    memcpy(copy, input->data, input->n);
    LLVMFuzzerTestOneInput(copy, input->n);
    free(copy);
}

int main(void)
{
    static Buffer mutant;
    uint64_t state = 0x9e3779b97f4a7c15u;
    make_seeds();
    for (size_t s = 0; s < N_SEEDS; s++) {
        run(&seeds[s]);
        for (int i = 0; i < N_MUTANTS; i++) {
            mutant = seeds[s];
            for (uint64_t steps = 1 + next_random(&state) % 4; steps > 0; steps--)
                damage(&mutant, &state);
            run(&mutant);
        }
    }
    printf("1..1\nok 1 - %d inputs read or refused\n", N_SEEDS * (N_MUTANTS + 1));
    return 0;
}
#endif
