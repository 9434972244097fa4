/* test_tables.c - every kernel of every table returns the bits of the scalar table.
 *
 * Ragged sizes, pointers off their vector alignment, guards around the outputs, random and extreme values. The seed is
 * printed; MHO_TEST_SEED=<n> sets it.
 */
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "kernels/kernels.h"

enum { N_MAX = 1100, GUARD = 64, MAX_TABLES = 8, MVM_P = 21, MVM_R = 300, MVM_C = 160 };

static uint64_t random_state;

static uint64_t random_u64(void)
{
    uint64_t z = random_state += 0x9e3779b97f4a7c15U;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
    z = (z ^ z >> 27) * 0x94d049bb133111ebU;
    return z ^ z >> 31;
}

static double random_unit(void)
{
    return (double)(random_u64() >> 11) * 0x1p-53;
}

static void seed_random(void)
{
    const char *text = getenv("MHO_TEST_SEED");
    random_state = text ? strtoull(text, NULL, 0) : 20240607U;
    fprintf(stderr, "test_tables: MHO_TEST_SEED=%llu\n", (unsigned long long)random_state);
}

/* Inputs of the elementwise kernels. */
typedef struct Inputs {
    float wide[N_MAX], positive[N_MAX], normal[N_MAX], exponent[N_MAX];
    int32_t code[N_MAX], high[N_MAX];
    int64_t total[N_MAX];
    uint64_t key, first;
    uint32_t counter[3];
} Inputs;

static const float extreme_floats[] = {0.0F,   -0.0F,   0.5F,    -0.5F,    1.5F,      2.5F,     -2.5F,     126.5F,
                                       127.5F, -127.5F, 255.5F,  0x1p23F,  -0x1p24F,  0x1p31F,  -0x1p31F,  1e30F,
                                       -1e30F, FLT_MIN, FLT_MAX, -FLT_MAX, 0x1p-149F, INFINITY, -INFINITY, NAN};
static const float extreme_exponents[] = {0.0F,      -0.0F,      87.9999F,    88.0F,  88.1F,     1e10F,
                                          INFINITY,  -86.9999F,  -87.0F,      -87.1F, -INFINITY, NAN,
                                          0x1p-149F, 0.3465736F, -0.3465736F, 1.0F};
static const float extreme_positive[] = {FLT_MIN,       FLT_MAX,     1.0F,        0x1.fffffep-1F,
                                         0x1.000002p0F, 0.70710677F, 0.70710683F, 1.4142135F,
                                         1.4142137F,    2.0F,        0.5F};
static const int32_t extreme_codes[] = {0, 1, -1, INT32_MAX, INT32_MIN, INT32_MAX - 1, INT32_MIN + 1, 8355585};

#define PICK(list) (list)[random_u64() % (sizeof(list) / sizeof *(list))]

static void fill(Inputs *in, bool extreme)
{
    for (int i = 0; i < N_MAX; i++) {
        const float spread = ldexpf(1.0F, (int)(random_u64() % 40) - 16);
        in->wide[i] = extreme ? PICK(extreme_floats) : (float)(2.0 * random_unit() - 1.0) * spread;
        in->positive[i] = extreme ? PICK(extreme_positive) : (float)random_unit() * spread + FLT_MIN;
        in->exponent[i] = extreme ? PICK(extreme_exponents) : (float)(200.0 * random_unit() - 100.0);
        in->normal[i] = (float)(12.0 * random_unit() - 6.0);
        in->code[i] = extreme ? PICK(extreme_codes) : (int32_t)random_u64() >> random_u64() % 31;
        in->high[i] = extreme ? PICK(extreme_codes) : (int32_t)random_u64() >> random_u64() % 31;
        in->total[i] = extreme ? (int64_t)1 << 62 : (int64_t)random_u64() >> (8 + random_u64() % 50);
    }
    in->key = random_u64();
    in->first = extreme ? 4 * (uint64_t)UINT32_MAX - random_u64() % 700 : random_u64() % 100000;
    for (int i = 0; i < 3; i++)
        in->counter[i] = extreme ? UINT32_MAX : (uint32_t)random_u64();
}

/* Runs a kernel on n elements; inputs start `shift` elements into their arrays. Returns a number to compare, or 0. */
typedef uint64_t (*Run)(const MhoKernels *table, const Inputs *in, size_t n, size_t shift, void *out);

static uint64_t run_words(const MhoKernels *table, const Inputs *in, size_t n, size_t shift, void *out)
{
    table->words(in->key, in->counter, in->first + shift, n, out);
    return 0;
}

