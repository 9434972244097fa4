/* bench_kernels.c - rate of every kernel of every table this CPU can run.
 *
 * A rate is printed only after the result was found equal, bit for bit, to the scalar table's. Median of the
 * repetitions, with the slowest and the fastest in brackets. add_noise, accumulate and mvm_f32 add to their output, so
 * their rates include setting it. Gathering is the same for all tables; 8 x 8 images, 3 x 3 windows.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernels/kernels.h"
#include "kernels/random.h"

enum { N = 16384, P = 48, MAX_R = 1024, MAX_C = 256, GATHER_P = 64, REPETITIONS = 15, MAX_TABLES = 8 };

/* Inputs are shared; every kernel writes out, whose start is compared between tables. */
typedef struct Buffers {
    float *normal, *variance, *y;
    int32_t *high, *low;
    int64_t *total;
    uint8_t *x_u8;
    int8_t *packed;
    float *x_f32, *w_f32;
    uint8_t *out; /* OUT_BYTES */
} Buffers;

enum { OUT_BYTES = N * 8 };

typedef struct Work {
    size_t R, C; /* of a matrix product; a gather's window and channels; otherwise 0 */
} Work;

typedef void (*Kernel)(const MhoKernels *table, const Buffers *b, Work work);

typedef struct Bench {
    const char *name;
    Kernel run;
    const char *unit;
    Work work;
} Bench;

static const uint32_t counter[3] = {1, 2, 3};

static void run_words(const MhoKernels *table, const Buffers *b, Work work)
{
    (void)work;
    table->words(7, counter, 0, N, (uint32_t *)(void *)b->out);
}

static void run_normals(const MhoKernels *table, const Buffers *b, Work work)
{
    (void)work;
    table->normals(7, counter, 0, N, 1.0F, (float *)(void *)b->out);
}

static void run_combine(const MhoKernels *table, const Buffers *b, Work work)
{
    (void)work;
    table->combine_planes(N, b->high, b->low, 1e-4, (float *)(void *)b->out);
}

static void run_add_noise(const MhoKernels *table, const Buffers *b, Work work)
{
    (void)work;
    memcpy(b->out, b->y, N * sizeof(float));
    table->add_noise(N, b->variance, b->normal, (float *)(void *)b->out);
}

static void run_convert(const MhoKernels *table, const Buffers *b, Work work)
{
    (void)work;
    (void)table->convert(N, b->y, 40.0F, -127.0F, 127.0F, (int32_t *)(void *)b->out);
}

static void run_accumulate(const MhoKernels *table, const Buffers *b, Work work)
{
    (void)work;
    memcpy(b->out, b->total, N * sizeof(int64_t));
    table->accumulate(N, b->low, -1, (int64_t *)(void *)b->out);
}

static void run_requantize(const MhoKernels *table, const Buffers *b, Work work)
{
    (void)work;
    table->requantize(N / 256, 256, b->total, b->variance, b->normal, 0, 255, b->out);
}

static void run_log(const MhoKernels *table, const Buffers *b, Work work)
{
    (void)work;
    table->log(N, b->variance, (float *)(void *)b->out);
}

static void run_exp(const MhoKernels *table, const Buffers *b, Work work)
{
    (void)work;
    table->exp(N, b->y, (float *)(void *)b->out);
}

static void run_mvm_u8s8(const MhoKernels *table, const Buffers *b, Work work)
{
    table->mvm_u8s8(P, work.R, work.C, b->x_u8, MAX_R, b->packed, (int32_t *)(void *)b->out);
}

static void run_mvm_f32(const MhoKernels *table, const Buffers *b, Work work)
{
    memset(b->out, 0, P * work.C * sizeof(float));
    table->mvm_f32(P, work.R, work.C, b->x_f32, MAX_R, b->w_f32, (float *)(void *)b->out);
}

static void run_gather(const MhoKernels *table, const Buffers *b, Work work)
{
    const int c = (int)work.C;
    const MhoGather g = {.h = 8,
                         .w = 8,
                         .c = c,
                         .c_count = c,
                         .kernel_h = 3,
                         .kernel_w = 3,
                         .stride = 1,
                         .pad = 1,
                         .out_h = 8,
                         .out_w = 8};
    (void)table;
    mho_gather_u8(&g, b->x_u8, 0, GATHER_P, b->out, work.R * work.C);
}

