/* What noise_sweep says about a result made by hand holds for whole intervals, not for means. */
#include <stdlib.h>

#include "support/result_sample.h"
#include "experiments/experiment.h"

enum { N = 12, CHIPS = 4 };

typedef struct Point {
    const char *cell;
    double bits, noise, mean, spread; /* of the chips */
} Point;

static char *finding(const Point *rows, size_t n)
{
    double accuracy[N * CHIPS], bits[N], noise[N];
    const char *cells[N];
    for (size_t p = 0; p < n; p++) {
        cells[p] = rows[p].cell;
        bits[p] = rows[p].bits;
        noise[p] = rows[p].noise;
        for (size_t c = 0; c < CHIPS; c++) /* a point without a random term has one chip */
            accuracy[p * CHIPS + c] =
                c > 0 && rows[p].spread == 0.0 ? NAN : rows[p].mean + rows[p].spread * (c % 2 ? 1 : -1);
    }
    MhoRecord *result = sample_result(n, CHIPS, accuracy);
    sample_key(result, "chip.cell.name", MHO_STRING, n, cells);
    sample_key(result, "chip.adc.uniform.bits", MHO_F64, n, bits);
    sample_key(result, "chip.noise", MHO_F64, n, noise);
    char *text = experiment_finding(result);
    mho_record_destroy(result);
    ck_assert_ptr_nonnull(text);
    return text;
}

static void expect(const Point *rows, size_t n, const char *const *words)
{
    char *text = finding(rows, n);
    for (; *words; words++)
        ck_assert_msg(strstr(text, *words) != NULL, "'%s' is not in:\n%s", *words, text);
    free(text);
}

/* Narrow intervals: the fewest bits and the largest noise that cost at most half a point are named, with intervals. */
TEST(test_sure_findings)
{
    static const Point rows[] = {{"ideal", 4, NAN, 0.910, 0},   {"ideal", 8, NAN, 0.920, 0},
                                 {"pcm", 4, 1, 0.9170, 0.0001}, {"pcm", 8, 0.5, 0.9185, 0.0001},
                                 {"pcm", 8, 1, 0.9180, 0.0001}, {"pcm", 8, 2, 0.9000, 0.0001},
                                 {"pcm", 2, 1, 0.8000, 0.0001}};
    expect(rows, sizeof rows / sizeof *rows,
           (const char *const[]){"ideal      92.00 % at 8 ADC bits",
                                 "pcm        91.80 % (91.78 to 91.82) at 8 ADC bits",
                                 "-0.20 points (-0.22 to -0.18) against the ideal cell", "4 ADC bits are enough",
                                 "noise up to 1 times the cell's own costs at most half a point", NULL});
}

/* The same means with wide intervals: nothing is called enough. */
TEST(test_unsure_findings)
{
    static const Point rows[] = {{"ideal", 8, NAN, 0.920, 0},
                                 {"pcm", 4, 1, 0.9180, 0.02},
                                 {"pcm", 8, 0.5, 0.9185, 0.02},
                                 {"pcm", 8, 1, 0.9180, 0.0001}};
    expect(rows, sizeof rows / sizeof *rows,
           (const char *const[]){"fewer than 8 ADC bits may cost more than half a point",
                                 "every noise level of this sweep may cost more than half a point", NULL});
}

/* Chips are compared with themselves: a spread that both points share does not widen the interval. */
TEST(test_paired)
{
    static const Point rows[] = {{"ideal", 8, NAN, 0.920, 0}, {"pcm", 4, 1, 0.9180, 0.02}, {"pcm", 8, 1, 0.9181, 0.02}};
    expect(rows, sizeof rows / sizeof *rows, (const char *const[]){"4 ADC bits are enough", NULL});
}

/* "Up to" a noise level includes every level below it. */
TEST(test_noise_up_to)
{
    static const Point rows[] = {{"ideal", 8, NAN, 0.920, 0},
                                 {"pcm", 8, 0.5, 0.9190, 0.0001},
                                 {"pcm", 8, 1, 0.9100, 0.0001},
                                 {"pcm", 8, 2, 0.9190, 0.0001}};
    expect(rows, sizeof rows / sizeof *rows, (const char *const[]){"noise up to 0.5 times", NULL});
}