static uint64_t run_normals(const MhoKernels *table, const Inputs *in, size_t n, size_t shift, void *out)
{
    table->normals(in->key, in->counter, in->first + shift, n, 0.75F, out);
    return 0;
}

static uint64_t run_combine(const MhoKernels *table, const Inputs *in, size_t n, size_t shift, void *out)
{
    table->combine_planes(n, in->high + shift, in->code + shift, 0.001234567, out);
    return 0;
}

static uint64_t run_combine_one(const MhoKernels *table, const Inputs *in, size_t n, size_t shift, void *out)
{
    table->combine_planes(n, NULL, in->code + shift, 1.0 / 3.0, out);
    return 0;
}

/* The variance also negative; y as the guards left it, a finite number. */
static uint64_t run_add_noise(const MhoKernels *table, const Inputs *in, size_t n, size_t shift, void *out)
{
    float variance[N_MAX];
    for (size_t i = 0; i < n; i++)
        variance[i] = i % 5 == 0 ? -in->positive[i + shift] : fminf(in->positive[i + shift], 1e20F);
    table->add_noise(n, variance, in->normal + shift, out);
    return 0;
}

static uint64_t run_convert(const MhoKernels *table, const Inputs *in, size_t n, size_t shift, void *out)
{
    return table->convert(n, in->wide + shift, 1.25F, -127.0F, 127.0F, out);
}

static uint64_t run_convert_wide(const MhoKernels *table, const Inputs *in, size_t n, size_t shift, void *out)
{
    return table->convert(n, in->wide + shift, 1.0F, -2147483520.0F, 2147483520.0F, out);
}

static uint64_t run_accumulate(const MhoKernels *table, const Inputs *in, size_t n, size_t shift, void *out)
{
    table->accumulate(n, in->code + shift, n % 2 ? -1 : 1, out);
    return 0;
}

static uint64_t run_requantize(const MhoKernels *table, const Inputs *in, size_t n, size_t shift, void *out)
{
    table->requantize(1, n, in->total + shift, in->normal + shift, in->exponent + (n & 1), 0, 255, out);
    return 0;
}

static uint64_t run_requantize_signed(const MhoKernels *table, const Inputs *in, size_t n, size_t shift, void *out)
{
    float a[N_MAX];
    for (size_t i = 0; i < n; i++)
        a[i] = 1e-9F * in->normal[i + shift];
    table->requantize(1, n, in->total + shift, a, in->wide + shift, -7, 7, out);
    return 0;
}

static uint64_t run_log(const MhoKernels *table, const Inputs *in, size_t n, size_t shift, void *out)
{
    table->log(n, in->positive + shift, out);
    return 0;
}

static uint64_t run_exp(const MhoKernels *table, const Inputs *in, size_t n, size_t shift, void *out)
{
    table->exp(n, in->exponent + shift, out);
    return 0;
}

static const struct {
    const char *name;
    Run run;
    size_t element;
} kernels[] = {
    {"words", run_words, 4},
    {"normals", run_normals, 4},
    {"combine_planes", run_combine, 4},
    {"low plane", run_combine_one, 4},
    {"add_noise", run_add_noise, 4},
    {"convert", run_convert, 4},
    {"wide convert", run_convert_wide, 4},
    {"accumulate", run_accumulate, 8},
    {"requantize", run_requantize, 1},
    {"signed requantize", run_requantize_signed, 1},
    {"log", run_log, 4},
    {"exp", run_exp, 4},
};

enum { N_KERNELS = sizeof kernels / sizeof *kernels, OUT_MAX = N_MAX * 8 + 4 * GUARD };

/* Finite floats, small integers and guards at once. */
static void set_pattern(uint8_t *out)
{
    for (int i = 0; i < OUT_MAX; i++)
        out[i] = (uint8_t)(i % 4 == 3 ? 0x3f : i * 37);
}

static void compare(int kernel, const MhoKernels *const tables[2], const Inputs *in, size_t n, size_t shift)
{
    _Alignas(64) static uint8_t pattern[OUT_MAX], expected[OUT_MAX], found[OUT_MAX];
    const size_t start = GUARD + shift * kernels[kernel].element;
    const size_t end = start + n * kernels[kernel].element;
    set_pattern(pattern);
    memcpy(expected, pattern, OUT_MAX);
    memcpy(found, pattern, OUT_MAX);
    const uint64_t expected_count = kernels[kernel].run(tables[0], in, n, shift, expected + start);
    const uint64_t found_count = kernels[kernel].run(tables[1], in, n, shift, found + start);

    ck_assert_msg(memcmp(expected, pattern, start) == 0 && memcmp(expected + end, pattern + end, OUT_MAX - end) == 0,
                  "scalar %s wrote outside its output at n = %zu", kernels[kernel].name, n);
    ck_assert_msg(memcmp(expected, found, OUT_MAX) == 0 && expected_count == found_count,
                  "%s %s differs from scalar at n = %zu, shift %zu", tables[1]->name, kernels[kernel].name, n, shift);
    ck_assert_msg(memcmp(found + start, pattern + start, end - start) != 0 || n < 8, "%s does nothing",
                  kernels[kernel].name);
}