static const Bench benches[] = {
    {"words", run_words, "G/s", {0}},
    {"normals", run_normals, "G/s", {0}},
    {"combine_planes", run_combine, "G/s", {0}},
    {"add_noise", run_add_noise, "G/s", {0}},
    {"convert", run_convert, "G/s", {0}},
    {"accumulate", run_accumulate, "G/s", {0}},
    {"requantize", run_requantize, "G/s", {0}},
    {"log", run_log, "G/s", {0}},
    {"exp", run_exp, "G/s", {0}},
    {"gather c=1", run_gather, "GB/s", {9, 1}},
    {"gather c=16", run_gather, "GB/s", {9, 16}},
    {"mvm_u8s8 128x64", run_mvm_u8s8, "GMAC/s", {128, 64}},
    {"mvm_u8s8 128x16", run_mvm_u8s8, "GMAC/s", {128, 16}},
    {"mvm_u8s8 256x256", run_mvm_u8s8, "GMAC/s", {256, 256}},
    {"mvm_u8s8 1024x256", run_mvm_u8s8, "GMAC/s", {1024, 256}},
    {"mvm_f32 128x64", run_mvm_f32, "GMAC/s", {128, 64}},
    {"mvm_f32 256x256", run_mvm_f32, "GMAC/s", {256, 256}},
};

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_rate(const Bench *bench, const MhoKernels *table, const Buffers *b)
{
    const double of_positions = (double)(bench->run == run_gather ? GATHER_P : P);
    const double work = bench->work.R ? of_positions * (double)bench->work.R * (double)bench->work.C : (double)N;
    double rate[REPETITIONS];
    int calls = 1;

    /* repetitions of about 4 ms */
    for (double spent = 0.0; spent < 2e-3; calls *= 2) {
        const double start = seconds();
        for (int k = 0; k < calls; k++)
            bench->run(table, b, bench->work);
        spent = seconds() - start;
    }
    for (int i = 0; i < REPETITIONS; i++) {
        const double start = seconds();
        for (int k = 0; k < calls; k++)
            bench->run(table, b, bench->work);
        rate[i] = 1e-9 * work * (double)calls / (seconds() - start);
    }
    qsort(rate, REPETITIONS, sizeof *rate, by_value);
    printf("%-18s %-7s %9.3f %-7s (%.3f .. %.3f)\n", bench->name, table->name, rate[REPETITIONS / 2], bench->unit,
           rate[0], rate[REPETITIONS - 1]);
}

static void *allocate(size_t bytes)
{
    void *p = aligned_alloc(64, mho_pad(bytes, 64));
    if (!p) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    memset(p, 0, bytes);
    return p;
}

static Buffers make_buffers(void)
{
    const MhoStream stream = {.seed = 1, .noise = 1.0F};
    Buffers b = {
        .normal = allocate(N * sizeof(float)),
        .variance = allocate(N * sizeof(float)),
        .y = allocate(N * sizeof(float)),
        .high = allocate(N * sizeof(int32_t)),
        .low = allocate(N * sizeof(int32_t)),
        .total = allocate(N * sizeof(int64_t)),
        .x_u8 = allocate(P * MAX_R),
        .packed = allocate(MAX_R * MAX_C),
        .x_f32 = allocate(P * MAX_R * sizeof(float)),
        .w_f32 = allocate(MAX_R * MAX_C * sizeof(float)),
        .out = allocate(OUT_BYTES),
    };
    mho_normal_fill(stream, MHO_DRAW_TEST, N, b.normal);
    mho_normal_fill_at(stream, MHO_DRAW_TEST, N, N, b.y);
    mho_uniform_fill(stream, MHO_DRAW_TEST, N, b.variance);
    mho_normal_fill(stream, MHO_DRAW_TEST, P * MAX_R, b.x_f32);
    mho_normal_fill(stream, MHO_DRAW_TEST, MAX_R * MAX_C, b.w_f32);
    mho_random_words(stream, MHO_DRAW_TEST, 0, P * MAX_R / 4, (uint32_t *)(void *)b.x_u8);
    mho_random_words(stream, MHO_DRAW_TEST, 0, MAX_R * MAX_C / 4, (uint32_t *)(void *)b.packed);
    for (int i = 0; i < N; i++) {
        b.high[i] = (int32_t)(b.y[i] * 1e4F);
        b.low[i] = (int32_t)(b.normal[i] * 1e4F);
        b.total[i] = b.low[i] / 64;
    }
    return b;
}

static void destroy_buffers(Buffers *b)
{
    free(b->normal);
    free(b->variance);
    free(b->y);
    free(b->high);
    free(b->low);
    free(b->total);
    free(b->x_u8);
    free(b->packed);
    free(b->x_f32);
    free(b->w_f32);
    free(b->out);
}

int main(void)
{
    const MhoKernels *tables[MAX_TABLES];
    const size_t n_tables = mho_kernels_available(tables, MAX_TABLES);
    Buffers b = make_buffers();
    uint8_t *expected = allocate(OUT_BYTES);
    int unequal = 0;
    for (size_t i = 0; i < sizeof benches / sizeof *benches; i++) {
        memset(b.out, 0, OUT_BYTES);
        benches[i].run(tables[0], &b, benches[i].work);
        memcpy(expected, b.out, OUT_BYTES);
        for (size_t k = 0; k < n_tables; k++) {
            memset(b.out, 0, OUT_BYTES);
            benches[i].run(tables[k], &b, benches[i].work);
            if (memcmp(b.out, expected, OUT_BYTES) != 0) {
                printf("%-18s %-7s DIFFERS from scalar\n", benches[i].name, tables[k]->name);
                unequal = 1;
                continue;
            }
            print_rate(&benches[i], tables[k], &b);
        }
    }
    free(expected);
    destroy_buffers(&b);
    return unequal;
}