static size_t ragged(size_t k)
{
    static const size_t large[] = {47, 48, 49, 63, 64, 65, 95, 127, 128, 129, 255, 256, 257, 511, 512, 513, 1000, 1023};
    return k <= 33 ? k : k - 34 < sizeof large / sizeof *large ? large[k - 34] : 0;
}

/* Every elementwise kernel of every table returns the bits of the scalar one. */
TEST_LOOP(test_elementwise, 0, N_KERNELS)
{
    const MhoKernels *tables[MAX_TABLES];
    const size_t n_tables = mho_kernels_available(tables, MAX_TABLES);
    static Inputs in;
    seed_random();
    for (int extreme = 0; extreme < 2; extreme++) {
        for (size_t k = 1; ragged(k); k++) {
            fill(&in, extreme);
            for (size_t t = 0; t < n_tables; t++)
                for (size_t shift = 0; shift < 5; shift++)
                    compare(_i, (const MhoKernels *const[2]){tables[0], tables[t]}, &in, ragged(k), shift);
        }
    }
}

/* Inputs and outputs of the matrix products; x has garbage beyond R. */
typedef struct Product {
    uint8_t x[MVM_P * MVM_R + GUARD];
    int8_t weights[MVM_R * MVM_C];
    int8_t packed[MVM_R * MVM_C + GUARD];
    float x_f32[MVM_P * MVM_R + GUARD], w_f32[MVM_R * MVM_C + GUARD];
    int32_t expected[MVM_P * MVM_C + 2 * GUARD], found[MVM_P * MVM_C + 2 * GUARD];
    float expected_f32[MVM_P * MVM_C + 2 * GUARD], found_f32[MVM_P * MVM_C + 2 * GUARD];
} Product;

static const size_t positions[] = {1, 2, 3, 5, 6, 7, 8, 11, 12, 13, 18, 21};
static const size_t rows[] = {1, 3, 4, 9, 27, 64, 130, 297};
static const size_t columns[] = {1, 16, 20, 48, 64, 80, 112, 160};

static void fill_product(Product *m, bool extreme)
{
    for (size_t i = 0; i < sizeof m->x; i++)
        m->x[i] = extreme ? 255 : (uint8_t)random_u64();
    for (size_t i = 0; i < sizeof m->weights; i++)
        m->weights[i] = extreme ? (int8_t)(i % 3 ? -128 : 127) : (int8_t)random_u64();
    for (size_t i = 0; i < sizeof m->x_f32 / sizeof(float); i++)
        m->x_f32[i] = (float)((2.0 * random_unit() - 1.0) * (extreme ? pow(10.0, 20.0 * random_unit() - 10.0) : 1.0));
    for (size_t i = 0; i < sizeof m->w_f32 / sizeof(float); i++)
        m->w_f32[i] = (float)((2.0 * random_unit() - 1.0) * (extreme ? pow(10.0, 20.0 * random_unit() - 10.0) : 1.0));
}

/* The definition: sums of the true weights, before any packing. */
static void naive_u8s8(const Product *m, size_t P, size_t R, size_t C_true, const uint8_t *x, size_t x_stride,
                       int32_t *sum)
{
    const size_t C = mho_pad(C_true, MHO_LANES);
    for (size_t p = 0; p < P; p++) {
        for (size_t c = 0; c < C; c++) {
            sum[p * C + c] = 0;
            for (size_t r = 0; c < C_true && r < R; r++)
                sum[p * C + c] += x[p * x_stride + r] * m->weights[r * C_true + c];
        }
    }
}

static void check_u8s8(const MhoKernels *table, Product *m, size_t P, size_t R, size_t C_true, size_t shift)
{
    const size_t R4 = mho_pad(R, MHO_ROW_GROUP);
    const size_t C = mho_pad(C_true, MHO_LANES);
    uint8_t *x = m->x + shift;
    for (size_t p = 0; p < P; p++)
        memset(x + p * MVM_R + R, 0, R4 - R); /* the kernel requires this padding */
    ck_assert_uint_eq(mho_packed_size(R, C_true), R4 * C);
    mho_pack_s8(R, C_true, m->weights, m->packed + shift);
    memset(m->expected, 0x5a, sizeof m->expected);
    memset(m->found, 0x5a, sizeof m->found);
    naive_u8s8(m, P, R, C_true, x, MVM_R, m->expected + GUARD + shift);
    table->mvm_u8s8(P, R4, C, x, MVM_R, m->packed + shift, m->found + GUARD + shift);
    ck_assert_msg(memcmp(m->expected, m->found, sizeof m->expected) == 0, "%s mvm_u8s8 P %zu R %zu C %zu shift %zu",
                  table->name, P, R, C_true, shift);
}

/* The integer matrix product of every table equals the scalar one, at extreme codes too. */
TEST(test_mvm_u8s8)
{
    const MhoKernels *tables[MAX_TABLES];
    const size_t n_tables = mho_kernels_available(tables, MAX_TABLES);
    static Product m;
    seed_random();
    for (int extreme = 0; extreme < 2; extreme++) {
        for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
            for (size_t c = 0; c < sizeof columns / sizeof *columns; c++) {
                const size_t P = positions[random_u64() % (sizeof positions / sizeof *positions)];
                fill_product(&m, extreme);
                for (size_t t = 0; t < n_tables; t++)
                    check_u8s8(tables[t], &m, P, rows[r], columns[c], (r + c) % 4);
            }
        }
        for (size_t p = 0; p < sizeof positions / sizeof *positions; p++)
            for (size_t t = 0; t < n_tables; t++)
                check_u8s8(tables[t], &m, positions[p], 27, 112, p % 4);
    }
}

static void check_f32(const MhoKernels *table, Product *m, size_t P, size_t R, size_t C, size_t shift)
{
    const float *x = m->x_f32 + shift;
    const float *w = m->w_f32 + shift;
    float *y = m->expected_f32 + GUARD + shift;
    for (int i = 0; i < MVM_P * MVM_C + 2 * GUARD; i++)
        m->expected_f32[i] = m->found_f32[i] = (float)i * 0.01F - 3.0F;
    for (size_t i = 0; i < P * C; i++)
        for (size_t r = 0; r < R; r++)
            y[i] = fmaf(x[i / C * MVM_R + r], w[r * C + i % C], y[i]);
    table->mvm_f32(P, R, C, x, MVM_R, w, m->found_f32 + GUARD + shift);
    ck_assert_msg(memcmp(m->expected_f32, m->found_f32, sizeof m->expected_f32) == 0,
                  "%s mvm_f32 P %zu R %zu C %zu shift %zu", table->name, P, R, C, shift);
}

/* The float matrix product of every table returns the bits of the scalar one. */
TEST(test_mvm_f32)
{
    const MhoKernels *tables[MAX_TABLES];
    const size_t n_tables = mho_kernels_available(tables, MAX_TABLES);
    static Product m;
    seed_random();
    for (size_t p = 0; p < sizeof positions / sizeof *positions; p++) {
        for (size_t c = 0; c < sizeof columns / sizeof *columns; c++) {
            const size_t R = rows[random_u64() % (sizeof rows / sizeof *rows)];
            fill_product(&m, c % 2);
            for (size_t t = 0; t < n_tables; t++)
                check_f32(tables[t], &m, positions[p], R, mho_pad(columns[c], MHO_LANES), (p + c) % 4);
        }
    }
}

/* The best table is the default, each can be forced, and an unknown name is refused with the choices. */
TEST(test_force)
{
    const MhoKernels *tables[MAX_TABLES];
    const size_t n_tables = mho_kernels_available(tables, MAX_TABLES);
    MhoError error = {0};
    ck_assert_uint_ge(n_tables, 1);
    ck_assert_str_eq(tables[0]->name, "scalar");
    ck_assert_ptr_eq(mho_kernels(), tables[n_tables - 1]);
    for (size_t t = 0; t < n_tables; t++) {
        ck_assert_int_eq(mho_kernels_force(tables[t]->name, &error), MHO_OK);
        ck_assert_ptr_eq(mho_kernels(), tables[t]);
    }
    ck_assert_int_eq(mho_kernels_force("auto", &error), MHO_OK);
    ck_assert_ptr_eq(mho_kernels(), tables[n_tables - 1]);
    ck_assert_int_eq(mho_kernels_force("sse9", &error), MHO_USAGE);
    ck_assert_ptr_nonnull(strstr(error.text, "scalar"));
    ck_assert_ptr_nonnull(strstr(error.text, "sse9"));
    ck_assert_int_eq(mho_kernels_force(NULL, NULL), MHO_USAGE);
}
